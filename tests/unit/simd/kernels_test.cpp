// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <thimble/simd/dispatch.hpp>
#include <vector>

#include "unit/simd/kernel_checks.hpp"

namespace thimble {
namespace {

using test::bits;
using test::code_case;
using test::fill;

const simd::kernel_set& kernels(simd::isa set) { return **simd::kernels_for(set); }

void expect_exact_estimates(const code_case& codes, std::size_t n) {
  for (const simd::isa set : simd::attainable()) ASSERT_EQ(test::check_estimates(kernels(set), codes, n), "");
}

template <class Value>
void expect_canonical_sums(std::size_t dim, std::size_t n, std::size_t misaligned = 0) {
  for (const simd::isa set : simd::attainable())
    ASSERT_EQ(test::check_sums<Value>(kernels(set), dim, n, misaligned), "");
}

class integer_kernels : public testing::TestWithParam<unsigned> {};

INSTANTIATE_TEST_SUITE_P(of_bits, integer_kernels, testing::Range(1u, simd::max_bits + 1));

TEST_P(integer_kernels, random_codes_of_all_dims_and_tails_give_exact_estimates) {
  for (const std::size_t dim : test::all_kernel_dims())
    for (const bool scaled : {false, true})
      ASSERT_NO_FATAL_FAILURE(expect_exact_estimates({GetParam(), dim, scaled, fill::random}, 9));
}

TEST_P(integer_kernels, extreme_codes_and_queries_saturate_nothing) {
  for (const std::size_t dim : test::all_kernel_dims())
    for (const fill with : {fill::largest, fill::smallest, fill::opposed})
      ASSERT_NO_FATAL_FAILURE(expect_exact_estimates({GetParam(), dim, false, with}, 7));
}

TEST_P(integer_kernels, extremes_at_the_largest_dim_overflow_nothing) {
  for (const fill with : {fill::largest, fill::smallest, fill::opposed})
    ASSERT_NO_FATAL_FAILURE(expect_exact_estimates({GetParam(), max_dim, true, with}, 5));
}

TEST_P(integer_kernels, rows_may_lie_anywhere) {
  for (const std::size_t misaligned : {1u, 2u, 3u, 31u, 63u})
    for (const std::size_t dim : {5u, 64u, 100u, 768u})
      ASSERT_NO_FATAL_FAILURE(expect_exact_estimates({GetParam(), dim, true, fill::random, misaligned}, 6));
}

TEST_P(integer_kernels, as_many_results_as_nodes) {
  for (const std::size_t n : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 33u})
    for (const std::size_t dim : {3u, 96u, 784u})
      for (const bool scaled : {false, true})
        ASSERT_NO_FATAL_FAILURE(expect_exact_estimates({GetParam(), dim, scaled, fill::random}, n));
}

// Sets every bit of a row's planes that belongs to no dimension.
void fill_unused_fields(code_case& codes, std::size_t row) {
  std::byte* plane = codes.memory.data() + row * codes.stride;
  simd::for_each_plane(codes.bits, [&](unsigned width, unsigned) {
    simd::for_each_field(width, codes.dim, [&](std::size_t byte, unsigned field, std::size_t j) {
      if (j >= codes.dim) plane[byte] |= std::byte{static_cast<std::uint8_t>(((1u << width) - 1) << field * width)};
    });
    plane += simd::plane_bytes(width, codes.dim);
  });
}

TEST(code_planes, fields_without_meaning_count_nothing) {
  for (unsigned of_bits = 1; of_bits < 8; ++of_bits) {
    for (const std::size_t dim : {1u, 3u, 33u, 129u, 257u}) {
      code_case codes(of_bits, dim, true, fill::random);
      for (std::size_t row = 0; row < code_case::n_rows; ++row) fill_unused_fields(codes, row);
      ASSERT_NO_FATAL_FAILURE(expect_exact_estimates(codes, 9));
    }
  }
}

// The same rows in chunks of 2^chunk_bits, each with memory of its own.
class in_chunks {
 public:
  in_chunks(const simd::code_rows& flat, std::size_t n_rows, unsigned chunk_bits)
      : stride_(flat.stride), chunk_bits_(chunk_bits) {
    const std::size_t chunk_rows = std::size_t{1} << chunk_bits;
    for (std::size_t first = 0; first < n_rows; first += chunk_rows) {
      const std::size_t here = std::min(chunk_rows, n_rows - first);
      memory_.emplace_back(here * stride_ + simd::code_slack, std::byte{0x5a});
      std::memcpy(memory_.back().data(), flat.data + first * stride_, here * stride_);
    }
    for (const auto& chunk : memory_) chunks_.push_back(chunk.data());
  }
  [[nodiscard]] simd::code_rows rows() const { return {nullptr, stride_, chunks_.data(), chunk_bits_}; }

