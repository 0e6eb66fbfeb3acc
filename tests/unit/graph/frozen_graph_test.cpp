// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <thimble/core/random.hpp>
#include <thimble/graph/frozen_graph.hpp>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

constexpr unsigned frozen_m = 4;

// Any links, on every level that a node and its link both reach.
adjacency random_graph(std::size_t n) {
  auto g = adjacency::create(n, frozen_m, 3);
  random_generator random(n);
  entry_point entry;
  for (node x = 0; x < n; ++x) {
    if (entry.at == no_node || g->level(x) > entry.level) entry = {x, g->level(x)};
    for (unsigned level = 0; level <= g->level(x); ++level) {
      std::vector<node> links;
      for (std::size_t i = 0; i < g->max_degree(level); ++i) {
        const auto y = static_cast<node>(random.below(n));
        if (y != x && g->level(y) >= level && std::ranges::find(links, y) == links.end()) links.push_back(y);
      }
      const auto guard = g->lock(x);
      g->set_links(x, level, links);
    }
  }
  g->set_entry(entry);
  return std::move(*g);
}

std::vector<node> any_order(std::size_t n) {
  std::vector<node> order(n);
  std::iota(order.begin(), order.end(), node{0});
  random_generator random(9);
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

template <graph Graph>
std::vector<node> sorted_links(const Graph& g, node x, unsigned level) {
  std::vector<node> links;
  g.for_each_link(x, level, [&](node y) { links.push_back(y); });
  std::ranges::sort(links);
  return links;
}

struct frozen_parts {
  std::vector<std::uint8_t> levels;
  link_widths widths;
  std::vector<std::byte> base;
  std::vector<node> upper;
  entry_point entry;
  unsigned m = frozen_m;

  explicit frozen_parts(const frozen_graph& g)
      : levels(g.levels().begin(), g.levels().end()),
        widths(g.base().widths()),
        base(g.base().lists().begin(), g.base().lists().end()),
        upper(g.upper_links().begin(), g.upper_links().end()),
        entry(g.entry()) {}

  [[nodiscard]] expected<frozen_graph> read() const {
    return frozen_graph::from_parts(m, aligned_buffer<std::uint8_t>::borrow(levels), widths,
                                    aligned_buffer<std::byte>::borrow(base), aligned_buffer<node>::borrow(upper),
                                    entry);
  }
};

TEST(frozen_graph, is_the_graph_under_other_numbers) {
  for (const std::size_t n : {1u, 2u, 60u, 2000u}) {
    const adjacency g = random_graph(n);
    const auto order = any_order(n);
    const auto frozen = frozen_graph::freeze(g, order);
    ASSERT_TRUE(succeeded(frozen));
    const frozen_parts in_file(*frozen);
    const auto read = in_file.read();
    ASSERT_TRUE(succeeded(read));
    std::vector<node> place(n);
    for (node i = 0; i < n; ++i) place[order[i]] = i;
    for (const frozen_graph* f : {&*frozen, &*read}) {
      EXPECT_EQ(f->size(), n);
      EXPECT_EQ(f->entry().at, place[g.entry().at]);
      EXPECT_EQ(f->entry().level, g.entry().level);
      EXPECT_EQ(f->max_degree(0), 2 * frozen_m);
      for (node i = 0; i < n; ++i) {
        ASSERT_EQ(f->level(i), g.level(order[i]));
        for (unsigned level = 0; level <= f->level(i); ++level) {
          auto expected_links = sorted_links(g, order[i], level);
          for (node& y : expected_links) y = place[y];
          std::ranges::sort(expected_links);
          ASSERT_EQ(sorted_links(*f, i, level), expected_links);
        }
      }
    }
  }
}

TEST(frozen_graph, leaves_out_what_the_order_does_not_name) {
  const adjacency g = random_graph(600);
  std::vector<node> order;
  for (node x = 0; x < 600; ++x)
    if (x % 3 != 0 || x == g.entry().at) order.push_back(x);
  const auto frozen = frozen_graph::freeze(g, order);
  ASSERT_TRUE(succeeded(frozen));
  ASSERT_TRUE(succeeded(frozen_parts(*frozen).read()));
  EXPECT_EQ(frozen->size(), order.size());
  for (node i = 0; i < order.size(); ++i) {
    for (unsigned level = 0; level <= frozen->level(i); ++level) {
      std::vector<node> kept;
      for (const node y : sorted_links(g, order[i], level))
        if (const auto at = std::ranges::find(order, y); at != order.end())
          kept.push_back(static_cast<node>(at - order.begin()));
      ASSERT_EQ(sorted_links(*frozen, i, level), kept);
    }
  }
}

TEST(frozen_graph, of_no_nodes_has_no_entry) {
  const auto frozen = frozen_graph::freeze(*adjacency::create(0, frozen_m, 1), {});
  ASSERT_TRUE(succeeded(frozen));
  EXPECT_EQ(frozen->entry().at, no_node);
  EXPECT_EQ(frozen->size(), 0u);
}

TEST(frozen_graph, wrong_parts_are_corrupt) {
  const frozen_parts good(*frozen_graph::freeze(random_graph(300), any_order(300)));
  ASSERT_TRUE(succeeded(good.read()));
  ASSERT_FALSE(good.upper.empty());
  const auto outcome = [&](auto&& change) {
    frozen_parts bad = good;
    change(bad);
    return code_of(bad.read());
  };
  EXPECT_EQ(outcome([](frozen_parts& p) { p.m = 1; }), errc::corrupt);
  EXPECT_EQ(outcome([](frozen_parts& p) { p.m = 5; }), errc::corrupt) << "other rows above";
  EXPECT_EQ(outcome([](frozen_parts& p) { p.levels.pop_back(); }), errc::corrupt);
  EXPECT_EQ(outcome([](frozen_parts& p) { p.upper.pop_back(); }), errc::corrupt);
  EXPECT_EQ(outcome([](frozen_parts& p) { p.upper[0] = 300; }), errc::corrupt);
  EXPECT_EQ(outcome([](frozen_parts& p) { p.base.pop_back(); }), errc::corrupt);
  EXPECT_EQ(outcome([](frozen_parts& p) { p.entry.at = 300; }), errc::corrupt);
  EXPECT_EQ(outcome([](frozen_parts& p) { p.entry.level += 1; }), errc::corrupt);
}

TEST(sort_distinct, gives_what_sorting_and_leaving_out_twins_gives) {
  random_generator random(5);
  for (std::size_t n = 0; n <= 2 * max_m; ++n) {
    for (const std::uint64_t range : {std::uint64_t{2}, std::uint64_t{100}, std::uint64_t{no_node}}) {
      std::vector<node> row(n);
      for (node& x : row) x = static_cast<node>(random.below(range));
      std::vector<node> expected = row;
      std::ranges::sort(expected);
      expected.erase(std::unique(expected.begin(), expected.end()), expected.end());
      row.resize(detail::sort_distinct(row));
      EXPECT_EQ(row, expected);
    }
  }
}

}  // namespace
}  // namespace thimble
