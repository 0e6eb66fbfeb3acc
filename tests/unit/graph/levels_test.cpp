// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <thimble/graph/levels.hpp>

#include "unit/support/files.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

TEST(levels, a_share_of_one_in_m_reaches_each_next_level) {
  constexpr std::size_t n = 200'000;
  for (const unsigned m : {2u, 5u, 16u, 64u}) {
    const auto levels = draw_levels(n, m, 42);
    ASSERT_TRUE(succeeded(levels));
    std::array<double, max_level + 2> reached{};
    for (const std::uint8_t level : levels->span())
      for (unsigned l = 0; l <= level; ++l) ++reached[l];
    for (unsigned l = 1; l <= 3; ++l) {
      const double wanted = n * std::pow(m, -static_cast<double>(l));
      EXPECT_NEAR(reached[l], wanted, 5 * std::sqrt(wanted) + 1) << "m " << m << ", level " << l;
    }
  }
}

TEST(levels, depend_on_the_seed_and_the_node_alone) {
  const auto few = draw_levels(100, 4, 7);
  const auto many = draw_levels(1000, 4, 7);
  const auto other = draw_levels(1000, 4, 8);
  bool differs = false;
  for (std::size_t x = 0; x < 1000; ++x) {
    EXPECT_EQ((*few)[x % 100], (*many)[x % 100]);
    EXPECT_EQ((*many)[x], draw_level(7, static_cast<node>(x), 4));
    differs |= (*many)[x] != (*other)[x];
  }
  EXPECT_TRUE(differs);
}

TEST(levels, stay_below_the_limit) {
  for (node x = 0; x < 300'000; ++x) ASSERT_LE(draw_level(1, x, 2), max_level);
}

// Levels that are not drawn, so that blocks of 64 nodes hold many rows, none, and end in the middle.
TEST(level_index, finds_the_rows_of_every_node) {
  for (const std::size_t n : {0u, 1u, 63u, 64u, 65u, 200u}) {
    std::vector<std::byte> levels(n);
    for (std::size_t x = 0; x < n; ++x) levels[x] = static_cast<std::byte>(x % 7 == 0 ? x % 16 : 0);
    auto buffer = aligned_buffer<std::uint8_t>::create(n);
    if (n != 0) std::memcpy(buffer->data(), levels.data(), n);
    const auto index = level_index::create(std::move(*buffer));
    ASSERT_TRUE(succeeded(index));
    std::size_t row = 0;
    for (std::size_t x = 0; x < n; ++x) {
      EXPECT_EQ((*index)[x], std::to_integer<unsigned>(levels[x]));
      EXPECT_EQ(index->upper_row(static_cast<node>(x)), row);
      row += std::to_integer<unsigned>(levels[x]);
    }
    EXPECT_EQ(index->upper_rows(), row);
    EXPECT_EQ(index->size(), n);
    EXPECT_LE(index->index_bytes(), n / 16 + 4);
  }
}

TEST(level_index, a_level_out_of_range_is_corrupt) {
  auto levels = aligned_buffer<std::uint8_t>::create(100);
  (*levels)[77] = max_level + 1;
  const auto index = level_index::create(std::move(*levels));
  ASSERT_EQ(test::code_of(index), errc::corrupt);
  EXPECT_EQ(index.error().value, 77u);
}

}  // namespace
}  // namespace thimble
