// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What a set of vectors in a browser's storage is, and how far its import came: 64 bytes that stand before the rows
// (OPFS) or beside them, little-endian:
//   0 magic "thimbleS" | 8 version | 12 element | 16 n | 24 fingerprint | 32 dim | 36 finished | 40 rows | 48 zeros |
//   56 checksum
// An unfinished set is not for reading, its import may go on at `rows`. (The IDBFS store has a format of its own:
// store/idbfs_manifest.hpp.)

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/random.hpp>
#include <thimble/core/types.hpp>
#include <thimble/io/vector_format.hpp>

namespace thimble::inline THIMBLE_FLAGS {

namespace detail {

[[nodiscard]] constexpr expected<void> check_set_shape(std::uint64_t n, std::uint64_t dim) {
  if (n == 0) return fail(errc::empty_input, "a set of vectors needs at least one row");
  if (n > max_nodes) return fail(errc::too_many_vectors, "more vectors than an index can hold", n);
  if (dim == 0) return fail(errc::invalid_argument, "vectors need at least one value");
  if (dim > max_dim) return fail(errc::too_large, "more values in a vector than thimble can index", dim);
  return {};
}

// A hash of the 8-byte words before the last one of a block, which holds it.
[[nodiscard]] inline std::uint64_t block_checksum(std::span<const std::byte> block) {
  std::uint64_t hash = block.size();
  for (std::size_t at = 0; at + 8 < block.size(); at += 8) hash = mix(hash ^ load_as<std::uint64_t>(block.data() + at));
  return hash;
}

}  // namespace detail

// What a writer is told before the first row.
struct stored_layout {
  std::size_t n = 0;                             // rows to come
  std::size_t dim = 0;                           // values in each
  element_type element = element_type::float32;  // or float16: rounded, half the space; or uint8: for bytes, exact
};

struct stored_set {
  static constexpr std::size_t encoded_bytes = 64;

  std::uint64_t n = 0;
  std::uint64_t fingerprint = 0;  // store/fingerprint.hpp; of what has come so far while unfinished
  std::uint64_t rows = 0;         // known to be stored: n once finished
  std::uint32_t dim = 0;
  element_type element = element_type::float32;
  bool finished = false;

  [[nodiscard]] constexpr std::size_t row_bytes() const { return std::size_t{dim} * element_bytes(element); }
  // Whether rows come back as they were appended.
  [[nodiscard]] constexpr bool exact() const { return element != element_type::float16; }

  friend bool operator==(const stored_set&, const stored_set&) = default;

  // Of n rows, none of which is stored. Errors: empty_input, too_many_vectors, too_large, invalid_argument,
  // unsupported.
  [[nodiscard]] static constexpr expected<stored_set> create(const stored_layout& layout) {
    if (layout.dim > max_dim) return std::unexpected(detail::check_set_shape(layout.n, layout.dim).error());
    const stored_set set{.n = layout.n, .dim = static_cast<std::uint32_t>(layout.dim), .element = layout.element};
    if (const auto valid = set.validate(); !valid) return std::unexpected(valid.error());
    return set;
  }

  // Whether such a set can exist. Errors: as of create().
  [[nodiscard]] constexpr expected<void> validate() const {
    if (element != element_type::float32 && element != element_type::float16 && element != element_type::uint8)
      return fail(errc::unsupported, "the stored vectors are of an element type that this version does not know",
                  static_cast<std::uint64_t>(element));
    if (const auto valid = detail::check_set_shape(n, dim); !valid) return valid;
    if (rows > n || (finished && rows != n))
      return fail(errc::invalid_argument, "a set of vectors with other rows than it has", rows);
    return {};
  }

  [[nodiscard]] std::array<std::byte, encoded_bytes> encode() const {
    std::array<std::byte, encoded_bytes> bytes{};
    std::memcpy(bytes.data(), magic, sizeof(magic));
    store_as(bytes.data() + 8, version);
    store_as(bytes.data() + 12, static_cast<std::uint32_t>(element));
    store_as(bytes.data() + 16, n);
    store_as(bytes.data() + 24, fingerprint);
    store_as(bytes.data() + 32, dim);
    store_as(bytes.data() + 36, std::uint32_t{finished});
    store_as(bytes.data() + 40, rows);
    store_as(bytes.data() + checksum_at, detail::block_checksum(bytes));
    return bytes;
  }

  // The first bytes of a block, which may be longer. Errors: truncated, unknown_format (not thimble's), wrong_version,
  // unsupported, corrupt.
  [[nodiscard]] static expected<stored_set> decode(std::span<const std::byte> block) {
    if (block.size() < encoded_bytes)
      return fail(errc::truncated, "the stored vectors end within their header: import them again", block.size());
    const auto bytes = block.first<encoded_bytes>();
    if (std::memcmp(bytes.data(), magic, sizeof(magic)) != 0)
      return fail(errc::unknown_format, "what is stored under this name are no vectors of thimble's");
    if (const auto found = load_as<std::uint32_t>(bytes.data() + 8); found != version)
      return fail(errc::wrong_version, "the vectors were stored by another version of thimble", found);
    const auto finished_word = load_as<std::uint32_t>(bytes.data() + 36);
    if (load_as<std::uint64_t>(bytes.data() + checksum_at) != detail::block_checksum(bytes) || finished_word > 1)
      return fail(errc::corrupt, "the header of the stored vectors is damaged: import them again");
    const auto element = load_as<std::uint32_t>(bytes.data() + 12);
    const stored_set set{.n = load_as<std::uint64_t>(bytes.data() + 16),
                         .fingerprint = load_as<std::uint64_t>(bytes.data() + 24),
                         .rows = load_as<std::uint64_t>(bytes.data() + 40),
                         .dim = load_as<std::uint32_t>(bytes.data() + 32),
                         .element = static_cast<element_type>(element < 256 ? element : 255),
                         .finished = finished_word == 1};
    if (const auto valid = set.validate(); !valid) {
      if (valid.error().code == errc::unsupported) return std::unexpected(valid.error());
      return fail(errc::corrupt, "the header describes no possible set of vectors: import them again");
    }
    return set;
  }

 private:
  static constexpr char magic[8] = {'t', 'h', 'i', 'm', 'b', 'l', 'e', 'S'};
  static constexpr std::uint32_t version = 1;
  static constexpr std::size_t checksum_at = 56;
};

}  // namespace thimble::inline THIMBLE_FLAGS
