// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <thimble/core/random.hpp>
#include <thimble/quant/range_histogram.hpp>
#include <vector>

#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

range_histogram histogram_of(const test::float_vectors& rows) {
  auto histogram = range_histogram::create(rows.dim);
  for (std::size_t i = 0; i < rows.size(); ++i) histogram->widen(rows.row(i));
  for (std::size_t i = 0; i < rows.size(); ++i) histogram->add(rows.row(i));
  return std::move(*histogram);
}

// One dimension.
test::float_vectors drawn(std::size_t n, const std::function<double(random_generator&)>& draw) {
  random_generator random(5);
  test::float_vectors rows{.dim = 1, .values = std::vector<float>(n)};
  std::ranges::generate(rows.values, [&] { return static_cast<float>(draw(random)); });
  return rows;
}

// What is left after rounding each value to the nearest of the levels.
double mean_error(const test::float_vectors& rows, value_range range, unsigned n_levels) {
  const double step = (double{range.high} - range.low) / (n_levels - 1);
  double sum = 0;
  for (const float value : rows.values) {
    const double level = std::clamp(std::round((value - range.low) / step), 0.0, n_levels - 1.0);
    sum += std::fabs(value - (range.low + level * step));
  }
  return sum;
}

// Half a step is what an end may be cut without a loss: values there round to the last level all the same.
TEST(range_histogram, a_range_that_is_used_to_its_ends_is_cut_by_half_a_step_at_most) {
  const auto rows = drawn(5000, [](auto& random) { return 7 + 2 * random.uniform(); });
  for (const unsigned n_levels : {16u, 256u}) {
    const value_range range = histogram_of(rows).best_range(0, n_levels);
    const double half_step = 2.0 / (n_levels - 1) / 2 + .002;
    EXPECT_NEAR(range.low, 7, half_step);
    EXPECT_NEAR(range.high, 9, half_step);
    EXPECT_LE(mean_error(rows, range, n_levels), mean_error(rows, {7, 9}, n_levels));
  }
}

TEST(range_histogram, heavy_tails_are_cut_where_it_lessens_the_error) {
  // One value in 4,000 is ten times as large.
  const auto rows = drawn(20'000, [](auto& random) {
    const double value = 2 * random.uniform() - 1;
    return random.below(4000) == 0 ? 10 * value : value;
  });
  const auto [low, high] = std::ranges::minmax(rows.values);
  const value_range range = histogram_of(rows).best_range(0, 16);
  EXPECT_LT(range.high, .5f * high);
  EXPECT_GT(range.low, .5f * low);
  EXPECT_LT(mean_error(rows, range, 16), .5 * mean_error(rows, {low, high}, 16));
  // 256 levels are enough to keep more of them.
  const value_range finer = histogram_of(rows).best_range(0, 256);
  EXPECT_GT(finer.high, range.high);
}

TEST(range_histogram, the_chosen_range_is_about_as_good_as_any_symmetric_cut) {
  // A sum of twelve uniform values: nearly normal.
  const auto rows = drawn(20'000, [](auto& random) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random.uniform();
    return sum;
  });
  const double chosen = mean_error(rows, histogram_of(rows).best_range(0, 16), 16);
  double least = chosen;
  for (float end = 1; end < 5; end += .1f) least = std::min(least, mean_error(rows, {-end, end}, 16));
  EXPECT_LE(chosen, 1.1 * least);
}

TEST(range_histogram, dimensions_do_not_mix) {
  auto rows = test::random_vectors(2000, 3, 4);
  for (std::size_t i = 0; i < rows.size(); ++i) rows.row(i)[1] = 1000;
  const auto histogram = histogram_of(rows);
  EXPECT_EQ(histogram.best_range(1, 16).low, 1000.0f);
  EXPECT_EQ(histogram.best_range(1, 16).high, 1000.0f);
  for (const std::size_t j : {0u, 2u}) {
    EXPECT_NEAR(histogram.best_range(j, 16).low, -1, .08);
    EXPECT_NEAR(histogram.best_range(j, 16).high, 1, .08);
  }
}

TEST(range_histogram, one_row_and_the_largest_values_have_a_range) {
  for (const float value : {0.0f, -3.0f, 1e15f, -1e15f, 1e-40f}) {
    const value_range range = histogram_of({.dim = 1, .values = {value}}).best_range(0, 16);
    EXPECT_EQ(range.low, value);
    EXPECT_EQ(range.high, value);
  }
  const value_range widest = histogram_of({.dim = 1, .values = {-1e15f, 1e15f}}).best_range(0, 16);
  EXPECT_GE(widest.low, -1e15f);
  EXPECT_LE(widest.high, 1e15f);
  EXPECT_LT(widest.low, widest.high);
}

TEST(range_histogram, counts_as_many_equal_values_as_it_promises) {
  // Nearly all in one bin, a few around it, one at each end. A counter that wraps would lose the many, and the ends
  // would count for more than they are.
  auto rows = drawn(65'535, [](auto& random) { return random.below(100) == 0 ? 1.5 + random.uniform() : 2; });
  rows.values.front() = 0;
  rows.values.back() = 4;
  const value_range range = histogram_of(rows).best_range(0, 16);
  EXPECT_GT(range.low, 1.0f);
  EXPECT_LT(range.high, 3.0f);
}

TEST(range_histogram, a_dimension_that_is_nearly_always_the_same_keeps_what_is_rare) {
  const auto rows = drawn(10'000, [](auto& random) { return random.below(1000) == 0 ? 5.0 : 0.0; });
  const value_range range = histogram_of(rows).best_range(0, 16);
  EXPECT_EQ(range.low, 0.0f);
  EXPECT_EQ(range.high, 5.0f);
}

TEST(range_histogram, whole_numbers_are_no_further_from_a_level_than_they_are) {
  // Multiples of 17 up to 255: 16 levels hold them exactly, whatever the bins.
  const auto rows = drawn(5000, [](auto& random) { return 17.0 * static_cast<double>(random.below(16)); });
  const value_range range = histogram_of(rows).best_range(0, 16);
  EXPECT_EQ(range.low, 0.0f);
  EXPECT_EQ(range.high, 255.0f);
}

}  // namespace
}  // namespace thimble
