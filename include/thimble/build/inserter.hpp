// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Connects one node to those that are in the graph already (HNSW, algorithm 1), on distances between codes alone: no
// float copy of the vectors is needed. Any number of threads insert at once, each with its own scratch, also while
// others remove nodes (build/remover.hpp) and the graph grows.

#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include <thimble/build/linker.hpp>
#include <thimble/core/atomic.hpp>
#include <thimble/core/config.hpp>
#include <thimble/graph/adjacency.hpp>
#include <thimble/graph/graph_part.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/search/candidate_list.hpp>
#include <thimble/search/traversal.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// usable(x): x may become a link; true before it is inserted. codes: where they are, or a function that tells it.
template <symmetric_quantizer Quantizer, std::predicate<node> Usable = all_usable, class Codes = simd::code_rows>
class inserter {
 public:
  inserter(adjacency& g, const Quantizer& q, const simd::kernel_set& kernels, Codes codes, unsigned ef_construction,
           Usable usable = {})
      : linker_(g, q, kernels, std::move(codes), std::move(usable)), graph_(g), ef_construction_(ef_construction) {}

  // The codes of x are in place, and it has no links of its own; those that its slot had before, and that still lead
  // there, do no harm. Thread-safe.
  void insert(node x, insert_scratch& scratch) {
    const unsigned top = graph_.level(x);
    linker_.prepare(x, scratch.inserted_query());
    const auto above = [top](entry_point entry) { return entry.at == no_node || top > entry.level; };
    entry_point entry = graph_.entry();
    // A node above the entry changes it: one at a time, with the entry as it is then.
    std::optional<detail::byte_lock_guard> alone;
    if (above(entry)) {
      alone.emplace(graph_.entry_lock());
      entry = graph_.entry();
    }
    connect(x, entry, scratch);
    if constexpr (changing) {
      // All that x was linked to, and the entry, may have been removed since.
      for (int i = 0; i < most_retries && is_lost(x); ++i) connect(x, graph_.entry(), scratch);
      if (!alone) alone.emplace(graph_.entry_lock());
    }
    if (alone && above(graph_.entry())) graph_.set_entry({x, top});
  }

 private:
  using detail_linker = detail::linker<Quantizer, Usable, Codes>;
  static constexpr bool changing = detail_linker::changing;

  static constexpr int most_retries = 3;

  // Whether x has links, but to none that stays.
  [[nodiscard]] bool is_lost(node x) const {
    bool any = false, stays = false;
    graph_.for_each_link(x, 0, [&](node y) {
      any = true;
      stays = stays || linker_.usable(y);
    });
    return any && !stays;
  }

  // First the links of x on all its levels, then the links back to it, so that whoever meets x on an upper level can go
  // on from it below. (Found top-down and linked level by level, x is met while its lower rows are empty: another
  // thread's node then knows nothing but x, and is lost when the row of x is written. Seen: 1 % of the nodes out of
  // reach.) For the same reason a slot that is used again keeps its old rows until then.
  void connect(node x, entry_point entry, insert_scratch& scratch) {
    std::array<std::size_t, max_level + 1> n_links{};
    if (entry.at != no_node) {
      if constexpr (changing) {
        // No link may lead to x: it stands in a slot that is used again, and may be linked to from its last life.
        const auto is_other = [x](node y) { return y != x; };
        find_links(graph_part(graph_, is_other), x, entry, n_links, scratch);
      } else {
        find_links(graph_, x, entry, n_links, scratch);
      }
    }
    for (unsigned level = 0; level <= graph_.level(x); ++level) {
      const auto guard = graph_.lock(x);
      graph_.set_links(x, level, {scratch.links[level].data(), n_links[level]});
    }
    for (unsigned level = 0; level <= graph_.level(x); ++level)
      for (std::size_t i = 0; i < n_links[level]; ++i) linker_.link_back(scratch.links[level][i], level, x, scratch);
  }

  template <graph Graph>
  void find_links(const Graph& walked, node x, entry_point entry, std::array<std::size_t, max_level + 1>& n_links,
                  insert_scratch& scratch) const {
    const auto estimate = linker_.distances_from(scratch.inserted_query());
    const unsigned top = std::min(graph_.level(x), entry.level);
    located nearest = descend(walked, estimate, entry, top, scratch.batch);
    for (unsigned level = top;; --level) {
      scratch.candidates.clear(ef_construction_);
      beam_search(walked, estimate, nearest, level, scratch.candidates, scratch.visited, scratch.batch,
                  linker_.near_enough());
      const std::span<const candidate> found = scratch.candidates.items();
      nearest = {found.front().id(), found.front().distance()};
      n_links[level] = linker_.select(usable_of(found, x, level, estimate, scratch), graph_.m(), scratch);
      std::copy_n(scratch.taken.begin(), n_links[level], scratch.links[level].begin());
      if (level == 0) break;
    }
  }

  // Those that may become links; the entry where there is none, so that x is not lost among nodes that leave.
  template <estimator Estimator>
  [[nodiscard]] std::span<const candidate> usable_of(std::span<const candidate> found, node x, unsigned level,
                                                     const Estimator& estimate, insert_scratch& scratch) const {
    if constexpr (changing) {
      scratch.usable.clear(ef_construction_);
      for (const candidate c : found)
        if (linker_.usable(c.id())) scratch.usable.insert(c.distance(), c.id());
      const entry_point entry = graph_.entry();
      if (scratch.usable.items().empty() && entry.at != no_node && entry.at != x && level <= entry.level) {
        float distance;
        estimate(&entry.at, 1, &distance);
        scratch.usable.insert(distance, entry.at);
      }
      return scratch.usable.items();
    } else {
      return found;
    }
  }

  detail_linker linker_;
  adjacency& graph_;
  unsigned ef_construction_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