 private:
  std::size_t stride_;
  unsigned chunk_bits_;
  std::vector<std::vector<std::byte>> memory_;
  std::vector<const std::byte*> chunks_;
};

TEST_P(integer_kernels, rows_in_chunks_give_the_same_bits) {
  for (const std::size_t dim : {3u, 96u, 784u}) {
    const code_case codes(GetParam(), dim, true, fill::random);
    for (const unsigned chunk_bits : {0u, 1u, 2u, 12u}) {
      const in_chunks chunked(codes.rows(), code_case::n_rows, chunk_bits);
      for (const simd::isa set : simd::attainable()) {
        auto arranged = aligned_buffer<std::byte>::create(codes.query_bytes());
        const auto query = codes.query(kernels(set), arranged->data());
        for (const std::size_t n : {0u, 1u, 2u, 3u, 5u, 8u, 33u}) {
          const auto nodes = test::shuffled_nodes(code_case::n_rows, n);
          std::vector<float> flat(n), out(n);
          kernels(set).estimate[GetParam()](query, codes.rows(), nodes.data(), n, flat.data());
          kernels(set).estimate[GetParam()](query, chunked.rows(), nodes.data(), n, out.data());
          for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(bits(out[i]), bits(flat[i])) << name(set) << ", dim " << dim;
        }
      }
    }
  }
}

template <class Value>
void expect_the_same_in_chunks(const std::vector<Value>& values, std::size_t dim,
                               decltype(simd::kernel_set::l2_rows) simd::kernel_set::* kernel) {
  const std::size_t n_rows = values.size() / dim;
  const std::vector<float> query = test::uneven_floats(dim, 9);
  const simd::code_rows flat_rows{reinterpret_cast<const std::byte*>(values.data()), dim * sizeof(Value)};
  const in_chunks chunked(flat_rows, n_rows, 1);
  for (const simd::isa set : simd::attainable()) {
    for (const std::size_t n : {0u, 1u, 2u, 3u, 5u, 8u, 33u}) {
      const auto nodes = test::shuffled_nodes(n_rows, n);
      std::vector<float> flat(n), out(n);
      (kernels(set).*kernel)(query.data(), dim, flat_rows, nodes.data(), n, flat.data());
      (kernels(set).*kernel)(query.data(), dim, chunked.rows(), nodes.data(), n, out.data());
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(bits(out[i]), bits(flat[i])) << name(set) << ", dim " << dim;
    }
  }
}

TEST(float_kernels, rows_in_chunks_give_the_same_bits) {
  for (const std::size_t dim : {3u, 96u, 783u}) {
    const auto floats = test::uneven_floats(7 * dim, dim);
    const auto halfs = test::uneven_halfs(7 * dim, dim);
    expect_the_same_in_chunks(floats, dim, &simd::kernel_set::l2_rows);
    expect_the_same_in_chunks(floats, dim, &simd::kernel_set::dot_rows);
    expect_the_same_in_chunks(halfs, dim, &simd::kernel_set::l2_half_rows);
    expect_the_same_in_chunks(halfs, dim, &simd::kernel_set::dot_half_rows);
  }
}

TEST(kernel_sets, no_kernel_is_missing_but_that_of_no_bits) {
  for (const simd::isa set : simd::attainable()) {
    EXPECT_EQ(kernels(set).estimate[0], nullptr);
    for (unsigned of_bits = 1; of_bits <= simd::max_bits; ++of_bits) EXPECT_NE(kernels(set).estimate[of_bits], nullptr);
  }
}

TEST(float_kernels, all_dims_and_tails_are_summed_in_the_canonical_order) {
  for (const std::size_t dim : test::all_kernel_dims()) {
    ASSERT_NO_FATAL_FAILURE(expect_canonical_sums<float>(dim, 9));
    ASSERT_NO_FATAL_FAILURE(expect_canonical_sums<half>(dim, 9));
  }
}

TEST(float_kernels, rows_may_lie_at_any_value) {
  for (const std::size_t misaligned : {1u, 2u, 3u, 5u, 15u}) {
    for (const std::size_t dim : {5u, 64u, 100u, 768u}) {
      ASSERT_NO_FATAL_FAILURE(expect_canonical_sums<float>(dim, 6, misaligned));
      ASSERT_NO_FATAL_FAILURE(expect_canonical_sums<half>(dim, 6, misaligned));
    }
  }
}

TEST(float_kernels, as_many_results_as_nodes) {
  for (const std::size_t n : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 33u}) {
    ASSERT_NO_FATAL_FAILURE(expect_canonical_sums<float>(97, n));
    ASSERT_NO_FATAL_FAILURE(expect_canonical_sums<half>(97, n));
  }
}

