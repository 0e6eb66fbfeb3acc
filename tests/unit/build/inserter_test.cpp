// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thimble/build/inserter.hpp>
#include <thimble/build/reach_all.hpp>
#include <thimble/core/executor.hpp>
#include <thimble/core/object_array.hpp>
#include <thimble/quant/float32.hpp>

#include "unit/support/coded.hpp"
#include "unit/support/links.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::coded;
using test::links_of;
using test::succeeded;

constexpr unsigned m = 8;

// Inserts all rows on so many threads.
adjacency built(const coded<float32>& data, std::size_t n, unsigned threads, unsigned ef_construction = 30) {
  auto graph = std::move(*adjacency::create(n, m, 3));
  thread_executor on(threads);
  auto scratches = object_array<insert_scratch>::create(on.workers());
  for (std::size_t i = 0; i < scratches->size(); ++i)
    EXPECT_TRUE(succeeded((*scratches)[i].reserve(graph, ef_construction, data.quantizer().query_bytes())));
  inserter<float32> insert(graph, data.quantizer(), data.kernels(), data.rows(), ef_construction);
  parallel_for(on, n,
               [&](std::size_t i, unsigned worker) { insert.insert(static_cast<node>(i), (*scratches)[worker]); });
  return graph;
}

void expect_sound(const adjacency& graph) {
  for (node x = 0; x < graph.size(); ++x) {
    for (unsigned level = 0; level <= graph.level(x); ++level) {
      const auto links = links_of(graph, x, level);
      EXPECT_EQ(std::set<node>(links.begin(), links.end()).size(), links.size()) << "a link twice";
      EXPECT_EQ(std::ranges::count(links, x), 0) << "a link to itself";
      for (const node y : links) EXPECT_GE(graph.level(y), level);
    }
  }
  const entry_point entry = graph.entry();
  ASSERT_NE(entry.at, no_node);
  EXPECT_EQ(graph.level(entry.at), entry.level);
  for (node x = 0; x < graph.size(); ++x) EXPECT_LE(graph.level(x), entry.level);
}

TEST(inserter, the_first_node_becomes_the_entry_without_links) {
  const coded<float32> data(test::random_vectors(1, 4, 1), metric::l2);
  const adjacency graph = built(data, 1, 1);
  EXPECT_EQ(graph.entry().at, 0u);
  EXPECT_TRUE(links_of(graph, 0, 0).empty());
}

TEST(inserter, two_nodes_link_to_each_other) {
  const coded<float32> data(test::random_vectors(2, 4, 1), metric::l2);
  const adjacency graph = built(data, 2, 1);
  EXPECT_EQ(links_of(graph, 0, 0), std::vector<node>{1});
  EXPECT_EQ(links_of(graph, 1, 0), std::vector<node>{0});
}

TEST(inserter, links_are_distinct_valid_and_on_their_levels) {
  const coded<float32> data(test::clustered_vectors(1000, 12, 1), metric::l2);
  const adjacency graph = built(data, 1000, 1);
  expect_sound(graph);
  EXPECT_EQ(test::reachable(graph), 1000u);
}

// Full rows may let go of the last link to a node, more often with threads: what is left to reach_all() are a few, not
// the 1 % that are lost where a node is met before it has links on the levels below.
TEST(inserter, many_threads_leave_a_sound_graph_that_reaches_every_node) {
  for (int round = 0; round < 3; ++round) {
    const coded<float32> data(test::clustered_vectors(3000, 12, 5), metric::l2);
    adjacency graph = built(data, 3000, 4);
    expect_sound(graph);
    EXPECT_GE(test::reachable(graph), 2997u);
    insert_scratch scratch;
    ASSERT_TRUE(succeeded(scratch.reserve(graph, 30, data.quantizer().query_bytes())));
    ASSERT_TRUE(succeeded(reach_all(graph, data.quantizer(), data.kernels(), data.rows(), 30, scratch)));
    expect_sound(graph);
    EXPECT_EQ(test::reachable(graph), 3000u);
  }
}

TEST(inserter, equal_rows_are_inserted_without_end_or_self_links) {
  const coded<float32> data({.dim = 3, .values = std::vector<float>(300 * 3, 1.0f)}, metric::l2);
  for (const unsigned threads : {1u, 4u}) expect_sound(built(data, 300, threads));
}

// Links, on any level, to nodes of which `is` holds.
template <class Is>
std::size_t links_to(const adjacency& graph, const Is& is) {
  std::size_t n = 0;
  for (node x = 0; x < graph.size(); ++x)
    for (unsigned level = 0; level <= graph.level(x); ++level)
      n += static_cast<std::size_t>(std::ranges::count_if(links_of(graph, x, level), is));
  return n;
}

