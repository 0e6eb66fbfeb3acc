// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Rows of bytes brought into another order where they lie.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Row i becomes what row order[i] was; each number below order.size() stands in order once. Error: out_of_memory.
[[nodiscard]] inline expected<void> permute_rows(std::byte* rows, std::size_t row_bytes, std::span<const node> order) {
  auto held = aligned_buffer<std::byte>::create(row_bytes);
  if (!held) return std::unexpected(held.error());
  auto done = aligned_buffer<std::uint8_t>::create(order.size());
  if (!done) return std::unexpected(done.error());
  // Round each cycle: the first row is held, every other one moves, the first one ends it.
  for (std::size_t first = 0; first < order.size(); ++first) {
    if ((*done)[first] != 0) continue;
    std::memcpy(held->data(), rows + first * row_bytes, row_bytes);
    std::size_t at = first;
    for (; order[at] != first; at = order[at]) {
      std::memcpy(rows + at * row_bytes, rows + std::size_t{order[at]} * row_bytes, row_bytes);
      (*done)[at] = 1;
    }
    std::memcpy(rows + at * row_bytes, held->data(), row_bytes);
    (*done)[at] = 1;
  }
  return {};
}

}  // namespace thimble::inline THIMBLE_FLAGS
