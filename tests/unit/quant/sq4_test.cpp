// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <thimble/quant/sq4.hpp>

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

// The middle of each dimension, then the step of each.
std::vector<float> parameters_of(const sq4& quantizer) {
  std::vector<float> values(quantizer.parameters().size() / sizeof(float));
  std::memcpy(values.data(), quantizer.parameters().data(), quantizer.parameters().size());
  return values;
}

expected<sq4> load_sq4(const std::vector<float>& parameters) {
  return sq4::load(std::as_bytes(std::span(parameters)), parameters.size() / 2, metric::l2);
}

// u of each dimension.
std::vector<std::uint8_t> levels(const coded<sq4>& data, node x, std::size_t dim) {
  std::vector<std::uint8_t> u(dim);
  simd::unpack(4, data.code(x), dim, u.data());
  return u;
}

// step v of each dimension.
std::vector<double> steps(const coded<sq4>& data, node x) {
  const auto parameters = parameters_of(data.quantizer());
  const std::size_t dim = parameters.size() / 2;
  const auto u = levels(data, x, dim);
  std::vector<double> values(dim);
  for (std::size_t j = 0; j < dim; ++j) values[j] = double{parameters[dim + j]} * (u[j] - 7.5);
  return values;
}

// g of a row, from its scale.
double gain(const coded<sq4>& data, node x, metric m) {
  const auto scale = load_as<float>(data.code(x) + data.quantizer().code_bytes() - 8);
  return m == metric::l2 ? scale / -2.0 : -scale;
}

TEST(sq4, half_a_byte_a_dimension_and_twelve_for_factors) {
  for (const auto& [dim, bytes] : {std::pair{1u, 16u}, {7u, 16u}, {8u, 16u}, {9u, 20u}, {784u, 404u}, {4097u, 2064u}}) {
    const auto quantizer = sq4::train(test::random_vectors(3, dim, 1).view(), metric::l2, coded<sq4>::options());
    ASSERT_TRUE(succeeded(quantizer));
    EXPECT_EQ(quantizer->code_bytes(), bytes);
  }
}

TEST(sq4, each_dimension_has_a_range_of_its_own) {
  // Values of dimension j spread over [100 j, 100 j + 2^j).
  auto rows = test::random_vectors(500, 6, 1);
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < 6; ++j)
      rows.row(i)[j] = 100 * static_cast<float>(j) + std::ldexp((rows.row(i)[j] + 1) / 2, static_cast<int>(j));
  const auto quantizer = sq4::train(rows.view(), metric::l2, coded<sq4>::options());
  ASSERT_TRUE(succeeded(quantizer));
  const auto parameters = parameters_of(*quantizer);
  for (std::size_t j = 0; j < 6; ++j) {
    const double width = std::ldexp(1.0, static_cast<int>(j));
    EXPECT_NEAR(parameters[j], 100.0 * static_cast<double>(j) + width / 2, .02 * width);
    EXPECT_NEAR(parameters[6 + j], width / 15, .08 * width / 15);
  }
}

TEST(sq4, codes_are_within_half_a_step_where_nothing_is_clipped) {
  for (const std::size_t dim : usual_dims) {
    const auto rows = test::random_vectors(40, dim, dim);
    const coded<sq4> data(rows, metric::l2);
    const auto parameters = parameters_of(data.quantizer());
    for (node x = 0; x < rows.size(); ++x) {
      const auto values = steps(data, x);
      const auto u = levels(data, x, dim);
      for (std::size_t j = 0; j < dim; ++j) {
        const double centred = double{rows.row(x)[j]} - parameters[j], step = parameters[dim + j];
        if (std::fabs(centred) <= 7.5 * step)
          EXPECT_NEAR(values[j], centred, .5001 * step) << "dim " << dim;
        else
          EXPECT_EQ(u[j], centred < 0 ? 0 : 15);
      }
    }
  }
}

