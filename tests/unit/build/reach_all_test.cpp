// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <thimble/build/inserter.hpp>
#include <thimble/build/reach_all.hpp>
#include <thimble/quant/float32.hpp>
#include <vector>

#include "unit/support/coded.hpp"
#include "unit/support/links.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::coded;
using test::links_of;
using test::reachable;
using test::succeeded;

constexpr unsigned asked = 32;

// A graph over rows, by one thread.
class linked {
 public:
  linked(const test::float_vectors& rows, unsigned links)
      : data_(rows, metric::l2), graph_(std::move(*adjacency::create(rows.size(), links, 3))) {
    EXPECT_TRUE(succeeded(scratch_.reserve(graph_, asked, data_.quantizer().query_bytes())));
  }

  void insert_all() {
    inserter<float32> insert(graph_, data_.quantizer(), data_.kernels(), data_.rows(), asked);
    for (node x = 0; x < graph_.size(); ++x) insert.insert(x, scratch_);
  }
  template <std::predicate<node> Usable = all_usable>
  std::size_t reach_all(Usable usable = {}) {
    const auto n =
        thimble::reach_all(graph_, data_.quantizer(), data_.kernels(), data_.rows(), asked, scratch_, usable);
    EXPECT_TRUE(succeeded(n));
    return n.value_or(0);
  }

  // Takes all links to x out of the rows of level 0.
  void cut_off(node x) {
    for (node y = 0; y < graph_.size(); ++y) {
      std::vector<node> links = links_of(graph_, y, 0);
      if (std::erase(links, x) == 0) continue;
      graph_.set_links(y, 0, links);
    }
  }

  adjacency& graph() { return graph_; }

 private:
  coded<float32> data_;
  adjacency graph_;
  insert_scratch scratch_;
};

std::vector<std::vector<node>> rows_of(const adjacency& graph) {
  std::vector<std::vector<node>> rows;
  for (node x = 0; x < graph.size(); ++x) rows.push_back(links_of(graph, x, 0));
  return rows;
}

TEST(reach_all, a_graph_without_an_entry_has_none_out_of_reach) {
  linked none(test::random_vectors(1, 4, 1), 8);
  EXPECT_EQ(none.reach_all(), 0u);
}

TEST(reach_all, changes_nothing_where_all_are_within_reach) {
  linked made(test::clustered_vectors(1000, 12, 1), 8);
  made.insert_all();
  ASSERT_EQ(reachable(made.graph()), 1000u);
  const auto before = rows_of(made.graph());
  EXPECT_EQ(made.reach_all(), 0u);
  EXPECT_EQ(rows_of(made.graph()), before);
}

TEST(reach_all, a_node_that_nobody_links_to_gets_one_link_from_near_by) {
  linked made(test::clustered_vectors(1000, 12, 1), 8);
  made.insert_all();
  constexpr node x = 700;
  ASSERT_NE(made.graph().entry().at, x);
  made.cut_off(x);
  ASSERT_EQ(reachable(made.graph()), 999u);
  const auto before = rows_of(made.graph());
  EXPECT_EQ(made.reach_all(), 1u);
  EXPECT_EQ(reachable(made.graph()), 1000u);
  std::size_t added = 0;
  for (node y = 0; y < 1000; ++y) {
    auto links = links_of(made.graph(), y, 0);
    if (links == before[y]) continue;
    ++added;
    EXPECT_EQ(links.back(), x);
    links.pop_back();
    EXPECT_EQ(links, before[y]);
    const auto own = links_of(made.graph(), x, 0);
    EXPECT_NE(std::ranges::find(own, y), own.end()) << "near ones link to each other";
  }
  EXPECT_EQ(added, 1u);
}

// 0 .. 9 in a ring, 10 .. 19 in another: one link between them is enough.
TEST(reach_all, an_island_is_within_reach_by_one_link) {
  linked made(test::random_vectors(20, 4, 1), 4);
  for (node x = 0; x < 20; ++x) {
    const node first = x < 10 ? 0 : 10;
    made.graph().set_links(x, 0, std::array{static_cast<node>(first + (x - first + 1) % 10)});
  }
  made.graph().set_entry({3, 0});
  ASSERT_EQ(reachable(made.graph()), 10u);
  EXPECT_EQ(made.reach_all(), 1u);
  EXPECT_EQ(reachable(made.graph()), 20u);
}

// Whole rows, all of them: a link is given up to whom another one leads.
TEST(reach_all, full_rows_give_up_a_link_that_they_can_spare) {
  constexpr node n = 9;
  linked made(test::random_vectors(n + 1, 4, 1), 4);
  for (node x = 0; x < n; ++x) {
    std::vector<node> others;
    for (node y = 0; y < n; ++y)
      if (y != x) others.push_back(y);
    made.graph().set_links(x, 0, others);
  }
  made.graph().set_links(n, 0, std::array{node{0}});
  made.graph().set_entry({0, 0});
  ASSERT_EQ(reachable(made.graph()), n);
  EXPECT_EQ(made.reach_all(), 1u);
  EXPECT_EQ(reachable(made.graph()), n + 1);
}

TEST(reach_all, nodes_that_are_not_usable_stay_as_they_are_and_link_to_nobody_new) {
  linked made(test::clustered_vectors(500, 12, 1), 8);
  made.insert_all();
  constexpr node gone = 100, lost = 200;
  made.cut_off(gone);
  made.cut_off(lost);
  const auto before = links_of(made.graph(), gone, 0);
  EXPECT_EQ(made.reach_all([](node x) { return x != gone; }), 1u);
  EXPECT_EQ(links_of(made.graph(), gone, 0), before);
  EXPECT_EQ(reachable(made.graph()), 499u);
}

// Vectors of many dimensions: some are far from all, and rows let go of them.
TEST(reach_all, brings_back_what_insertion_loses) {
  for (const auto& rows : {test::random_vectors(3000, 60, 5), test::base_pictures().floats(2000)}) {
    for (const unsigned links : {4u, 8u}) {
      linked made(rows, links);
      made.insert_all();
      const std::size_t before = reachable(made.graph());
      EXPECT_LT(before, rows.size());
      EXPECT_GE(made.reach_all(), std::size_t{1});
      EXPECT_EQ(reachable(made.graph()), rows.size());
    }
  }
}

}  // namespace
}  // namespace thimble
