// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <thimble/core/random.hpp>
#include <thimble/simd/code_layout.hpp>
#include <vector>

namespace thimble {
namespace {

std::vector<std::size_t> layout_dims() {
  std::vector<std::size_t> dims;
  for (std::size_t dim = 1; dim <= 300; ++dim) dims.push_back(dim);
  for (const std::size_t dim : {768u, 784u, 1536u, 4097u}) dims.push_back(dim);
  return dims;
}

std::vector<std::uint8_t> random_codes(unsigned bits, std::size_t dim) {
  random_generator random(dim * 8 + bits);
  std::vector<std::uint8_t> u(dim);
  for (std::uint8_t& value : u) value = static_cast<std::uint8_t>(random.below(1u << bits));
  return u;
}

// Where a dimension's field lies in a plane, straight from the words of code_layout.hpp.
struct place {
  std::size_t byte;
  std::size_t shift;
};
place place_of(std::size_t j, unsigned width, std::size_t dim) {
  const std::size_t fields = 8 / width;
  const std::size_t bytes = (dim * width + 7) / 8;
  const std::size_t block = j / (16 * fields);
  const std::size_t in_block = std::min<std::size_t>(16, bytes - 16 * block);
  const std::size_t rest = j - block * 16 * fields;
  return {.byte = 16 * block + rest % in_block, .shift = rest / in_block * width};
}

constexpr std::byte untouched{0x5a};

std::vector<std::byte> packed(unsigned bits, const std::vector<std::uint8_t>& u) {
  std::vector<std::byte> bytes(simd::packed_bytes(bits, u.size()) + 1, untouched);
  simd::pack(bits, u.data(), u.size(), bytes.data());
  EXPECT_EQ(bytes.back(), untouched) << bits << " bits, dim " << u.size();
  return bytes;
}

TEST(code_layout, the_planes_of_a_code_are_its_bits_from_the_most_significant) {
  const std::vector<std::vector<unsigned>> expected = {{1}, {2}, {2, 1}, {4}, {4, 1}, {4, 2}, {4, 2, 1}, {8}};
  for (unsigned bits = 1; bits <= 8; ++bits) {
    std::vector<unsigned> widths;
    unsigned below = bits;
    simd::for_each_plane(bits, [&](unsigned width, unsigned shift) {
      widths.push_back(width);
      below -= width;
      EXPECT_EQ(shift, below) << bits;
    });
    EXPECT_EQ(widths, expected[bits - 1]);
  }
}

TEST(code_layout, a_row_takes_as_many_bits_as_its_codes_up_to_whole_bytes_a_plane) {
  EXPECT_EQ(simd::packed_bytes(8, 768), 768u);
  EXPECT_EQ(simd::packed_bytes(7, 768), 672u);
  EXPECT_EQ(simd::packed_bytes(1, 768), 96u);
  EXPECT_EQ(simd::packed_bytes(7, 1), 3u);
  EXPECT_EQ(simd::packed_bytes(3, 9), 5u);
}

TEST(code_layout, every_dimension_has_its_field) {
  for (unsigned bits = 1; bits <= 7; ++bits) {
    for (const std::size_t dim : layout_dims()) {
      const std::vector<std::uint8_t> u = random_codes(bits, dim);
      const std::vector<std::byte> bytes = packed(bits, u);
      std::vector<std::uint8_t> found(dim);
      std::size_t plane = 0;
      unsigned shift = bits;
      for (const unsigned width : {4u, 2u, 1u}) {
        if ((bits & width) == 0) continue;
        shift -= width;
        for (std::size_t j = 0; j < dim; ++j) {
          const place at = place_of(j, width, dim);
          const unsigned field = std::to_integer<unsigned>(bytes[plane + at.byte]) >> at.shift & ((1u << width) - 1);
          found[j] = static_cast<std::uint8_t>(found[j] | field << shift);
        }
        plane += (dim * width + 7) / 8;
      }
      ASSERT_EQ(found, u) << bits << " bits, dim " << dim;
    }
  }
}

TEST(code_layout, eight_bits_are_signed_bytes) {
  const std::vector<std::uint8_t> u = {0, 1, 127, 128, 255};
  const std::vector<std::byte> bytes = packed(8, u);
  const int expected[] = {-128, -127, -1, 0, 127};
  for (std::size_t j = 0; j < u.size(); ++j) EXPECT_EQ(std::to_integer<std::int8_t>(bytes[j]), expected[j]);
}

TEST(code_layout, unpack_gives_back_what_pack_was_given) {
  for (unsigned bits = 1; bits <= 8; ++bits) {
    for (const std::size_t dim : layout_dims()) {
      const std::vector<std::uint8_t> u = random_codes(bits, dim);
      std::vector<std::uint8_t> back(dim + 1, 0xee);
      simd::unpack(bits, packed(bits, u).data(), dim, back.data());
      ASSERT_EQ(back.back(), 0xee) << bits << " bits, dim " << dim;
      back.pop_back();
      ASSERT_EQ(back, u) << bits << " bits, dim " << dim;
    }
  }
}

// A bit that no dimension owns is found when it is set; one that a dimension owns is its code.
TEST(code_layout, a_bit_set_in_an_unused_field_is_seen) {
  for (unsigned bits = 1; bits <= 8; ++bits) {
    for (const std::size_t dim : {1u, 3u, 8u, 15u, 16u, 17u, 31u, 129u, 257u}) {
      std::vector<std::byte> bytes = packed(bits, random_codes(bits, dim));
      bytes.pop_back();
      ASSERT_TRUE(simd::unused_fields_are_zero(bits, bytes.data(), dim)) << bits << " bits, dim " << dim;
      std::size_t unused = 0;
      for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        const std::byte flip{static_cast<std::uint8_t>(1u << bit % 8)};
        bytes[bit / 8] ^= flip;
        unused += simd::unused_fields_are_zero(bits, bytes.data(), dim) ? 0 : 1;
        bytes[bit / 8] ^= flip;
      }
      EXPECT_EQ(unused, 8 * bytes.size() - bits * dim) << bits << " bits, dim " << dim;
    }
  }
}

TEST(code_layout, rows_that_lack_little_of_whole_lines_fill_them) {
  // 1 bit at 384 and 896 dims, 8 bits at 300.
  EXPECT_EQ(simd::row_stride(60), 64u);
  EXPECT_EQ(simd::row_stride(124), 128u);
  EXPECT_EQ(simd::row_stride(308), 320u);
  EXPECT_EQ(simd::row_stride(240), 256u);
  for (const std::size_t whole : {64u, 128u, 384u}) EXPECT_EQ(simd::row_stride(whole), whole);
  for (const std::size_t far : {4u, 12u, 56u, 59u, 108u, 112u, 204u, 392u, 776u, 1004u})
    EXPECT_EQ(simd::row_stride(far), far);
  for (std::size_t bytes = 1; bytes < 4000; ++bytes) {
    EXPECT_GE(simd::row_stride(bytes), bytes);
    EXPECT_LE(simd::row_stride(bytes) - bytes, std::min<std::size_t>(bytes / 15, 16));
    EXPECT_TRUE(simd::row_stride(bytes) == bytes || simd::row_stride(bytes) % 64 == 0);
  }
}

}  // namespace
}  // namespace thimble
