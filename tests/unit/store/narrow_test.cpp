// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/store/narrow.hpp>

#include <array>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

TEST(round_rows, rounds_to_the_nearest_half) {
  const std::vector<float> values{0, -1, .1f, 65504, -65519, 1e-8f};
  std::array<half, 7> halfs{};
  halfs[6].bits = 77;
  ASSERT_TRUE(test::succeeded(detail::round_rows(values, halfs, 3, 0)));
  for (std::size_t j = 0; j < values.size(); ++j) EXPECT_EQ(halfs[j].bits, half::nearest(values[j]).bits) << j;
  EXPECT_EQ(halfs[6].bits, 77u);
}

TEST(round_rows, a_value_that_no_half_can_hold_names_its_row) {
  std::vector<float> values(12);
  std::array<half, 12> halfs{};
  values[7] = -65520;
  const auto outcome = detail::round_rows(values, halfs, 3, 100);
  EXPECT_EQ(test::code_of(outcome), errc::too_large);
  EXPECT_EQ(outcome.error().value, 102u);
}

}  // namespace
}  // namespace thimble
