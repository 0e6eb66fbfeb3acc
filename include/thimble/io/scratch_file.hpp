// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Memory that lies in a file without a name: the kernel writes its pages to the disk where memory is scarce, and takes
// them away. For what only a build needs. Its blocks are reserved on the disk at once, so that a full disk is an error
// and never a fault. POSIX, but not macOS, which reserves no blocks for a mapping; elsewhere create() only fails.

#pragma once

#include <thimble/core/config.hpp>

#if THIMBLE_RESERVED_BLOCKS
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>  // mkstemp
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/error.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class scratch_file {
 public:
  scratch_file() = default;

  // bytes + more zeroed bytes, at a page boundary, in a file in this folder that is gone when this object or the
  // process is. Errors: cannot_write (the folder is absent or not writable), no_space, out_of_memory, unsupported; the
  // value is errno.
  [[nodiscard]] static expected<scratch_file> create([[maybe_unused]] std::string_view folder,
                                                     [[maybe_unused]] std::size_t bytes,
                                                     [[maybe_unused]] std::size_t more = 0) {
#if THIMBLE_RESERVED_BLOCKS
    scratch_file file;
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 2;
    if (bytes > most || more > most - bytes) return failure(ENOMEM);
    bytes += more;
    if (bytes == 0) return file;
    const auto opened = open_unnamed(folder);
    if (!opened) return std::unexpected(opened.error());
    int cause = 0;
    do {
      cause = ::posix_fallocate(*opened, 0, static_cast<off_t>(bytes));
    } while (cause == EINTR);
    void* memory = MAP_FAILED;
    if (cause == 0) {
      memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *opened, 0);
      if (memory == MAP_FAILED) cause = errno;
    }
    (void)::close(*opened);
    if (cause != 0) return failure(cause);
    file.data_ = static_cast<std::byte*>(memory);
    file.size_ = bytes;
    return file;
#else
    return fail(errc::unsupported, "memory in a file is for Linux and BSD: build without a scratch folder");
#endif
  }

  scratch_file(scratch_file&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  scratch_file& operator=(scratch_file&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~scratch_file() {
#if THIMBLE_RESERVED_BLOCKS
    if (data_ != nullptr) (void)::munmap(data_, size_);
#endif
  }

  [[nodiscard]] std::span<std::byte> bytes() const { return {data_, size_}; }

 private:
#if THIMBLE_RESERVED_BLOCKS
  [[nodiscard]] static expected<int> open_unnamed(std::string_view folder) {
    constexpr std::string_view name = "/thimble.XXXXXX";
    auto path = aligned_buffer<char>::create(folder.size() + name.size() + 1);
    if (!path) return std::unexpected(path.error());
    if (!folder.empty()) std::memcpy(path->data(), folder.data(), folder.size());
    std::memcpy(path->data() + folder.size(), name.data(), name.size());
    const int descriptor = ::mkstemp(path->data());
    if (descriptor < 0) return failure(errno);
    (void)::unlink(path->data());
    (void)::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    return descriptor;
  }

  static std::unexpected<error> failure(int cause) {
    const auto number = static_cast<std::uint64_t>(cause);
    if (cause == ENOSPC || cause == EDQUOT || cause == EFBIG)
      return fail(errc::no_space, "the disk of the scratch folder is full: choose another, or build without", number);
    if (cause == ENOMEM) return fail(errc::out_of_memory, "no address space left to map the scratch file", number);
    if (cause == ENOENT || cause == ENOTDIR)
      return fail(errc::cannot_write, "the scratch folder does not exist: create it", number);
    if (cause == EACCES || cause == EPERM || cause == EROFS)
      return fail(errc::cannot_write, "the scratch folder is not writable: check its permissions", number);
    return fail(errc::cannot_write, "the scratch folder's file system cannot reserve blocks, or map: choose another",
                number);
  }
#endif

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
