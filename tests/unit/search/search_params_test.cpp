// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <limits>
#include <thimble/search/search_params.hpp>

namespace thimble {
namespace {

TEST(search_params, candidates_are_ef_but_at_least_k_and_at_most_all) {
  constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(candidates_wanted({.k = 10, .ef = 64}, 1000), 64u);
  EXPECT_EQ(candidates_wanted({.k = 10, .ef = 1}, 1000), 10u);
  EXPECT_EQ(candidates_wanted({.k = 10, .ef = 0}, 1000), 10u);
  EXPECT_EQ(candidates_wanted({.k = 10, .ef = 64}, 7), 7u);
  EXPECT_EQ(candidates_wanted({.k = huge, .ef = huge}, 7), 7u);
}

}  // namespace
}  // namespace thimble
