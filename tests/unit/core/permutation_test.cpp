// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <numeric>
#include <thimble/core/permutation.hpp>
#include <thimble/core/random.hpp>
#include <utility>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

std::vector<node> shuffled(std::size_t n) {
  std::vector<node> numbers(n);
  std::iota(numbers.begin(), numbers.end(), node{0});
  random_generator random(n);
  for (std::size_t i = n; i > 1; --i) std::swap(numbers[i - 1], numbers[random.below(i)]);
  return numbers;
}

TEST(permutation, and_its_inverse_are_read_back) {
  for (const std::size_t n : {0u, 1u, 2u, 3u, 255u, 256u, 257u, 70'000u}) {
    const auto numbers = shuffled(n);
    const auto made = permutation::of(numbers);
    ASSERT_TRUE(succeeded(made)) << n;
    const std::vector<std::byte> bytes(made->forward().begin(), made->forward().end());
    const auto read = permutation::from_parts(n, aligned_buffer<std::byte>::borrow(bytes));
    ASSERT_TRUE(succeeded(read)) << n;
    for (const permutation* p : {&*made, &*read}) {
      ASSERT_EQ(p->size(), n);
      for (std::size_t i = 0; i < n; ++i) {
        ASSERT_EQ((*p)[i], numbers[i]);
        ASSERT_EQ(p->inverse(numbers[i]), i);
      }
    }
  }
}

TEST(permutation, takes_as_many_bits_as_its_numbers_need) {
  EXPECT_LE(permutation::of(shuffled(65'536))->bytes(), 4 * 65'536 + 256u);
}

TEST(permutation, a_number_twice_or_too_large_is_corrupt) {
  const auto read = [](std::size_t n, std::vector<std::byte> bytes) {
    return code_of(permutation::from_parts(n, aligned_buffer<std::byte>::borrow(bytes)));
  };
  std::vector<std::byte> bytes(10);
  bytes[0] = std::byte{0b00'10'01'00};  // 0, 1, 2 of 3 in two bits each
  EXPECT_EQ(read(3, std::vector<std::byte>(bytes.begin(), bytes.begin() + 9)), std::nullopt);
  EXPECT_EQ(read(3, bytes), errc::corrupt) << "too many bytes";
  bytes.resize(9);
  bytes[0] = std::byte{0b00'11'01'00};
  EXPECT_EQ(read(3, bytes), errc::corrupt) << "3 of 3";
  bytes[0] = std::byte{0b00'01'01'00};
  EXPECT_EQ(read(3, bytes), errc::corrupt) << "1 twice";
}

}  // namespace
}  // namespace thimble