TEST(widening, every_half_and_byte_is_the_float_it_stands_for) {
  std::vector<half> halfs;
  for (std::uint32_t all = 0; all < 0x10000; ++all)
    if ((all & 0x7c00u) != 0x7c00u || (all & 0x3ffu) == 0) halfs.push_back({static_cast<std::uint16_t>(all)});
  std::vector<std::uint8_t> bytes(256);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  std::vector<float> floats(halfs.size());
  for (const simd::isa set : simd::attainable()) {
    kernels(set).widen_halfs(halfs.data(), halfs.size(), floats.data());
    for (std::size_t i = 0; i < halfs.size(); ++i)
      ASSERT_EQ(bits(floats[i]), bits(static_cast<float>(halfs[i]))) << name(set) << ", half " << halfs[i].bits;
    kernels(set).widen_bytes(bytes.data(), bytes.size(), floats.data());
    for (std::size_t i = 0; i < bytes.size(); ++i) ASSERT_EQ(floats[i], static_cast<float>(i)) << name(set);
  }
}

TEST(widening, any_number_of_values_and_none_behind_them) {
  for (const simd::isa set : simd::attainable()) {
    for (std::size_t n = 0; n < 70; ++n) {
      const auto halfs = test::uneven_halfs(n, n + 1);
      const std::vector<std::uint8_t> bytes(n, 200);
      std::vector<float> floats(n + 1, -1);
      kernels(set).widen_halfs(halfs.data(), n, floats.data());
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(floats[i], static_cast<float>(halfs[i])) << name(set) << ", " << n;
      ASSERT_EQ(floats[n], -1) << name(set) << ", " << n;
      kernels(set).widen_bytes(bytes.data(), n, floats.data());
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(floats[i], 200) << name(set) << ", " << n;
      ASSERT_EQ(floats[n], -1) << name(set) << ", " << n;
    }
  }
}

TEST(float_kernels, no_dim_is_no_distance) {
  const float nothing = 1;
  for (const simd::isa set : simd::attainable()) {
    EXPECT_EQ(bits(kernels(set).l2(&nothing, &nothing, 0)), bits(0.0f)) << name(set);
    EXPECT_EQ(bits(kernels(set).dot(&nothing, &nothing, 0)), bits(0.0f)) << name(set);
  }
}

TEST(hadamard, every_set_adds_in_the_same_order) {
  for (const simd::isa set : simd::attainable())
    for (std::size_t n = 64; n <= 65536; n *= 2) ASSERT_EQ(test::check_hadamard(kernels(set), n), "");
}

TEST(hadamard, a_unit_vector_becomes_its_row_of_signs) {
  constexpr std::size_t n = 64;
  for (const simd::isa set : simd::attainable()) {
    for (std::size_t j = 0; j < n; ++j) {
      std::vector<float> values(n, 0.0f);
      values[j] = 2;
      kernels(set).hadamard(values.data(), n, 0.5f);
      for (std::size_t i = 0; i < n; ++i)
        ASSERT_EQ(values[i], std::popcount(i & j) % 2 == 0 ? 1.0f : -1.0f) << name(set) << ", " << i << ", " << j;
    }
  }
}

