// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Errors of the world and of data are values. Each carries a code to branch on, a static sentence that says what to do,
// and one number (a row, a dim, a byte offset) where that helps.

#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS {

enum class errc : std::uint8_t {
  out_of_memory,
  invalid_argument,  // an option out of its range
  wrong_dim,         // vectors, query, store and index disagree on dim
  wrong_metric,      // unknown or not offered by this quantizer
  not_finite,        // NaN or infinity in a vector
  zero_vector,       // has no direction: cosine is undefined
  empty_input,       // no vectors to build from
  empty_index,       // nothing to search in
  invalid_k,         // k = 0
  too_many_vectors,  // more than max_nodes
  too_large,         // a dim or a size over the limit
  cannot_open,       // path absent or not readable
  cannot_read,
  cannot_write,
  no_space,      // the disk or the quota is full
  not_an_index,  // wrong magic
  wrong_version,
  wrong_quantizer,    // the file holds codes of another quantizer
  truncated,          // the file ends too early
  corrupt,            // checksum, width, bound or link is wrong
  unknown_format,     // of a file of vectors
  unsupported,        // a valid input that this build or version cannot use
  store_mismatch,     // the store holds the vectors of another index
  store_unavailable,  // no IndexedDB, no OPFS, storage refused
  store_in_use,       // open elsewhere: in another tab, by a writer
  missing_row,        // the store lost a vector
  cancelled,
  label_exists,   // a vector with this label is in the index already
  unknown_label,  // no vector with this label is
};

struct error {
  errc code;
  const char* message;  // static storage
  std::uint64_t value = 0;

  friend bool operator==(const error& a, const error& b) { return a.code == b.code; }
};

template <class T>
using expected = std::expected<T, error>;

[[nodiscard]] constexpr std::unexpected<error> fail(errc code, const char* message, std::uint64_t value = 0) {
  return std::unexpected(error{code, message, value});
}

// The code as written in this file: for logs, for JavaScript's error.code.
[[nodiscard]] constexpr std::string_view name(errc code) {
  switch (code) {
    case errc::out_of_memory:
      return "out_of_memory";
    case errc::invalid_argument:
      return "invalid_argument";
    case errc::wrong_dim:
      return "wrong_dim";
    case errc::wrong_metric:
      return "wrong_metric";
    case errc::not_finite:
      return "not_finite";
    case errc::zero_vector:
      return "zero_vector";
    case errc::empty_input:
      return "empty_input";
    case errc::empty_index:
      return "empty_index";
    case errc::invalid_k:
      return "invalid_k";
    case errc::too_many_vectors:
      return "too_many_vectors";
    case errc::too_large:
      return "too_large";
    case errc::cannot_open:
      return "cannot_open";
    case errc::cannot_read:
      return "cannot_read";
    case errc::cannot_write:
      return "cannot_write";
    case errc::no_space:
      return "no_space";
    case errc::not_an_index:
      return "not_an_index";
    case errc::wrong_version:
      return "wrong_version";
    case errc::wrong_quantizer:
      return "wrong_quantizer";
    case errc::truncated:
      return "truncated";
    case errc::corrupt:
      return "corrupt";
    case errc::unknown_format:
      return "unknown_format";
    case errc::unsupported:
      return "unsupported";
    case errc::store_mismatch:
      return "store_mismatch";
    case errc::store_unavailable:
      return "store_unavailable";
    case errc::store_in_use:
      return "store_in_use";
    case errc::missing_row:
      return "missing_row";
    case errc::cancelled:
      return "cancelled";
    case errc::label_exists:
      return "label_exists";
    case errc::unknown_label:
      return "unknown_label";
  }
  return "unknown";
}

}  // namespace thimble::inline THIMBLE_FLAGS
