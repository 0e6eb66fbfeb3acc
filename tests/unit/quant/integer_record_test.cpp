// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/quant/integer_record.hpp>
#include <thimble/simd/code_layout.hpp>
#include <vector>

#include "unit/support/coded.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

// A row of codes u with its factors, without a quantizer around it.
aligned_buffer<std::byte> row_of(unsigned bits, const std::vector<std::uint8_t>& u, float add) {
  const std::size_t factors = round_up(simd::packed_bytes(bits, u.size()), std::size_t{4});
  auto row = aligned_buffer<std::byte>::create(factors + simd::factor_bytes(bits, false), simd::code_slack);
  simd::pack(bits, u.data(), u.size(), row->data());
  store_as(row->data() + factors, add);
  std::int32_t sum = 0;
  for (const std::uint8_t value : u) sum += value - 128;
  if (bits == 8) store_as(row->data() + factors + 4, sum);
  return std::move(*row);
}

TEST(integer_record, gives_the_kernels_all_they_need_of_the_query) {
  random_generator random(4);
  for (const std::size_t dim : {1u, 7u, 16u, 65u, 512u, 513u, 1536u}) {
    for (unsigned bits = 1; bits <= 8; ++bits) {
      const int most = bits == 8 ? 63 : 127;
      std::vector<std::uint8_t> u(dim);
      auto bytes = aligned_buffer<std::byte>::create(detail::integer_record::bytes(bits, dim));
      ASSERT_EQ(bytes->size() % 64, 0u);
      detail::integer_record record(bits, dim, bytes->data());
      double dot = 0;
      for (std::size_t j = 0; j < dim; ++j) {
        u[j] = static_cast<std::uint8_t>(random.below(1u << bits));
        const int s = static_cast<int>(random.below(2 * static_cast<unsigned>(most) + 1)) - most;
        record.values()[j] = static_cast<std::int8_t>(s);
        dot += (u[j] - ((1 << bits) - 1) / 2.0) * s;
      }
      const auto row = row_of(bits, u, 0.25f);
      const std::size_t factor_offset = round_up(simd::packed_bytes(bits, dim), std::size_t{4});
      const node first = 0;
      for (const auto set : simd::attainable()) {
        const auto& kernels = **simd::kernels_for(set);
        record.finish(kernels, factor_offset, -2.0f, 100.0f);
        float estimate = 0;
        kernels.estimate[bits](detail::integer_record::query(bytes->data()), {row.data(), row.size()}, &first, 1,
                               &estimate);
        EXPECT_EQ(estimate, static_cast<float>(100.25 - 4 * dot)) << name(set) << ", " << bits << " bits, dim " << dim;
      }
    }
  }
}

TEST(integer_record, is_used_again_without_a_trace) {
  constexpr std::size_t dim = 100;
  auto fresh = aligned_buffer<std::byte>::create(detail::integer_record::bytes(4, dim));
  auto used = aligned_buffer<std::byte>::create(detail::integer_record::bytes(4, dim));
  const auto fill = [&](aligned_buffer<std::byte>& bytes, int value) {
    detail::integer_record record(4, dim, bytes.data());
    for (std::size_t j = 0; j < dim; ++j) record.values()[j] = static_cast<std::int8_t>(value);
    record.finish(**simd::kernels_for(simd::isa::scalar), 52, 1, 0);
  };
  fill(*used, -127);
  fill(*used, 3);
  fill(*fresh, 3);
  EXPECT_EQ(detail::integer_record::query(used->data()).sum, 300);
  // Behind the header, which points into its own record.
  EXPECT_TRUE(std::ranges::equal(used->span().subspan(192), fresh->span().subspan(192)));
}

}  // namespace
}  // namespace thimble
