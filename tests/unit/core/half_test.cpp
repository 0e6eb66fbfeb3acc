// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
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

TEST(half, nearest_of_a_half_is_that_half) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    if ((bits & 0x7c00) == 0x7c00 && (bits & 0x3ff) != 0) continue;
    ASSERT_EQ(half::nearest(value_of(bits)).bits, bits);
  }
}

// Between two neighbouring halfs: below the middle the smaller one, above it the larger one, in the middle the even
// one. The middle of two halfs is a float, and so are its neighbours.
TEST(half, nearest_goes_to_the_nearer_one_and_from_the_middle_to_the_even_one) {
  for (unsigned bits = 0; bits < 0x7bff; ++bits) {
    const double low = value_of(bits), high = value_of(bits + 1);
    const auto middle = static_cast<float>((low + high) / 2);
    ASSERT_EQ(static_cast<double>(middle), (low + high) / 2);
    const unsigned even = bits % 2 == 0 ? bits : bits + 1;
    for (const unsigned sign : {0u, 0x8000u}) {
      const float s = sign == 0 ? 1.0f : -1.0f;
      ASSERT_EQ(half::nearest(s * std::nextafterf(middle, 0)).bits, sign | bits) << bits;
      ASSERT_EQ(half::nearest(s * middle).bits, sign | even) << bits;
      ASSERT_EQ(half::nearest(s * std::nextafterf(middle, INFINITY)).bits, sign | (bits + 1)) << bits;
    }
  }
}

// The rounding once more, by scaling to the place of the last bit and the math library's rounding.
unsigned rounded(float value) {
  if (value == 0) return 0;
  const int exponent = std::max(std::ilogb(value), -14);
  const double units = std::nearbyint(std::ldexp(static_cast<double>(value), 10 - exponent));
  const double result = std::ldexp(units, exponent - 10);
  if (result > 65504) return 0x7c00;
  if (result < 0x1p-14) return static_cast<unsigned>(std::ldexp(result, 24));
  const int e = std::ilogb(result);
  return static_cast<unsigned>(e + 15) << 10 | (static_cast<unsigned>(std::ldexp(result, 10 - e)) & 0x3ffu);
}

TEST(half, nearest_is_what_the_math_library_computes) {
  // Floats over the whole range, from below the smallest subnormal half to infinity.
  for (std::uint32_t bits = 0; bits < 0x7f800000u; bits += 4099) {
    const float value = std::bit_cast<float>(bits);
    ASSERT_EQ(half::nearest(value).bits, rounded(value)) << value;
    ASSERT_EQ(half::nearest(-value).bits, rounded(value) | 0x8000u) << value;
  }
}

TEST(half, beyond_the_largest_is_infinity_and_below_half_the_smallest_is_zero) {
  EXPECT_EQ(half::nearest(65504).bits, 0x7bff);
  EXPECT_EQ(half::nearest(std::nextafterf(65520, 0)).bits, 0x7bff);
  EXPECT_EQ(half::nearest(65520).bits, 0x7c00);
  EXPECT_EQ(half::nearest(-1e30f).bits, 0xfc00);
  EXPECT_EQ(half::nearest(INFINITY).bits, 0x7c00);
  EXPECT_EQ(half::nearest(0x1p-25f).bits, 0);
  EXPECT_EQ(half::nearest(std::nextafterf(0x1p-25f, 1)).bits, 1);
  EXPECT_EQ(half::nearest(-0x1p-26f).bits, 0x8000);
  EXPECT_EQ(half::nearest(std::bit_cast<float>(1u)).bits, 0);
}

TEST(half, nearest_of_no_number_is_none) {
  for (const std::uint32_t bits : {0x7f800001u, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xffc00000u}) {
    const unsigned found = half::nearest(std::bit_cast<float>(bits)).bits;
    EXPECT_EQ(found & 0x7c00u, 0x7c00u) << bits;
    EXPECT_NE(found & 0x3ffu, 0u) << bits;
  }
}

}  // namespace
}  // namespace thimble