TEST(sq4, vectors_are_decoded_with_the_gain_of_their_row) {
  for (const std::size_t dim : usual_dims) {
    for (const metric m : metrics) {
      const coded<sq4> data(test::random_vectors(10, dim, dim), m);
      const auto parameters = parameters_of(data.quantizer());
      for (node x = 0; x < 10; ++x) {
        const auto values = steps(data, x);
        const auto vector = data.decoded(x, dim);
        for (std::size_t j = 0; j < dim; ++j)
          EXPECT_EQ(vector[j], static_cast<float>(parameters[j] + gain(data, x, m) * values[j])) << "dim " << dim;
      }
    }
  }
}

TEST(sq4, values_outside_the_trained_range_clip) {
  const auto rows = test::random_vectors(100, 17, 1);
  auto quantizer = sq4::train(rows.view(), metric::l2, coded<sq4>::options());
  ASSERT_TRUE(succeeded(quantizer));
  std::vector<float> far(17, max_magnitude);
  for (std::size_t j = 0; j < 17; j += 2) far[j] = -max_magnitude;
  const coded<sq4> data({.dim = 17, .values = far}, std::move(*quantizer));
  const auto u = levels(data, 0, 17);
  for (std::size_t j = 0; j < 17; ++j) EXPECT_EQ(u[j], j % 2 == 0 ? 0 : 15);
  EXPECT_TRUE(data.quantizer().valid(data.code(0)));
}

TEST(sq4, the_factors_are_the_rows_part_of_the_distance_and_its_gain) {
  for (const metric m : metrics) {
    const auto rows = test::random_vectors(10, 65, 3);
    const coded<sq4> data(rows, m);
    const auto parameters = parameters_of(data.quantizer());
    for (node x = 0; x < rows.size(); ++x) {
      const auto values = steps(data, x);
      double add = 0, terms = 0, norm2 = 0, product = 0;
      for (std::size_t j = 0; j < 65; ++j) {
        const double y = double{rows.row(x)[j]} - parameters[j];
        const double term = m == metric::l2 ? y * y : -y * parameters[j];
        add += term;
        terms += std::fabs(term);
        norm2 += y * y;
        product += y * values[j];
      }
      EXPECT_NEAR(load_as<float>(data.code(x) + 36), add, 1e-6 * terms);
      EXPECT_NEAR(gain(data, x, m), norm2 / product, 1e-6 * norm2 / product);
      EXPECT_NEAR(gain(data, x, m), 1, .1) << "16 levels stand for most of a row";
    }
  }
}

// |estimate - exact| against what rounding the query can do: half a query step in each dimension, where the query step
// is that of (q - mid) step, against g |v|.
void expect_within_the_bound(const coded<sq4>& data, const test::float_vectors& rows, std::span<const float> query,
                             metric m) {
  const auto parameters = parameters_of(data.quantizer());
  const std::size_t dim = query.size();
  double largest = 0;
  for (std::size_t j = 0; j < dim; ++j)
    largest = std::max(largest, std::fabs(double{query[j]} - parameters[j]) * parameters[dim + j]);
  const double half_query_step = .51 * largest / 127;
  const auto estimates = data.estimates(query);
  for (node x = 0; x < estimates.size(); ++x) {
    const auto values = steps(data, x);
    const auto u = levels(data, x, dim);
    const double g = gain(data, x, m);
    double distance = m == metric::l2 ? 0 : 1, length = 0, terms = 1;
    for (std::size_t j = 0; j < dim; ++j) {
      const double y = double{rows.row(x)[j]} - parameters[j], q = double{query[j]} - parameters[j];
      const double fixed = m == metric::l2 ? q * q + y * y : -double{parameters[j]} * (query[j] + y);
      const double of_both = (m == metric::l2 ? -2 : -1) * g * q * values[j];
      distance += fixed + of_both;
      terms += std::fabs(fixed) + std::fabs(of_both);
      length += std::fabs(u[j] - 7.5);
    }
    const double bound = (m == metric::l2 ? 2 : 1) * g * half_query_step * length + 1e-5 * terms;
    EXPECT_LE(std::fabs(estimates[x] - distance), bound) << name(m) << ", dim " << dim << ", row " << x;
  }
}

TEST(sq4, estimates_keep_within_the_querys_rounding_whatever_the_dim) {
  for (const std::size_t dim : usual_dims) {
    const auto rows = test::random_vectors(30, dim, dim);
    for (const metric m : metrics)
      expect_within_the_bound(coded<sq4>(rows, m), rows, test::random_vectors(1, dim, 99).row(0), m);
  }
}

