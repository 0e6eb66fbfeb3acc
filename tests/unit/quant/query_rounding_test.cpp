// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <thimble/core/random.hpp>
#include <thimble/quant/query_rounding.hpp>
#include <vector>

namespace thimble {
namespace {

TEST(query_rounding, keeps_every_value_within_half_a_step_and_the_range) {
  random_generator random(11);
  for (const std::size_t dim : {1u, 7u, 64u, 785u}) {
    for (const float range : {63.0f, 127.0f}) {
      for (const float magnitude : {1e-25f, 1.0f, 1e15f}) {
        std::vector<float> query(dim);
        for (float& value : query) value = static_cast<float>(random.uniform() - 0.5) * magnitude;
        std::vector<std::int8_t> values(dim);
        const float step = detail::round_query(query.data(), dim, range, values.data());
        std::vector<float> left = query;
        detail::subtract_rounded(left.data(), dim, step, values.data());
        for (std::size_t j = 0; j < dim; ++j) {
          EXPECT_LE(std::abs(values[j]), static_cast<int>(range));
          EXPECT_LE(std::fabs(left[j]), step * 0.5001f);
          EXPECT_NEAR(left[j] + step * static_cast<float>(values[j]), query[j], magnitude * 1e-6f);
        }
      }
    }
  }
}

TEST(query_rounding, makes_nothing_of_what_is_next_to_nothing) {
  for (const float tiny : {0.0f, std::numeric_limits<float>::denorm_min(), -1e-38f}) {
    std::vector<float> query(9, tiny);
    std::vector<std::int8_t> values(9, 1);
    EXPECT_EQ(detail::round_query(query.data(), query.size(), 127, values.data()), 0.0f);
    EXPECT_EQ(values, std::vector<std::int8_t>(9));
  }
}

}  // namespace
}  // namespace thimble
