// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <string_view>
#include <thimble/core/random.hpp>
#include <thimble/io/checksum.hpp>
#include <vector>

#if THIMBLE_HAS_XXHASH
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

namespace thimble {
namespace {

std::uint64_t of(std::string_view text) { return checksum(std::as_bytes(std::span(text))); }

std::vector<std::byte> noise(std::size_t n) {
  random_generator random(1);
  std::vector<std::byte> bytes(n);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random.next());
  return bytes;
}

TEST(checksum, is_xxh64_as_it_was_published) {
  EXPECT_EQ(of(""), 0xef46db3751d8e999u);
  EXPECT_EQ(of("a"), 0xd24ec4f1a98c6e5bu);
  EXPECT_EQ(of("abc"), 0x44bc2cf5ad770999u);
  EXPECT_EQ(of("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1u);
}

// The buffer that xxHash's own self-test fills from its prime, and its values for seed 0.
TEST(checksum, agrees_with_the_reference_implementations_self_test) {
  std::vector<std::byte> bytes(222);
  std::uint64_t state = 2654435761u;
  for (std::byte& b : bytes) {
    b = static_cast<std::byte>(state >> 56);
    state *= 0x9e3779b185ebca8du;
  }
  EXPECT_EQ(checksum(std::span(bytes).first(1)), 0xe934a84adb052768u);
  EXPECT_EQ(checksum(std::span(bytes).first(4)), 0x9136a0dca57457eeu);
  EXPECT_EQ(checksum(std::span(bytes).first(14)), 0x8282dcc4994e35c8u);
  EXPECT_EQ(checksum(bytes), 0xb641ae8cb691c174u);
}

TEST(checksum, every_length_and_every_bit_matters) {
  auto bytes = noise(100);
  std::vector<std::uint64_t> by_length;
  for (std::size_t n = 0; n <= bytes.size(); ++n) by_length.push_back(checksum(std::span(bytes).first(n)));
  for (std::size_t n = 1; n < by_length.size(); ++n) EXPECT_NE(by_length[n], by_length[n - 1]);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_NE(checksum(bytes), by_length.back());
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  EXPECT_EQ(checksum(bytes), by_length.back());
}

TEST(checksum, does_not_depend_on_the_address) {
  const auto bytes = noise(77);
  for (std::size_t shift = 1; shift < 8; ++shift) {
    std::vector<std::byte> moved(shift);
    moved.insert(moved.end(), bytes.begin(), bytes.end());
    EXPECT_EQ(checksum(std::span(moved).subspan(shift)), checksum(bytes));
  }
}

#if THIMBLE_HAS_XXHASH
TEST(checksum, agrees_with_libxxhash) {
  const auto bytes = noise(5000);
  for (std::size_t n = 0; n <= bytes.size(); n = n < 300 ? n + 1 : n + 97)
    EXPECT_EQ(checksum(std::span(bytes).first(n)), XXH64(bytes.data(), n, 0)) << n;
}
#endif

}  // namespace
}  // namespace thimble
