// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A file in the address space, read-only: no copy, pages come when they are touched and cost no private memory. POSIX
// and Windows (THIMBLE_FILES); elsewhere this header defines nothing, and files are read into an aligned_buffer by the
// program.
//
// A mapped file that is cut short by somebody else makes its lost pages fault (SIGBUS). Writers that replace a file by
// rename, as thimble's do, leave old mappings whole; current_size() tells of the others, up to a race. Windows refuses
// to cut or to replace a file that is mapped.

#pragma once

#include <thimble/core/config.hpp>

#if THIMBLE_FILES

#if THIMBLE_POSIX
#include <sys/mman.h>

#include <cerrno>
#endif

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include <thimble/core/error.hpp>
#include <thimble/io/regular_file.hpp>
#if THIMBLE_WINDOWS
#include <thimble/io/win32.hpp>
#endif

namespace thimble::inline THIMBLE_FLAGS {

// What the kernel may expect: `random` reads single pages where `sequential` reads far ahead.
enum class file_access : std::uint8_t { normal, random, sequential };

class mapped_file {
 public:
  mapped_file() = default;

  // Only regular files; an empty one is mapped to no bytes. The error's value is errno or, on Windows, where the path
  // is UTF-8, GetLastError()'s. Errors: cannot_open, cannot_read, too_large, out_of_memory.
  [[nodiscard]] static expected<mapped_file> open(const char* path, file_access access = file_access::normal) {
    auto opened = regular_file::open(path);
    if (!opened) return std::unexpected(opened.error());
    mapped_file file;
    file.file_ = std::move(*opened);
    const std::uint64_t bytes = file.file_.size();
    if (bytes > std::numeric_limits<std::size_t>::max() / 2)
      return fail(errc::too_large, "the file is larger than this process can address", bytes);
    if (bytes == 0) return file;
    const auto memory = map(file.file_, static_cast<std::size_t>(bytes));
    if (!memory) return std::unexpected(memory.error());
    file.data_ = *memory;
    file.size_ = static_cast<std::size_t>(bytes);
    file.advise(access);
    return file;
  }

  mapped_file(mapped_file&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        file_(std::move(other.file_)) {}

  mapped_file& operator=(mapped_file&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(file_, other.file_);
    return *this;
  }

  ~mapped_file() {
    if (data_ != nullptr) unmap();
  }

  // As long as the file was when it was opened, at a page boundary.
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }

  // How long the file is now: one system call. Less than size() means that reading its end would fault.
  [[nodiscard]] expected<std::uint64_t> current_size() const { return file_.current_size(); }

  // Whether the page of this byte is in the page cache: a system call of less than half a microsecond. Yes where the
  // kernel does not tell: for a file that this user may not write, on Windows.
  [[nodiscard]] bool is_cached([[maybe_unused]] const std::byte* at) const {
#if THIMBLE_POSIX
    return page_is_cached(&::mincore, page_of(at));
#else
    return true;
#endif
  }

  // Asks the disk for these bytes and does not wait.
  void request([[maybe_unused]] std::span<const std::byte> part) const {
#if THIMBLE_POSIX
    std::byte* const first = page_of(part.data());
    (void)::madvise(first, static_cast<std::size_t>(part.data() + part.size() - first), MADV_WILLNEED);
#endif
  }

  // A hint: nothing depends on whether the kernel takes it. Windows has none.
  void advise([[maybe_unused]] file_access access) const {
#if THIMBLE_POSIX
    if (size_ == 0) return;
    const int advice = access == file_access::random       ? MADV_RANDOM
                       : access == file_access::sequential ? MADV_SEQUENTIAL
                                                           : MADV_NORMAL;
    (void)::madvise(const_cast<std::byte*>(data_), size_, advice);
#endif
  }

 private:
  static std::unexpected<error> cannot_map(bool no_space_left, std::uint64_t cause) {
    if (no_space_left) return fail(errc::out_of_memory, "no address space left to map the file", cause);
    return fail(errc::cannot_read, "the file system does not map this file: copy it to a local disk", cause);
  }

#if THIMBLE_POSIX
  [[nodiscard]] static expected<const std::byte*> map(const regular_file& file, std::size_t bytes) {
    void* memory = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.descriptor(), 0);
    if (memory == MAP_FAILED) return cannot_map(errno == ENOMEM, static_cast<std::uint64_t>(errno));
    return static_cast<const std::byte*>(memory);
  }

  void unmap() { (void)::munmap(const_cast<std::byte*>(data_), size_); }

  // The mapping begins at one.
  [[nodiscard]] std::byte* page_of(const std::byte* at) const {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return const_cast<std::byte*>(data_) + static_cast<std::size_t>(at - data_) / page * page;
  }

  // Systems declare mincore with types of their own.
  template <class Address, class State>
  [[nodiscard]] static bool page_is_cached(int (*ask)(Address*, std::size_t, State*), std::byte* page) {
    State state{};
    return ask(page, 1, &state) != 0 || (state & 1) != 0;
  }
#else
  [[nodiscard]] static expected<const std::byte*> map(const regular_file& file, std::size_t bytes) {
    constexpr unsigned long read_only = 2, to_read = 4;
    // The view keeps it alive.
    const win32::handle mapping(::CreateFileMappingW(file.handle().get(), nullptr, read_only, 0, 0, nullptr));
    const void* memory = mapping.is_open() ? ::MapViewOfFile(mapping.get(), to_read, 0, 0, bytes) : nullptr;
    if (memory == nullptr) return cannot_map(::GetLastError() == win32::not_enough_memory, ::GetLastError());
    return static_cast<const std::byte*>(memory);
  }

  void unmap() { (void)::UnmapViewOfFile(data_); }
#endif

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  regular_file file_;
};

}  // namespace thimble::inline THIMBLE_FLAGS

#endif  // THIMBLE_FILES
