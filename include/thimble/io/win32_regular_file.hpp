// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// io/regular_file.hpp on Windows, as far as a mapping stands on it. Rows are not read from it: there is no call that
// reads at an offset into several pieces of memory, so store/file_store.hpp is for POSIX.

#pragma once

#include <thimble/core/config.hpp>

#if THIMBLE_WINDOWS

#include <cstdint>
#include <utility>

#include <thimble/core/error.hpp>
#include <thimble/io/win32.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class regular_file {
 public:
  regular_file() = default;

  // The path is UTF-8. The error's value is GetLastError()'s. Errors: cannot_open, cannot_read, out_of_memory.
  [[nodiscard]] static expected<regular_file> open(const char* path) {
    constexpr unsigned long to_read = 0x80000000, shared_with_all = 7, that_exists = 3, ordinary = 0x80, on_disk = 1;
    const auto wide = win32::wide_path(path);
    if (!wide) return std::unexpected(wide.error());
    regular_file file;
    file.handle_ =
        win32::handle(::CreateFileW(wide->data(), to_read, shared_with_all, nullptr, that_exists, ordinary, nullptr));
    if (!file.handle_.is_open()) return cannot_open(wide->data(), ::GetLastError());
    if (::GetFileType(file.handle_.get()) != on_disk)
      return fail(errc::cannot_open, "not a regular file: copy what a pipe or a device holds to a file");
    const auto bytes = file.current_size();
    if (!bytes) return std::unexpected(bytes.error());
    file.size_ = *bytes;
    return file;
  }

  // Bytes, when it was opened.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] const win32::handle& handle() const { return handle_; }

  // Bytes, now: one system call. Error: cannot_read.
  [[nodiscard]] expected<std::uint64_t> current_size() const { return win32::size_of(handle_); }

 private:
  static std::unexpected<error> cannot_open(const wchar_t* path, unsigned long cause) {
    constexpr unsigned long is_folder = 0x10, unknown = 0xffffffff;
    const unsigned long attributes = ::GetFileAttributesW(path);
    if (attributes != unknown && (attributes & is_folder) != 0)
      return fail(errc::cannot_open, "this is a folder: name a file in it", cause);
    if (cause == win32::file_not_found || cause == win32::path_not_found || cause == win32::invalid_name)
      return fail(errc::cannot_open, "no such file: check the path", cause);
    if (cause == win32::access_denied) return fail(errc::cannot_open, "not readable: check its permissions", cause);
    if (cause == win32::sharing_violation)
      return fail(errc::cannot_open, "another program has the file for itself: close it there", cause);
    if (cause == win32::too_many_open_files) return fail(errc::cannot_open, "too many open files", cause);
    return fail(errc::cannot_open, "cannot open the file", cause);
  }

  win32::handle handle_;
  std::uint64_t size_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS

#endif  // THIMBLE_WINDOWS
