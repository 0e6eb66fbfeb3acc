// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <thimble/index/hits.hpp>

#include "unit/support/candidates.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

TEST(hits, outlive_the_search_they_come_from) {
  std::vector<neighbor> seen;
  const hits copied = [&] {
    reranker machine;
    test::start_rerank(machine, 7, 0);
    seen.assign(machine.results().begin(), machine.results().end());
    return std::move(*hits::copy(machine));
  }();
  EXPECT_EQ(copied.size(), 7u);
  EXPECT_FALSE(copied.empty());
  EXPECT_TRUE(std::ranges::equal(copied, seen));
  EXPECT_EQ(copied[6], seen[6]);
  EXPECT_EQ(copied.vectors_read(), 0u);
  EXPECT_EQ(copied.batches(), 0u);
}

TEST(hits, tell_what_the_rerank_read) {
  reranker machine;
  test::start_rerank(machine, 7, 12);
  for (std::size_t i = 0; i < machine.needs().size(); ++i)
    machine.accept(i, test::reranked_rows().row(machine.needs()[i]));
  machine.advance();
  const auto copied = hits::copy(machine);
  ASSERT_TRUE(test::succeeded(copied));
  EXPECT_EQ(copied->vectors_read(), 12u);
  EXPECT_EQ(copied->batches(), 1u);
}

}  // namespace
}  // namespace thimble
