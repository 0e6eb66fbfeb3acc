// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <thimble/build/select_neighbors.hpp>
#include <vector>

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
      [&](node c, std::size_t i, float distance) { return std::fabs(places[c] - places[remembered[i]]) < distance; });
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

}  // namespace
}  // namespace thimble
