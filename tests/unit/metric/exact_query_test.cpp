// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <bit>
#include <thimble/metric/exact_query.hpp>
#include <thimble/simd/dispatch.hpp>

#include "unit/support/exact.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

constexpr metric metrics[] = {metric::l2, metric::inner_product, metric::cosine};

TEST(exact_query, agrees_with_double_precision_whatever_the_dim) {
  const auto& kernels = **simd::kernels_for(simd::isa::automatic);
  for (const std::size_t dim : {1u, 7u, 8u, 63u, 64u, 65u, 768u, 1536u, 4097u}) {
    const auto rows = test::random_vectors(9, dim, dim);
    for (const metric m : metrics) {
      const exact_query query(kernels, m, rows.row(0));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto truth = test::exact(m, rows.row(0), rows.row(i));
        EXPECT_NEAR(query.distance(rows.row(i)), truth.value, 1e-5 * truth.terms) << name(m) << ", dim " << dim;
      }
    }
  }
}

TEST(exact_query, gives_the_same_bits_on_every_instruction_set) {
  for (const std::size_t dim : {1u, 7u, 65u, 784u, 4097u}) {
    const auto rows = test::random_vectors(20, dim, dim + 1);
    for (const metric m : metrics) {
      const exact_query oracle(**simd::kernels_for(simd::isa::scalar), m, rows.row(0));
      for (const auto set : simd::attainable()) {
        const exact_query query(**simd::kernels_for(set), m, rows.row(0));
        for (std::size_t i = 0; i < rows.size(); ++i)
          EXPECT_EQ(std::bit_cast<std::uint32_t>(query.distance(rows.row(i))),
                    std::bit_cast<std::uint32_t>(oracle.distance(rows.row(i))))
              << name(set) << ", " << name(m) << ", dim " << dim;
      }
    }
  }
}

TEST(exact_query, simple_cases_are_exact) {
  const auto& kernels = **simd::kernels_for(simd::isa::automatic);
  const std::vector<float> q{3, 4}, same{3, 4}, opposite{-3, -4}, across{-4, 3}, zero{0, 0};
  const exact_query l2(kernels, metric::l2, q);
  EXPECT_EQ(l2.distance(same), 0.0f);
  EXPECT_EQ(l2.distance(opposite), 100.0f);
  const exact_query product(kernels, metric::inner_product, q);
  EXPECT_EQ(product.distance(same), -24.0f);
  EXPECT_EQ(product.distance(zero), 1.0f);
  const exact_query cosine(kernels, metric::cosine, q);
  EXPECT_EQ(cosine.distance(same), 0.0f);
  EXPECT_EQ(cosine.distance(opposite), 2.0f);
  EXPECT_EQ(cosine.distance(across), 1.0f);
  EXPECT_EQ(cosine.distance(zero), 1.0f);
}

}  // namespace
}  // namespace thimble
