// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/index/options.hpp>

namespace thimble {
namespace {

TEST(options, memory_is_the_sum_of_its_parts) {
  const memory_usage used{
      .codes = 1, .links = 2, .upper_links = 4, .levels = 8, .labels = 16, .visited = 32, .other = 64};
  EXPECT_EQ(used.total(), 127u);
}

}  // namespace
}  // namespace thimble
