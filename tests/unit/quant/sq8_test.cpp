// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <thimble/quant/sq8.hpp>

#include "unit/support/coded.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/quantizers.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::coded;
using test::metrics;
using test::relative_error;
using test::succeeded;
using test::usual_dims;

// The mean of each dimension, then the step.
std::vector<float> parameters_of(const sq8& quantizer) {
  std::vector<float> values(quantizer.parameters().size() / sizeof(float));
  std::memcpy(values.data(), quantizer.parameters().data(), quantizer.parameters().size());
  return values;
}

expected<sq8> load_sq8(const std::vector<float>& parameters) {
  return sq8::load(std::as_bytes(std::span(parameters)), parameters.size() - 1, metric::l2);
}

struct code_factors {
  float add;
  std::int32_t sum;
};

code_factors factors_of(const coded<sq8>& data, node x, std::size_t dim) {
  return load_as<code_factors>(data.code(x) + round_up(dim, std::size_t{4}));
}

// u - 128 of a dimension.
int level(const coded<sq8>& data, node x, std::size_t j) { return std::to_integer<std::int8_t>(data.code(x)[j]); }

// The vector that a code stands for.
std::vector<double> decoded(const coded<sq8>& data, node x) {
  const auto parameters = parameters_of(data.quantizer());
  std::vector<double> values(parameters.size() - 1);
  for (std::size_t j = 0; j < values.size(); ++j)
    values[j] = parameters[j] + double{parameters.back()} * (level(data, x, j) + .5);
  return values;
}

TEST(sq8, one_byte_a_dimension_and_two_factors) {
  for (const auto& [dim, bytes] : {std::pair{1u, 12u}, {7u, 16u}, {8u, 16u}, {784u, 792u}, {4097u, 4108u}}) {
    const auto quantizer = sq8::train(test::random_vectors(3, dim, 1).view(), metric::l2, coded<sq8>::options());
    ASSERT_TRUE(succeeded(quantizer));
    EXPECT_EQ(quantizer->code_bytes(), bytes);
  }
}

TEST(sq8, the_mean_is_that_of_the_rows_and_one_step_covers_all_but_a_thousandth) {
  const auto& rows = test::base_pictures();
  const auto quantizer = sq8::train(rows.first(2000), metric::l2, coded<sq8>::options());
  ASSERT_TRUE(succeeded(quantizer));
  const auto parameters = parameters_of(*quantizer);
  ASSERT_EQ(parameters.size(), rows.dim + 1);
  std::vector<double> mean(rows.dim);
  for (std::size_t i = 0; i < 2000; ++i)
    for (std::size_t j = 0; j < rows.dim; ++j) mean[j] += rows.values[i * rows.dim + j] / 2000.0;
  std::size_t clipped = 0;
  for (std::size_t j = 0; j < rows.dim; ++j) EXPECT_NEAR(parameters[j], mean[j], 1e-3);
  for (std::size_t i = 0; i < 2000; ++i)
    for (std::size_t j = 0; j < rows.dim; ++j)
      clipped += std::fabs(rows.values[i * rows.dim + j] - parameters[j]) > 127.5f * parameters.back() ? 1 : 0;
  EXPECT_LE(static_cast<double>(clipped), .0001 * 2000 * static_cast<double>(rows.dim));
  EXPECT_GT(clipped, 0u) << "the step is larger than it need be";
}

TEST(sq8, codes_are_within_half_a_step_where_nothing_is_clipped) {
  for (const std::size_t dim : usual_dims) {
    const auto rows = test::random_vectors(40, dim, dim);
    const coded<sq8> data(rows, metric::l2);
    const auto parameters = parameters_of(data.quantizer());
    const double step = parameters.back();
    for (node x = 0; x < rows.size(); ++x) {
      const auto values = decoded(data, x);
      for (std::size_t j = 0; j < dim; ++j) {
        const double centred = double{rows.row(x)[j]} - parameters[j];
        if (std::fabs(centred) <= 127.5 * step)
          EXPECT_NEAR(values[j], rows.row(x)[j], .501 * step) << "dim " << dim;
        else
          EXPECT_EQ(level(data, x, j), centred < 0 ? -128 : 127);
      }
    }
  }
}

