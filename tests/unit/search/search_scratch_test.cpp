// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/search/search_scratch.hpp>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

TEST(search_scratch, has_the_room_it_was_asked_for_and_keeps_it) {
  search_scratch scratch;
  ASSERT_TRUE(succeeded(scratch.reserve(1000, 50, 0, 24, 128)));
  EXPECT_GE(scratch.visited.bytes(), visited_set::bytes_for(1000));
  EXPECT_EQ(scratch.vector(24).size(), 24u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(scratch.query()) % 64, 0u);
  const auto rows = scratch.rows(48);
  ASSERT_TRUE(succeeded(rows));
  EXPECT_GE(rows->size(), 48u);

  const std::byte* const query = scratch.query();
  const float* const vector = scratch.vector(24).data();
  ASSERT_TRUE(succeeded(scratch.reserve(10, 5, 0, 2, 64)));
  EXPECT_EQ(scratch.query(), query);
  EXPECT_EQ(scratch.vector(2).data(), vector);
  EXPECT_EQ(scratch.rows(7)->data(), rows->data());
}

TEST(search_scratch, a_size_that_no_machine_has_is_out_of_memory_and_leaves_it_usable) {
  search_scratch scratch;
  constexpr std::size_t huge = std::size_t{1} << (8 * sizeof(std::size_t) - 3);
  EXPECT_EQ(test::code_of(scratch.rows(huge)), errc::out_of_memory);
  EXPECT_EQ(test::code_of(scratch.reserve(10, huge, 0, 2, 64)), errc::out_of_memory);
  EXPECT_EQ(test::code_of(scratch.reserve(10, 5, huge, 2, 64)), errc::out_of_memory);
  EXPECT_TRUE(succeeded(scratch.reserve(10, 5, 0, 2, 64)));
}

}  // namespace
}  // namespace thimble
