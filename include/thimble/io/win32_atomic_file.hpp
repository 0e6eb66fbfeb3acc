// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// io/atomic_file.hpp on Windows. A file that is mapped cannot be replaced there: close the index that was opened from
// it before another is saved under its name, or commit() fails and the old file stays. A symbolic link is replaced
// itself.

#pragma once

#include <thimble/core/config.hpp>

#if THIMBLE_WINDOWS

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/error.hpp>
#include <thimble/io/win32.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class atomic_file {
 public:
  // The path is UTF-8. Errors: cannot_write (the folder is absent or not writable), cannot_open (the path is not
  // UTF-8), out_of_memory.
  [[nodiscard]] static expected<atomic_file> create(const char* path) {
    constexpr unsigned long to_write = 0x40000000, shared_with_none = 0, new_only = 1, ordinary = 0x80;
    constexpr unsigned long is_folder = 0x10, unknown = 0xffffffff;
    atomic_file file;
    if (*path == '\0') return fail(errc::cannot_write, "the output has no name: give its path");
    auto plain = win32::wide_path(path);
    if (!plain) return std::unexpected(plain.error());
    auto temporary = win32::wide_path(path, suffix_size);
    if (!temporary) return std::unexpected(temporary.error());
    const unsigned long attributes = ::GetFileAttributesW(plain->data());
    if (attributes != unknown && (attributes & is_folder) != 0)
      return fail(errc::cannot_write, "the output exists and is not a regular file: choose another path");
    std::ranges::copy(suffix, temporary->data() + plain->size() - 1);
    file.path_ = std::move(*plain);
    file.temporary_ = std::move(*temporary);
    // A name of its own for each writer; another process may hold it, or have left it when it was killed.
    for (unsigned attempt = 0; attempt < 100; ++attempt) {
      file.number_temporary((static_cast<std::uint32_t>(::GetCurrentProcessId()) + attempt * 7919u) % 1'000'000);
      file.handle_ = win32::handle(
          ::CreateFileW(file.temporary_.data(), to_write, shared_with_none, nullptr, new_only, ordinary, nullptr));
      if (file.handle_.is_open() || ::GetLastError() != win32::file_exists) break;
    }
    if (!file.handle_.is_open()) return failure(::GetLastError());
    return file;
  }

  atomic_file(atomic_file&& other) noexcept = default;
  atomic_file& operator=(atomic_file&&) = delete;

  // Not committed: the temporary file goes, the old one stays.
  ~atomic_file() {
    if (!handle_.is_open()) return;
    handle_.close();
    (void)::DeleteFileW(temporary_.data());
  }

  // Errors: no_space, cannot_write (value: GetLastError()'s).
  [[nodiscard]] expected<void> write(std::span<const std::byte> bytes) {
    constexpr std::size_t most = std::size_t{1} << 30;
    while (!bytes.empty()) {
      unsigned long written = 0;
      if (::WriteFile(handle_.get(), bytes.data(), static_cast<unsigned long>(std::min(bytes.size(), most)), &written,
                      nullptr) == 0)
        return failure(::GetLastError());
      bytes = bytes.subspan(written);
    }
    return {};
  }

  // The new file is on disk under its name when this returns without an error.
  [[nodiscard]] expected<void> commit() {
    constexpr unsigned long replace = 1, write_through = 8;
    if (::FlushFileBuffers(handle_.get()) == 0) return failure(::GetLastError());
    handle_.close();
    if (::MoveFileExW(temporary_.data(), path_.data(), replace | write_through) != 0) return {};
    const unsigned long cause = ::GetLastError();
    (void)::DeleteFileW(temporary_.data());
    return failure(cause);
  }

 private:
  static constexpr wchar_t suffix[] = L".tmp000000";
  static constexpr std::size_t suffix_size = std::size(suffix) - 1;

  atomic_file() = default;

  void number_temporary(std::uint32_t number) {
    for (std::size_t digit = 0; digit < 6; ++digit, number /= 10)
      temporary_[temporary_.size() - 2 - digit] = static_cast<wchar_t>(L'0' + number % 10);
  }

  static std::unexpected<error> failure(unsigned long cause) {
    if (cause == win32::disk_full || cause == win32::handle_disk_full)
      return fail(errc::no_space, "the disk is full: free some space and try again", cause);
    if (cause == win32::file_not_found || cause == win32::path_not_found || cause == win32::invalid_name)
      return fail(errc::cannot_write, "the folder does not exist: create it", cause);
    if (cause == win32::access_denied || cause == win32::sharing_violation || cause == win32::user_mapped_file)
      return fail(errc::cannot_write, "not writable, or the old file is in use: close what has it open", cause);
    return fail(errc::cannot_write, "cannot write the file", cause);
  }

  win32::handle handle_;
  aligned_buffer<wchar_t> path_;
  aligned_buffer<wchar_t> temporary_;  // ended by a zero
};

}  // namespace thimble::inline THIMBLE_FLAGS

#endif  // THIMBLE_WINDOWS
