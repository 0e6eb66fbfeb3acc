// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/store/stored_set.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

constexpr stored_set pictures{.n = 9000,
                              .fingerprint = 0x0123456789abcdefu,
                              .rows = 9000,
                              .dim = 784,
                              .element = element_type::uint8,
                              .finished = true};

TEST(stored_set, comes_back_as_it_was_written) {
  for (const auto element : {element_type::float32, element_type::float16, element_type::uint8})
    for (const std::uint64_t rows : {0u, 17u, 9000u})
      for (const bool finished : {false, true}) {
        if (finished && rows != pictures.n) continue;
        auto set = pictures;
        set.element = element;
        set.rows = rows;
        set.finished = finished;
        const auto decoded = stored_set::decode(set.encode());
        ASSERT_TRUE(test::succeeded(decoded));
        EXPECT_EQ(*decoded, set);
      }
}

TEST(stored_set, rows_are_floats_halfs_or_bytes_and_only_halfs_are_rounded) {
  auto set = pictures;
  EXPECT_EQ(set.row_bytes(), 784u);
  EXPECT_TRUE(set.exact());
  set.element = element_type::float16;
  EXPECT_EQ(set.row_bytes(), 1568u);
  EXPECT_FALSE(set.exact());
  set.element = element_type::float32;
  EXPECT_EQ(set.row_bytes(), 3136u);
  EXPECT_TRUE(set.exact());
}

// Browsers keep these bytes for years.
TEST(stored_set, has_the_bytes_of_version_1) {
  constexpr std::array<unsigned, 56> golden{'t',  'h',  'i',  'm',  'b',  'l', 'e', 'S', 1, 0, 0,    0,    3,    0,
                                            0,    0,    0x28, 0x23, 0,    0,   0,   0,   0, 0, 0xef, 0xcd, 0xab, 0x89,
                                            0x67, 0x45, 0x23, 0x01, 0x10, 3,   0,   0,   1, 0, 0,    0,    0x28, 0x23,
                                            0,    0,    0,    0,    0,    0,   0,   0,   0, 0, 0,    0,    0,    0};
  const auto bytes = pictures.encode();
  for (std::size_t i = 0; i < golden.size(); ++i) EXPECT_EQ(std::to_integer<unsigned>(bytes[i]), golden[i]) << i;
  EXPECT_EQ(load_as<std::uint64_t>(bytes.data() + 56), 0x9ac587bdbef94d29u);
  auto halfs = pictures;
  halfs.element = element_type::float16;
  EXPECT_EQ(std::to_integer<unsigned>(halfs.encode()[12]), 1u);
}

TEST(stored_set, any_flipped_bit_is_noticed) {
  for (std::size_t bit = 0; bit < stored_set::encoded_bytes * 8; ++bit) {
    auto bytes = pictures.encode();
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    const auto code = test::code_of(stored_set::decode(bytes));
    EXPECT_EQ(code, bit < 64 ? errc::unknown_format : bit < 96 ? errc::wrong_version : errc::corrupt) << bit;
  }
}

TEST(stored_set, too_few_bytes_are_refused_and_a_longer_block_is_read_from_its_beginning) {
  const auto bytes = pictures.encode();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(test::code_of(stored_set::decode(std::span(bytes).first(size))), errc::truncated);
  std::vector<std::byte> longer(bytes.begin(), bytes.end());
  longer.resize(4096, std::byte{0xff});
  EXPECT_EQ(*stored_set::decode(longer), pictures);
}

// The checksum is right, what it covers is not: some other writer.
TEST(stored_set, impossible_sets_are_refused) {
  const auto refused = [](auto change) {
    auto set = pictures;
    change(set);
    return test::code_of(stored_set::decode(set.encode()));
  };
  EXPECT_EQ(refused([](stored_set& set) { set.n = set.rows = 0; }), errc::corrupt);
  EXPECT_EQ(refused([](stored_set& set) { set.n = set.rows = max_nodes + 1; }), errc::corrupt);
  EXPECT_EQ(refused([](stored_set& set) { set.dim = 0; }), errc::corrupt);
  EXPECT_EQ(refused([](stored_set& set) { set.dim = max_dim + 1; }), errc::corrupt);
  EXPECT_EQ(refused([](stored_set& set) { set.rows = 8999; }), errc::corrupt);
  EXPECT_EQ(refused([](stored_set& set) { set.finished = false, set.rows = 9001; }), errc::corrupt);
  EXPECT_EQ(refused([](stored_set& set) { set.element = element_type::int8; }), errc::unsupported);
  auto bytes = pictures.encode();
  store_as(bytes.data() + 12, std::uint32_t{256});  // 0 in eight bits
  store_as(bytes.data() + 56, detail::block_checksum(bytes));
  EXPECT_EQ(test::code_of(stored_set::decode(bytes)), errc::unsupported);
}

TEST(stored_set, begins_with_no_rows_of_a_possible_layout) {
  const auto set = stored_set::create({.n = 5, .dim = 3, .element = element_type::float16});
  ASSERT_TRUE(test::succeeded(set));
  EXPECT_EQ(*set, (stored_set{.n = 5, .dim = 3, .element = element_type::float16}));
  EXPECT_EQ(test::code_of(stored_set::create({.n = 0, .dim = 3})), errc::empty_input);
  EXPECT_EQ(test::code_of(stored_set::create({.n = 5, .dim = 0})), errc::invalid_argument);
  EXPECT_EQ(test::code_of(stored_set::create({.n = 5, .dim = max_dim + 1})), errc::too_large);
  EXPECT_EQ(test::code_of(stored_set::create({.n = static_cast<std::size_t>(max_nodes) + 1, .dim = 3})),
            errc::too_many_vectors);
  EXPECT_EQ(test::code_of(stored_set::create({.n = 5, .dim = 3, .element = element_type::bfloat16})),
            errc::unsupported);
}

}  // namespace
}  // namespace thimble