TEST(inserter, nodes_that_are_not_usable_get_no_links_and_lose_some_in_full_rows) {
  constexpr node n = 1000, old = 600;
  const coded<float32> data(test::clustered_vectors(n, 12, 1), metric::l2);
  bool leaving = false;
  const auto leaves = [](node x) { return x < old && x % 4 == 1; };
  const auto usable = [&](node x) { return !leaving || !leaves(x); };
  auto graph = std::move(*adjacency::create(n, m, 3));
  insert_scratch scratch;
  ASSERT_TRUE(succeeded(scratch.reserve(graph, 30, data.quantizer().query_bytes())));
  inserter<float32, decltype(usable)> insert(graph, data.quantizer(), data.kernels(), data.rows(), 30, usable);
  for (node x = 0; x < old; ++x) insert.insert(x, scratch);
  const std::size_t before = links_to(graph, leaves);
  leaving = true;
  for (node x = old; x < n; ++x) {
    insert.insert(x, scratch);
    for (unsigned level = 0; level <= graph.level(x); ++level)
      EXPECT_EQ(std::ranges::count_if(links_of(graph, x, level), leaves), 0);
  }
  EXPECT_LT(links_to(graph, leaves), before);
  EXPECT_EQ(test::reachable(graph), n);
}

// Vectors of many dimensions: some are far from all, and full rows let go of them.
TEST(inserter, where_nodes_come_and_go_none_is_out_of_reach_when_rows_are_full) {
  for (const auto& rows : {test::random_vectors(3000, 60, 5), test::base_pictures().floats(2000)}) {
    const auto n = static_cast<node>(rows.size());
    const coded<float32> data(rows, metric::l2);
    auto graph = std::move(*adjacency::create(n, m, 3));
    insert_scratch scratch;
    ASSERT_TRUE(succeeded(scratch.reserve(graph, 30, data.quantizer().query_bytes())));
    const auto usable = [](node) { return true; };
    inserter<float32, decltype(usable)> insert(graph, data.quantizer(), data.kernels(), data.rows(), 30, usable);
    for (node x = 0; x < n; ++x) insert.insert(x, scratch);
    expect_sound(graph);
    EXPECT_EQ(test::reachable(graph), n);
    EXPECT_LT(test::reachable(built(data, n, 1)), n) << "left to reach_all()";
  }
}

// Of few enough nodes that no row is ever full.
TEST(inserter, a_predicate_that_is_always_true_changes_no_link) {
  constexpr node n = 2 * m;
  const coded<float32> data(test::clustered_vectors(n, 12, 1), metric::l2);
  const adjacency plain = built(data, n, 1);
  auto graph = std::move(*adjacency::create(n, m, 3));
  insert_scratch scratch;
  ASSERT_TRUE(succeeded(scratch.reserve(graph, 30, data.quantizer().query_bytes())));
  const auto usable = [](node) { return true; };
  const auto rows = [&] { return data.rows(); };
  inserter<float32, decltype(usable), decltype(rows)> insert(graph, data.quantizer(), data.kernels(), rows, 30, usable);
  for (node x = 0; x < n; ++x) insert.insert(x, scratch);
  for (node x = 0; x < n; ++x)
    for (unsigned level = 0; level <= graph.level(x); ++level)
      ASSERT_EQ(links_of(graph, x, level), links_of(plain, x, level));
}

TEST(inserter, a_slot_is_used_again_while_links_still_lead_there) {
  constexpr node n = 500;
  coded<float32> data(test::clustered_vectors(n, 12, 1), metric::l2);
  const auto usable = [](node) { return true; };
  auto graph = std::move(*adjacency::create(n, m, 3));
  insert_scratch scratch;
  ASSERT_TRUE(succeeded(scratch.reserve(graph, 30, data.quantizer().query_bytes())));
  inserter<float32, decltype(usable)> insert(graph, data.quantizer(), data.kernels(), data.rows(), 30, usable);
  for (node x = 0; x < n; ++x) insert.insert(x, scratch);
  // Vectors change places, one after another.
  for (node x = 0; x < n; ++x) {
    if (x == graph.entry().at) continue;
    std::swap_ranges(data.code(x), data.code(x) + data.quantizer().code_bytes(), data.code((x * 7 + 1) % n));
    insert.insert(x, scratch);
    EXPECT_FALSE(links_of(graph, x, 0).empty());
  }
  expect_sound(graph);
}

TEST(inserter, a_graph_that_outgrew_the_scratch_is_walked_without_the_new_nodes) {
  constexpr node n = 5000, known = 192;  // marks come 16 at a time
  const coded<float32> data(test::clustered_vectors(n, 4, 1), metric::l2);
  auto graph = adjacency::create(m, 3);
  insert_scratch small, large;
  ASSERT_TRUE(succeeded(small.reserve(*adjacency::create(known, m, 3), 30, data.quantizer().query_bytes())));
  inserter<float32> insert(graph, data.quantizer(), data.kernels(), data.rows(), 30);
  for (node x = 0; x < n; ++x) {
    if (x >= graph.size()) {
      ASSERT_TRUE(succeeded(graph.grow(x + 1)));
      ASSERT_TRUE(succeeded(large.reserve(graph, 30, data.quantizer().query_bytes())));
    }
    insert.insert(x, x % 5 == 0 ? small : large);
    if (x < 2 * known || x % 5 != 0) continue;
    // Each beam begins where the way down ended, wherever that is.
    const auto links = links_of(graph, x, 0);
    EXPECT_LE(std::ranges::count_if(links, [&](node y) { return y >= known && y < x; }), 1);
    EXPECT_FALSE(links.empty());
  }
}

}  // namespace
}  // namespace thimble
