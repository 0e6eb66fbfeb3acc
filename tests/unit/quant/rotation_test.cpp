// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thimble/quant/rotation.hpp>
#include <thimble/simd/dispatch.hpp>
#include <vector>

#include "unit/support/coded.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::dot;

constexpr std::size_t rotated_dims[] = {1, 7, 63, 64, 65, 100, 127, 128, 129, 768, 1536, 4097, 65'535};

const simd::kernel_set& kernels(simd::isa set = simd::isa::automatic) { return **simd::kernels_for(set); }

std::vector<float> rotated(const rotation& rotate, std::span<const float> vector,
                           simd::isa set = simd::isa::automatic) {
  std::vector<float> values(rotate.padded_dim());
  std::ranges::copy(vector, values.begin());
  rotate.apply(kernels(set), values.data());
  return values;
}

TEST(rotation, pads_to_a_multiple_of_64) {
  for (const auto& [dim, padded] : {std::pair{1u, 64u}, {64u, 64u}, {65u, 128u}, {784u, 832u}, {65'535u, 65'536u}}) {
    EXPECT_EQ(rotation::padded(dim), padded);
    EXPECT_EQ(rotation::create(dim, 1)->padded_dim(), padded);
  }
}

TEST(rotation, keeps_norms_and_inner_products) {
  for (const std::size_t dim : rotated_dims) {
    const auto rotate = rotation::create(dim, dim);
    ASSERT_TRUE(test::succeeded(rotate));
    const auto vectors = test::random_vectors(2, dim, 3);
    const auto a = rotated(*rotate, vectors.row(0));
    const auto b = rotated(*rotate, vectors.row(1));
    const double a2 = dot(vectors.row(0), vectors.row(0)), b2 = dot(vectors.row(1), vectors.row(1));
    EXPECT_NEAR(std::sqrt(dot(a, a) / a2), 1, 1e-5) << "dim " << dim;
    EXPECT_NEAR(dot(a, b), dot(vectors.row(0), vectors.row(1)), 1e-5 * std::sqrt(a2 * b2)) << "dim " << dim;
  }
}

TEST(rotation, is_undone_to_float_precision) {
  for (const std::size_t dim : {1u, 3u, 64u, 65u, 100u, 128u, 384u, 768u, 784u, 1536u, 4097u, 65'535u}) {
    const auto rotate = rotation::create(dim, dim);
    ASSERT_TRUE(test::succeeded(rotate));
    const auto vector = test::random_vectors(1, dim, 3);
    const auto there = rotated(*rotate, vector.row(0));
    auto back = there;
    rotate->apply_inverse(kernels(), back.data());
    double error = 0;  // what was padding is zero again
    for (std::size_t j = 0; j < back.size(); ++j)
      error += std::pow(double{back[j]} - (j < dim ? double{vector.row(0)[j]} : 0.0), 2);
    EXPECT_LE(std::sqrt(error / dot(vector.row(0), vector.row(0))), 2e-6) << "dim " << dim;
    for (const auto set : simd::attainable()) {
      auto again = there;
      rotate->apply_inverse(kernels(set), again.data());
      EXPECT_EQ(test::bits_of(again), test::bits_of(back)) << name(set) << ", dim " << dim;
    }
  }
}

TEST(rotation, the_same_seed_gives_the_same_bytes_and_another_seed_others) {
  for (const std::size_t dim : rotated_dims) {
    const auto vector = test::random_vectors(1, dim, 3);
    const auto once = rotated(*rotation::create(dim, 5), vector.row(0));
    EXPECT_EQ(once, rotated(*rotation::create(dim, 5), vector.row(0))) << "dim " << dim;
    EXPECT_NE(once, rotated(*rotation::create(dim, 6), vector.row(0))) << "dim " << dim;
  }
}

TEST(rotation, gives_the_same_bits_on_every_instruction_set) {
  for (const std::size_t dim : rotated_dims) {
    const auto rotate = rotation::create(dim, 9);
    const auto vector = test::random_vectors(1, dim, 3);
    const auto oracle = rotated(*rotate, vector.row(0), simd::isa::scalar);
    for (const auto set : simd::attainable())
      EXPECT_EQ(test::bits_of(rotated(*rotate, vector.row(0), set)), test::bits_of(oracle)) << name(set) << " " << dim;
  }
}

// The same on every platform, and for good: files hold a seed only.
TEST(rotation, a_seed_means_the_same_rotation_for_ever) {
  std::vector<float> ramp(100);
  for (std::size_t j = 0; j < ramp.size(); ++j) ramp[j] = static_cast<float>(j) - 50;
  const auto values = rotated(*rotation::create(100, 42), ramp);
  std::uint32_t hash = 0;
  for (const std::uint32_t bits : test::bits_of(values)) hash = hash * 31 + bits;
  EXPECT_EQ(hash, 456163267u);
}

TEST(rotation, spreads_what_was_in_one_value_over_all) {
  for (const std::size_t dim : rotated_dims) {
    const auto rotate = rotation::create(dim, 2);
    const std::size_t d = rotate->padded_dim();
    for (const std::size_t at : {std::size_t{0}, dim / 2, dim - 1}) {
      std::vector<float> vector(dim);
      vector[at] = 1;
      double largest = 0;
      for (const float value : rotated(*rotate, vector)) largest = std::max(largest, std::fabs(double{value}));
      // Of D normal values the largest is about sqrt(2 ln(D)) / sqrt(D).
      const auto size = static_cast<double>(d);
      EXPECT_LE(largest, 2 * std::sqrt(2 * std::log(size) / size)) << "dim " << dim << ", value " << at;
    }
  }
}

TEST(rotation, sends_a_vector_in_every_direction_equally) {
  constexpr std::size_t n_rotations = 2000, dim = 100;
  const auto vector = test::random_vectors(1, dim, 3);
  const std::size_t d = rotation::padded(dim);
  std::vector<double> sum(d), squares(d), neighbours(d);
  for (std::uint64_t seed = 0; seed < n_rotations; ++seed) {
    const auto values = rotated(*rotation::create(dim, seed), vector.row(0));
    for (std::size_t j = 0; j < d; ++j) {
      sum[j] += values[j];
      squares[j] += double{values[j]} * values[j];
      neighbours[j] += double{values[j]} * values[(j + 1) % d];
    }
  }
  const double variance = dot(vector.row(0), vector.row(0)) / static_cast<double>(d);
  // Four and a half standard errors: one in a thousand of 3 d values' tests would be beyond.
  const double error = 4.5 / std::sqrt(double{n_rotations});
  for (std::size_t j = 0; j < d; ++j) {
    EXPECT_NEAR(sum[j] / n_rotations, 0, error * std::sqrt(variance)) << j;
    EXPECT_NEAR(squares[j] / n_rotations, variance, error * std::sqrt(2.0) * variance) << j;
    EXPECT_NEAR(neighbours[j] / n_rotations, 0, error * variance) << j;
  }
}

}  // namespace
}  // namespace thimble
