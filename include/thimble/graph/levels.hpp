// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The level of each node, and where the rows of the levels above 0 lie. A level is a function of the seed and the node
// alone, whoever inserts it when: P(level >= l) = m^-l (HNSW, section 4.1, with mL = 1 / ln m).

#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/random.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

inline constexpr unsigned max_level = 15;

[[nodiscard]] constexpr unsigned draw_level(std::uint64_t seed, node x, unsigned m) {
  const std::uint64_t uniform = mix(mix(seed) ^ x);
  unsigned level = 0;
  for (std::uint64_t bound = std::numeric_limits<std::uint64_t>::max() / m; uniform < bound && level < max_level;
       bound /= m)
    ++level;
  return level;
}

// Of n nodes from the first on. Error: out_of_memory.
[[nodiscard]] inline expected<aligned_buffer<std::uint8_t>> draw_levels(std::size_t n, unsigned m, std::uint64_t seed,
                                                                        std::size_t first = 0) {
  auto levels = aligned_buffer<std::uint8_t>::create(n);
  if (!levels) return levels;
  for (std::size_t i = 0; i < n; ++i)
    (*levels)[i] = static_cast<std::uint8_t>(draw_level(seed, static_cast<node>(first + i), m));
  return levels;
}

// Rows of upper levels follow each other in the order of the nodes; a sum for every 64 nodes finds them, so that the
// index costs 1/16 byte a node.
class level_index {
 public:
  level_index() = default;

  [[nodiscard]] static expected<level_index> create(aligned_buffer<std::uint8_t> levels) {
    auto starts = aligned_buffer<std::uint32_t>::create(levels.size() / block + 1);
    if (!starts) return std::unexpected(starts.error());
    std::uint64_t rows = 0;
    for (std::size_t x = 0; x < levels.size(); ++x) {
      if (x % block == 0) (*starts)[x / block] = static_cast<std::uint32_t>(rows);
      if (levels[x] > max_level) return fail(errc::corrupt, "a level is out of range", x);
      rows += levels[x];
    }
    if (rows > std::numeric_limits<std::uint32_t>::max()) return fail(errc::too_large, "too many upper levels", rows);
    level_index index;
    index.levels_ = std::move(levels);
    index.starts_ = std::move(*starts);
    index.rows_ = static_cast<std::size_t>(rows);
    return index;
  }

  [[nodiscard]] std::size_t size() const { return levels_.size(); }
  [[nodiscard]] unsigned operator[](std::size_t x) const { return levels_[x]; }
  [[nodiscard]] std::span<const std::uint8_t> levels() const { return levels_.span(); }
  [[nodiscard]] std::size_t upper_rows() const { return rows_; }
  [[nodiscard]] std::size_t index_bytes() const { return starts_.bytes(); }

  // The row of x on level 1.
  [[nodiscard]] std::size_t upper_row(node x) const {
    std::uint32_t row = starts_[x / block];
    for (std::size_t y = x / block * block; y < x; ++y) row += levels_[y];
    return row;
  }

 private:
  static constexpr std::size_t block = 64;

  aligned_buffer<std::uint8_t> levels_;
  aligned_buffer<std::uint32_t> starts_;
  std::size_t rows_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
