// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <thimble/core/matrix_view.hpp>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

static_assert(row_source<matrix_view<float>>);
static_assert(row_source<matrix_view<half>>);
static_assert(row_source<matrix_view<bfloat16>>);
static_assert(row_source<matrix_view<std::int8_t>>);
static_assert(row_source<matrix_view<std::uint8_t>>);
static_assert(!vector_element<double> && !vector_element<std::int16_t> && !vector_element<char>);
static_assert(!row_source<std::vector<float>>);

TEST(matrix_view, floats_are_handed_out_where_they_are) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const matrix_view view(values.data(), 2, 3);
  EXPECT_EQ(view.size(), 2u);
  EXPECT_EQ(view.dim(), 3u);
  const auto row = view.row(1, {});
  ASSERT_TRUE(succeeded(row));
  EXPECT_EQ(row->data(), values.data() + 3);
  EXPECT_EQ(row->size(), 3u);
}

TEST(matrix_view, rows_may_lie_apart) {
  const std::vector<float> values{1, 2, -1, 3, 4, -1};
  const matrix_view view(values.data(), 2, 2, 3 * sizeof(float));
  EXPECT_EQ((*view.row(1, {}))[0], 3.0f);
  EXPECT_EQ((*view.row(1, {}))[1], 4.0f);
}

TEST(matrix_view, floats_at_odd_addresses_are_copied) {
  const std::array<float, 4> values{1, 2, 3, 4};
  std::vector<std::byte> memory(1 + sizeof values);
  std::memcpy(memory.data() + 1, values.data(), sizeof values);
  const matrix_view view(reinterpret_cast<const float*>(memory.data() + 1), 2, 2);
  std::array<float, 2> scratch{};
  const auto row = view.row(1, scratch);
  ASSERT_TRUE(succeeded(row));
  EXPECT_EQ(row->data(), scratch.data());
  EXPECT_EQ(scratch, (std::array<float, 2>{3, 4}));
}

TEST(matrix_view, bytes_and_halfs_become_floats) {
  const std::vector<std::uint8_t> bytes{0, 128, 255, 7};
  std::array<float, 2> scratch{};
  EXPECT_EQ((*matrix_view(bytes.data(), 2, 2).row(1, scratch))[0], 255.0f);
  const std::vector<half> halfs{{0x3c00}, {0xc000}};
  EXPECT_EQ((*matrix_view(halfs.data(), 1, 2).row(0, scratch))[1], -2.0f);
}

// All values of a type as one row.
template <class T>
std::vector<float> floats_of(const std::vector<T>& values) {
  std::vector<float> scratch(values.size());
  const auto row = matrix_view(values.data(), 1, values.size()).row(0, scratch);
  EXPECT_TRUE(succeeded(row));
  return {row->begin(), row->end()};
}

TEST(matrix_view, every_byte_becomes_its_number) {
  std::vector<std::int8_t> with_sign;
  std::vector<std::uint8_t> without_sign;
  for (int i = 0; i < 256; ++i) {
    with_sign.push_back(static_cast<std::int8_t>(i - 128));
    without_sign.push_back(static_cast<std::uint8_t>(i));
  }
  const auto from_signed = floats_of(with_sign), from_unsigned = floats_of(without_sign);
  for (int i = 0; i < 256; ++i) {
    EXPECT_EQ(from_signed[static_cast<std::size_t>(i)], static_cast<float>(i - 128));
    EXPECT_EQ(from_unsigned[static_cast<std::size_t>(i)], static_cast<float>(i));
  }
}

TEST(matrix_view, every_bfloat16_and_half_becomes_its_number) {
  std::vector<bfloat16> bfloats;
  std::vector<half> halfs;
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    bfloats.push_back({static_cast<std::uint16_t>(bits)});
    halfs.push_back({static_cast<std::uint16_t>(bits)});
  }
  const auto from_bfloats = floats_of(bfloats), from_halfs = floats_of(halfs);
  // Bits are compared: NaN are among them.
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(from_bfloats[bits]), bits << 16);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(from_halfs[bits]),
              std::bit_cast<std::uint32_t>(static_cast<float>(halfs[bits])));
  }
}

template <class T>
void expect_rows_anywhere() {
  constexpr std::size_t n = 5;
  for (const std::size_t dim : {1u, 7u, 8u, 65u}) {
    for (const std::size_t offset : {0u, 1u, 2u, 3u}) {
      for (const std::size_t gap : {0u, 1u, 2u, 7u}) {
        const std::size_t stride = dim * sizeof(T) + gap;
        // Not a byte more than the last row needs: reading past it is seen by sanitizers.
        std::vector<std::byte> memory(offset + (n - 1) * stride + dim * sizeof(T), std::byte{0x55});
        for (std::size_t i = 0; i < n * dim; ++i) {
          T value{};
          if constexpr (requires { T::nearest(0.0f); })
            value = T::nearest(static_cast<float>(i % 127));
          else
            value = static_cast<T>(i % 127);
          std::memcpy(memory.data() + offset + i / dim * stride + i % dim * sizeof(T), &value, sizeof(T));
        }
        const matrix_view view(reinterpret_cast<const T*>(memory.data() + offset), n, dim, stride);
        std::vector<float> scratch(dim);
        for (std::size_t i = 0; i < n; ++i) {
          const auto row = view.row(i, scratch);
          ASSERT_TRUE(succeeded(row));
          ASSERT_EQ(row->size(), dim);
          for (std::size_t j = 0; j < dim; ++j) ASSERT_EQ((*row)[j], static_cast<float>((i * dim + j) % 127));
        }
      }
    }
  }
}

TEST(matrix_view, rows_of_every_type_may_lie_at_any_address_and_distance) {
  expect_rows_anywhere<float>();
  expect_rows_anywhere<half>();
  expect_rows_anywhere<bfloat16>();
  expect_rows_anywhere<std::int8_t>();
  expect_rows_anywhere<std::uint8_t>();
}

TEST(matrix_view, nothing_is_a_matrix_too) {
  const matrix_view<float> nothing;
  EXPECT_EQ(nothing.size(), 0u);
  EXPECT_EQ(nothing.dim(), 0u);
}

}  // namespace
}  // namespace thimble
