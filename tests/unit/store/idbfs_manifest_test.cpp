// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/store/idbfs_manifest.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::code_of;

constexpr idbfs_manifest example{
    .n = 9000, .fingerprint = 0x0123456789abcdefu, .dim = 784, .rows_per_file = 1, .element = idbfs_element::uint8};

TEST(idbfs_manifest, comes_back_as_it_was_written) {
  for (const auto element : {idbfs_element::float32, idbfs_element::uint8}) {
    auto manifest = example;
    manifest.element = element;
    const auto decoded = idbfs_manifest::decode(manifest.encode());
    ASSERT_TRUE(test::succeeded(decoded));
    EXPECT_EQ(*decoded, manifest);
  }
}

TEST(idbfs_manifest, rows_are_floats_or_bytes) {
  auto manifest = example;
  EXPECT_EQ(manifest.row_bytes(), 784u);
  manifest.element = idbfs_element::float32;
  EXPECT_EQ(manifest.row_bytes(), 3136u);
}

// Browsers keep these bytes for years.
TEST(idbfs_manifest, has_the_bytes_of_version_1) {
  constexpr std::array<unsigned, 56> golden{'t',  'h',  'i',  'm',  'b',  'l', 'e', 'V', 1, 0, 0,    0,    1,    0,
                                            0,    0,    0x28, 0x23, 0,    0,   0,   0,   0, 0, 0xef, 0xcd, 0xab, 0x89,
                                            0x67, 0x45, 0x23, 0x01, 0x10, 3,   0,   0,   1, 0, 0,    0,    0,    0,
                                            0,    0,    0,    0,    0,    0,   0,   0,   0, 0, 0,    0,    0,    0};
  const auto bytes = example.encode();
  for (std::size_t i = 0; i < golden.size(); ++i) EXPECT_EQ(std::to_integer<unsigned>(bytes[i]), golden[i]) << i;
  EXPECT_EQ(load_as<std::uint64_t>(bytes.data() + 56), 0xdc7d2746240820a0u);
}

TEST(idbfs_manifest, any_flipped_bit_is_noticed) {
  for (std::size_t bit = 0; bit < idbfs_manifest::encoded_bytes * 8; ++bit) {
    auto bytes = example.encode();
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    const auto code = code_of(idbfs_manifest::decode(bytes));
    EXPECT_EQ(code, bit < 64 ? errc::unknown_format : bit < 96 ? errc::wrong_version : errc::corrupt) << bit;
  }
}

TEST(idbfs_manifest, too_few_or_too_many_bytes_are_refused) {
  const auto bytes = example.encode();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(code_of(idbfs_manifest::decode(std::span(bytes).first(size))), errc::truncated);
  std::vector<std::byte> longer(bytes.begin(), bytes.end());
  longer.push_back({});
  EXPECT_EQ(code_of(idbfs_manifest::decode(longer)), errc::corrupt);
}

// The checksum is right, what it covers is not: some other writer.
TEST(idbfs_manifest, impossible_sets_are_refused) {
  const auto refused = [](idbfs_manifest manifest) { return code_of(idbfs_manifest::decode(manifest.encode())); };
  auto manifest = example;
  manifest.n = 0;
  EXPECT_EQ(refused(manifest), errc::corrupt);
  manifest.n = max_nodes + 1;
  EXPECT_EQ(refused(manifest), errc::corrupt);
  manifest = example;
  manifest.dim = 0;
  EXPECT_EQ(refused(manifest), errc::corrupt);
  manifest.dim = max_dim + 1;
  EXPECT_EQ(refused(manifest), errc::corrupt);
  manifest = example;
  manifest.rows_per_file = 0;
  EXPECT_EQ(refused(manifest), errc::corrupt);
  manifest.rows_per_file = 1025;
  EXPECT_EQ(refused(manifest), errc::corrupt);
  manifest = example;
  manifest.element = static_cast<idbfs_element>(7);
  EXPECT_EQ(refused(manifest), errc::unsupported);
}

}  // namespace
}  // namespace thimble
