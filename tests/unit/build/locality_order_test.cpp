// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thimble/build/locality_order.hpp>
#include <thimble/core/executor.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/simd/dispatch.hpp>
#include <vector>

#include "unit/support/coded.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::succeeded;

template <class Quantizer = sq8>
std::vector<node> order_of(const test::float_vectors& rows, unsigned threads = 1,
                           simd::isa set = simd::isa::automatic) {
  thread_executor on(threads);
  const test::coded<Quantizer> data(rows, metric::l2);
  const auto order = locality_order(data.quantizer(), data.kernels(set), data.rows(), rows.size(), on);
  EXPECT_TRUE(succeeded(order));
  if (!order) return {};
  return {order->span().begin(), order->span().end()};
}

bool is_permutation_of_all(std::vector<node> order) {
  std::ranges::sort(order);
  for (node i = 0; i < order.size(); ++i)
    if (order[i] != i) return false;
  return true;
}

TEST(locality_order, holds_every_vector_once) {
  for (const std::size_t n : {1u, 7u, 8u, 9u, 100u, 1000u, 4097u})
    EXPECT_TRUE(is_permutation_of_all(order_of(test::clustered_vectors(n, 12, n)))) << n;
}

TEST(locality_order, is_the_same_with_any_threads_and_any_instruction_set) {
  const auto rows = test::clustered_vectors(3000, 40, 1);
  const auto order = order_of(rows);
  EXPECT_EQ(order_of(rows, 3), order);
  for (const auto set : simd::attainable()) EXPECT_EQ(order_of(rows, 1, set), order) << name(set);
}

TEST(locality_order, of_equal_vectors_is_theirs) {
  const test::float_vectors same{.dim = 3, .values = std::vector<float>(300, 2)};
  const auto order = order_of(same);
  EXPECT_TRUE(is_permutation_of_all(order));
}

TEST(locality_order, brings_points_of_a_line_together) {
  // A line in 5 dimensions, walked in a scattered order: neighbours on it end near each other.
  constexpr std::size_t n = 4096;
  test::float_vectors rows{.dim = 5, .values = std::vector<float>(n * 5)};
  const auto place = [](std::size_t x) { return x * 1571 % n; };
  for (std::size_t x = 0; x < n; ++x)
    for (std::size_t j = 0; j < 5; ++j) rows.row(x)[j] = static_cast<float>(place(x)) * static_cast<float>(j + 1);
  const auto order = order_of<float32>(rows);
  ASSERT_TRUE(is_permutation_of_all(order));
  std::size_t largest = 0;
  for (std::size_t i = 0; i + 8 <= n; i += 8) {
    const auto [low, high] =
        std::minmax({place(order[i]), place(order[i + 1]), place(order[i + 4]), place(order[i + 7])});
    largest = std::max(largest, high - low);
  }
  EXPECT_LE(largest, 8u) << "each part of 8 is a piece of the line";
}

}  // namespace
}  // namespace thimble
