// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <thimble/core/aligned_buffer.hpp>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

TEST(aligned_buffer, begins_at_a_cache_line_and_is_zeroed) {
  // The largest is beyond the size at which huge pages are asked for.
  for (const std::size_t n : {1u, 63u, 64u, 65u, 4097u, 5u << 20}) {
    const auto buffer = aligned_buffer<std::uint8_t>::create(n);
    ASSERT_TRUE(succeeded(buffer));
    EXPECT_EQ(buffer->size(), n);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->data()) % 64, 0u);
    EXPECT_TRUE(std::ranges::all_of(buffer->span(), [](std::uint8_t value) { return value == 0; }));
    EXPECT_TRUE(buffer->owns());
  }
}

TEST(aligned_buffer, of_nothing_owns_nothing) {
  const auto buffer = aligned_buffer<double>::create(0);
  ASSERT_TRUE(succeeded(buffer));
  EXPECT_TRUE(buffer->empty());
  EXPECT_FALSE(buffer->owns());
  EXPECT_EQ(buffer->bytes(), 0u);
}

TEST(aligned_buffer, a_size_that_no_machine_has_is_out_of_memory) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(code_of(aligned_buffer<double>::create(most)), errc::out_of_memory);
  EXPECT_EQ(code_of(aligned_buffer<double>::create(most / sizeof(double))), errc::out_of_memory);
  EXPECT_EQ(code_of(aligned_buffer<double>::create(most / sizeof(double) + 2)), errc::out_of_memory);
  EXPECT_EQ(code_of(aligned_buffer<double>::create(most, 64)), errc::out_of_memory);
  EXPECT_EQ(code_of(aligned_buffer<double>::create(64, most)), errc::out_of_memory);
}

TEST(aligned_buffer, borrows_without_copying_or_freeing) {
  const std::array<int, 3> values{1, 2, 3};
  const auto buffer = aligned_buffer<int>::borrow(values);
  EXPECT_EQ(buffer.data(), values.data());
  EXPECT_EQ(buffer.size(), 3u);
  EXPECT_EQ(buffer[2], 3);
  EXPECT_FALSE(buffer.owns());
}

TEST(aligned_buffer, moves_hand_the_memory_over) {
  auto made = aligned_buffer<int>::create(4);
  ASSERT_TRUE(succeeded(made));
  (*made)[3] = 7;
  const int* const where = made->data();
  aligned_buffer<int> moved = std::move(*made);
  EXPECT_EQ(moved.data(), where);
  EXPECT_TRUE(made->empty());
  aligned_buffer<int> assigned;
  assigned = std::move(moved);
  EXPECT_EQ(assigned.data(), where);
  EXPECT_EQ(assigned[3], 7);
  EXPECT_EQ(assigned.bytes(), 4 * sizeof(int));
}

}  // namespace
}  // namespace thimble
