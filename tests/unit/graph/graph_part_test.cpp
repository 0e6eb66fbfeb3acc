// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <array>
#include <thimble/graph/adjacency.hpp>
#include <thimble/graph/graph_part.hpp>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

TEST(graph_part, passes_over_links_to_what_is_left_out_and_is_else_the_graph) {
  auto all = adjacency::create(5, 4, 1);
  ASSERT_TRUE(test::succeeded(all));
  all->set_links(0, 0, std::array<node, 4>{1, 2, 3, 4});
  all->set_links(2, 0, std::array<node, 1>{0});
  all->set_entry({3, all->level(3)});
  node out = 2;
  const auto keeps = [&](node x) { return x != out; };
  const graph_part part(*all, keeps);
  static_assert(graph<decltype(part)>);
  EXPECT_EQ(part.size(), 5u);
  EXPECT_EQ(part.entry().at, 3u);
  EXPECT_EQ(part.max_degree(0), all->max_degree(0));
  EXPECT_EQ(part.max_degree(1), all->max_degree(1));
  const auto links_of = [&](node x) {
    std::vector<node> links;
    part.for_each_link(x, 0, [&](node y) { links.push_back(y); });
    return links;
  };
  EXPECT_EQ(links_of(0), (std::vector<node>{1, 3, 4}));
  EXPECT_EQ(links_of(2), std::vector<node>{0}) << "its own links stay";
  EXPECT_EQ(links_of(1), std::vector<node>{});
  out = no_node;
  EXPECT_EQ(links_of(0), (std::vector<node>{1, 2, 3, 4}));
}

}  // namespace
}  // namespace thimble
