// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The walks on graphs that are known: a line of nodes whose links lead to the next ones, with a fast lane above.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thimble/graph/adjacency.hpp>
#include <thimble/search/traversal.hpp>
#include <vector>

#include "unit/support/archetypes.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

// Distance on the line, and how often each node was measured.
struct line_estimator {
  float at;
  std::vector<int>* measured;

  void operator()(const node* nodes, std::size_t n, float* out) const {
    for (std::size_t i = 0; i < n; ++i) {
      ++(*measured)[nodes[i]];
      out[i] = std::fabs(static_cast<float>(nodes[i]) - at);
    }
  }
};
static_assert(estimator<line_estimator>);

class line : public ::testing::Test {
 protected:
  static constexpr node n = 256;

  void SetUp() override {
    // Every 16th node stands on level 1.
    auto levels = aligned_buffer<std::uint8_t>::create(n);
    std::vector<node> upper(n / 16 * std::size_t{m}, no_node);
    base_.assign(n * 2 * m, no_node);
    for (node x = 0; x < n; ++x) {
      std::size_t at = std::size_t{x} * 2 * m;
      if (x > 0) base_[at++] = x - 1;
      if (x + 1 < n) base_[at] = x + 1;
      if (x % 16 != 0) continue;
      (*levels)[x] = 1;
      at = x / 16 * std::size_t{m};
      if (x >= 16) upper[at++] = x - 16;
      if (x + 16 < n) upper[at] = x + 16;
    }
    upper_ = upper;
    auto read = adjacency::from_parts(m, std::move(*levels), aligned_buffer<node>::borrow(base_),
                                      aligned_buffer<node>::borrow(upper_), {0, 1});
    ASSERT_TRUE(succeeded(read));
    graph_ = std::move(*read);
    ASSERT_TRUE(succeeded(visited_.reserve(n)));
  }

  static constexpr unsigned m = 2;
  std::vector<node> base_, upper_;
  adjacency graph_;
  visited_set visited_;
  candidate_list candidates_;
  link_batch batch_;
  std::vector<int> measured_ = std::vector<int>(n);
};

TEST_F(line, descending_takes_the_fast_lane_to_the_nearest_node_on_it) {
  const located found = descend(graph_, line_estimator{101.2f, &measured_}, graph_.entry(), 0, batch_);
  EXPECT_EQ(found.at, 96u);
  EXPECT_NEAR(found.distance, 5.2f, 1e-5f);
  EXPECT_EQ(measured_[97], 0) << "level 0 is not descend's";
}

TEST_F(line, descending_to_the_entrys_own_level_stays_there) {
  const located found = descend(graph_, line_estimator{101.2f, &measured_}, graph_.entry(), 1, batch_);
  EXPECT_EQ(found.at, 0u);
  EXPECT_FLOAT_EQ(found.distance, 101.2f);
}

TEST_F(line, the_beam_finds_the_nearest_and_measures_no_node_twice) {
  for (const std::size_t ef : {1u, 5u, 20u}) {
    std::ranges::fill(measured_, 0);
    ASSERT_TRUE(succeeded(candidates_.reserve(ef)));
    candidates_.clear(ef);
    const line_estimator estimate{101.2f, &measured_};
    beam_search(graph_, estimate, {90, std::fabs(90 - 101.2f)}, 0, candidates_, visited_, batch_);
    const auto found = candidates_.items();
    ASSERT_EQ(found.size(), ef);
    EXPECT_EQ(found[0].id(), 101u);
    for (std::size_t i = 0; i < ef; ++i) {
      EXPECT_TRUE(found[i].expanded());
      // The ef nearest on a line lie within (ef + 1) / 2 of the place.
      EXPECT_LE(found[i].distance(), static_cast<float>(ef) / 2 + .8f);
    }
    EXPECT_TRUE(std::ranges::all_of(measured_, [](int times) { return times <= 1; }));
    EXPECT_EQ(measured_[90], 0) << "the start comes with its distance";
  }
}

TEST_F(line, with_room_for_all_the_beam_reaches_all) {
  ASSERT_TRUE(succeeded(candidates_.reserve(n)));
  candidates_.clear(n);
  beam_search(graph_, line_estimator{0, &measured_}, {128, 128.0f}, 0, candidates_, visited_, batch_);
  EXPECT_EQ(candidates_.items().size(), n);
  EXPECT_TRUE(std::ranges::is_sorted(candidates_.items(), {}, &candidate::distance));
}

TEST_F(line, the_beam_on_an_upper_level_stays_on_it) {
  ASSERT_TRUE(succeeded(candidates_.reserve(n)));
  candidates_.clear(n);
  beam_search(graph_, line_estimator{0, &measured_}, {0, 0.0f}, 1, candidates_, visited_, batch_);
  EXPECT_EQ(candidates_.items().size(), n / 16);
  for (const candidate c : candidates_.items()) EXPECT_EQ(c.id() % 16, 0u);
}

TEST(traversal, needs_no_more_than_the_concepts_promise) {
  const test::minimal_graph graph(50);
  const test::minimal_estimator estimate(20.4f);
  candidate_list candidates;
  visited_set visited;
  link_batch batch;
  ASSERT_TRUE(succeeded(candidates.reserve(8)));
  ASSERT_TRUE(succeeded(visited.reserve(50)));
  candidates.clear(8);
  const located start = descend(graph, estimate, graph.entry(), 0, batch);
  EXPECT_EQ(start.at, 0u);
  beam_search(graph, estimate, start, 0, candidates, visited, batch);
  EXPECT_EQ(candidates.items().front().id(), 20u);
}

TEST(traversal, a_level_whose_distances_are_no_numbers_is_left) {
  const test::minimal_graph graph(10);
  const auto nowhere = [](const node*, std::size_t n, float* out) { std::fill_n(out, n, NAN); };
  candidate_list candidates;
  visited_set visited;
  link_batch batch;
  ASSERT_TRUE(succeeded(candidates.reserve(4)));
  ASSERT_TRUE(succeeded(visited.reserve(10)));
  candidates.clear(4);
  const located start = descend(graph, nowhere, graph.entry(), 0, batch);
  beam_search(graph, nowhere, start, 0, candidates, visited, batch);
  EXPECT_EQ(candidates.items().size(), 4u);
}

}  // namespace
}  // namespace thimble
