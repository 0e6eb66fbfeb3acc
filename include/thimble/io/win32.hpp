// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What io/mapped_file.hpp and io/atomic_file.hpp ask of Windows. The functions are declared here, as the system's own
// header declares them: that header would define min, max and a few thousand other words in every program.

#pragma once

#include <thimble/core/config.hpp>

#if THIMBLE_WINDOWS

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/error.hpp>

struct _SECURITY_ATTRIBUTES;
union _LARGE_INTEGER;
struct _OVERLAPPED;

extern "C" {
__declspec(dllimport) int __stdcall CloseHandle(void*);
__declspec(dllimport) void* __stdcall CreateFileMappingW(void*, _SECURITY_ATTRIBUTES*, unsigned long, unsigned long,
                                                         unsigned long, const wchar_t*);
__declspec(dllimport) void* __stdcall CreateFileW(const wchar_t*, unsigned long, unsigned long, _SECURITY_ATTRIBUTES*,
                                                  unsigned long, unsigned long, void*);
__declspec(dllimport) int __stdcall DeleteFileW(const wchar_t*);
__declspec(dllimport) int __stdcall FlushFileBuffers(void*);
__declspec(dllimport) unsigned long __stdcall GetCurrentProcessId();
__declspec(dllimport) unsigned long __stdcall GetFileAttributesW(const wchar_t*);
__declspec(dllimport) int __stdcall GetFileSizeEx(void*, _LARGE_INTEGER*);
__declspec(dllimport) unsigned long __stdcall GetFileType(void*);
__declspec(dllimport) unsigned long __stdcall GetLastError();
__declspec(dllimport) void* __stdcall MapViewOfFile(void*, unsigned long, unsigned long, unsigned long,
                                                    unsigned long long);
__declspec(dllimport) int __stdcall MoveFileExW(const wchar_t*, const wchar_t*, unsigned long);
__declspec(dllimport) int __stdcall MultiByteToWideChar(unsigned int, unsigned long, const char*, int, wchar_t*, int);
__declspec(dllimport) int __stdcall UnmapViewOfFile(const void*);
__declspec(dllimport) int __stdcall WriteFile(void*, const void*, unsigned long, unsigned long*, _OVERLAPPED*);
}

namespace thimble::inline THIMBLE_FLAGS {
namespace win32 {

// Of GetLastError().
inline constexpr unsigned long file_not_found = 2, path_not_found = 3, too_many_open_files = 4, access_denied = 5,
                               not_enough_memory = 8, sharing_violation = 32, handle_disk_full = 39, file_exists = 80,
                               disk_full = 112, invalid_name = 123, user_mapped_file = 1224;

// A file or a mapping, closed at the end.
class handle {
 public:
  handle() = default;
  explicit handle(void* value) : value_(value) {}
  handle(handle&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
  handle& operator=(handle&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~handle() { close(); }

  void close() {
    if (is_open()) (void)::CloseHandle(std::exchange(value_, nullptr));
  }

  [[nodiscard]] void* get() const { return value_; }
  // Of a file that cannot be opened it is -1, of a mapping 0.
  [[nodiscard]] bool is_open() const { return value_ != nullptr && reinterpret_cast<std::intptr_t>(value_) != -1; }

 private:
  void* value_ = nullptr;
};

// A path in UTF-8 as Windows wants it, with room for so many characters more, all zero. Errors: out_of_memory,
// cannot_open (no UTF-8).
[[nodiscard]] inline expected<aligned_buffer<wchar_t>> wide_path(const char* path, std::size_t more = 0) {
  constexpr unsigned int utf8 = 65001;
  constexpr unsigned long refuse_invalid = 8;
  const int length = ::MultiByteToWideChar(utf8, refuse_invalid, path, -1, nullptr, 0);  // with the final zero
  if (length <= 0) return fail(errc::cannot_open, "the path is not UTF-8", ::GetLastError());
  auto wide = aligned_buffer<wchar_t>::create(static_cast<std::size_t>(length), more);
  if (!wide) return std::unexpected(wide.error());
  (void)::MultiByteToWideChar(utf8, refuse_invalid, path, -1, wide->data(), length);
  return wide;
}

// Error: cannot_read.
[[nodiscard]] inline expected<std::uint64_t> size_of(const handle& file) {
  std::int64_t bytes = 0;
  if (::GetFileSizeEx(file.get(), reinterpret_cast<_LARGE_INTEGER*>(&bytes)) == 0)
    return fail(errc::cannot_read, "cannot ask for the file's size", ::GetLastError());
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace win32
}  // namespace thimble::inline THIMBLE_FLAGS

#endif  // THIMBLE_WINDOWS
