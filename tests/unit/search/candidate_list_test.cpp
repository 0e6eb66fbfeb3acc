// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <thimble/core/random.hpp>
#include <thimble/search/candidate_list.hpp>
#include <utility>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

TEST(candidate, keys_order_as_distances_do) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> ascending{-infinity, -1e30f, -1.5f, -1.0f, -1e-40f, 0.0f,
                                     1e-40f,    1.0f,   1.5f,  1e30f, infinity};
  for (std::size_t i = 0; i + 1 < ascending.size(); ++i) {
    EXPECT_LT(ordered_bits(ascending[i]), ordered_bits(ascending[i + 1]));
    // A node never outweighs a distance.
    EXPECT_LT(candidate::of(ascending[i], 0x7ffffffeu), candidate::of(ascending[i + 1], 0));
  }
}

TEST(candidate, gives_back_what_it_was_made_of) {
  for (const float distance : {-2.5f, -1e-42f, 0.0f, 1e-42f, 7.0f, std::numeric_limits<float>::infinity()}) {
    for (const node x : {0u, 1u, 0x7ffffffeu}) {
      const candidate made = candidate::of(distance, x);
      EXPECT_EQ(made.id(), x);
      EXPECT_EQ(std::bit_cast<std::uint32_t>(made.distance()), std::bit_cast<std::uint32_t>(distance));
      EXPECT_FALSE(made.expanded());
    }
  }
}

TEST(candidate, both_zeros_are_equal_so_that_the_node_decides) {
  EXPECT_EQ(ordered_bits(-0.0f), ordered_bits(0.0f));
  EXPECT_LT(candidate::of(0.0f, 1), candidate::of(-0.0f, 2));
}

class candidates : public ::testing::Test {
 protected:
  void begin(std::size_t ef) {
    ASSERT_TRUE(succeeded(list_.reserve(ef)));
    list_.clear(ef);
  }
  [[nodiscard]] std::vector<node> ids() const {
    std::vector<node> found;
    for (const candidate c : list_.items()) found.push_back(c.id());
    return found;
  }

  candidate_list list_;
};

TEST_F(candidates, keeps_the_best_of_any_stream_in_order) {
  random_generator random(5);
  for (const std::size_t ef : {1u, 2u, 10u, 100u}) {
    begin(ef);
    std::vector<std::pair<float, node>> all;
    for (node x = 0; x < 500; ++x) {
      const auto distance = static_cast<float>(random.below(100)) - 50;  // many ties
      const bool kept = list_.insert(distance, x);
      EXPECT_EQ(kept, std::ranges::any_of(list_.items(), [x](candidate c) { return c.id() == x; }));
      all.emplace_back(distance, x);
    }
    std::ranges::sort(all);
    ASSERT_EQ(list_.items().size(), ef);
    for (std::size_t i = 0; i < ef; ++i) {
      EXPECT_EQ(list_.items()[i].distance(), all[i].first);
      EXPECT_EQ(list_.items()[i].id(), all[i].second);
    }
  }
}

TEST_F(candidates, are_expanded_from_the_nearest_on_once_each) {
  begin(10);
  list_.insert(3, 30);
  list_.insert(1, 10);
  list_.insert(2, 20);
  EXPECT_EQ(list_.next()->id(), 10u);
  EXPECT_EQ(list_.expand_next(), 10u);
  EXPECT_EQ(list_.next()->id(), 20u);
  list_.insert(0, 5);  // nearer than what was expanded: it is next
  EXPECT_EQ(list_.next()->id(), 5u);
  EXPECT_EQ(list_.expand_next(), 5u);
  EXPECT_EQ(list_.expand_next(), 20u);
  EXPECT_EQ(list_.expand_next(), 30u);
  EXPECT_EQ(list_.next(), nullptr);
  EXPECT_EQ(list_.expand_next(), no_node);
  list_.insert(2.5f, 25);
  EXPECT_EQ(list_.expand_next(), 25u);
  EXPECT_EQ(ids(), (std::vector<node>{5, 10, 20, 25, 30}));
}

TEST_F(candidates, are_relabelled_and_sorted_by_what_they_are_called_now) {
  begin(10);
  list_.insert(2, 20);
  list_.insert(1, 11);
  list_.insert(1, 10);
  EXPECT_EQ(list_.expand_next(), 10u);
  list_.relabel([](node x) { return 100 - x; });
  EXPECT_EQ(ids(), (std::vector<node>{89, 90, 80}));
  EXPECT_FALSE(list_.items()[1].expanded());
}

