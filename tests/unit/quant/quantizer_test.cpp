// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What every quantizer promises, asked of each of them.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/simd/dispatch.hpp>

#include "unit/support/coded.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::coded;
using test::succeeded;

constexpr std::size_t dims[] = {1, 7, 8, 63, 64, 65, 768, 1536, 4097};
constexpr metric metrics[] = {metric::l2, metric::inner_product};

template <class Quantizer>
class quantizers : public ::testing::Test {};
using all_quantizers = ::testing::Types<float32, sq8>;
TYPED_TEST_SUITE(quantizers, all_quantizers);

TYPED_TEST(quantizers, sizes_fit_the_kernels) {
  for (const std::size_t dim : dims) {
    const auto rows = test::random_vectors(5, dim, 1);
    const auto trained = TypeParam::train(rows.view(), metric::l2);
    ASSERT_TRUE(succeeded(trained));
    EXPECT_EQ(trained->code_bytes() % 4, 0u);
    EXPECT_EQ(trained->query_bytes() % 64, 0u);
    EXPECT_GE(trained->code_bytes(), dim);
  }
}

TYPED_TEST(quantizers, training_twice_gives_the_same_bytes) {
  const auto rows = test::clustered_vectors(300, 65, 2);
  const auto a = TypeParam::train(rows.view(), metric::l2);
  const auto b = TypeParam::train(rows.view(), metric::l2);
  EXPECT_TRUE(std::ranges::equal(a->parameters(), b->parameters()));
}

TYPED_TEST(quantizers, loaded_parameters_encode_and_estimate_as_trained_ones) {
  for (const metric m : metrics) {
    const auto rows = test::clustered_vectors(50, 33, 2);
    const coded<TypeParam> a(rows, m);
    auto loaded = TypeParam::load(a.quantizer().parameters(), 33, m);
    ASSERT_TRUE(succeeded(loaded));
    const coded<TypeParam> b(rows, std::move(*loaded));
    EXPECT_TRUE(std::ranges::equal(a.codes(), b.codes()));
    EXPECT_EQ(a.estimates(rows.row(3)), b.estimates(rows.row(3)));
  }
}

TYPED_TEST(quantizers, parameters_of_a_wrong_size_are_corrupt) {
  const std::vector<std::byte> some(65 * sizeof(float));
  EXPECT_EQ(test::code_of(TypeParam::load(std::span(some).first(1), 33, metric::l2)), errc::corrupt);
  EXPECT_EQ(test::code_of(TypeParam::load(some, 63, metric::l2)), errc::corrupt);
}

TYPED_TEST(quantizers, what_was_encoded_is_valid) {
  for (const std::size_t dim : dims) {
    for (const metric m : metrics) {
      const coded<TypeParam> data(test::random_vectors(4, dim, dim), m);
      for (node x = 0; x < 4; ++x) EXPECT_TRUE(data.quantizer().valid(data.code(x)));
    }
  }
}

TYPED_TEST(quantizers, prepared_queries_and_estimates_have_the_same_bits_on_every_instruction_set) {
  for (const std::size_t dim : dims) {
    for (const metric m : metrics) {
      const auto rows = test::clustered_vectors(37, dim, dim);
      const auto query = test::random_vectors(1, dim, 5);
      const coded<TypeParam> data(rows, m);
      const auto oracle_query = data.prepared(query.row(0), simd::isa::scalar);
      const auto oracle = data.estimates(query.row(0), simd::isa::scalar);
      const auto oracle_symmetric = data.symmetric(5, simd::isa::scalar);
      for (const auto set : simd::attainable()) {
        EXPECT_EQ(data.prepared(query.row(0), set), oracle_query) << name(set) << ", dim " << dim;
        EXPECT_EQ(test::bits_of(data.estimates(query.row(0), set)), test::bits_of(oracle))
            << name(set) << ", dim " << dim;
        EXPECT_EQ(test::bits_of(data.symmetric(5, set)), test::bits_of(oracle_symmetric))
            << name(set) << ", dim " << dim;
      }
    }
  }
}

TYPED_TEST(quantizers, a_batch_gives_what_single_rows_give) {
  const auto rows = test::clustered_vectors(64, 100, 4);
  const coded<TypeParam> data(rows, metric::l2);
  const auto all = data.estimates(rows.row(0));
  const auto query = data.prepare(rows.row(0));
  for (std::size_t n = 0; n <= 9; ++n) {
    std::vector<node> nodes;
    for (std::size_t i = 0; i < n; ++i) nodes.push_back(static_cast<node>((i * 29 + 7) % 64));
    std::vector<float> out(n + 1, -7.0f);
    data.quantizer().estimate(data.kernels(), query.data(), data.rows(), nodes.data(), n, out.data());
    for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(out[i], all[nodes[i]]);
    EXPECT_EQ(out[n], -7.0f) << "more was written than asked for";
  }
}

TYPED_TEST(quantizers, an_error_of_the_rows_stops_the_training) {
  const auto rows = test::random_vectors(10, 4, 1);
  const test::failing_rows broken(rows.view(), 3);
  const auto trained = TypeParam::train(broken, metric::l2);
  const bool has_nothing_to_learn = std::is_same_v<TypeParam, float32>;
  EXPECT_EQ(test::code_of(trained), has_nothing_to_learn ? std::nullopt : std::optional(errc::corrupt));
}

}  // namespace
}  // namespace thimble
