// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The seam between the IDBFS store and its JavaScript half (idbfs_library.js, linked by the CMake target
// thimble::idbfs). Outside Emscripten the same calls exist and answer "not here", so that callers need no #if.

#pragma once

#include <cstdint>
#include <string_view>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/store/browser_calls.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

[[nodiscard]] constexpr error idbfs_error(std::int32_t outcome, std::uint32_t value) {
  switch (static_cast<browser_outcome>(outcome)) {
    case browser_outcome::unavailable:
      return {errc::store_unavailable, "IndexedDB is not available: storage is off, refused or was closed"};
    case browser_outcome::not_found:
      return {errc::cannot_open, "no finished import under this name: import the vectors first"};
    case browser_outcome::bad_manifest:
      return {errc::corrupt, "the manifest has a wrong size: import the vectors again"};
    case browser_outcome::missing_row:
      return {errc::missing_row, "a stored vector is gone: import the vectors again", value};
    case browser_outcome::bad_row:
      return {errc::corrupt, "a stored vector has a wrong size: import the vectors again", value};
    case browser_outcome::no_space:
      return {errc::no_space, "the browser's storage quota is full: free some space"};
    case browser_outcome::cannot_read:
      return {errc::cannot_read, "IndexedDB failed to read"};
    case browser_outcome::cannot_write:
      return {errc::cannot_write, "IndexedDB failed to write"};
    case browser_outcome::replaced:
      return {errc::cannot_write, "another import into the same folder has begun: only one can go on"};
    case browser_outcome::newer_version:
      return {errc::wrong_version, "the database was made by a newer IDBFS"};
    case browser_outcome::foreign:
      return {errc::unknown_format, "the database of this mount point is not one of IDBFS: choose another mount point"};
    case browser_outcome::ok:
    case browser_outcome::in_use:
    case browser_outcome::not_here:
      break;
  }
  return {errc::unsupported, "the IDBFS store works in browsers only"};
}

// Each call answers 0 when `then` will be called later, or an outcome at once and `then` is never called.
#if THIMBLE_EMSCRIPTEN
extern "C" {
std::int32_t thimble_idbfs_open(const char* mount, const char* name, void* manifest, std::uint32_t manifest_bytes,
                                browser_then then, void* context);
std::int32_t thimble_idbfs_read(std::uint32_t connection, const std::uint32_t* nodes, std::uint32_t count, void* out,
                                std::uint32_t out_stride, std::uint32_t row_bytes, std::uint32_t rows_per_file,
                                std::uint32_t n, browser_then then, void* context);
std::int32_t thimble_idbfs_create(const char* mount, const char* name, browser_then then, void* context);
std::int32_t thimble_idbfs_append(std::uint32_t connection, std::uint32_t first_file, const void* rows,
                                  std::uint32_t bytes, std::uint32_t file_bytes, browser_then then, void* context);
std::int32_t thimble_idbfs_finish(std::uint32_t connection, const void* manifest, std::uint32_t manifest_bytes,
                                  browser_then then, void* context);
std::int32_t thimble_idbfs_remove(const char* mount, const char* name, browser_then then, void* context);
void thimble_idbfs_close(std::uint32_t connection);
}
#else
inline std::int32_t thimble_idbfs_open(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_idbfs_read(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_idbfs_create(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_idbfs_append(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_idbfs_finish(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_idbfs_remove(auto...) { return not_in_a_browser(); }
inline void thimble_idbfs_close(std::uint32_t) {}
#endif

// The database is named after the mount point and the folder is one name in it: "/vectors" and "fashion".
[[nodiscard]] inline expected<void> check_idbfs_names(const char* mount, const char* name) {
  const std::string_view at(mount);
  const std::string_view folder(name);
  if (at.size() < 2 || at.front() != '/' || at.back() == '/')
    return fail(errc::invalid_argument, "a mount point begins with a slash and does not end with one");
  if (folder.empty() || folder == "." || folder == ".." || folder.find('/') != std::string_view::npos)
    return fail(errc::invalid_argument, "a set of vectors is named by one name without slashes");
  return {};
}

// One open connection; closing it lets deleteDatabase go on.
using idbfs_connection = browser_handle<&thimble_idbfs_close>;

}  // namespace thimble::inline THIMBLE_FLAGS::detail
