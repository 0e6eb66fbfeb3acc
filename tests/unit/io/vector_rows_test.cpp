// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/io/vector_rows.hpp>

#include <array>
#include <vector>

#include "unit/io/vector_files.hpp"

namespace thimble {
namespace {

using test::byte_writer;

vector_rows rows_of(const std::vector<std::byte>& file, vector_format format) {
  return {file.data(), *parse_vector_header(file, file.size(), format)};
}

TEST(vector_rows, every_type_becomes_float) {
  std::array<float, 2> scratch{};
  const auto floats = byte_writer().put(2u).put(2u).put(1.5f).put(-2.0f).put(3.0f).put(4.0f).bytes();
  EXPECT_EQ((*rows_of(floats, vector_format::fbin).row(1, scratch))[0], 3.0f);
  // 1.5, -2, 65504 (the largest) and 2^-24 (the smallest) as halves.
  const auto halves = byte_writer().put(2u).put(2u).put(0xc0003e00u).put(0x00017bffu).bytes();
  EXPECT_EQ((*rows_of(halves, vector_format::f16bin).row(0, scratch))[0], 1.5f);
  EXPECT_EQ((*rows_of(halves, vector_format::f16bin).row(0, scratch))[1], -2.0f);
  EXPECT_EQ((*rows_of(halves, vector_format::f16bin).row(1, scratch))[0], 65504.0f);
  EXPECT_EQ((*rows_of(halves, vector_format::f16bin).row(1, scratch))[1], 0x1p-24f);
  const auto small = byte_writer().put(2u).put(2u).put(0xff01807fu).bytes();
  EXPECT_EQ((*rows_of(small, vector_format::u8bin).row(0, scratch))[0], 127.0f);
  EXPECT_EQ((*rows_of(small, vector_format::u8bin).row(1, scratch))[1], 255.0f);
  EXPECT_EQ((*rows_of(small, vector_format::i8bin).row(0, scratch))[0], 127.0f);
  EXPECT_EQ((*rows_of(small, vector_format::i8bin).row(0, scratch))[1], -128.0f);
  EXPECT_EQ((*rows_of(small, vector_format::i8bin).row(1, scratch))[1], -1.0f);
  // 1.5, -2, the largest and the smallest normal one.
  const auto bfloats = byte_writer().put(2u).put(2u).put(0xc0003fc0u).put(0x00807f7fu).bytes();
  EXPECT_EQ((*rows_of(bfloats, vector_format::bf16bin).row(0, scratch))[0], 1.5f);
  EXPECT_EQ((*rows_of(bfloats, vector_format::bf16bin).row(0, scratch))[1], -2.0f);
  EXPECT_EQ((*rows_of(bfloats, vector_format::bf16bin).row(1, scratch))[0], 0x1.fep127f);
  EXPECT_EQ((*rows_of(bfloats, vector_format::bf16bin).row(1, scratch))[1], 0x1p-126f);
}

TEST(vector_rows, aligned_floats_are_read_in_place) {
  std::array<float, 2> scratch{};
  const auto file = byte_writer().put(2).put(1.0f).put(2.0f).put(2).put(3.0f).put(4.0f).bytes();
  const auto row = rows_of(file, vector_format::fvecs).row(1, scratch);
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(reinterpret_cast<const std::byte*>(row->data()), file.data() + 16);
  EXPECT_EQ((*row)[1], 4.0f);
}

TEST(vector_rows, a_row_of_another_dim_is_corrupt) {
  std::array<float, 2> scratch{};
  const auto file = byte_writer().put(2).put(1.0f).put(2.0f).put(1).put(3.0f).put(4.0f).bytes();
  const auto rows = rows_of(file, vector_format::fvecs);
  EXPECT_TRUE(rows.row(0, scratch).has_value());
  EXPECT_EQ(rows.row(1, scratch).error().code, errc::corrupt);
  EXPECT_EQ(rows.row(1, scratch).error().value, 1u);
}

}  // namespace
}  // namespace thimble
