// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Looks at every code: on request, and what a graph search falls back to when it reached fewer nodes than it owes.

#pragma once

#include <cstddef>

#include <thimble/core/config.hpp>
#include <thimble/core/types.hpp>
#include <thimble/search/candidate_list.hpp>
#include <thimble/search/traversal.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Fills `candidates` (cleared by the caller, with its ef) with the nearest of all n nodes.
template <estimator Estimator>
void exhaustive_search(std::size_t n, const Estimator& estimate, candidate_list& candidates, link_batch& batch) {
  constexpr std::size_t most = sizeof(batch.nodes) / sizeof(node);
  for (std::size_t first = 0; first < n; first += most) {
    const std::size_t count = n - first < most ? n - first : most;
    for (std::size_t i = 0; i < count; ++i) batch.nodes[i] = static_cast<node>(first + i);
    estimate(batch.nodes, count, batch.distances);
    for (std::size_t i = 0; i < count; ++i) candidates.insert(batch.distances[i], batch.nodes[i]);
  }
}

}  // namespace thimble::inline THIMBLE_FLAGS
