// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <thimble/graph/adjacency.hpp>
#include <vector>

namespace thimble::test {

inline std::vector<node> links_of(const adjacency& g, node x, unsigned level) {
  std::vector<node> links;
  g.for_each_link(x, level, [&](node y) { links.push_back(y); });
  return links;
}

// Nodes that the links of level 0 lead to from the entry, itself among them.
inline std::size_t reachable(const adjacency& g) {
  std::vector<bool> seen(g.size());
  std::vector<node> open{g.entry().at};
  seen[open.front()] = true;
  std::size_t n = 0;
  while (!open.empty()) {
    const node x = open.back();
    open.pop_back();
    ++n;
    for (const node y : links_of(g, x, 0)) {
      if (seen[y]) continue;
      seen[y] = true;
      open.push_back(y);
    }
  }
  return n;
}

}  // namespace thimble::test
