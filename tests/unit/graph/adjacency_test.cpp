// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <thimble/core/executor.hpp>
#include <thimble/graph/adjacency.hpp>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

std::vector<node> links(const adjacency& g, node x, unsigned level) {
  std::vector<node> found;
  g.for_each_link(x, level, [&](node y) { found.push_back(y); });
  return found;
}

TEST(adjacency, begins_without_links_and_without_an_entry) {
  const auto g = adjacency::create(100, 3, 1);
  ASSERT_TRUE(succeeded(g));
  EXPECT_EQ(g->size(), 100u);
  EXPECT_EQ(g->m(), 3u);
  EXPECT_EQ(g->entry().at, no_node);
  EXPECT_EQ(g->max_degree(0), 6u);
  EXPECT_EQ(g->max_degree(1), 3u);
  for (node x = 0; x < 100; ++x)
    for (unsigned level = 0; level <= g->level(x); ++level) EXPECT_TRUE(links(*g, x, level).empty());
}

TEST(adjacency, rows_keep_what_they_are_given_on_each_level) {
  auto g = adjacency::create(200, 2, 1);
  ASSERT_TRUE(succeeded(g));
  // Every row gets links of its own, then all are read.
  const auto link_of = [](node x, unsigned level, node i) { return (x * 31 + level * 7 + i) % 200; };
  for (node x = 0; x < 200; ++x) {
    for (unsigned level = 0; level <= g->level(x); ++level) {
      std::vector<node> row;
      for (node i = 0; i < g->max_degree(level); ++i) row.push_back(link_of(x, level, i));
      const auto guard = g->lock(x);
      g->set_links(x, level, row);
    }
  }
  for (node x = 0; x < 200; ++x) {
    for (unsigned level = 0; level <= g->level(x); ++level) {
      const auto row = links(*g, x, level);
      ASSERT_EQ(row.size(), g->max_degree(level));
      for (node i = 0; i < row.size(); ++i) ASSERT_EQ(row[i], link_of(x, level, i));
    }
  }
}

TEST(adjacency, a_shorter_row_ends_where_it_should) {
  auto g = adjacency::create(10, 2, 1);
  const std::vector<node> longer{1, 2, 3, 4}, shorter{5};
  g->set_links(0, 0, longer);
  g->set_links(0, 0, shorter);
  EXPECT_EQ(links(*g, 0, 0), shorter);
  g->set_links(0, 0, {});
  EXPECT_TRUE(links(*g, 0, 0).empty());
}

TEST(adjacency, appends_until_a_row_is_full) {
  auto g = adjacency::create(10, 2, 1);
  for (node y = 1; y <= 4; ++y) EXPECT_TRUE(g->append_link(0, 0, y));
  EXPECT_FALSE(g->append_link(0, 0, 5));
  EXPECT_EQ(links(*g, 0, 0), (std::vector<node>{1, 2, 3, 4}));
}

TEST(adjacency, the_entry_is_a_node_and_its_level) {
  auto g = adjacency::create(10, 2, 1);
  g->set_entry({7, 3});
  EXPECT_EQ(g->entry().at, 7u);
  EXPECT_EQ(g->entry().level, 3u);
}

TEST(adjacency, readers_see_only_valid_nodes_while_rows_are_rewritten) {
  auto g = adjacency::create(64, 4, 1);
  thread_executor threads(4);
  threads.run([&](unsigned worker) {
    for (node round = 0; round < 2000; ++round) {
      const node x = round % 8;
      if (worker < 2) {
        std::vector<node> row((round + worker) % 9);
        for (node i = 0; i < row.size(); ++i) row[i] = (x + i + worker) % 64;
        const auto guard = g->lock(x);
        g->set_links(x, 0, row);
      } else {
        std::size_t n = 0;
        g->for_each_link(x, 0, [&](node y) {
          ++n;
          EXPECT_LT(y, 64u);
        });
        EXPECT_LE(n, g->max_degree(0));
      }
    }
  });
}

// -------------------------------------------------------------------------------------------------- parts of a file

struct parts {
  unsigned m = 2;
  std::vector<std::uint8_t> levels{0, 1, 2, 0, 1};
  std::vector<node> base = std::vector<node>(5 * 4, no_node);
  std::vector<node> upper = std::vector<node>(4 * 2, no_node);
  entry_point entry{2, 2};

