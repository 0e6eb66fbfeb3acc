// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/search/visited_set.hpp>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

TEST(visited_set, a_node_is_new_once_in_each_search) {
  visited_set visited;
  ASSERT_TRUE(succeeded(visited.reserve(10)));
  // More searches than there are numbers.
  for (int search = 0; search < 100'000; ++search) {
    visited.clear();
    const auto x = static_cast<node>(search % 10);
    ASSERT_TRUE(visited.insert(x)) << search;
    ASSERT_FALSE(visited.insert(x)) << search;
    ASSERT_TRUE(visited.insert((x + 1) % 10)) << search;
  }
}

TEST(visited_set, a_mark_is_forgotten_even_if_its_number_comes_again) {
  visited_set visited;
  ASSERT_TRUE(succeeded(visited.reserve(2)));
  visited.clear();
  ASSERT_TRUE(visited.insert(0));
  for (int search = 0; search < 255; ++search) visited.clear();
  EXPECT_TRUE(visited.insert(0));
}

TEST(visited_set, grows_and_keeps_what_it_has) {
  visited_set visited;
  ASSERT_TRUE(succeeded(visited.reserve(5)));
  EXPECT_EQ(visited.bytes(), 5u);
  visited.clear();
  ASSERT_TRUE(visited.insert(4));
  ASSERT_TRUE(succeeded(visited.reserve(100)));
  EXPECT_EQ(visited.bytes(), 100u);
  visited.clear();
  for (node x = 0; x < 100; ++x) EXPECT_TRUE(visited.insert(x));
  ASSERT_TRUE(succeeded(visited.reserve(3)));
  EXPECT_EQ(visited.bytes(), 100u);
}

TEST(visited_set, keeps_marks_of_neighbours_apart) {
  visited_set visited;
  ASSERT_TRUE(succeeded(visited.reserve(64)));
  for (int search = 0; search < 3; ++search) {
    visited.clear();
    for (node x = 0; x < 64; x += 2) EXPECT_TRUE(visited.insert(x));
    for (node x = 0; x < 64; ++x) EXPECT_EQ(visited.insert(x), x % 2 == 1) << x;
  }
}

TEST(visited_set, nodes_without_room_count_as_seen) {
  visited_set visited;
  ASSERT_TRUE(succeeded(visited.reserve(5)));
  visited.clear();
  EXPECT_TRUE(visited.insert(4));
  for (const node x : {5u, 1000u, no_node}) EXPECT_FALSE(visited.insert(x));
}

}  // namespace
}  // namespace thimble
