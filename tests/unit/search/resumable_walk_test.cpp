// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thimble/build/build_graph.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/search/resumable_walk.hpp>
#include <vector>

#include "unit/support/archetypes.hpp"
#include "unit/support/coded.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

// Random vectors, so that the walk is often led astray, and a graph of few links.
class resumable : public ::testing::Test {
 protected:
  static constexpr std::size_t n = 1000;

  void SetUp() override {
    inline_executor here;
    auto linked = link_codes(coded_.quantizer(), coded_.kernels(), coded_.codes(), n, 4, 20, 1, here, {});
    ASSERT_TRUE(succeeded(linked));
    graph_ = std::move(*linked);
    ASSERT_TRUE(succeeded(visited_.reserve(n)));
  }

  // Runs with (estimate, start) for each of some queries.
  template <class Run>
  void for_each_query(Run&& run) {
    const auto queries = test::random_vectors(5, 12, 4);
    for (std::size_t i = 0; i < queries.size(); ++i) {
      const auto query = coded_.prepare(queries.row(i));
      const auto estimate = [&](const node* nodes, std::size_t count, float* out) {
        coded_.quantizer().estimate(coded_.kernels(), query.data(), coded_.rows(), nodes, count, out);
      };
      run(estimate, descend(graph_, estimate, graph_.entry(), 0, batch_));
    }
  }

  test::coded<float32> coded_{test::random_vectors(n, 12, 3), metric::l2};
  adjacency graph_;
  visited_set visited_;
  link_batch batch_;
};

// A beam that expands one node after another (search/traversal.hpp goes a batch ahead, and so meets others now and
// then).
template <class Graph, class Estimator>
void expand_one_by_one(const Graph& g, const Estimator& estimate, located start, candidate_list& beam) {
  std::set<node> seen{start.at};
  beam.insert(start.distance, start.at);
  for (node x; (x = beam.expand_next()) != no_node;)
    g.for_each_link(x, 0, [&](node y) {
      if (!seen.insert(y).second) return;
      float distance;
      estimate(&y, 1, &distance);
      beam.insert(distance, y);
    });
}

TEST_F(resumable, its_first_window_is_what_a_beam_keeps) {
  for_each_query([&](const auto& estimate, located start) {
    for (const std::size_t ef : {1u, 10u, 100u, 1000u}) {
      candidate_list beam;
      ASSERT_TRUE(succeeded(beam.reserve(ef)));
      beam.clear(ef);
      expand_one_by_one(graph_, estimate, start, beam);
      auto walk = resumable_walk::create(ef, start, visited_);
      ASSERT_TRUE(succeeded(walk));
      ASSERT_TRUE(succeeded(walk->settle(graph_, estimate, visited_, batch_)));
      EXPECT_TRUE(std::ranges::equal(walk->window(), beam.items()));
    }
  });
}

TEST_F(resumable, gives_each_reachable_node_once_and_the_first_as_near_as_a_beam_finds_them) {
  for_each_query([&](const auto& estimate, located start) {
    candidate_list all;
    ASSERT_TRUE(succeeded(all.reserve(n)));
    all.clear(n);
    beam_search(graph_, estimate, start, 0, all, visited_, batch_);
    for (const std::size_t ef : {1u, 10u, 100u}) {
      auto walk = resumable_walk::create(ef, start, visited_);
      ASSERT_TRUE(succeeded(walk));
      ASSERT_TRUE(succeeded(walk->settle(graph_, estimate, visited_, batch_)));
      const std::vector<candidate> beam(walk->window().begin(), walk->window().end());
      std::set<node> taken;
      std::vector<candidate> in_order;
      for (;;) {
        ASSERT_TRUE(succeeded(walk->settle(graph_, estimate, visited_, batch_)));
        if (walk->window().empty()) break;
        EXPECT_TRUE(std::ranges::all_of(walk->window(), &candidate::expanded));
        EXPECT_TRUE(std::ranges::is_sorted(walk->window()));
        const candidate first = walk->window().front();
        ASSERT_EQ(walk->take(), first);
        EXPECT_TRUE(taken.insert(first.id()).second);
        in_order.push_back(first);
        if (in_order.size() != beam.size()) continue;
        // The i-th nearest of the first ones is as near as the i-th of the beam or nearer.
        auto nearest = in_order;
        std::ranges::sort(nearest);
        for (std::size_t i = 0; i < beam.size(); ++i) EXPECT_LE(nearest[i], beam[i]);
      }
      EXPECT_EQ(taken.size(), all.items().size());
      for (const candidate c : all.items()) EXPECT_TRUE(taken.contains(c.id()));
    }
  });
}

TEST(resumable_walk, needs_no_more_than_the_concepts_promise) {
  const test::minimal_graph graph(50);
  const test::minimal_estimator estimate(20.4f);
  visited_set visited;
  link_batch batch;
  ASSERT_TRUE(succeeded(visited.reserve(50)));
  auto walk = resumable_walk::create(4, {0, 20.4f}, visited);
  ASSERT_TRUE(succeeded(walk));
  float before = 0;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(succeeded(walk->settle(graph, estimate, visited, batch)));
    ASSERT_FALSE(walk->window().empty());
    const candidate taken = walk->take();
    EXPECT_EQ(taken.id() == 20, i == 0);
    EXPECT_GE(taken.distance(), before);
    before = taken.distance();
  }
  EXPECT_TRUE(walk->window().empty());
}

}  // namespace
}  // namespace thimble
