// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <thimble/core/bfloat16.hpp>

namespace thimble {
namespace {

float bfloat16_value(unsigned bits) { return static_cast<float>(bfloat16{static_cast<std::uint16_t>(bits)}); }

static_assert(sizeof(bfloat16) == 2);
static_assert(static_cast<float>(bfloat16::nearest(-2.5f)) == -2.5f);

TEST(bfloat16, known_values_are_exact) {
  EXPECT_EQ(bfloat16_value(0x0000), 0.0f);
  EXPECT_TRUE(std::signbit(bfloat16_value(0x8000)));
  EXPECT_EQ(bfloat16_value(0x3f80), 1.0f);
  EXPECT_EQ(bfloat16_value(0xc000), -2.0f);
  EXPECT_EQ(bfloat16_value(0x7f7f), 0x1.fep127f);  // the largest
  EXPECT_EQ(bfloat16_value(0x0080), 0x1p-126f);    // the smallest normal one
  EXPECT_EQ(bfloat16_value(0x0001), 0x1p-133f);
  EXPECT_EQ(bfloat16_value(0x7f80), INFINITY);
  EXPECT_EQ(bfloat16_value(0xff80), -INFINITY);
}

TEST(bfloat16, every_finite_bfloat16_is_the_number_its_fields_say) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>(bits >> 7 & 255);
    const int mantissa = static_cast<int>(bits & 0x7f);
    if (exponent == 255) continue;
    const double magnitude = exponent == 0 ? std::ldexp(mantissa, -133) : std::ldexp(128 + mantissa, exponent - 134);
    ASSERT_EQ(static_cast<double>(bfloat16_value(bits)), (bits & 0x8000) != 0 ? -magnitude : magnitude) << bits;
    ASSERT_EQ(std::signbit(bfloat16_value(bits)), (bits & 0x8000) != 0) << bits;
  }
}

TEST(bfloat16, not_a_number_stays_none) {
  for (const unsigned sign : {0u, 0x8000u}) {
    for (unsigned bits = 0x7f81; bits < 0x8000; ++bits) {
      // Bits are compared, so that no flag of a compiler can assume NaN away.
      const auto float_bits = std::bit_cast<std::uint32_t>(bfloat16_value(sign | bits));
      ASSERT_EQ(float_bits & 0x7f800000u, 0x7f800000u);
      ASSERT_NE(float_bits & 0x007fffffu, 0u);
      const unsigned again = bfloat16::nearest(bfloat16_value(sign | bits)).bits;
      ASSERT_EQ(again & 0xff80u, sign | 0x7f80u) << bits;
      ASSERT_NE(again & 0x7fu, 0u) << bits;
    }
  }
}

TEST(bfloat16, nearest_of_no_number_is_none_wherever_its_bits_are) {
  for (const std::uint32_t bits :
       {0x7f800001u, 0x7f80ffffu, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xff80ffffu, 0xffc00000u, 0xffffffffu}) {
    const unsigned found = bfloat16::nearest(std::bit_cast<float>(bits)).bits;
    EXPECT_EQ(found & 0xff80u, bits >> 16 & 0xff80u) << bits;
    EXPECT_NE(found & 0x7fu, 0u) << bits;
  }
}

TEST(bfloat16, nearest_of_a_bfloat16_is_that_bfloat16) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    if ((bits & 0x7f80) == 0x7f80 && (bits & 0x7f) != 0) continue;
    ASSERT_EQ(bfloat16::nearest(bfloat16_value(bits)).bits, bits);
  }
}

// Between two neighbours: below the middle the smaller one, above it the larger one, in the middle the even one. The
// last pair is the largest number and infinity, which stands where 2^128 would be.
TEST(bfloat16, nearest_goes_to_the_nearer_one_and_from_the_middle_to_the_even_one) {
  for (unsigned bits = 0; bits < 0x7f80; ++bits) {
    const double low = bfloat16_value(bits), high = bits == 0x7f7f ? 0x1p128 : bfloat16_value(bits + 1);
    const auto middle = static_cast<float>((low + high) / 2);
    ASSERT_EQ(static_cast<double>(middle), (low + high) / 2);
    const unsigned even = bits % 2 == 0 ? bits : bits + 1;
    for (const unsigned sign : {0u, 0x8000u}) {
      const float s = sign == 0 ? 1.0f : -1.0f;
      ASSERT_EQ(bfloat16::nearest(s * std::nextafterf(middle, 0)).bits, sign | bits) << bits;
      ASSERT_EQ(bfloat16::nearest(s * middle).bits, sign | even) << bits;
      ASSERT_EQ(bfloat16::nearest(s * std::nextafterf(middle, INFINITY)).bits, sign | (bits + 1)) << bits;
    }
  }
}

// The rounding once more, by scaling to the place of the last bit and the math library's rounding.
double bfloat16_rounded(float value) {
  if (value == 0) return 0;
  const int last_place = std::max(std::ilogb(value), -126) - 7;
  const double result = std::ldexp(std::nearbyint(std::ldexp(static_cast<double>(value), -last_place)), last_place);
  return result >= 0x1p128 ? INFINITY : result;
}

TEST(bfloat16, nearest_is_what_the_math_library_computes) {
  for (std::uint32_t bits = 0; bits < 0x7f800000u; bits += 4099) {
    const float value = std::bit_cast<float>(bits);
    ASSERT_EQ(static_cast<double>(static_cast<float>(bfloat16::nearest(value))), bfloat16_rounded(value)) << value;
    ASSERT_EQ(static_cast<double>(static_cast<float>(bfloat16::nearest(-value))), -bfloat16_rounded(value)) << value;
  }
}

}  // namespace
}  // namespace thimble
