// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The seam between the OPFS store and its JavaScript half (opfs_library.js, linked by the CMake target thimble::opfs),
// and an open file of the origin's private file system.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/store/browser_calls.hpp>
#include <thimble/store/stored_set.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

[[nodiscard]] constexpr error opfs_error(std::int32_t outcome, std::uint64_t value = 0) {
  switch (static_cast<browser_outcome>(outcome)) {
    case browser_outcome::unavailable:
      return {errc::store_unavailable,
              "OPFS is not available: storage is off, refused or was closed, or this is no dedicated worker"};
    case browser_outcome::not_found:
      return {errc::cannot_open, "no finished import under this name: import the vectors first"};
    case browser_outcome::missing_row:
      return {errc::truncated, "the stored vectors end too early: import them again", value};
    case browser_outcome::no_space:
      return {errc::no_space, "the browser's storage quota or the disk is full: free some space"};
    case browser_outcome::cannot_read:
      return {errc::cannot_read, "OPFS failed to read", value};
    case browser_outcome::cannot_write:
      return {errc::cannot_write, "OPFS failed to write"};
    case browser_outcome::replaced:
      return {errc::store_mismatch, "another import has taken this one's place since: open the vectors again"};
    case browser_outcome::foreign:
      return {errc::unknown_format, "a folder has this name: choose another one"};
    case browser_outcome::in_use:
      return {errc::store_in_use,
              "these vectors are open elsewhere, in another tab or by another writer: close them there first"};
    default:
      return {errc::unsupported, "the OPFS store works in browsers only"};
  }
}

// open and remove answer 0 when `then` will be called later, or an outcome at once and `then` is never called. The
// others are done when they return. Offsets and sizes in bytes are whole numbers below 2^53.
#if THIMBLE_EMSCRIPTEN
extern "C" {
std::int32_t thimble_opfs_open(const char* name, std::int32_t writable, browser_then then, void* context);
std::int32_t thimble_opfs_remove(const char* name, browser_then then, void* context);
std::int32_t thimble_opfs_read(std::uint32_t file, const std::uint32_t* nodes, std::uint32_t count, void* out,
                               std::uint32_t row_bytes, double first_byte, std::uint32_t* failed_row);
std::int32_t thimble_opfs_write(std::uint32_t file, const void* from, std::uint32_t bytes, double first_byte);
std::int32_t thimble_opfs_flush(std::uint32_t file);
std::int32_t thimble_opfs_resize(std::uint32_t file, double bytes);
std::int32_t thimble_opfs_size(std::uint32_t file, double* bytes);
void thimble_opfs_close(std::uint32_t file);
}
#else
inline std::int32_t thimble_opfs_open(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_opfs_remove(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_opfs_read(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_opfs_write(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_opfs_flush(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_opfs_resize(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_opfs_size(auto...) { return not_in_a_browser(); }
inline void thimble_opfs_close(std::uint32_t) {}
#endif

// A path of names with slashes between them: "fashion", "vectors/fashion".
[[nodiscard]] inline expected<void> check_opfs_name(const char* name) {
  for (std::string_view rest(name);;) {
    const auto end = rest.find('/');
    const auto part = rest.substr(0, end);
    if (part.empty() || part == "." || part == ".." || part.find('\\') != std::string_view::npos)
      return fail(errc::invalid_argument, "a set of vectors is named by a path: names with a slash between them");
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
  }
}

// An open file: a block with what it holds (stored_set), then the rows. Move-only; closed by its destructor.
class opfs_file {
 public:
  static constexpr std::uint64_t header_bytes = 4096;

  opfs_file() = default;
  explicit opfs_file(std::uint32_t handle) : handle_(handle) {}

  [[nodiscard]] std::uint32_t handle() const { return handle_.handle(); }
  [[nodiscard]] bool is_open() const { return handle() != 0; }

  [[nodiscard]] static constexpr std::uint64_t bytes_of(const stored_set& set, std::uint64_t rows) {
    return header_bytes + rows * set.row_bytes();
  }

  [[nodiscard]] expected<std::uint64_t> size() const {
    double bytes = 0;
    if (const auto outcome = thimble_opfs_size(handle_.handle(), &bytes); outcome != 0)
      return std::unexpected(opfs_error(outcome));
    return static_cast<std::uint64_t>(bytes);
  }

  [[nodiscard]] expected<stored_set> read_header() const {
    std::array<std::byte, stored_set::encoded_bytes> bytes{};
    constexpr node only = 0;
    std::uint32_t failed = 0;
    const auto outcome =
        thimble_opfs_read(handle_.handle(), &only, 1, bytes.data(), stored_set::encoded_bytes, 0.0, &failed);
    if (outcome != 0) return std::unexpected(opfs_error(outcome));
    return stored_set::decode(bytes);
  }

  // Rows back to back.
  [[nodiscard]] expected<void> read_rows(const stored_set& set, std::span<const node> nodes, std::byte* out) const {
    std::uint32_t failed = 0;
    const auto outcome =
        thimble_opfs_read(handle_.handle(), nodes.data(), static_cast<std::uint32_t>(nodes.size()), out,
                          static_cast<std::uint32_t>(set.row_bytes()), static_cast<double>(header_bytes), &failed);
    if (outcome != 0) return std::unexpected(opfs_error(outcome, failed));
    return {};
  }

  [[nodiscard]] expected<void> write(std::uint64_t at, std::span<const std::byte> bytes) const {
    return done(thimble_opfs_write(handle_.handle(), bytes.data(), static_cast<std::uint32_t>(bytes.size()),
                                   static_cast<double>(at)));
  }

  [[nodiscard]] expected<void> flush() const { return done(thimble_opfs_flush(handle_.handle())); }

  [[nodiscard]] expected<void> resize(std::uint64_t bytes) const {
    return done(thimble_opfs_resize(handle_.handle(), static_cast<double>(bytes)));
  }

 private:
  [[nodiscard]] static expected<void> done(std::int32_t outcome) {
    if (outcome != 0) return std::unexpected(opfs_error(outcome));
    return {};
  }

  browser_handle<&thimble_opfs_close> handle_;
};

}  // namespace thimble::inline THIMBLE_FLAGS::detail
