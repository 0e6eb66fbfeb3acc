// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <thimble/core/matrix_view.hpp>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

static_assert(row_source<matrix_view<float>>);
static_assert(row_source<matrix_view<half>>);
static_assert(row_source<matrix_view<std::uint8_t>>);
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

TEST(matrix_view, nothing_is_a_matrix_too) {
  const matrix_view<float> nothing;
  EXPECT_EQ(nothing.size(), 0u);
  EXPECT_EQ(nothing.dim(), 0u);
}

}  // namespace
}  // namespace thimble