TEST(sq4, estimates_on_real_data_are_right_to_two_percent) {
  const auto rows = test::base_pictures().floats(1000);
  for (const metric m : metrics) {
    const coded<sq4> data(rows, m);
    for (std::size_t i = 0; i < 20; ++i) {
      const auto query = test::query_pictures().row(i);
      EXPECT_LE(relative_error(m, rows, query, data.estimates(query)), .02) << name(m);
      expect_within_the_bound(data, rows, query, m);
    }
    for (node x = 0; x < 20; ++x)
      EXPECT_LE(relative_error(m, rows, rows.row(x), data.symmetric(x)), .03) << name(m) << ", row " << x;
  }
}

TEST(sq4, constant_data_gives_the_distance) {
  for (const float value : {0.0f, -0.0f, 1.0f, -3.5f, 1e15f, -1e15f, 1e-15f, 1e-40f}) {
    for (const metric m : metrics) {
      const test::float_vectors rows{.dim = 9, .values = std::vector<float>(5 * 9, value)};
      const coded<sq4> data(rows, m);
      const double exact = test::exact(m, rows.row(0), rows.row(1)).value;
      for (const float estimate : data.estimates(rows.row(0)))
        EXPECT_NEAR(estimate, exact, 1e-5 * std::max(1.0, std::fabs(exact))) << value;
    }
  }
}

TEST(sq4, parameters_out_of_range_do_not_load) {
  const std::vector<float> good{1, 2, 3, 0.5f, 0.25f, 4};
  ASSERT_TRUE(succeeded(load_sq4(good)));
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {nan, infinity, -infinity, 1e20f, -1e20f}) {
    for (std::size_t at = 0; at < good.size(); ++at) {
      auto parameters = good;
      parameters[at] = bad;
      EXPECT_EQ(test::code_of(load_sq4(parameters)), errc::corrupt) << bad << " at " << at;
    }
  }
  // A step that is no step, or longer than 8 bits: products with it would not be exact.
  for (const float bad : {0.0f, -0.0f, -0.5f, 1e-30f, 0.1f, std::nextafterf(0.5f, 1.0f)})
    for (std::size_t at = 3; at < 6; ++at) {
      auto parameters = good;
      parameters[at] = bad;
      EXPECT_EQ(test::code_of(load_sq4(parameters)), errc::corrupt) << bad << " at " << at;
    }
}

TEST(sq4, a_code_that_the_encoder_does_not_write_is_not_valid) {
  // 7 values: three and a half bytes, half a byte of padding, then two factors and four bytes that mean nothing.
  coded<sq4> data(test::random_vectors(3, 7, 1), metric::l2);
  const auto valid = [&] { return data.quantizer().valid(data.code(0)); };
  ASSERT_TRUE(valid());
  data.code(0)[3] ^= std::byte{0x80};
  EXPECT_FALSE(valid()) << "a field without meaning";
  data.code(0)[3] ^= std::byte{0x80};
  EXPECT_TRUE(valid());
  for (const std::size_t at : {4u, 8u}) {
    const auto good = load_as<float>(data.code(0) + at);
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      store_as(data.code(0) + at, bad);
      EXPECT_FALSE(valid()) << bad << " at " << at;
    }
    store_as(data.code(0) + at, good);
    EXPECT_TRUE(valid());
  }
  for (std::size_t at = 12; at < 16; ++at) {
    data.code(0)[at] = std::byte{1};
    EXPECT_FALSE(valid()) << at;
    data.code(0)[at] = std::byte{0};
  }
  // 9 values: five bytes, of which half a byte means nothing, and three bytes of padding.
  coded<sq4> wider(test::random_vectors(3, 9, 1), metric::l2);
  for (std::size_t at = 5; at < 8; ++at) {
    wider.code(1)[at] = std::byte{1};
    EXPECT_FALSE(wider.quantizer().valid(wider.code(1))) << at;
    wider.code(1)[at] = std::byte{0};
  }
  EXPECT_TRUE(wider.quantizer().valid(wider.code(1)));
}

}  // namespace
}  // namespace thimble
