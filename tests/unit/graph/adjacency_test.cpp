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

TEST(adjacency, grows_by_chunks_and_keeps_its_rows) {
  auto g = adjacency::create(3, 7);
  EXPECT_EQ(g.size(), 0u);
  EXPECT_EQ(g.entry().at, no_node);
  std::size_t written = 0;
  const auto link_of = [](std::size_t x, unsigned level) { return static_cast<node>(x * 31 + level); };
  for (const std::size_t n : {1u, 2u, 1024u, 1025u, 60'000u}) {
    ASSERT_TRUE(succeeded(g.grow(n)));
    EXPECT_EQ(g.size(), (n + 1023) / 1024 * 1024);
    for (; written < g.size(); ++written) {
      const auto x = static_cast<node>(written);
      ASSERT_EQ(g.level(x), draw_level(7, x, 3));
      for (unsigned level = 0; level <= g.level(x); ++level) {
        ASSERT_TRUE(links(g, x, level).empty());
        ASSERT_TRUE(g.append_link(x, level, link_of(x, level)));
      }
    }
    for (node x = 0; x < written; ++x)
      for (unsigned level = 0; level <= g.level(x); ++level)
        ASSERT_EQ(links(g, x, level), std::vector<node>{link_of(x, level)});
  }
}

TEST(adjacency, keeps_its_links_of_level_0_where_it_is_told_to) {
  constexpr node n = 100;
  constexpr unsigned m = 3;
  std::vector<node> rows(n * 2 * m, 5);
  auto g = adjacency::create(n, m, 1, rows);
  ASSERT_TRUE(succeeded(g));
  EXPECT_TRUE(std::ranges::all_of(rows, [](node y) { return y == no_node; }));
  for (node x = 0; x < n; ++x) ASSERT_TRUE(g->append_link(x, 0, (x + 1) % n));
  for (node x = 0; x < n; ++x) {
    EXPECT_EQ(rows[std::size_t{x} * 2 * m], (x + 1) % n);
    EXPECT_EQ(links(*g, x, 0), std::vector<node>{(x + 1) % n});
  }
}

TEST(adjacency, growing_to_less_changes_nothing) {
  auto g = adjacency::create(3, 1);
  ASSERT_TRUE(succeeded(g.grow(101)));
  EXPECT_EQ(g.size(), 1024u);
  const std::size_t bytes = g.bytes();
  ASSERT_TRUE(succeeded(g.grow(7)));
  EXPECT_EQ(g.size(), 1024u);
  EXPECT_EQ(g.bytes(), bytes);
  EXPECT_EQ(code_of(g.grow(max_nodes + 1)), errc::too_many_vectors);
  const auto whole = adjacency::create(100, 3, 1);
  EXPECT_EQ(whole->size(), 100u);
  EXPECT_LT(whole->bytes(), 100 * (8 * 3 + 2 + 20) + 1000);
}

TEST(adjacency, takes_the_bytes_of_its_rows_and_little_more) {
  auto g = adjacency::create(16, 1);
  ASSERT_TRUE(succeeded(g.grow(40'960)));
  const double per_node = static_cast<double>(g.bytes()) / 40'960;
  EXPECT_GE(per_node, 8 * 16 + 2);
  EXPECT_LE(per_node, 8 * 16 + 2 + 4 * 1.15 + .5);
}

TEST(adjacency, grows_while_others_follow_and_write_links) {
  auto g = adjacency::create(2, 1);
  ASSERT_TRUE(succeeded(g.grow(1)));
  constexpr node n = 40'000;
  thread_executor threads(4);
  threads.run([&](unsigned worker) {
    if (worker == 0) {
      // Node 0 links to the newest, and each to the one before.
      for (node x = 1; x < n; ++x) {
        if (x >= g.size()) {
          ASSERT_TRUE(succeeded(g.grow(x + 1)));
        }
        if (x % 997 != 0) continue;
        EXPECT_TRUE(g.append_link(x, 0, x - 997));
        const auto guard = g.lock(0);
        g.set_links(0, 0, std::vector<node>{x});
      }
    } else {
      for (node last = 0; last < n - 997;) {
        g.for_each_link(0, 0, [&](node x) { last = x; });
        if (last == 0) continue;
        EXPECT_LT(last, g.size());
        EXPECT_EQ(g.level(last), draw_level(1, last, 2));
        if (last != 997) {
          EXPECT_EQ(links(g, last, 0), std::vector<node>{last - 997});
        }
      }
    }
  });
}

}  // namespace
}  // namespace thimble
