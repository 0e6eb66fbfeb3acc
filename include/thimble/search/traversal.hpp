// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The walks through a graph: down the upper levels to the nearest node, then a beam of ef candidates on one level
// (HNSW, algorithms 5 and 2). Free functions over a graph and an estimator; no allocation, no lock, no failure.

#pragma once

#include <concepts>
#include <cstddef>

#include <thimble/core/config.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/graph.hpp>
#include <thimble/search/candidate_list.hpp>
#include <thimble/search/visited_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Distances of a batch of nodes from one prepared query.
template <class E>
concept estimator = requires(const E& estimate, const node* nodes, std::size_t n, float* out) {
  { estimate(nodes, n, out) } -> std::same_as<void>;
};

// What one expansion collects before it is estimated as a batch.
struct link_batch {
  node nodes[2 * max_m];
  float distances[2 * max_m];
};

struct located {
  node at;
  float distance;
};

// Greedy: moves to the nearest link as long as one is nearer, on each level above `target`.
template <graph Graph, estimator Estimator>
[[nodiscard]] located descend(const Graph& g, const Estimator& estimate, entry_point from, unsigned target,
                              link_batch& batch) {
  located best{from.at, 0};
  estimate(&best.at, 1, &best.distance);
  for (unsigned level = from.level; level > target; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      std::size_t n = 0;
      g.for_each_link(best.at, level, [&](node y) { batch.nodes[n++] = y; });
      estimate(batch.nodes, n, batch.distances);
      for (std::size_t i = 0; i < n; ++i) {
        if (batch.distances[i] < best.distance) {
          best = {batch.nodes[i], batch.distances[i]};
          moved = true;
        }
      }
    }
  }
  return best;
}

// When a beam ends before all its candidates are expanded: never.
struct no_early_stop {
  [[nodiscard]] constexpr bool operator()(const candidate_list& /*candidates*/) const { return false; }
};

// Where the next candidate is farther than `factor` times the k-th best. A k-th distance of 0 or below has no multiple
// that is farther: no stop (distances of inner products may be negative).
struct distance_stop {
  std::size_t k;  // at least 1
  float factor;   // 1 + gamma

  [[nodiscard]] bool operator()(const candidate_list& candidates) const {
    const auto items = candidates.items();
    if (items.size() < k) return false;
    const float kth = items[k - 1].distance();
    const candidate* const next = candidates.next();
    return kth > 0 && next != nullptr && next->distance() > factor * kth;
  }
};

// Fills `candidates` (cleared by the caller, with its ef) with the nearest nodes that the level's links lead to.
// Each expansion runs in two passes: collect the links not seen before, then estimate them as one batch.
template <graph Graph, estimator Estimator, std::predicate<const candidate_list&> Stop = no_early_stop>
void beam_search(const Graph& g, const Estimator& estimate, located start, unsigned level, candidate_list& candidates,
                 visited_set& visited, link_batch& batch, const Stop& stop = {}) {
  const visited_set::marks seen = visited.begin();
  (void)seen.insert(start.at);
  candidates.insert(start.distance, start.at);
  for (node x; !stop(candidates) && (x = candidates.expand_next()) != no_node;) {
    std::size_t n = 0;
    g.for_each_link(x, level, [&](node y) {
      batch.nodes[n] = y;
      n += seen.insert(y) ? 1 : 0;
    });
    if (const candidate* next = candidates.next(); next != nullptr && level == 0) g.prefetch_links(next->id());
    estimate(batch.nodes, n, batch.distances);
    for (std::size_t i = 0; i < n; ++i)
      if (candidates.insert(batch.distances[i], batch.nodes[i]) && level == 0) prefetch_place(g, batch.nodes[i]);
  }
}

}  // namespace thimble::inline THIMBLE_FLAGS