TEST(sq8, vectors_are_decoded_to_the_middles_of_their_steps) {
  for (const std::size_t dim : usual_dims) {
    for (const metric m : metrics) {
      const coded<sq8> data(test::random_vectors(10, dim, dim), m);
      for (node x = 0; x < 10; ++x) {
        const auto values = decoded(data, x);
        const auto vector = data.decoded(x, dim);
        for (std::size_t j = 0; j < dim; ++j) EXPECT_EQ(vector[j], static_cast<float>(values[j])) << "dim " << dim;
      }
    }
  }
}

TEST(sq8, values_outside_the_trained_range_clip) {
  const auto rows = test::random_vectors(100, 16, 1);
  auto quantizer = sq8::train(rows.view(), metric::l2, coded<sq8>::options());
  ASSERT_TRUE(succeeded(quantizer));
  std::vector<float> far(16, max_magnitude);
  for (std::size_t j = 0; j < 16; j += 2) far[j] = -max_magnitude;
  const coded<sq8> data({.dim = 16, .values = far}, std::move(*quantizer));
  for (std::size_t j = 0; j < 16; ++j) EXPECT_EQ(level(data, 0, j), j % 2 == 0 ? -128 : 127);
  EXPECT_TRUE(data.quantizer().valid(data.code(0)));
}

TEST(sq8, factors_say_what_the_code_is) {
  for (const metric m : metrics) {
    const auto rows = test::random_vectors(10, 65, 3);
    const coded<sq8> data(rows, m);
    const auto parameters = parameters_of(data.quantizer());
    for (node x = 0; x < rows.size(); ++x) {
      std::int32_t sum = 0;
      double add = 0, terms = 0;
      for (std::size_t j = 0; j < 65; ++j) {
        sum += level(data, x, j);
        const double v = parameters.back() * (level(data, x, j) + .5);
        const double term = m == metric::l2 ? v * v : -v * parameters[j];
        add += term;
        terms += std::fabs(term);
      }
      const auto factors = factors_of(data, x, 65);
      EXPECT_EQ(factors.sum, sum);
      EXPECT_NEAR(factors.add, add, 1e-6 * terms);
    }
  }
}

// |estimate - exact| against what rounding the query (half a query step; with a second round, up to 256 dims, that of
// the remainder) can do: the bound is Hoelder's and thus safe.
void expect_within_the_bound(const coded<sq8>& data, std::span<const float> query, metric m) {
  const auto parameters = parameters_of(data.quantizer());
  const std::size_t dim = query.size();
  double largest = 0;
  for (std::size_t j = 0; j < dim; ++j) largest = std::max(largest, std::fabs(double{query[j]} - parameters[j]));
  const double half_query_step = .51 * largest / 63 / (dim <= 256 ? 126 : 1);
  const auto estimates = data.estimates(query);
  for (node x = 0; x < estimates.size(); ++x) {
    // Against the decoded vector only the query is rounded: |<e, v step>| <= |e|_inf |v step|_1.
    const auto values = decoded(data, x);
    double exact = m == metric::l2 ? 0 : 1, length = 0, terms = 1;
    for (std::size_t j = 0; j < dim; ++j) {
      const double difference = query[j] - values[j];
      exact += m == metric::l2 ? difference * difference : -query[j] * values[j];
      terms += m == metric::l2 ? difference * difference : std::fabs(query[j] * values[j]);
      length += std::fabs(values[j] - parameters[j]);
    }
    const double bound = (m == metric::l2 ? 2 : 1) * half_query_step * length + 1e-5 * terms;
    EXPECT_LE(std::fabs(estimates[x] - exact), bound) << name(m) << ", dim " << dim << ", row " << x;
  }
}

TEST(sq8, estimates_keep_within_the_querys_rounding_whatever_the_dim) {
  for (const std::size_t dim : usual_dims)
    for (const metric m : metrics)
      expect_within_the_bound(coded<sq8>(test::random_vectors(30, dim, dim), m),
                              test::random_vectors(1, dim, 99).row(0), m);
}

TEST(sq8, estimates_on_real_data_are_right_to_half_a_percent) {
  const auto rows = test::base_pictures().floats(1000);
  for (const metric m : metrics) {
    const coded<sq8> data(rows, m);
    for (std::size_t i = 0; i < 20; ++i) {
      const auto query = test::query_pictures().row(i);
      EXPECT_LE(relative_error(m, rows, query, data.estimates(query)), .005) << name(m);
      expect_within_the_bound(data, query, m);
    }
  }
}

