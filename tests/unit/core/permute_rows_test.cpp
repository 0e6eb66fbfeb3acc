// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <numeric>
#include <thimble/core/permute_rows.hpp>
#include <thimble/core/random.hpp>
#include <utility>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

TEST(permute_rows, brings_each_row_to_its_place) {
  for (const std::size_t n : {0u, 1u, 2u, 3u, 64u, 1000u}) {
    for (const std::size_t row_bytes : {1u, 4u, 108u}) {
      std::vector<node> order(n);
      std::iota(order.begin(), order.end(), node{0});
      random_generator random(n);
      for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
      const auto byte_of = [](std::size_t row, std::size_t j) {
        return static_cast<std::byte>(row * 7 + j * 3 + row / 256);
      };
      std::vector<std::byte> rows(n * row_bytes);
      for (std::size_t at = 0; at < rows.size(); ++at) rows[at] = byte_of(at / row_bytes, at % row_bytes);
      ASSERT_TRUE(test::succeeded(permute_rows(rows.data(), row_bytes, order)));
      for (std::size_t at = 0; at < rows.size(); ++at)
        ASSERT_EQ(rows[at], byte_of(order[at / row_bytes], at % row_bytes)) << n << " rows, byte " << at;
    }
  }
}

}  // namespace
}  // namespace thimble