TEST_F(candidates, a_full_list_drops_the_farthest_whether_it_was_expanded_or_not) {
  begin(2);
  list_.insert(1, 1);
  list_.insert(2, 2);
  EXPECT_EQ(list_.expand_next(), 1u);
  EXPECT_EQ(list_.expand_next(), 2u);
  list_.insert(3, 3);
  EXPECT_EQ(ids(), (std::vector<node>{1, 2}));
  list_.insert(1.5f, 4);
  EXPECT_EQ(ids(), (std::vector<node>{1, 4}));
  EXPECT_EQ(list_.expand_next(), 4u);
  EXPECT_EQ(list_.expand_next(), no_node);
}

TEST_F(candidates, within_a_limit_are_kept_and_there_is_room_again) {
  begin(3);
  for (const node x : {3u, 5u, 8u}) list_.insert(static_cast<float>(x), x);
  EXPECT_EQ(list_.expand_next(), 3u);
  EXPECT_EQ(list_.expand_next(), 5u);
  list_.keep_within(5);
  EXPECT_EQ(ids(), (std::vector<node>{3, 5}));
  EXPECT_FALSE(list_.full());
  EXPECT_EQ(list_.next(), nullptr) << "both were expanded";
  EXPECT_TRUE(list_.insert(4, 4));
  EXPECT_EQ(list_.expand_next(), 4u);
  list_.keep_within(3.5f);
  EXPECT_EQ(ids(), (std::vector<node>{3}));
  EXPECT_TRUE(list_.insert(6, 6));
  EXPECT_EQ(list_.expand_next(), 6u);
  list_.keep_within(std::numeric_limits<float>::infinity());
  EXPECT_EQ(ids(), (std::vector<node>{3, 6}));
  list_.keep_within(0);
  EXPECT_TRUE(list_.items().empty());
  EXPECT_EQ(list_.expand_next(), no_node);
}

TEST_F(candidates, a_distance_that_is_no_number_does_no_harm) {
  begin(3);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (node x = 0; x < 10; ++x) list_.insert(x % 2 == 0 ? nan : -nan, x);
  list_.insert(1, 100);
  EXPECT_EQ(list_.items().size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_NE(list_.expand_next(), no_node);
  EXPECT_EQ(list_.expand_next(), no_node);
}

TEST_F(candidates, a_smaller_list_fits_the_memory_of_a_larger_one) {
  begin(50);
  const std::size_t bytes = list_.bytes();
  ASSERT_TRUE(succeeded(list_.reserve(5)));
  EXPECT_EQ(list_.bytes(), bytes);
  list_.clear(5);
  for (node x = 0; x < 50; ++x) list_.insert(-static_cast<float>(x), x);
  EXPECT_EQ(ids(), (std::vector<node>{49, 48, 47, 46, 45}));
}

TEST(candidate_list, has_a_limit_once_it_is_full_and_nothing_farther_is_kept) {
  candidate_list list;
  ASSERT_TRUE(succeeded(list.reserve(2)));
  list.clear(2);
  EXPECT_EQ(list.limit(), std::numeric_limits<float>::infinity());
  list.insert(-3, 1);
  EXPECT_EQ(list.limit(), std::numeric_limits<float>::infinity());
  list.insert(5, 2);
  EXPECT_EQ(list.limit(), 5.0f);
  EXPECT_FALSE(list.insert(std::nextafter(5.0f, 6.0f), 3));
  EXPECT_TRUE(list.insert(5, 0)) << "as far, but of a smaller number";
  EXPECT_EQ(list.limit(), 5.0f);
}

TEST(candidate_list, tells_the_next_two_to_expand) {
  candidate_list list;
  ASSERT_TRUE(succeeded(list.reserve(4)));
  list.clear(4);
  for (const node x : {1u, 2u, 3u}) list.insert(static_cast<float>(x), x);
  ASSERT_EQ(list.next()->id(), 1u);
  ASSERT_EQ(list.next_after(list.next())->id(), 2u);
  (void)list.expand_next();
  (void)list.expand_next();
  list.insert(.5f, 4);
  ASSERT_EQ(list.next()->id(), 4u);
  EXPECT_EQ(list.next_after(list.next())->id(), 3u) << "1 and 2 are expanded";
  (void)list.expand_next();
  ASSERT_EQ(list.next()->id(), 3u);
  EXPECT_EQ(list.next_after(list.next()), nullptr);
}

}  // namespace
}  // namespace thimble
