// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The words every stage shares.

#pragma once

#include <cstdint>
#include <limits>

#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Internal position of a vector: 0 .. n-1. Codes, links and the rows of a store are addressed by it.
using node = std::uint32_t;

// The end of a row of links, and "no node".
inline constexpr node no_node = std::numeric_limits<node>::max();

// Vectors an index can hold: the search keeps a mark beside the node in 32 bits.
inline constexpr std::uint64_t max_nodes = (std::uint64_t{1} << 31) - 1;

inline constexpr std::uint32_t max_dim = 65'535;

// The user's key of a vector.
using label = std::uint64_t;

// One result. Smaller distances are nearer, whatever the metric.
struct neighbor {
  label id;
  float distance;

  friend bool operator==(const neighbor&, const neighbor&) = default;
};

}  // namespace thimble::inline THIMBLE_FLAGS
