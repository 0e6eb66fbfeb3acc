// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <thimble/core/half.hpp>

namespace thimble {
namespace {

float value_of(unsigned bits) { return static_cast<float>(half{static_cast<std::uint16_t>(bits)}); }

TEST(half, known_values_are_exact) {
  EXPECT_EQ(value_of(0x0000), 0.0f);
  EXPECT_TRUE(std::signbit(value_of(0x8000)));
  EXPECT_EQ(value_of(0x3c00), 1.0f);
  EXPECT_EQ(value_of(0xc000), -2.0f);
  EXPECT_EQ(value_of(0x7bff), 65504.0f);    // the largest
  EXPECT_EQ(value_of(0x0400), 0x1p-14f);    // the smallest normal one
  EXPECT_EQ(value_of(0x03ff), 0x3ffp-24f);  // the largest subnormal one
  EXPECT_EQ(value_of(0x0001), 0x1p-24f);
  EXPECT_EQ(value_of(0x7c00), INFINITY);
  EXPECT_EQ(value_of(0xfc00), -INFINITY);
}

TEST(half, every_finite_half_is_the_number_its_fields_say) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const int mantissa = static_cast<int>(bits & 0x3ff);
    if (exponent == 31) continue;
    const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    ASSERT_EQ(static_cast<double>(value_of(bits)), (bits & 0x8000) != 0 ? -magnitude : magnitude) << bits;
  }
}

TEST(half, not_a_number_stays_none) {
  for (unsigned bits = 0x7c01; bits < 0x8000; ++bits) {
    // Bits are compared, so that no flag of a compiler can assume NaN away.
    const auto float_bits = std::bit_cast<std::uint32_t>(value_of(bits));
    ASSERT_EQ(float_bits & 0x7f800000u, 0x7f800000u);
    ASSERT_NE(float_bits & 0x007fffffu, 0u);
  }
}

}  // namespace
}  // namespace thimble
