// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <thimble/core/random.hpp>
#include <thimble/quant/rounding.hpp>

namespace thimble {
namespace {

TEST(round_to_int, ties_go_to_the_even_one) {
  for (int i = -1000; i < 1000; ++i) {
    EXPECT_EQ(round_to_int(i), i);
    EXPECT_EQ(round_to_int(i + .5), i % 2 == 0 ? i : i + 1);
    EXPECT_EQ(round_to_int(std::nextafter(i + .5, -1e9)), i);
    EXPECT_EQ(round_to_int(std::nextafter(i + .5, 1e9)), i + 1);
  }
}

TEST(round_to_int, holds_up_to_the_ends_of_an_int) {
  EXPECT_EQ(round_to_int(2147483647.0), std::numeric_limits<std::int32_t>::max());
  EXPECT_EQ(round_to_int(-2147483648.0), std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(round_to_int(-0.0), 0);
  EXPECT_EQ(round_to_int(1e-300), 0);
}

TEST(round_to_int, is_what_the_math_library_says) {
  random_generator random(1);
  for (int i = 0; i < 100'000; ++i) {
    const double x = std::ldexp(2 * random.uniform() - 1, static_cast<int>(random.below(31)));
    ASSERT_EQ(round_to_int(x), std::nearbyint(x)) << x;
  }
}

unsigned significant_bits(float value) {
  const std::uint32_t mantissa = (std::bit_cast<std::uint32_t>(value) & 0x7fffffu) | 0x800000u;
  return 24u - static_cast<unsigned>(std::countr_zero(mantissa));
}

TEST(rounded_step, is_no_shorter_at_most_a_128th_longer_and_of_8_bits) {
  random_generator random(2);
  for (int i = 0; i < 100'000; ++i) {
    const auto step = static_cast<float>(std::pow(10.0, 28 * random.uniform() - 14));
    const float rounded = rounded_step(step);
    ASSERT_GE(rounded, step);
    ASSERT_LE(rounded, step * (1 + 0x1p-7f));
    ASSERT_LE(significant_bits(rounded), 8u);
    ASSERT_EQ(rounded_step(rounded), rounded);
  }
}

TEST(rounded_step, stays_within_what_keeps_products_normal_and_finite) {
  for (const float step : {0.0f, -0.0f, -1.0f, 1e-45f, 1e-20f}) {
    EXPECT_GE(rounded_step(step), 1e-15f);
    EXPECT_LE(rounded_step(step), 1.01e-15f);
  }
  for (const float step : {1e15f, 1e30f, std::numeric_limits<float>::infinity()})
    EXPECT_LE(rounded_step(step), 1.01e15f);
}

}  // namespace
}  // namespace thimble