TEST(sq8, estimates_from_codes_are_close_to_exact_ones) {
  const auto rows = test::base_pictures().floats(1000);
  for (const metric m : metrics) {
    const coded<sq8> data(rows, m);
    for (node x = 0; x < 20; ++x)
      EXPECT_LE(relative_error(m, rows, rows.row(x), data.symmetric(x)), .02) << name(m) << ", row " << x;
  }
}

TEST(sq8, constant_data_is_no_trouble) {
  for (const float value : {0.0f, -0.0f, 1.0f, -3.5f, 1e15f, -1e15f, 1e-15f, 1e-40f}) {
    for (const metric m : metrics) {
      const test::float_vectors rows{.dim = 9, .values = std::vector<float>(5 * 9, value)};
      const coded<sq8> data(rows, m);
      const double exact = test::exact(m, rows.row(0), rows.row(1)).value;
      for (const float estimate : data.estimates(rows.row(0))) {
        EXPECT_TRUE(std::isfinite(estimate));
        EXPECT_NEAR(estimate, exact, 1e-5 * std::max(1.0, std::fabs(exact))) << value;
      }
      EXPECT_TRUE(data.quantizer().valid(data.code(0)));
    }
  }
}

TEST(sq8, the_largest_and_smallest_values_give_finite_estimates) {
  for (const float scale : {1e-38f, 1e-20f, 1e-10f, 1e10f, 1e15f}) {
    for (const metric m : metrics) {
      auto rows = test::random_vectors(20, 50, 4);
      for (float& value : rows.values) value *= scale;
      const coded<sq8> data(rows, m);
      for (const float estimate : data.estimates(rows.row(0))) EXPECT_TRUE(std::isfinite(estimate)) << scale;
      for (const float estimate : data.symmetric(0)) EXPECT_TRUE(std::isfinite(estimate)) << scale;
    }
  }
}

TEST(sq8, a_query_far_outside_the_data_keeps_its_direction) {
  const auto rows = test::random_vectors(200, 32, 4);
  const coded<sq8> data(rows, metric::l2);
  std::vector<float> query(32, 0.0f);
  query[5] = 1000;
  const auto estimates = data.estimates(query);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto exact = test::exact(metric::l2, query, rows.row(i));
    EXPECT_NEAR(estimates[i], exact.value, .001 * exact.value);
  }
}

TEST(sq8, parameters_out_of_range_do_not_load) {
  const std::vector<float> good{1, 2, 3, 0.5f};
  ASSERT_TRUE(succeeded(load_sq8(good)));
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {nan, infinity, -infinity, 1e20f, -1e20f}) {
    for (std::size_t at = 0; at < good.size(); ++at) {
      auto parameters = good;
      parameters[at] = bad;
      EXPECT_EQ(test::code_of(load_sq8(parameters)), errc::corrupt) << bad << " at " << at;
    }
  }
  // A step that is no step, or longer than 8 bits: products with it would not be exact.
  for (const float bad : {0.0f, -0.0f, -0.5f, 1e-30f, 0.1f, std::nextafterf(0.5f, 1.0f)})
    EXPECT_EQ(test::code_of(load_sq8({1, 2, 3, bad})), errc::corrupt) << bad;
}

TEST(sq8, a_code_with_other_factors_than_its_own_is_not_valid) {
  coded<sq8> data(test::random_vectors(3, 7, 1), metric::l2);
  auto* factors = data.code(0) + 8;
  const auto good = load_as<code_factors>(factors);
  const auto valid = [&](const code_factors& changed) {
    store_as(factors, changed);
    return data.quantizer().valid(data.code(0));
  };
  EXPECT_TRUE(valid(good));
  EXPECT_FALSE(valid({.add = good.add, .sum = good.sum + 1}));
  ASSERT_NE(good.sum, 0);
  EXPECT_FALSE(valid({.add = good.add, .sum = -good.sum}));
  EXPECT_FALSE(valid({.add = std::numeric_limits<float>::quiet_NaN(), .sum = good.sum}));
  EXPECT_FALSE(valid({.add = std::numeric_limits<float>::infinity(), .sum = good.sum}));
  // The byte between seven values and the factors.
  EXPECT_TRUE(valid(good));
  data.code(0)[7] = std::byte{1};
  EXPECT_FALSE(valid(good));
}

}  // namespace
}  // namespace thimble