// Small integers stay exact in all sums.
TEST(hadamard, keeps_lengths_and_is_its_own_inverse) {
  for (const simd::isa set : simd::attainable()) {
    for (std::size_t n = 64; n <= 65536; n *= 2) {
      random_generator random(n);
      std::vector<float> values(n);
      for (float& value : values) value = static_cast<float>(random.below(16)) - 8;
      const auto squares = [](const std::vector<float>& of) {
        double sum = 0;
        for (const float value : of) sum += double{value} * double{value};
        return sum;
      };
      std::vector<float> transformed = values;
      kernels(set).hadamard(transformed.data(), n, 1);
      EXPECT_EQ(squares(transformed), static_cast<double>(n) * squares(values)) << name(set) << ", n " << n;
      kernels(set).hadamard(transformed.data(), n, 1 / static_cast<float>(n));
      ASSERT_EQ(transformed, values) << name(set) << ", n " << n;
    }
  }
}

TEST(halves, are_those_of_every_code_on_every_set) {
  for (const simd::isa set : simd::attainable())
    for (const std::size_t dim : {1u, 15u, 16u, 63u, 64u, 65u, 130u, 768u})
      ASSERT_EQ(test::check_halves(kernels(set), dim), "");
}

TEST(query_steps, are_the_same_on_every_set) {
  for (const simd::isa set : simd::attainable())
    for (const std::size_t n : {32u, 64u, 96u, 768u, 65536u}) ASSERT_EQ(test::check_query_steps(kernels(set), n), "");
}

TEST(query_steps, rounding_keeps_every_value_within_half_a_step_and_the_range) {
  random_generator random(11);
  for (const simd::isa set : simd::attainable()) {
    for (const std::size_t n : {16u, 64u, 784u}) {
      for (const float range : {63.0f, 127.0f}) {
        for (const float magnitude : {1e-25f, 1.0f, 1e15f}) {
          std::vector<float> query(n);
          for (float& value : query) value = static_cast<float>(random.uniform() - 0.5) * magnitude;
          std::vector<std::int8_t> values(n);
          std::vector<float> left = query;
          const float step = kernels(set).round(left.data(), n, range, values.data());
          for (std::size_t j = 0; j < n; ++j) {
            ASSERT_LE(std::abs(values[j]), static_cast<int>(range)) << name(set);
            ASSERT_LE(std::fabs(left[j]), step * 0.5001f) << name(set);
            ASSERT_NEAR(left[j] + step * static_cast<float>(values[j]), query[j], magnitude * 1e-6f) << name(set);
          }
        }
      }
    }
  }
}

TEST(query_steps, rounding_makes_nothing_of_what_is_next_to_nothing) {
  for (const simd::isa set : simd::attainable()) {
    for (const float tiny : {0.0f, std::numeric_limits<float>::denorm_min(), -1e-38f}) {
      std::vector<float> query(16, tiny);
      std::vector<std::int8_t> values(16, 1);
      EXPECT_EQ(kernels(set).round(query.data(), query.size(), 127, values.data()), 0.0f) << name(set);
      EXPECT_EQ(values, std::vector<std::int8_t>(16)) << name(set);
    }
  }
}

// Hashes: the same on every machine, compiler and flag, or files give other hits elsewhere.
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

TEST_P(integer_kernels, estimates_have_the_same_bits_on_every_platform) {
  static constexpr std::uint64_t expected[] = {0xa06a118282a09504u, 0xc2f8cc410a51bc5du, 0x52acb941e52fd8bfu,
                                               0x294939be4ade7e2du, 0x75f85538901e0d15u, 0xbe45fdd9d0e26cc1u,
                                               0x760f234ea9b5fcbeu, 0xf94d4ac18d94f110u};
  for (const simd::isa set : simd::attainable()) {
    std::uint64_t hash = 0;
    for (const std::size_t dim : {7u, 100u, 768u}) {
      const code_case codes(GetParam(), dim, true, fill::random);
      auto arranged = aligned_buffer<std::byte>::create(codes.query_bytes());
      ASSERT_TRUE(arranged.has_value());
      const node nodes[] = {0, 1, 2, 3, 4, 5, 6};
      float out[std::size(nodes)];
      kernels(set).estimate[GetParam()](codes.query(kernels(set), arranged->data()), codes.rows(), nodes,
                                        std::size(nodes), out);
      for (const float estimate : out) hash = mix(hash ^ bits(estimate));
    }
    EXPECT_EQ(hash, expected[GetParam() - 1]) << name(set);
  }
}

}  // namespace
}  // namespace thimble
