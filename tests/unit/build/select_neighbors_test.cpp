// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thimble/build/select_neighbors.hpp>
#include <vector>

#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

// Nodes on a line at their places; the node that chooses stands at 0.
std::vector<node> chosen(const std::vector<float>& places, std::size_t most) {
  std::vector<candidate> candidates;
  for (std::size_t i = 0; i < places.size(); ++i)
    candidates.push_back(candidate::of(std::fabs(places[i]), static_cast<node>(i)));
  std::vector<node> out(most), remembered(most);
  const std::size_t n = select_neighbors(
      candidates, most, out.data(), [&](std::size_t i, node x) { remembered[i] = x; },
      [&](std::size_t i, const node* nodes, std::size_t count, float* distances) {
        for (std::size_t j = 0; j < count; ++j) distances[j] = std::fabs(places[nodes[j]] - places[remembered[i]]);
      });
  out.resize(n);
  remembered.resize(n);
  EXPECT_EQ(out, remembered);
  return out;
}

TEST(select_neighbors, takes_one_in_each_direction) {
  // 1 and 1.5 lie in one direction: the farther one is reached through the nearer one.
  EXPECT_EQ(chosen({1, 1.5f, -2, -2.5f}, 10), (std::vector<node>{0, 2}));
}

TEST(select_neighbors, the_nearest_is_always_taken) {
  EXPECT_EQ(chosen({3}, 1), std::vector<node>{0});
  EXPECT_EQ(chosen({3, 3, 3}, 10), std::vector<node>{0}) << "equal places are nearer to each other";
}

TEST(select_neighbors, equally_near_is_not_nearer) {
  // The second one is as far from the first as from the node itself.
  EXPECT_EQ(chosen({1, 2}, 10), (std::vector<node>{0}));
  EXPECT_EQ(chosen({0, 2}, 10), (std::vector<node>{0, 1}));
}

TEST(select_neighbors, stops_when_it_has_enough) {
  EXPECT_EQ(chosen({1, -1}, 1), std::vector<node>{0});
  EXPECT_TRUE(chosen({1, -1}, 0).empty());
  EXPECT_TRUE(chosen({}, 4).empty());
}

// So many are taken of 200, where the first of the 16 * 6 nearest are in directions of their own, and all behind them.
std::size_t taken_with_own_directions(std::size_t first) {
  constexpr std::size_t near = 16 * 6;
  std::vector<candidate> candidates;
  for (node x = 0; x < 200; ++x) candidates.push_back(candidate::of(1 + static_cast<float>(x), x));
  std::vector<node> out(16);
  return select_neighbors(
      candidates, 16, out.data(), [](std::size_t, node) {},
      [&](std::size_t, const node* nodes, std::size_t n, float* distances) {
        for (std::size_t i = 0; i < n; ++i) distances[i] = nodes[i] < first || nodes[i] >= near ? 1000.0f : 0.0f;
      });
}

TEST(select_neighbors, far_ones_are_taken_only_while_there_are_few) {
  EXPECT_EQ(taken_with_own_directions(1), 16u);
  EXPECT_EQ(taken_with_own_directions(11), 16u);
  EXPECT_EQ(taken_with_own_directions(12), 12u);
  EXPECT_EQ(taken_with_own_directions(14), 14u);
  EXPECT_EQ(taken_with_own_directions(20), 16u);
}

// More than are measured at once, in a plane: as the paper has it, one after another.
TEST(select_neighbors, many_are_chosen_as_one_by_one) {
  const auto points = test::random_vectors(100, 2, 1);
  const auto between = [&](std::size_t a, std::size_t b) {
    return std::hypot(points.row(a)[0] - points.row(b)[0], points.row(a)[1] - points.row(b)[1]);
  };
  std::vector<candidate> candidates;
  for (std::size_t x = 1; x < 100; ++x) candidates.push_back(candidate::of(between(0, x), static_cast<node>(x)));
  std::ranges::sort(candidates);
  for (const std::size_t most : {1u, 3u, 100u}) {
    std::vector<node> expected;
    for (const candidate c : candidates)
      if (expected.size() < most &&
          std::ranges::none_of(expected, [&](node link) { return between(link, c.id()) < c.distance(); }))
        expected.push_back(c.id());
    std::vector<node> out(most);
    out.resize(select_neighbors(
        candidates, most, out.data(), [](std::size_t, node) {},
        [&](std::size_t i, const node* nodes, std::size_t n, float* distances) {
          for (std::size_t j = 0; j < n; ++j) distances[j] = between(out[i], nodes[j]);
        }));
    EXPECT_EQ(out, expected);
  }
}

}  // namespace
}  // namespace thimble
