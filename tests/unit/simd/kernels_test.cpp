// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/simd/dispatch.hpp>
#include <vector>

#include "unit/simd/kernel_cases.hpp"

namespace thimble {
namespace {

using test::bits;

// A canary behind the results: whoever writes too many is found out.
constexpr float untouched = -98765.0f;

const simd::kernel_set& kernels(simd::isa set) { return **simd::kernels_for(set); }

void expect_exact_estimates(const test::code_case& codes, std::size_t n) {
  const std::vector<node> nodes = test::shuffled_nodes(test::code_case::n_rows, n);
  for (const simd::isa set : simd::attainable()) {
    std::vector<float> out(n + 1, untouched);
    kernels(set).estimate8(codes.query(), codes.rows(), nodes.data(), n, out.data());
    for (std::size_t i = 0; i < n; ++i)
      ASSERT_EQ(bits(out[i]), bits(codes.expected_estimate(nodes[i])))
          << name(set) << ", dim " << codes.dim << ", offset " << codes.offset << ", result " << i << " of " << n;
    ASSERT_EQ(out[n], untouched) << name(set) << ", n " << n;
  }
}

void expect_canonical_sums(std::size_t dim, std::size_t n, std::size_t misaligned = 0) {
  constexpr std::size_t n_rows = 5;
  const std::vector<float> query = test::uneven_floats(dim + misaligned, dim);
  const std::vector<float> values = test::uneven_floats(n_rows * (dim + 3) + misaligned, dim + 1);
  const float* q = query.data() + misaligned;
  const std::size_t stride = (dim + 3) * sizeof(float);
  const simd::code_rows rows{.data = reinterpret_cast<const std::byte*>(values.data() + misaligned), .stride = stride};
  const std::vector<node> nodes = test::shuffled_nodes(n_rows, n);
  for (const simd::isa set : simd::attainable()) {
    const simd::kernel_set& k = kernels(set);
    for (const bool l2 : {true, false}) {
      std::vector<float> out(n + 1, untouched);
      (l2 ? k.l2_rows : k.dot_rows)(q, dim, rows, nodes.data(), n, out.data());
      for (std::size_t i = 0; i < n; ++i) {
        const float* row = values.data() + misaligned + nodes[i] * (dim + 3);
        const std::uint32_t expected = bits(test::expected_sum(q, row, dim, l2));
        ASSERT_EQ(bits(out[i]), expected) << name(set) << (l2 ? " l2" : " dot") << ", dim " << dim << ", row " << i;
        ASSERT_EQ(bits((l2 ? k.l2 : k.dot)(q, row, dim)), expected) << name(set) << ", dim " << dim << ", one pair";
      }
      ASSERT_EQ(out[n], untouched) << name(set) << ", n " << n;
    }
  }
}

TEST(integer_kernels, random_codes_of_all_dims_and_tails_give_exact_estimates) {
  for (const std::size_t dim : test::all_kernel_dims())
    ASSERT_NO_FATAL_FAILURE(expect_exact_estimates({dim, test::fill::random}, 9));
}

TEST(integer_kernels, extreme_codes_and_queries_saturate_nothing) {
  for (const std::size_t dim : test::all_kernel_dims())
    for (const test::fill with : {test::fill::largest, test::fill::smallest, test::fill::opposed})
      ASSERT_NO_FATAL_FAILURE(expect_exact_estimates({dim, with}, 9));
}

TEST(integer_kernels, extremes_at_the_largest_dim_overflow_nothing) {
  for (const test::fill with : {test::fill::largest, test::fill::smallest, test::fill::opposed})
    ASSERT_NO_FATAL_FAILURE(expect_exact_estimates({max_dim, with}, 5));
}

TEST(integer_kernels, rows_may_lie_anywhere) {
  for (const std::size_t misaligned : {1u, 2u, 3u, 31u, 63u})
    for (const std::size_t dim : {5u, 64u, 100u, 768u})
      ASSERT_NO_FATAL_FAILURE(expect_exact_estimates({dim, test::fill::random, misaligned}, 6));
}

TEST(integer_kernels, as_many_results_as_nodes) {
  for (const std::size_t n : {0u, 1u, 2u, 3u, 4u, 5u, 7u, 8u, 33u})
    for (const std::size_t dim : {3u, 96u, 784u})
      ASSERT_NO_FATAL_FAILURE(expect_exact_estimates({dim, test::fill::random}, n));
}

TEST(integer_kernels, bytes_between_the_codes_and_the_factors_count_nothing_when_the_sum_has_them) {
  test::code_case codes(5, test::fill::random);
  for (std::size_t i = 0; i < test::code_case::n_rows; ++i) {
    std::byte* row = codes.memory.data() + i * codes.stride;
    auto factors = load_as<simd::code_factors>(row + codes.factor_offset);
    for (std::size_t j = codes.dim; j < codes.factor_offset; ++j) {
      row[j] = std::byte{0xff};
      factors.sum += 255;
    }
    store_as(row + codes.factor_offset, factors);
  }
  ASSERT_NO_FATAL_FAILURE(expect_exact_estimates(codes, 9));
}

TEST(float_kernels, all_dims_and_tails_are_summed_in_the_canonical_order) {
  for (const std::size_t dim : test::all_kernel_dims()) ASSERT_NO_FATAL_FAILURE(expect_canonical_sums(dim, 9));
}

TEST(float_kernels, rows_may_lie_at_any_four_bytes) {
  for (const std::size_t misaligned : {1u, 2u, 3u, 5u, 15u})
    for (const std::size_t dim : {5u, 64u, 100u, 768u})
      ASSERT_NO_FATAL_FAILURE(expect_canonical_sums(dim, 6, misaligned));
}

TEST(float_kernels, as_many_results_as_nodes) {
  for (const std::size_t n : {0u, 1u, 2u, 3u, 4u, 5u, 7u, 8u, 33u})
    ASSERT_NO_FATAL_FAILURE(expect_canonical_sums(97, n));
}

TEST(float_kernels, no_dim_is_no_distance) {
  const float nothing = 1;
  for (const simd::isa set : simd::attainable()) {
    EXPECT_EQ(bits(kernels(set).l2(&nothing, &nothing, 0)), bits(0.0f)) << name(set);
    EXPECT_EQ(bits(kernels(set).dot(&nothing, &nothing, 0)), bits(0.0f)) << name(set);
  }
}

// One pair per dim, hashed: the same on every machine, compiler and flag, or files give other hits elsewhere.
TEST(float_kernels, results_have_the_same_bits_on_every_platform) {
  for (const simd::isa set : simd::attainable()) {
    std::uint64_t l2 = 0;
    std::uint64_t dot = 0;
    for (const std::size_t dim : test::all_kernel_dims()) {
      const std::vector<float> a = test::uneven_floats(dim, 3 * dim);
      const std::vector<float> b = test::uneven_floats(dim, 5 * dim + 1);
      l2 = mix(l2 ^ bits(kernels(set).l2(a.data(), b.data(), dim)));
      dot = mix(dot ^ bits(kernels(set).dot(a.data(), b.data(), dim)));
    }
    EXPECT_EQ(l2, 0xffa5e25d920b826fu) << name(set);
    EXPECT_EQ(dot, 0x5deb29d61a465123u) << name(set);
  }
}

}  // namespace
}  // namespace thimble
