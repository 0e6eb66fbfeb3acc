// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What a search needs of a graph: the links of a node on a level, and where to begin.

#pragma once

#include <concepts>
#include <cstddef>

#include <thimble/core/config.hpp>
#include <thimble/core/function_ref.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Links per node: M in the paper. Level 0 has up to 2m.
inline constexpr unsigned min_m = 2;
inline constexpr unsigned max_m = 64;

// Where a search begins: a node of the highest level.
struct entry_point {
  node at = no_node;
  unsigned level = 0;
};

template <class G>
concept graph = requires(const G& g, node x, unsigned level, function_ref<void(node)> visit) {
  { g.size() } -> std::convertible_to<std::size_t>;
  // at == no_node in an empty graph.
  { g.entry() } -> std::same_as<entry_point>;
  // The most links a node can have on a level: the room a caller keeps.
  { g.max_degree(level) } -> std::convertible_to<std::size_t>;
  // visit(y) for each link x -> y of the level. Links may change under a reader, who then sees some of the old and some
  // of the new ones, all of them valid nodes.
  g.for_each_link(x, level, visit);
  // Asks for the links of x on level 0 ahead of their use.
  g.prefetch_links(x);
};

// Asks for what tells where the links of x on level 0 are, of graphs that have to look it up: for nodes that will
// probably be expanded, but not next.
template <graph G>
THIMBLE_ALWAYS_INLINE void prefetch_place(const G& g, node x) {
  if constexpr (requires { g.prefetch_place(x); }) g.prefetch_place(x);
}

}  // namespace thimble::inline THIMBLE_FLAGS
