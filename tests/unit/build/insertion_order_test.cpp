// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <thimble/build/insertion_order.hpp>
#include <vector>

namespace thimble {
namespace {

std::vector<node> nodes_of(const insertion_order& order) {
  std::vector<node> nodes;
  for (std::size_t block = 0; block < order.blocks(); ++block)
    order.for_each(block, [&](node x) { nodes.push_back(x); });
  return nodes;
}

TEST(insertion_order, holds_every_node_once) {
  for (const std::size_t n : {0u, 1u, 2u, 3u, 63u, 64u, 65u, 128u, 1000u, 4096u, 100'003u}) {
    auto nodes = nodes_of(insertion_order(n));
    std::ranges::sort(nodes);
    ASSERT_EQ(nodes.size(), n);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(nodes[i], i);
  }
}

// Whenever one is inserted, no stretch of the line is much denser than another.
TEST(insertion_order, is_about_as_dense_everywhere_at_any_time) {
  constexpr std::size_t n = 10'000, stretches = 10;
  const auto nodes = nodes_of(insertion_order(n));
  std::vector<std::size_t> in(stretches);
  for (std::size_t i = 0; i < n; ++i) {
    ++in[nodes[i] * stretches / n];
    if (i < 1000) continue;
    const auto [fewest, most] = std::ranges::minmax(in);
    ASSERT_LE(most, 2 * fewest + 64) << i;
  }
}

// What one has read the next one reads: most stand beside the one before, of those that are there by then.
TEST(insertion_order, goes_by_neighbours) {
  constexpr std::size_t n = 1 << 14;
  const auto nodes = nodes_of(insertion_order(n));
  std::size_t beside = 0;
  for (std::size_t i = n / 2 + 1; i < n; ++i) beside += nodes[i] == nodes[i - 1] + 2 ? 1 : 0;
  EXPECT_GE(beside, (n / 2) * 15 / 16 - 1);
}

}  // namespace
}  // namespace thimble
