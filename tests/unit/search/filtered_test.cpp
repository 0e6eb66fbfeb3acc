// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Filtered searches on a graph that is known: 400 nodes on a circle, each linked to the two on either side.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thimble/search/filtered.hpp>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

class circle {
 public:
  static constexpr node n = 400;
  [[nodiscard]] static std::size_t size() { return n; }
  [[nodiscard]] static std::size_t max_degree(unsigned /*level*/) { return 4; }
  template <class Visit>
  void for_each_link(node x, unsigned /*level*/, Visit&& visit) const {
    for (const node step : {1u, 2u, n - 1, n - 2}) visit((x + step) % n);
  }
  void prefetch_links(node /*x*/) const {}
  [[nodiscard]] entry_point entry() const { return {0, 0}; }
};
static_assert(graph<circle>);

// How far round the circle from `at`, and how often anything was measured.
struct circle_estimator {
  double at;
  std::size_t* measured;

  void operator()(const node* nodes, std::size_t count, float* out) const {
    *measured += count;
    for (std::size_t i = 0; i < count; ++i) {
      const double around = std::fabs(nodes[i] - at);
      out[i] = static_cast<float>(std::min(around, circle::n - around));
    }
  }
};

class filtered : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(succeeded(walk_.reserve(circle::n)));
    ASSERT_TRUE(succeeded(found_.reserve(circle::n)));
    ASSERT_TRUE(succeeded(visited_.reserve(circle::n)));
  }

  template <stop_rule Stop = no_early_stop>
  std::vector<node> walk(const label_filter& filter, std::size_t ef, std::size_t width, const Stop& stop = {}) {
    measured_ = 0;
    walk_.clear(width);
    found_.clear(ef);
    const circle_estimator estimate{250.3, &measured_};
    located start{10, 0};
    estimate(&start.at, 1, &start.distance);
    filtered_beam_search(circle{}, estimate, filter, start, walk_, found_, visited_, batch_, stop);
    return ids();
  }
  template <stop_rule Stop = no_early_stop>
  std::vector<node> scan(const label_filter& filter, std::size_t ef, const Stop& stop = {}) {
    measured_ = 0;
    found_.clear(ef);
    const auto node_of = [](std::size_t label) { return static_cast<node>(label); };
    filtered_scan(circle::n, circle_estimator{250.3, &measured_}, filter, node_of, found_, batch_, stop);
    return ids();
  }
  [[nodiscard]] std::vector<node> ids() const {
    std::vector<node> all;
    for (const candidate c : found_.items()) all.push_back(c.id());
    return all;
  }

  candidate_list walk_, found_;
  visited_set visited_;
  link_batch batch_;
  std::size_t measured_ = 0;
};

TEST_F(filtered, a_walk_finds_the_nearest_that_pass_over_those_that_do_not) {
  const auto tenths = [](label id) { return id % 10 == 0; };
  EXPECT_EQ(walk(label_filter::where(tenths), 5, 100), (std::vector<node>{250, 260, 240, 270, 230}));
}

TEST_F(filtered, a_walk_ends_where_nothing_nearer_can_come) {
  const auto halves = [](label id) { return id % 2 == 0; };
  EXPECT_EQ(walk(label_filter::where(halves), 3, 200), (std::vector<node>{250, 252, 248}));
  // From 10 down to 250 one way round, and a few beyond it.
  EXPECT_LT(measured_, 180u);
}

TEST_F(filtered, what_passes_within_a_limit_is_found) {
  const auto tenths = [](label id) { return id % 10 == 0; };
  const auto all = walk(label_filter::where(tenths), 20, circle::n);
  EXPECT_EQ(all.size(), 20u);
  const std::size_t measured_without = measured_;
  // The fifth is 20.3 away, the next 29.7 and 30.3.
  EXPECT_EQ(walk(label_filter::where(tenths), 20, circle::n, distance_limit{{5, 1.4f}}),
            (std::vector<node>{250, 260, 240, 270, 230}));
  EXPECT_LT(measured_, measured_without - 100);
  EXPECT_EQ(walk(label_filter::where(tenths), 20, circle::n, distance_limit{{5, 1.47f}}),
            (std::vector<node>{250, 260, 240, 270, 230, 280}));
  EXPECT_EQ(walk(label_filter::where(tenths), 20, circle::n, distance_limit{{5, 100}}), all);
  for (const float factor : {1.4f, 1.47f, 100.0f}) {
    const distance_limit stop{{5, factor}};
    EXPECT_EQ(scan(label_filter::where(tenths), 20, stop), walk(label_filter::where(tenths), 20, circle::n, stop));
  }
}

TEST_F(filtered, what_passes_may_be_less_than_what_is_wanted) {
  const auto two = [](label id) { return id == 300 || id == 7; };
  EXPECT_EQ(walk(label_filter::where(two), 10, circle::n), (std::vector<node>{300, 7}));
  EXPECT_EQ(scan(label_filter::where(two), 10), (std::vector<node>{300, 7}));
  EXPECT_EQ(measured_, 2u) << "a scan measures what passes and nothing else";
  const auto none = [](label /*id*/) { return false; };
  EXPECT_TRUE(walk(label_filter::where(none), 10, circle::n).empty());
  EXPECT_TRUE(scan(label_filter::where(none), 10).empty());
}

TEST_F(filtered, a_scan_and_a_wide_walk_agree) {
  for (const label divisor : {1u, 2u, 7u, 50u}) {
    const auto some = [&](label id) { return id % divisor == 0; };
    for (const std::size_t ef : {1u, 10u, 200u})
      EXPECT_EQ(walk(label_filter::where(some), ef, circle::n), scan(label_filter::where(some), ef)) << divisor;
  }
}

TEST(walk_width, is_wider_the_fewer_pass_and_0_where_a_scan_is_shorter) {
  EXPECT_EQ(walk_width(64, 0, 1000, false), 0u);
  EXPECT_EQ(walk_width(64, 600, 60'000, false), 0u);
  EXPECT_EQ(walk_width(64, 60'000, 60'000, false), 128u);
  EXPECT_EQ(walk_width(64, 30'000, 60'000, false), 256u);
  EXPECT_GT(walk_width(64, 100'000, 1'000'000, false), walk_width(64, 500'000, 1'000'000, false));
  EXPECT_EQ(walk_width(320, 20'000, 100'000, false), 0u);
  EXPECT_EQ(walk_width(320, 20'000, 100'000, true), 3200u) << "a walk that ends earlier is shorter";
  EXPECT_LE(walk_width(1'000'000, 60'000, 60'000, false), 60'000u);
}

}  // namespace
}  // namespace thimble
