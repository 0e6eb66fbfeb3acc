// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The seam between the IDBFS store and its JavaScript half (idbfs_library.js, linked by the CMake target
// thimble::idbfs). Outside Emscripten the same calls exist and answer "not here", so that callers need no #if.

#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

// What JavaScript answers; idbfs_library.js has the same numbers.
enum class idbfs_outcome : std::int32_t {
  ok = 0,
  unavailable = 1,   // no IndexedDB here, or the browser refuses it
  not_found = 2,     // no database, or no manifest in the folder
  bad_manifest = 3,  // a manifest of another size
  missing_row = 4,   // value: the row
  bad_row = 5,       // a record of another type or size; value: the row
  no_space = 6,      // the quota is full
  cannot_read = 7,
  cannot_write = 8,
  replaced = 9,           // another import into the same folder has begun
  newer_version = 10,     // the database has a version above 21
  foreign_database = 11,  // version 21, but not IDBFS's tables
  not_here = 12,          // no browser
};

[[nodiscard]] constexpr error idbfs_error(idbfs_outcome outcome, std::uint32_t value) {
  switch (outcome) {
    case idbfs_outcome::unavailable:
      return {errc::store_unavailable, "IndexedDB is not available: storage is off, refused or was closed"};
    case idbfs_outcome::not_found:
      return {errc::cannot_open, "no finished import under this name: import the vectors first"};
    case idbfs_outcome::bad_manifest:
      return {errc::corrupt, "the manifest has a wrong size: import the vectors again"};
    case idbfs_outcome::missing_row:
      return {errc::missing_row, "a stored vector is gone: import the vectors again", value};
    case idbfs_outcome::bad_row:
      return {errc::corrupt, "a stored vector has a wrong size: import the vectors again", value};
    case idbfs_outcome::no_space:
      return {errc::no_space, "the browser's storage quota is full: free some space"};
    case idbfs_outcome::cannot_read:
      return {errc::cannot_read, "IndexedDB failed to read"};
    case idbfs_outcome::cannot_write:
      return {errc::cannot_write, "IndexedDB failed to write"};
    case idbfs_outcome::replaced:
      return {errc::cannot_write, "another import into the same folder has begun: only one can go on"};
    case idbfs_outcome::newer_version:
      return {errc::wrong_version, "the database was made by a newer IDBFS"};
    case idbfs_outcome::foreign_database:
      return {errc::unknown_format, "the database of this mount point is not one of IDBFS: choose another mount point"};
    case idbfs_outcome::ok:
    case idbfs_outcome::not_here:
      break;
  }
  return {errc::unsupported, "the IDBFS store works in browsers only"};
}

// Called once with the outcome and a value (a connection, a row). value means something only beside some outcomes.
using idbfs_then = void (*)(void* context, std::int32_t outcome, std::uint32_t value);

// Each call answers 0 when `then` will be called later, or an outcome at once and `then` is never called.
#if THIMBLE_EMSCRIPTEN
extern "C" {
std::int32_t thimble_idbfs_open(const char* mount, const char* name, void* manifest, std::uint32_t manifest_bytes,
                                idbfs_then then, void* context);
std::int32_t thimble_idbfs_read(std::uint32_t connection, const std::uint32_t* nodes, std::uint32_t count, void* out,
                                std::uint32_t out_stride, std::uint32_t row_bytes, std::uint32_t rows_per_file,
                                std::uint32_t n, idbfs_then then, void* context);
std::int32_t thimble_idbfs_create(const char* mount, const char* name, idbfs_then then, void* context);
std::int32_t thimble_idbfs_append(std::uint32_t connection, std::uint32_t first_file, const void* rows,
                                  std::uint32_t bytes, std::uint32_t file_bytes, idbfs_then then, void* context);
std::int32_t thimble_idbfs_finish(std::uint32_t connection, const void* manifest, std::uint32_t manifest_bytes,
                                  idbfs_then then, void* context);
std::int32_t thimble_idbfs_remove(const char* mount, const char* name, idbfs_then then, void* context);
void thimble_idbfs_close(std::uint32_t connection);
}
#else
inline std::int32_t thimble_idbfs_open(auto...) { return static_cast<std::int32_t>(idbfs_outcome::not_here); }
inline std::int32_t thimble_idbfs_read(auto...) { return static_cast<std::int32_t>(idbfs_outcome::not_here); }
inline std::int32_t thimble_idbfs_create(auto...) { return static_cast<std::int32_t>(idbfs_outcome::not_here); }
inline std::int32_t thimble_idbfs_append(auto...) { return static_cast<std::int32_t>(idbfs_outcome::not_here); }
inline std::int32_t thimble_idbfs_finish(auto...) { return static_cast<std::int32_t>(idbfs_outcome::not_here); }
inline std::int32_t thimble_idbfs_remove(auto...) { return static_cast<std::int32_t>(idbfs_outcome::not_here); }
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
class idbfs_connection {
 public:
  idbfs_connection() = default;
  explicit idbfs_connection(std::uint32_t handle) : handle_(handle) {}
  idbfs_connection(idbfs_connection&& other) noexcept : handle_(std::exchange(other.handle_, 0)) {}
  idbfs_connection& operator=(idbfs_connection&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~idbfs_connection() {
    if (handle_ != 0) thimble_idbfs_close(handle_);
  }

  [[nodiscard]] std::uint32_t handle() const { return handle_; }

 private:
  std::uint32_t handle_ = 0;
};

// What one call has to remember until JavaScript answers; null when memory is short.
template <class Pending>
[[nodiscard]] Pending* make_pending(const Pending& value) {
  void* memory = THIMBLE_ALLOCATE(sizeof(Pending), alignof(std::max_align_t));
  return memory == nullptr ? nullptr : new (memory) Pending(value);
}

// Takes it back and frees the memory.
template <class Pending>
[[nodiscard]] Pending take_pending(void* context) {
  auto* pending = static_cast<Pending*>(context);
  const Pending value = *pending;
  THIMBLE_DEALLOCATE(pending, sizeof(Pending), alignof(std::max_align_t));
  return value;
}

[[nodiscard]] constexpr error idbfs_out_of_memory() {
  return {errc::out_of_memory, "not enough memory for one more request"};
}

}  // namespace thimble::inline THIMBLE_FLAGS::detail
