// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <thimble/build/neighborhood.hpp>
#include <thimble/core/random.hpp>
#include <thimble/graph/adjacency.hpp>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble::detail {
namespace {

using bits = neighborhood::bits;

TEST(neighborhood, holds_64_nodes_once_whatever_their_numbers) {
  random_generator random(1);
  for (int round = 0; round < 20; ++round) {
    neighborhood near;
    std::vector<node> added;
    while (added.size() < neighborhood::most) {
      const auto x = static_cast<node>(random.below(round % 2 == 0 ? 200 : max_nodes));
      if (std::ranges::count(added, x) == 0) added.push_back(x);
      EXPECT_EQ(near.add(x), near.add(x));
    }
    for (std::size_t i = 0; i < added.size(); ++i) EXPECT_EQ(near.bit_of(added[i]), bits{1} << i);
    const node another = max_nodes + 1;
    EXPECT_EQ(near.add(another), 0u);
    EXPECT_EQ(near.bit_of(another), 0u);
    std::vector<node> visited;
    near.for_each(~bits{0}, [&](node x) { visited.push_back(x); });
    EXPECT_EQ(visited, added);
    EXPECT_EQ(near.first_of(bits{6}), added[1]);
  }
}

TEST(neighborhood, what_is_reached_is_reached_without_leaving_it) {
  auto g = adjacency::create(6, 2, 1);
  ASSERT_TRUE(test::succeeded(g));
  const auto link = [&](node x, std::vector<node> to) {
    const auto guard = g->lock(x);
    g->set_links(x, 0, to);
  };
  // 0 -> 1 -> 2 <-> 3, 4 -> 0, and 5, which is not one of them, leads from 3 to 4.
  link(0, {1});
  link(1, {2});
  link(2, {3});
  link(3, {2, 5});
  link(4, {0});
  link(5, {4});
  neighborhood near;
  for (node x = 0; x < 5; ++x) near.add(x);
  const bits all = 31;
  EXPECT_EQ(near.links_of(*g, 0, 3), 0b100u);
  EXPECT_EQ(near.links_of(*g, 0, 5), 0u);
  const auto reached_from = [&](bits start, bits wanted) { return near.reached_from(*g, 0, start, wanted); };
  EXPECT_EQ(reached_from(1, all), 0b01111u);
  EXPECT_EQ(reached_from(1 << 2, all), 0b01100u);
  EXPECT_EQ(reached_from(1 << 4, all), all);
  EXPECT_EQ(reached_from(1 << 4 | 1 << 2, all), all);
  EXPECT_EQ(reached_from(0, all), 0u);
  EXPECT_EQ(reached_from(1, 0b10), 0b11u) << "no further than what is wanted";

  link(3, {0});
  link(1, {4});
  EXPECT_EQ(reached_from(1 << 2, all), 0b01100u) << "links are as they were when they were read";
  near.forget_links(3);
  EXPECT_EQ(reached_from(1 << 2, all), 0b01111u);
  near.forget_links(1);
  EXPECT_EQ(reached_from(1 << 2, all), all);
}

}  // namespace
}  // namespace thimble::detail
