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
#include <limits>
#include <optional>
#include <utility>

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

// When a beam ends before all its candidates are expanded, and beyond which distance it takes none.
template <class S>
concept stop_rule = std::predicate<const S&, const candidate_list&> && requires(const S& stop, candidate_list& list) {
  { stop.limit(list) } -> std::same_as<float>;
};

// Never, and beyond what the list keeps.
struct no_early_stop {
  [[nodiscard]] constexpr bool operator()(const candidate_list& /*candidates*/) const { return false; }
  [[nodiscard]] float limit(const candidate_list& candidates) const { return candidates.limit(); }
};

// Where the next candidate is farther than `factor` times the k-th best; nothing beyond is taken, for it would not be
// expanded: the k-th only comes nearer. A k-th distance of 0 or below has no multiple that is farther: no stop
// (distances of inner products may be negative).
struct distance_stop {
  std::size_t k;  // at least 1
  float factor;   // 1 + gamma

  [[nodiscard]] bool operator()(const candidate_list& candidates) const {
    const candidate* const next = candidates.next();
    return next != nullptr && next->distance() > bound(candidates);
  }

  [[nodiscard]] float limit(const candidate_list& candidates) const {
    return std::min(candidates.limit(), bound(candidates));
  }

  // Of what is expanded.
  [[nodiscard]] float bound(const candidate_list& candidates) const {
    const auto items = candidates.items();
    const float kth = items.size() < k ? 0 : items[k - 1].distance();
    return kth > 0 ? factor * kth : std::numeric_limits<float>::infinity();
  }
};

// The same, and what was taken before and is beyond by now is let go: for a search, where it would only be in the way
// (.9 to .95 of the time). For a builder it is where the far links come from.
struct distance_limit : distance_stop {
  [[nodiscard]] float limit(candidate_list& candidates) const {
    const float most = distance_stop::limit(candidates);
    candidates.keep_within(most);
    return most;
  }
};

// Calls search(stop) with the rule for the k nearest with this gamma, or without one.
template <class Search>
THIMBLE_ALWAYS_INLINE void by_stop_rule(std::optional<float> gamma, std::size_t k, Search&& search) {
  if (gamma)
    search(distance_limit{{k, 1 + *gamma}});
  else
    search(no_early_stop{});
}

// How many rows a beam collects, at least, before it estimates them: 64 lines of them, or 24 rows. They are waited for
// together, so where a node brings few those of the next nearest are taken along. The same for every processor, for it
// decides what is found.
template <estimator E>
[[nodiscard]] std::size_t rows_a_batch(const E& estimate) {
  if constexpr (row_estimator<E>) {
    constexpr std::size_t line = 64, lines = 64, most = 24;
    return std::clamp(lines * line / std::max(line, round_up(std::size_t{estimate.row_bytes()}, line)), std::size_t{1},
                      most);
  } else {
    return 1;
  }
}

// Puts the links of the next candidates that were not seen before into the batch, and says how many: as many as are
// wanted while they have room, fewer where no candidate is left.
template <graph Graph, class Stop>
THIMBLE_ALWAYS_INLINE std::size_t collect_links(const Graph& g, unsigned level, std::size_t wanted,
                                                candidate_list& candidates, const visited_set::marks seen,
                                                const Stop& stop, link_batch& batch) {
  std::size_t n = 0;
  const auto meet = [&](node y) {
    batch.nodes[n] = y;
    n += seen.insert(y) ? 1 : 0;
  };
  while (n < wanted && n + g.max_degree(level) <= std::size(batch.nodes) && !stop(candidates)) {
    const node x = candidates.expand_next();
    if (x == no_node) break;
    g.for_each_link(x, level, meet);
  }
  return n;
}

// Asks for the lists of those that are probably expanded next.
template <graph Graph>
THIMBLE_ALWAYS_INLINE void prefetch_next_lists(const Graph& g, const candidate_list& candidates) {
  const candidate* next = candidates.next();
  for (int i = 0; i < 3 && next != nullptr; ++i, next = candidates.next_after(next)) g.prefetch_links(next->id());
}

// Puts x into the list that leads a beam, and asks for what is read when it is expanded: its links where it is next.
template <graph Graph>
THIMBLE_ALWAYS_INLINE void lead_to(const Graph& g, unsigned level, float distance, node x, candidate_list& candidates) {
  if (!candidates.insert(distance, x) || level > 0) return;
  if (candidates.next()->id() == x)
    g.prefetch_links(x);
  else
    prefetch_place(g, x);
}

// The beam (HNSW, algorithm 2) from what `candidates`, which lead it, hold. A step collects links and asks for their
// rows, and while these are on their way estimates those of the step before; take(batch, n) then makes candidates of
// them. So what is expanded is chosen without the last batch: 1 or 2 of 100 rows are estimated in vain, and as much is
// found. (.93 to .98 of the time at the same recall where codes and links do not fit the caches, 1.0 to 1.03 where they
// do; Zen 4.)
template <graph Graph, estimator Estimator, std::predicate<const candidate_list&> Stop, class Take>
THIMBLE_ALWAYS_INLINE void walk_beam(const Graph& g, const Estimator& estimate, unsigned level,
                                     candidate_list& candidates, const visited_set::marks seen, const Stop& stop,
                                     link_batch& batch, const Take& take) {
  const std::size_t wanted = rows_a_batch(estimate);
  link_batch second;
  link_batch *fresh = &batch, *before = &second;
  for (std::size_t n = 0, n_before = 0;; n_before = n, std::swap(fresh, before)) {
    n = collect_links(g, level, wanted, candidates, seen, stop, *fresh);
    if (n == 0 && n_before == 0) return;
    request(estimate, fresh->nodes, n);
    if (level == 0) prefetch_next_lists(g, candidates);
    if (n_before == 0) continue;
    estimate(before->nodes, n_before, before->distances);
    take(*before, n_before);
  }
}

// Fills `candidates` (cleared by the caller, with its ef) with the nearest nodes that the level's links lead to.
template <graph Graph, estimator Estimator, stop_rule Stop = no_early_stop>
void beam_search(const Graph& g, const Estimator& estimate, located start, unsigned level, candidate_list& candidates,
                 visited_set& visited, link_batch& batch, const Stop& stop = {}) {
  const visited_set::marks seen = visited.begin();
  (void)seen.insert(start.at);
  candidates.insert(start.distance, start.at);
  walk_beam(g, estimate, level, candidates, seen, stop, batch, [&](link_batch& measured, std::size_t n) {
    n = measured.keep_within(stop.limit(candidates), n);
    for (std::size_t i = 0; i < n; ++i) lead_to(g, level, measured.distances[i], measured.nodes[i], candidates);
  });
}

}  // namespace thimble::inline THIMBLE_FLAGS
