// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Brings every node within reach of walks. A full row that is chosen again may let go of the last link to a node; of
// 60,000 pictures (fashion-mnist) .2 % were in nobody's row when the last one had been inserted, of word2vec's vectors
// .07 %: no search would ever find them. (Where nodes come and go, full rows still lead to those that they let go of,
// build/linker.hpp.)

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <thimble/build/linker.hpp>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/adjacency.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/search/traversal.hpp>

namespace thimble::inline THIMBLE_FLAGS {

namespace detail {

// Which nodes the links of level 0 lead to, of those that the graph has by now. A byte a node.
class reached_nodes {
 public:
  // Error: out_of_memory.
  [[nodiscard]] static expected<reached_nodes> create(const adjacency& g) {
    auto states = aligned_buffer<state>::create(g.size());
    if (!states) return std::unexpected(states.error());
    return reached_nodes(g, std::move(*states));
  }

  [[nodiscard]] std::size_t size() const { return states_.size(); }
  [[nodiscard]] bool contains(node x) const { return x < size() && states_[x] != state::unseen; }

  // And those that x leads to.
  void add(node x) {
    if (!expand(x)) return;
    // Node after node, while any is left: neighbours have numbers that are near, so few rounds do it.
    for (bool any = true; any;) {
      any = false;
      for (std::size_t i = 0; i < states_.size(); ++i)
        if (states_[i] == state::seen) any = expand(static_cast<node>(i)) || any;
    }
  }

 private:
  enum class state : std::uint8_t { unseen, seen, expanded };

  reached_nodes(const adjacency& g, aligned_buffer<state> states) : graph_(&g), states_(std::move(states)) {}

  // Whether x leads to others that were not seen.
  bool expand(node x) {
    bool more = false;
    states_[x] = state::expanded;
    graph_->for_each_link(x, 0, [&](node y) {
      if (y >= states_.size() || states_[y] != state::unseen) return;
      states_[y] = state::seen;
      more = true;
    });
    return more;
  }

  const adjacency* graph_;
  aligned_buffer<state> states_;
};

}  // namespace detail

// Adds links on level 0, or puts them in the place of those that can be spared, until links lead from the entry to
// every usable node; ef: of the walks that look for who is to link to a node. (Where no row near by has room or a link
// to spare, as may be with m = 2 or 3, some stay out of reach.) Returns how many were out of reach. Others may change
// the graph meanwhile: what they let go of is not looked for. Error: out_of_memory.
template <symmetric_quantizer Quantizer, std::predicate<node> Usable = all_usable, class Codes = simd::code_rows>
[[nodiscard]] expected<std::size_t> reach_all(adjacency& g, const Quantizer& quantizer, const simd::kernel_set& kernels,
                                              Codes codes, unsigned ef, insert_scratch& scratch, Usable usable = {}) {
  const entry_point entry = g.entry();
  if (entry.at == no_node) return 0;
  auto reached = detail::reached_nodes::create(g);
  if (!reached) return std::unexpected(reached.error());
  reached->add(entry.at);

  detail::linker<Quantizer, Usable, Codes> linker(g, quantizer, kernels, std::move(codes), std::move(usable));
  const auto within_reach = [&](candidate c) { return reached->contains(c.id()); };
  std::size_t n_linked = 0;
  for (std::size_t i = 0; i < reached->size(); ++i) {
    const auto x = static_cast<node>(i);
    if (!linker.usable(x) || reached->contains(x)) continue;
    linker.prepare(x, scratch.inserted_query());
    const auto estimate = linker.distances_from(scratch.inserted_query());
    const auto walk_from = [&](located start) {
      scratch.candidates.clear(ef);
      beam_search(g, estimate, start, 0, scratch.candidates, scratch.visited, scratch.batch);
      scratch.usable.clear(ef);
      for (const candidate c : scratch.candidates.items())
        if (within_reach(c)) scratch.usable.insert(c.distance(), c.id());
    };
    walk_from(descend(g, estimate, entry, 0, scratch.batch));
    // The levels above may lead to an island.
    if (scratch.usable.items().empty()) walk_from(descend(g, estimate, entry, entry.level, scratch.batch));
    linker.keep_reachable(x, 0, scratch.usable.items(), scratch);
    reached->add(x);
    ++n_linked;
  }
  return n_linked;
}

}  // namespace thimble::inline THIMBLE_FLAGS
