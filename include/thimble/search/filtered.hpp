// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Searches whose results pass a filter. While many pass, the graph is walked over all nodes and those that pass are
// kept; the fewer they are the longer that walk, until looking at the codes of just those that pass is shorter.

#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <limits>

#include <thimble/core/config.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/graph.hpp>
#include <thimble/search/candidate_list.hpp>
#include <thimble/search/label_filter.hpp>
#include <thimble/search/traversal.hpp>
#include <thimble/search/visited_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// How many candidates a walk among n nodes of which `passing` pass has to keep, to meet ef that do; 0 where a scan of
// those that pass is shorter. A walk that keeps c candidates measures about 20 c nodes, at random, and one that gamma
// ends 4 c to 8 c (`limited`, where as many are kept as 'thimble tune' has it); a scan measures them in order.
[[nodiscard]] constexpr std::size_t walk_width(std::size_t ef, std::size_t passing, std::size_t n, bool limited) {
  constexpr double slower = 1.2, margin = 2;
  const double measured = limited ? 8 : 20;
  if (passing == 0) return 0;
  const double wanted = static_cast<double>(ef) * static_cast<double>(n) / static_cast<double>(passing);
  if (wanted * measured * slower > static_cast<double>(passing)) return 0;
  return std::min(n, std::max(ef, static_cast<std::size_t>(wanted * margin)));
}

// As beam_search, with two lists, both cleared by the caller: `walk` leads, `found` holds the nearest that pass. It
// ends when all that may still be expanded is farther than the last found, or than the limit of `stop`.
template <graph Graph, estimator Estimator, std::predicate<node> Passes, stop_rule Stop = no_early_stop>
void filtered_beam_search(const Graph& g, const Estimator& estimate, const Passes& passes, located start,
                          candidate_list& walk, candidate_list& found, visited_set& visited, link_batch& batch,
                          const Stop& stop = {}) {
  float limit = std::numeric_limits<float>::infinity();
  const auto too_far = [&](candidate c) { return c.distance() > limit || (found.full() && c > found.items().back()); };
  const auto meet = [&](float distance, node x) {
    if (too_far(candidate::of(distance, x))) return;
    lead_to(g, 0, distance, x, walk);
    if (passes(x)) found.insert(distance, x);
  };
  const visited_set::marks seen = visited.begin();
  (void)seen.insert(start.at);
  meet(start.distance, start.at);
  const auto ended = [&](const candidate_list& left) {
    const candidate* const next = left.next();
    return next != nullptr && too_far(*next);
  };
  walk_beam(g, estimate, 0, walk, seen, ended, batch, [&](const link_batch& measured, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) meet(measured.distances[i], measured.nodes[i]);
    limit = stop.limit(found);
  });
}

// Fills `found` (cleared by the caller) with the nearest of all n nodes whose labels pass, as far as they are within
// the limit of `stop`; node_of(label).
template <estimator Estimator, class NodeOf, stop_rule Stop = no_early_stop>
void filtered_scan(std::size_t n, const Estimator& estimate, const label_filter& passes, const NodeOf& node_of,
                   candidate_list& found, link_batch& batch, const Stop& stop = {}) {
  constexpr std::size_t most = sizeof(batch.nodes) / sizeof(node);
  float limit = std::numeric_limits<float>::infinity();
  for (std::size_t x = passes.next(0, n); x < n;) {
    std::size_t count = 0;
    for (; x < n && count < most; x = passes.next(x + 1, n)) batch.nodes[count++] = node_of(x);
    estimate(batch.nodes, count, batch.distances);
    count = batch.keep_within(limit, count);
    for (std::size_t i = 0; i < count; ++i) found.insert(batch.distances[i], batch.nodes[i]);
    limit = stop.limit(found);
  }
}

}  // namespace thimble::inline THIMBLE_FLAGS
