// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <thimble/quant/float32.hpp>
#include <vector>

#include "unit/support/coded.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

TEST(float32, codes_are_the_vectors) {
  const auto rows = test::random_vectors(3, 10, 1);
  const test::coded<float32> data(rows, metric::l2);
  EXPECT_EQ(data.quantizer().code_bytes(), 40u);
  EXPECT_EQ(std::memcmp(data.code(2), rows.row(2).data(), 40), 0);
  EXPECT_TRUE(data.quantizer().parameters().empty());
}

TEST(float32, vectors_are_decoded_bit_for_bit) {
  for (const std::size_t dim : {1u, 7u, 64u, 1536u}) {
    auto rows = test::random_vectors(3, dim, dim);
    rows.row(1)[0] = -0.0f;
    const test::coded<float32> data(rows, metric::l2);
    for (node x = 0; x < 3; ++x)
      EXPECT_EQ(test::bits_of(data.decoded(x, dim)), test::bits_of({rows.row(x).begin(), rows.row(x).end()}));
  }
}

TEST(float32, estimates_are_exact_from_vectors_and_from_codes) {
  for (const std::size_t dim : {1u, 7u, 8u, 63u, 64u, 65u, 768u, 1536u, 4097u}) {
    for (const metric m : {metric::l2, metric::inner_product}) {
      const auto rows = test::random_vectors(6, dim, dim);
      const test::coded<float32> data(rows, m);
      const auto asymmetric = data.estimates(rows.row(1));
      EXPECT_EQ(asymmetric, data.symmetric(1));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto truth = test::exact(m, rows.row(1), rows.row(i));
        EXPECT_NEAR(asymmetric[i], truth.value, 1e-5 * truth.terms) << name(m) << ", dim " << dim;
      }
    }
  }
}

TEST(float32, a_row_with_a_value_that_no_vector_may_hold_is_not_valid) {
  const auto rows = test::random_vectors(1, 10, 1);
  const test::coded<float32> data(rows, metric::l2);
  std::vector<float> values(rows.row(0).begin(), rows.row(0).end());
  const auto valid = [&] { return data.quantizer().valid(reinterpret_cast<const std::byte*>(values.data())); };
  EXPECT_TRUE(valid());
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 2e15f}) {
    values[9] = bad;
    EXPECT_FALSE(valid());
  }
}

}  // namespace
}  // namespace thimble
