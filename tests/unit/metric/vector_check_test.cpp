// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <thimble/metric/vector_check.hpp>
#include <thimble/simd/dispatch.hpp>
#include <vector>

#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

TEST(vector_check, what_is_finite_and_within_the_limit_passes) {
  EXPECT_TRUE(is_finite({}));
  EXPECT_TRUE(is_finite(std::vector<float>{0, -0.0f, 1, -1e15f, 1e15f, std::numeric_limits<float>::denorm_min()}));
}

TEST(vector_check, one_bad_value_anywhere_is_found) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const float signalling = std::bit_cast<float>(0x7f800001u);
  for (const float bad : {nan, -nan, signalling, infinity, -infinity, std::nextafterf(1e15f, infinity), -1e20f}) {
    for (std::size_t at = 0; at < 70; ++at) {
      std::vector<float> vector(70, 1.0f);
      vector[at] = bad;
      EXPECT_FALSE(is_finite(vector)) << bad << " at " << at;
    }
  }
}

TEST(vector_check, a_normalised_vector_has_length_one_and_the_same_bits_on_every_instruction_set) {
  for (const std::size_t dim : {1u, 7u, 8u, 63u, 64u, 65u, 768u, 1536u, 4097u}) {
    const auto vector = test::random_vectors(1, dim, dim);
    const auto oracle = simd::kernels_for(simd::isa::scalar);
    std::vector<float> expected_bits(dim);
    ASSERT_TRUE(succeeded(normalize(**oracle, vector.values, expected_bits)));
    double norm2 = 0;
    for (const float value : expected_bits) norm2 += double{value} * value;
    EXPECT_NEAR(norm2, 1.0, 1e-5);
    for (const auto set : simd::attainable()) {
      std::vector<float> in_place = vector.values;
      ASSERT_TRUE(succeeded(normalize(**simd::kernels_for(set), in_place, in_place)));
      EXPECT_EQ(in_place, expected_bits) << name(set);
    }
  }
}

TEST(vector_check, a_vector_without_direction_is_an_error) {
  const auto& kernels = **simd::kernels_for(simd::isa::automatic);
  std::vector<float> out(5);
  EXPECT_EQ(code_of(normalize(kernels, std::vector<float>(5, 0.0f), out)), errc::zero_vector);
  EXPECT_EQ(code_of(normalize(kernels, std::vector<float>(5, -0.0f), out)), errc::zero_vector);
  // Its squares are no floats any more.
  EXPECT_EQ(code_of(normalize(kernels, std::vector<float>(5, 1e-30f), out)), errc::zero_vector);
}

TEST(vector_check, the_largest_values_have_a_finite_length) {
  const auto& kernels = **simd::kernels_for(simd::isa::automatic);
  std::vector<float> vector(65'535, max_magnitude);
  ASSERT_TRUE(succeeded(normalize(kernels, vector, vector)));
  EXPECT_NEAR(vector[0], 1 / std::sqrt(65'535.0), 1e-6);
}

}  // namespace
}  // namespace thimble
