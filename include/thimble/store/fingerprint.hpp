// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The identity of a set of vectors: a 64-bit hash of n, dim and up to 64 rows at fixed places, as float32 bits. An
// index keeps that of the vectors it was built from, and that of the same vectors rounded to halfs; a store has that of
// the vectors it holds: so an index knows its originals, and knows them rounded. Computing one costs 64 row reads. It
// tells sets apart; it is no checksum of every row.

#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/half.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/random.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// The rows that make up the fingerprint of n vectors: i * n / count, for i in 0 .. count-1.
[[nodiscard]] constexpr std::size_t fingerprint_rows(std::size_t n) { return std::min<std::size_t>(n, 64); }
[[nodiscard]] constexpr std::size_t fingerprint_row(std::size_t i, std::size_t n) {
  return static_cast<std::size_t>(static_cast<std::uint64_t>(i) * n / fingerprint_rows(n));
}

// For vectors that arrive in pieces: start with n and dim, then add the rows named above, in that order. What value()
// said at any time is enough to go on with later.
class fingerprint_builder {
 public:
  fingerprint_builder(std::uint64_t n, std::uint64_t dim) : hash_(mix(mix(n) ^ dim)) {}
  explicit fingerprint_builder(std::uint64_t so_far) : hash_(so_far) {}

  void add(std::span<const float> row) {
    for (const float value : row) add(value);
  }

  void add(float value) { hash_ = mix(hash_ ^ std::bit_cast<std::uint32_t>(value)); }

  [[nodiscard]] std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_;
};

// scratch: dim floats. Error: what the rows answer.
template <row_source Rows>
[[nodiscard]] expected<std::uint64_t> fingerprint(const Rows& rows, std::span<float> scratch) {
  fingerprint_builder builder(rows.size(), rows.dim());
  for (std::size_t i = 0; i < fingerprint_rows(rows.size()); ++i) {
    const auto row = rows.row(fingerprint_row(i, rows.size()), scratch);
    if (!row) return std::unexpected(row.error());
    builder.add(*row);
  }
  return builder.value();
}

// That of the rows with each value rounded to its nearest half, as an .f16bin file has them; 0, which is none, where a
// value is too large for that. Error: what the rows answer.
template <row_source Rows>
[[nodiscard]] expected<std::uint64_t> half_fingerprint(const Rows& rows, std::span<float> scratch) {
  fingerprint_builder builder(rows.size(), rows.dim());
  for (std::size_t i = 0; i < fingerprint_rows(rows.size()); ++i) {
    const auto row = rows.row(fingerprint_row(i, rows.size()), scratch);
    if (!row) return std::unexpected(row.error());
    for (const float value : *row) {
      const auto rounded = static_cast<float>(half::nearest(value));
      if (std::isinf(rounded)) return 0;
      builder.add(rounded);
    }
  }
  return builder.value();
}

// Of n vectors that come in batches: read(nodes, out), as a batch_store has it, is called once, for all the rows above.
// Allocates room for them for a moment. Errors: what read answers, out_of_memory.
template <class Read>
  requires std::is_invocable_r_v<expected<void>, Read&, std::span<const node>, std::span<float>>
[[nodiscard]] expected<std::uint64_t> fingerprint(std::size_t n, std::size_t dim, Read&& read) {
  std::array<node, fingerprint_rows(static_cast<std::size_t>(max_nodes))> nodes{};
  const std::size_t count = fingerprint_rows(n);
  for (std::size_t i = 0; i < count; ++i) nodes[i] = static_cast<node>(fingerprint_row(i, n));
  auto rows = aligned_buffer<float>::create(saturated_product(count, dim));
  if (!rows) return std::unexpected(rows.error());
  if (expected<void> done = read(std::span<const node>(nodes).first(count), rows->span()); !done)
    return std::unexpected(done.error());
  fingerprint_builder builder(n, dim);
  builder.add(rows->span());
  return builder.value();
}

}  // namespace thimble::inline THIMBLE_FLAGS
