// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Which bytes of a file of vectors an HTTP store asks for: rows that lie near each other come by one request, with what
// is between them. A pure function of the nodes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/types.hpp>
#include <thimble/io/vector_format.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

// `rows` of the nodes, from the first of them on, with their prefixes.
struct http_range {
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
  std::uint32_t rows = 0;

  friend bool operator==(const http_range&, const http_range&) = default;
};

// One request brings no more, so that those beside it have work, too, and memory has a bound. The widest row (65,535
// floats and a prefix) is a quarter of it.
inline constexpr std::uint64_t largest_http_range = std::uint64_t{1} << 20;

// The longest range at the beginning of nodes, at least one row. A node that does not ascend begins a range of its own.
[[nodiscard]] constexpr http_range first_http_range(std::span<const node> nodes, const vector_layout& layout,
                                                    std::uint64_t largest_gap) {
  const std::uint64_t stride = layout.stride_bytes;
  const auto bytes_to = [&](std::size_t i) { return (nodes[i] - nodes[0] + std::uint64_t{1}) * stride; };
  std::size_t rows = 1;
  while (rows < nodes.size() && nodes[rows] > nodes[rows - 1] &&
         (nodes[rows] - nodes[rows - 1] - std::uint64_t{1}) * stride <= largest_gap &&
         bytes_to(rows) <= largest_http_range)
    ++rows;
  return {.offset = layout.offset - layout.row_prefix_bytes + nodes[0] * stride,
          .bytes = static_cast<std::uint32_t>(bytes_to(rows - 1)),
          .rows = static_cast<std::uint32_t>(rows)};
}

}  // namespace thimble::inline THIMBLE_FLAGS::detail
