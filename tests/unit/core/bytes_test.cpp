// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <thimble/core/bytes.hpp>

namespace thimble {
namespace {

TEST(bytes, fields_are_little_endian_at_any_address) {
  std::array<std::byte, 9> memory{};
  store_as(memory.data() + 1, std::uint32_t{0x04030201u});
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(memory[1 + i], std::byte(i + 1));
  EXPECT_EQ(memory[0], std::byte{});
  EXPECT_EQ(memory[5], std::byte{});
  EXPECT_EQ(load_as<std::uint32_t>(memory.data() + 1), 0x04030201u);
  EXPECT_EQ(load_as<std::uint16_t>(memory.data() + 3), 0x0403u);
}

TEST(bytes, rounding_up_stops_at_multiples) {
  static_assert(round_up(0u, 64u) == 0u);
  static_assert(round_up(1u, 64u) == 64u);
  static_assert(round_up(64u, 64u) == 64u);
  static_assert(round_up(65u, 64u) == 128u);
  static_assert(round_up(7u, 3u) == 9u);
  SUCCEED();
}

TEST(bytes, a_product_beyond_size_t_is_the_largest) {
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  static_assert(saturated_product(3, 5) == 15);
  static_assert(saturated_product(0, most) == 0);
  static_assert(saturated_product(most / 2, 2) == most - 1);
  static_assert(saturated_product(most / 2 + 1, 2) == most);
  SUCCEED();
}

}  // namespace
}  // namespace thimble
