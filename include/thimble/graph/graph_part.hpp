// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A graph without some of its nodes: the links to them are passed over.

#pragma once

#include <concepts>
#include <cstddef>

#include <thimble/core/config.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/graph.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// keeps(x): x is not left out. Refers to the graph, whose size, entry and degrees it has.
template <graph Graph, std::predicate<node> Keeps>
class graph_part {
 public:
  graph_part(const Graph& all, Keeps keeps) : all_(all), keeps_(keeps) {}

  [[nodiscard]] std::size_t size() const { return all_.size(); }
  [[nodiscard]] entry_point entry() const { return all_.entry(); }
  [[nodiscard]] std::size_t max_degree(unsigned level) const { return all_.max_degree(level); }
  template <class Visit>
  THIMBLE_ALWAYS_INLINE void for_each_link(node x, unsigned level, Visit&& visit) const {
    all_.for_each_link(x, level, [&](node y) {
      if (keeps_(y)) visit(y);
    });
  }
  THIMBLE_ALWAYS_INLINE void prefetch_links(node x) const { all_.prefetch_links(x); }

 private:
  const Graph& all_;
  Keeps keeps_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
