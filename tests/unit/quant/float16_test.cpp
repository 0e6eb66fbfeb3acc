// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>
#include <thimble/quant/float16.hpp>
#include <vector>

#include "unit/support/coded.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::coded;

half stored(const coded<float16>& data, node x, std::size_t j) {
  return load_as<half>(data.code(x) + j * sizeof(half));
}

TEST(float16, codes_are_the_nearest_halfs_and_zeros_behind_them) {
  const auto rows = test::random_vectors(3, 11, 1);
  const coded<float16> data(rows, metric::l2);
  EXPECT_EQ(data.quantizer().code_bytes(), 24u);
  EXPECT_TRUE(data.quantizer().parameters().empty());
  for (node x = 0; x < 3; ++x) {
    for (std::size_t j = 0; j < 11; ++j)
      EXPECT_NEAR(static_cast<float>(stored(data, x, j)), rows.row(x)[j], 0x1p-11 * std::fabs(rows.row(x)[j]));
    EXPECT_EQ(stored(data, x, 11).bits, 0);
  }
}

TEST(float16, values_beyond_the_largest_half_are_cut_there) {
  const coded<float16> data({.dim = 4, .values = {65'504, 65'519, 1e15f, -1e15f}}, metric::l2);
  for (std::size_t j = 0; j < 3; ++j) EXPECT_EQ(static_cast<float>(stored(data, 0, j)), 65'504.0f);
  EXPECT_EQ(static_cast<float>(stored(data, 0, 3)), -65'504.0f);
  EXPECT_TRUE(data.quantizer().valid(data.code(0)));
}

TEST(float16, vectors_are_decoded_to_the_halfs) {
  for (const std::size_t dim : {1u, 7u, 64u, 1536u}) {
    const auto rows = test::random_vectors(3, dim, dim);
    const coded<float16> data(rows, metric::inner_product);
    for (node x = 0; x < 3; ++x) {
      const auto vector = data.decoded(x, dim);
      for (std::size_t j = 0; j < dim; ++j) EXPECT_EQ(vector[j], static_cast<float>(half::nearest(rows.row(x)[j])));
    }
  }
}

TEST(float16, estimates_are_exact_for_the_rounded_vectors) {
  for (const std::size_t dim : {1u, 7u, 8u, 63u, 64u, 65u, 768u, 1536u, 4097u}) {
    for (const metric m : {metric::l2, metric::inner_product}) {
      const auto rows = test::random_vectors(6, dim, dim);
      const coded<float16> data(rows, m);
      auto rounded = rows;
      for (node x = 0; x < rows.size(); ++x)
        for (std::size_t j = 0; j < dim; ++j) rounded.row(x)[j] = static_cast<float>(stored(data, x, j));
      const auto query = test::random_vectors(1, dim, 77);
      const auto estimates = data.estimates(query.row(0));
      const auto symmetric = data.symmetric(1);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto truth = test::exact(m, query.row(0), rounded.row(i));
        EXPECT_NEAR(estimates[i], truth.value, 1e-5 * truth.terms) << name(m) << ", dim " << dim;
        const auto between = test::exact(m, rounded.row(1), rounded.row(i));
        EXPECT_NEAR(symmetric[i], between.value, 1e-5 * between.terms) << name(m) << ", dim " << dim;
      }
    }
  }
}

TEST(float16, a_row_with_infinity_nan_or_padding_that_is_not_zero_is_not_valid) {
  coded<float16> data(test::random_vectors(1, 11, 1), metric::l2);
  const auto valid_with = [&](std::size_t at, std::uint16_t bits) {
    const half before = stored(data, 0, at);
    store_as(data.code(0) + at * sizeof(half), half{bits});
    const bool valid = data.quantizer().valid(data.code(0));
    store_as(data.code(0) + at * sizeof(half), before);
    return valid;
  };
  for (const std::size_t at : {0u, 5u, 10u}) {
    for (const unsigned bits : {0x7c00u, 0xfc00u, 0x7e00u, 0x7c01u, 0xffffu})
      EXPECT_FALSE(valid_with(at, static_cast<std::uint16_t>(bits))) << bits << " at " << at;
    for (const unsigned bits : {0x7bffu, 0xfbffu, 0x0001u, 0x8000u})
      EXPECT_TRUE(valid_with(at, static_cast<std::uint16_t>(bits))) << bits << " at " << at;
  }
  EXPECT_TRUE(valid_with(11, 0));
  EXPECT_FALSE(valid_with(11, 1));
}

}  // namespace
}  // namespace thimble
