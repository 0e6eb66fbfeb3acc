// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Takes one node out of the graph and mends it around: who links to it links past it, and what it links to is linked to
// from elsewhere (FreshDiskANN, arXiv:2105.09613, but in place and at once, as IP-DiskANN, arXiv:2502.13826). Links are
// one-way, so those who link to x are looked for where they are likely: among the nodes that a walk from x finds
// nearest to it. It misses a tenth, which a sweep over all rows finds. Costs two to three
// times as much as an insertion.

#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <utility>

#include <thimble/build/linker.hpp>
#include <thimble/core/atomic.hpp>
#include <thimble/core/config.hpp>
#include <thimble/graph/adjacency.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/search/traversal.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// usable(x): x is in the graph, and stays. codes: where they are, or a function that tells it.
template <symmetric_quantizer Quantizer, std::predicate<node> Usable, class Codes = simd::code_rows>
class remover {
 public:
  // ef: how many nodes, the nearest to a removed one, are asked for links to it; the scratch has room for as many.
  remover(adjacency& g, const Quantizer& q, const simd::kernel_set& kernels, Codes codes, unsigned ef, Usable usable)
      : linker_(g, q, kernels, std::move(codes), std::move(usable)), graph_(g), ef_(ef) {}

  // x was inserted and is not usable any more; its codes are still there. Its own links stay, for somebody may stand on
  // it: its slot can be used again when no walk that began before is under way. Thread-safe.
  void remove(node x, insert_scratch& scratch) {
    THIMBLE_ASSERT(!linker_.usable(x));
    replace_entry(x);
    linker_.prepare(x, scratch.inserted_query());
    const auto estimate = linker_.distances_from(scratch.inserted_query());
    located self{x, 0};
    estimate(&x, 1, &self.distance);
    for (unsigned level = 0; level <= graph_.level(x); ++level) {
      scratch.candidates.clear(ef_);
      beam_search(graph_, estimate, self, level, scratch.candidates, scratch.visited, scratch.batch,
                  linker_.near_enough());
      const std::span<const candidate> around = scratch.candidates.items();
      detail::neighborhood near;
      const detail::neighborhood::bits beyond = linker_.add_beyond(near, x, level);
      for (const candidate c : around)
        if (linker_.usable(c.id())) near.add(c.id());
      // Who linked to x leads to all that is beyond it from now on, so that whoever could be reached still can. (Rows
      // of others that were removed lead there as before, until the sweep.)
      detail::neighborhood::bits linked = 0;
      const auto mend = [&](node y) {
        if (linker_.usable(y) && linker_.bypass(y, level, x, scratch)) linked |= near.bit_of(y);
      };
      for (const candidate c : around) mend(c.id());
      graph_.for_each_link(x, level, mend);
      graph_.for_each_link(x, level, [&](node y) {
        if (linker_.usable(y)) linker_.keep_reachable(y, level, around, scratch);
      });
      linker_.keep_connected(near, linked, beyond, level, scratch);
    }
  }

  // Lets go of all links from the nodes first .. last - 1 to nodes that are not usable, links past them instead, and
  // returns how many they were. (Those that the walk missed come from afar; dropped alone, clusters become islands: of
  // 2,000 vectors in 20 clusters .81 were found after 13 rounds of replacing all, now .99.) Rows of nodes that are not
  // usable are still as they were. Thread-safe.
  std::size_t sweep(node first, node last, insert_scratch& scratch) {
    std::size_t dropped = 0;
    for (node y = first; y < last; ++y)
      for (unsigned level = 0; level <= graph_.level(y); ++level) dropped += drop_unusable(y, level, scratch);
    return dropped;
  }

 private:
  // Another node of the highest level that is left: one that x links to, or any.
  void replace_entry(node x) {
    const detail::byte_lock_guard guard(graph_.entry_lock());
    const entry_point old = graph_.entry();
    if (old.at != x) return;
    entry_point next;
    graph_.for_each_link(x, old.level, [&](node y) {
      if (next.at == no_node && linker_.usable(y)) next = {y, graph_.level(y)};
    });
    if (next.at == no_node) next = highest();
    graph_.set_entry(next);
  }

  // One that has links goes before one that has none, which may be about to get them.
  [[nodiscard]] entry_point highest() const {
    entry_point best;
    bool best_linked = false;
    const std::size_t n = graph_.size();
    for (std::size_t i = 0; i < n; ++i) {
      const auto y = static_cast<node>(i);
      if (!linker_.usable(y)) continue;
      bool linked = false;
      graph_.for_each_link(y, 0, [&](node) { linked = true; });
      if (best.at != no_node && std::pair(linked, graph_.level(y)) <= std::pair(best_linked, best.level)) continue;
      best = {y, graph_.level(y)};
      best_linked = linked;
    }
    return best;
  }

  [[nodiscard]] std::size_t drop_unusable(node y, unsigned level, insert_scratch& scratch) {
    std::array<node, 2 * max_m> gone;
    std::size_t n_gone = 0;
    graph_.for_each_link(y, level, [&](node z) {
      if (!linker_.usable(z)) gone[n_gone++] = z;
    });
    if (n_gone == 0) return 0;
    if (linker_.usable(y)) {
      detail::neighborhood near;
      const detail::neighborhood::bits self = near.add(y);
      detail::neighborhood::bits beyond = 0;
      for (std::size_t i = 0; i < n_gone; ++i) beyond |= linker_.add_beyond(near, gone[i], level);
      linker_.add_links(near, y, level);
      for (std::size_t i = 0; i < n_gone; ++i) linker_.bypass(y, level, gone[i], scratch);
      linker_.keep_connected(near, self, beyond, level, scratch);
      return n_gone;
    }
    const auto guard = graph_.lock(y);
    std::size_t n = 0;
    graph_.for_each_link(y, level, [&](node z) {
      if (linker_.usable(z)) scratch.batch.nodes[n++] = z;
    });
    graph_.set_links(y, level, {scratch.batch.nodes, n});
    return n_gone;
  }

  detail::linker<Quantizer, Usable, Codes> linker_;
  adjacency& graph_;
  unsigned ef_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
