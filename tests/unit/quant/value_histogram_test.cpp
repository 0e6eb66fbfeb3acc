// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thimble/core/random.hpp>
#include <thimble/quant/value_histogram.hpp>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

value_histogram of(const std::vector<float>& values) {
  auto histogram = value_histogram::create();
  for (const float value : values) histogram->add(value);
  return std::move(*histogram);
}

// The quantile that sorting gives: the smallest value that is not exceeded by this share.
float sorted_magnitude(std::vector<float> values, double share) {
  for (float& value : values) value = std::fabs(value);
  std::ranges::sort(values);
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}

TEST(value_histogram, quantiles_are_those_of_sorting_up_to_a_bin) {
  random_generator random(3);
  for (const std::size_t n : {1u, 2u, 10u, 1000u, 50'000u}) {
    std::vector<float> values(n);
    // Magnitudes over twelve orders, both signs.
    for (float& value : values)
      value = static_cast<float>((random.uniform() - .5) * std::pow(10.0, 12 * random.uniform() - 6));
    const value_histogram histogram = of(values);
    for (const double share : {.001, .1, .5, .9, .99, .999, 1.0}) {
      const float exact = sorted_magnitude(values, share);
      const float found = histogram.magnitude_at(share);
      EXPECT_GE(found, exact) << n << " values, share " << share;
      EXPECT_LE(found, exact * 1.0041f) << n << " values, share " << share;
    }
  }
}

TEST(value_histogram, of_zeros_or_of_nothing_is_zero) {
  EXPECT_EQ(of({}).magnitude_at(.999), 0.0f);
  EXPECT_EQ(of({0.0f, -0.0f, 0.0f}).magnitude_at(1), 0.0f);
}

TEST(value_histogram, a_few_outliers_do_not_matter) {
  std::vector<float> values(10'000, 1.0f);
  values[17] = 1e12f;
  EXPECT_LE(of(values).magnitude_at(.999), 1.0041f);
  EXPECT_GE(of(values).magnitude_at(1), 1e12f);
}

}  // namespace
}  // namespace thimble
