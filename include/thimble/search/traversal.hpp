// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The walks through a graph: down the upper levels to the nearest node, then a beam of ef candidates on one level
// (HNSW, algorithms 5 and 2). Free functions over a graph and an estimator; no allocation, no lock, no failure.

#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <iterator>

#include <thimble/core/bytes.hpp>
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

// One that can ask for what it reads of these nodes ahead of its use, and does so only when it is told to.
template <class E>
concept requesting_estimator = estimator<E> && requires(const E& estimate, const node* nodes, std::size_t n) {
  { estimate.request(nodes, n) } -> std::same_as<void>;
};

// One that reads a row of so many bytes for each node.
template <class E>
concept row_estimator = estimator<E> && requires(const E& estimate) {
  { estimate.row_bytes() } -> std::convertible_to<std::size_t>;
};

template <estimator E>
THIMBLE_ALWAYS_INLINE void request(const E& estimate, const node* nodes, std::size_t n) {
  if constexpr (requesting_estimator<E>) estimate.request(nodes, n);
}

// What one expansion collects before it is estimated as a batch.
struct link_batch {
  node nodes[2 * max_m];
  float distances[2 * max_m];

  // Moves those of the first n that are no farther to the front, and says how many. Without a branch, for who is cannot
  // be foretold.
  THIMBLE_ALWAYS_INLINE std::size_t keep_within(float limit, std::size_t n) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const float distance = distances[i];
      nodes[kept] = nodes[i];
      distances[kept] = distance;
      kept += distance > limit ? 0 : 1;
    }
    return kept;
  }
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
      request(estimate, batch.nodes, n);
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

// How many rows a beam collects, at least, before it estimates them: 128 lines of them, or 32 rows. They are waited for
// together, so a beam that finds few new links at a node takes those of the next nearest along: .75 to .93 of the time
// at the same recall (Zen 4). The same for every processor, for it decides what is found.
template <estimator E>
[[nodiscard]] std::size_t rows_a_batch(const E& estimate) {
  if constexpr (row_estimator<E>) {
    constexpr std::size_t line = 64, lines = 128, most = 32;
    return std::clamp(lines * line / std::max(line, round_up(std::size_t{estimate.row_bytes()}, line)), std::size_t{1},
                      most);
  } else {
    return 1;
  }
}

// Puts the links of x that were not seen before into the batch, and says how many; where they are fewer than wanted
// also those of the next nearest candidates, as long as they find room.
template <graph Graph, class Stop>
THIMBLE_ALWAYS_INLINE std::size_t collect_links(const Graph& g, node x, unsigned level, std::size_t wanted,
                                                candidate_list& candidates, const visited_set::marks seen,
                                                const Stop& stop, link_batch& batch) {
  std::size_t n = 0;
  const auto meet = [&](node y) {
    batch.nodes[n] = y;
    n += seen.insert(y) ? 1 : 0;
  };
  do g.for_each_link(x, level, meet);
  while (n < wanted && n + g.max_degree(level) <= std::size(batch.nodes) && !stop(candidates) &&
         (x = candidates.expand_next()) != no_node);
  return n;
}

// Asks for the lists of those that are probably expanded next.
template <graph Graph>
THIMBLE_ALWAYS_INLINE void prefetch_next_lists(const Graph& g, const candidate_list& candidates) {
  const candidate* next = candidates.next();
  for (int i = 0; i < 3 && next != nullptr; ++i, next = candidates.next_after(next)) g.prefetch_links(next->id());
}

// Fills `candidates` (cleared by the caller, with its ef) with the nearest nodes that the level's links lead to.
// Each expansion runs in two passes: collect the links not seen before, then estimate them as one batch.
template <graph Graph, estimator Estimator, std::predicate<const candidate_list&> Stop = no_early_stop>
void beam_search(const Graph& g, const Estimator& estimate, located start, unsigned level, candidate_list& candidates,
                 visited_set& visited, link_batch& batch, const Stop& stop = {}) {
  const visited_set::marks seen = visited.begin();
  (void)seen.insert(start.at);
  candidates.insert(start.distance, start.at);
  const std::size_t wanted = rows_a_batch(estimate);
  for (node x; !stop(candidates) && (x = candidates.expand_next()) != no_node;) {
    std::size_t n = collect_links(g, x, level, wanted, candidates, seen, stop, batch);
    request(estimate, batch.nodes, n);
    if (level == 0) prefetch_next_lists(g, candidates);
    estimate(batch.nodes, n, batch.distances);
    n = batch.keep_within(candidates.limit(), n);
    for (std::size_t i = 0; i < n; ++i)
      if (candidates.insert(batch.distances[i], batch.nodes[i]) && level == 0) prefetch_place(g, batch.nodes[i]);
  }
}

}  // namespace thimble::inline THIMBLE_FLAGS
