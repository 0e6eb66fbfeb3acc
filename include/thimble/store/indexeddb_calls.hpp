// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The seam between the IndexedDB store and its JavaScript half (indexeddb_library.js, linked by the CMake target
// thimble::indexeddb).

#pragma once

#include <cstdint>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/store/browser_calls.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

[[nodiscard]] constexpr error indexeddb_error(std::int32_t outcome, std::uint32_t value = 0) {
  switch (static_cast<browser_outcome>(outcome)) {
    case browser_outcome::unavailable:
      return {errc::store_unavailable, "IndexedDB is not available: storage is off, refused or was closed"};
    case browser_outcome::not_found:
      return {errc::cannot_open, "no finished import under this name: import the vectors first"};
    case browser_outcome::bad_manifest:
      return {errc::corrupt, "the header of the stored vectors has a wrong size: import them again"};
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
      return {errc::store_mismatch, "another import under this name has begun since: open or import the vectors again"};
    case browser_outcome::newer_version:
      return {errc::wrong_version, "the database was made by another program or a newer thimble: choose another name"};
    case browser_outcome::foreign:
      return {errc::unknown_format, "the database was made by another program: choose another name"};
    default:
      return {errc::unsupported, "the IndexedDB store works in browsers only"};
  }
}

// Each call answers 0 when `then` will be called later, or an outcome at once and `then` is never called. header: the
// 64 bytes of a stored_set.
#if THIMBLE_EMSCRIPTEN
extern "C" {
std::int32_t thimble_indexeddb_open(const char* name, void* header, browser_then then, void* context);
std::int32_t thimble_indexeddb_read(std::uint32_t connection, const std::uint32_t* nodes, std::uint32_t count,
                                    void* out, std::uint32_t row_bytes, browser_then then, void* context);
// header goes in as that of an import without rows, and comes out as that of the import that goes on.
std::int32_t thimble_indexeddb_create(const char* name, std::int32_t resume, void* header, browser_then then,
                                      void* context);
// The rows and the header that tells of them, or neither.
std::int32_t thimble_indexeddb_write(std::uint32_t connection, std::uint32_t first, const void* rows,
                                     std::uint32_t count, std::uint32_t row_bytes, const void* header,
                                     std::int32_t strict, browser_then then, void* context);
std::int32_t thimble_indexeddb_remove(const char* name, browser_then then, void* context);
void thimble_indexeddb_close(std::uint32_t connection);
}
#else
inline std::int32_t thimble_indexeddb_open(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_indexeddb_read(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_indexeddb_create(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_indexeddb_write(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_indexeddb_remove(auto...) { return not_in_a_browser(); }
inline void thimble_indexeddb_close(std::uint32_t) {}
#endif

// One open connection; closing it lets deleteDatabase go on.
using indexeddb_connection = browser_handle<&thimble_indexeddb_close>;

[[nodiscard]] inline expected<void> check_indexeddb_name(const char* name) {
  if (*name == '\0') return fail(errc::invalid_argument, "a database needs a name");
  return {};
}

}  // namespace thimble::inline THIMBLE_FLAGS::detail