  parts() {
    base[0] = 1;
    base[1] = 4;
    base[4] = 0;
    upper[0] = 2;  // node 1, level 1
    upper[2] = 1;  // node 2, level 1
    upper[3] = 4;
  }
  [[nodiscard]] expected<adjacency> read() const {
    return adjacency::from_parts(m, aligned_buffer<std::uint8_t>::borrow(levels), aligned_buffer<node>::borrow(base),
                                 aligned_buffer<node>::borrow(upper), entry);
  }
};

TEST(adjacency, good_parts_make_a_graph) {
  const parts good;
  const auto g = good.read();
  ASSERT_TRUE(succeeded(g));
  EXPECT_EQ(links(*g, 0, 0), (std::vector<node>{1, 4}));
  EXPECT_EQ(links(*g, 2, 1), (std::vector<node>{1, 4}));
  EXPECT_EQ(links(*g, 1, 1), std::vector<node>{2});
  EXPECT_EQ(g->entry().at, 2u);
  EXPECT_EQ(g->entry().level, 2u);
  EXPECT_EQ(g->base_links().data(), good.base.data());
}

TEST(adjacency, what_was_built_is_read_back) {
  auto g = adjacency::create(50, 3, 9);
  const std::vector<node> row{4, 9};
  node top = 0;
  for (node x = 0; x < 50; ++x) {
    g->set_links(x, 0, row);
    if (g->level(x) > g->level(top)) top = x;
  }
  g->set_entry({top, g->level(top)});
  const auto read = adjacency::from_parts(3, aligned_buffer<std::uint8_t>::borrow(g->levels()),
                                          aligned_buffer<node>::borrow(g->base_links()),
                                          aligned_buffer<node>::borrow(g->upper_links()), g->entry());
  ASSERT_TRUE(succeeded(read));
  for (node x = 0; x < 50; ++x) EXPECT_EQ(links(*read, x, 0), row);
}

TEST(adjacency, every_wrong_part_is_corrupt) {
  const auto with = [](auto&& change) {
    parts changed;
    change(changed);
    return code_of(changed.read());
  };
  EXPECT_EQ(with([](parts&) {}), std::nullopt);
  EXPECT_EQ(with([](parts& p) { p.m = 0; }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.m = 1; }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.m = 3; }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.m = 65; }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.m = 0x80000002u; }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.base.pop_back(); }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.base.push_back(no_node); }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.upper.pop_back(); }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.upper.push_back(no_node); }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.levels.pop_back(); }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.levels.clear(); }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.levels[0] = 1; }), errc::corrupt) << "more rows than there are";
  EXPECT_EQ(with([](parts& p) { p.levels[0] = 255; }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { std::swap(p.levels[1], p.levels[0]); }), errc::corrupt)
      << "links to a node below its level";
  EXPECT_EQ(with([](parts& p) { p.entry = {5, 2}; }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.entry = {no_node, 2}; }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.entry = {2, 1}; }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.entry = {2, 3}; }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.entry = {1, 1}; }), errc::corrupt) << "a node stands above the entry";
  EXPECT_EQ(with([](parts& p) { p.base[0] = 5; }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.base[0] = no_node - 1; }), errc::corrupt);
  EXPECT_EQ(with([](parts& p) { p.base[19] = 0; }), errc::corrupt) << "a link behind the end of its row";
  EXPECT_EQ(with([](parts& p) { p.upper[0] = 0; }), errc::corrupt) << "a link to a node that is not on this level";
  EXPECT_EQ(with([](parts& p) { p.upper[4] = 4; }), errc::corrupt) << "level 2 to a node of level 1";
  EXPECT_EQ(with([](parts& p) { p.upper[1] = 0x7fffffffu; }), errc::corrupt);
}

TEST(adjacency, sizes_whose_product_wraps_in_32_bits_are_corrupt) {
  // 2^25 nodes of 128 links: the number of links is 0 modulo 2^32.
  auto levels = aligned_buffer<std::uint8_t>::create(std::size_t{1} << 25);
  ASSERT_TRUE(succeeded(levels));
  EXPECT_EQ(code_of(adjacency::from_parts(64, std::move(*levels), {}, {}, {0, 0})), errc::corrupt);
}

}  // namespace
}  // namespace thimble
