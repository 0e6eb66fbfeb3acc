// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thimble/build/inserter.hpp>
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
    EXPECT_TRUE(succeeded((*scratches)[i].reserve(n, ef_construction, data.quantizer().query_bytes())));
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

TEST(inserter, many_threads_leave_a_sound_graph_that_reaches_every_node) {
  for (int round = 0; round < 3; ++round) {
    const coded<float32> data(test::clustered_vectors(3000, 12, 5), metric::l2);
    const adjacency graph = built(data, 3000, 4);
    expect_sound(graph);
    EXPECT_EQ(test::reachable(graph), 3000u);
  }
}

TEST(inserter, equal_rows_are_inserted_without_end_or_self_links) {
  const coded<float32> data({.dim = 3, .values = std::vector<float>(300 * 3, 1.0f)}, metric::l2);
  for (const unsigned threads : {1u, 4u}) expect_sound(built(data, 300, threads));
}

}  // namespace
}  // namespace thimble
