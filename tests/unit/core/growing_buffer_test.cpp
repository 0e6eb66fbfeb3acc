// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <limits>
#include <thimble/core/growing_buffer.hpp>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

TEST(growing_buffer, holds_what_was_pushed_however_often_it_grew) {
  growing_buffer<int> buffer;
  EXPECT_TRUE(buffer.empty());
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(test::succeeded(buffer.make_room(1)));
    buffer.push(i);
  }
  ASSERT_EQ(buffer.size(), 1000u);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(buffer.span()[static_cast<std::size_t>(i)], i);
  buffer.pop();
  EXPECT_EQ(buffer.span().back(), 998);
  EXPECT_LE(buffer.bytes(), 2 * 1000 * sizeof(int)) << "it doubles";
}

TEST(growing_buffer, makes_all_the_room_at_once_and_keeps_it) {
  growing_buffer<int> buffer;
  ASSERT_TRUE(test::succeeded(buffer.make_room(5000)));
  const int* const at = buffer.span().data();
  for (int i = 0; i < 5000; ++i) buffer.push(i);
  EXPECT_EQ(buffer.span().data(), at);
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  ASSERT_TRUE(test::succeeded(buffer.make_room(5000)));
  EXPECT_EQ(buffer.span().data(), at);
}

TEST(growing_buffer, that_cannot_grow_says_so_and_holds_what_it_held) {
  growing_buffer<int> buffer;
  ASSERT_TRUE(test::succeeded(buffer.make_room(2)));
  buffer.push(7);
  buffer.push(8);
  for (const std::size_t n : {std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max() / 2})
    EXPECT_EQ(test::code_of(buffer.make_room(n)), errc::out_of_memory);
  ASSERT_EQ(buffer.size(), 2u);
  EXPECT_EQ(buffer.span()[1], 8);
}

}  // namespace
}  // namespace thimble
