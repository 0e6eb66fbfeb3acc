// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <thimble/search/exhaustive.hpp>

#include "unit/support/archetypes.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

TEST(exhaustive_search, finds_the_nearest_of_all_however_many_batches_they_fill) {
  link_batch batch;
  candidate_list candidates;
  ASSERT_TRUE(test::succeeded(candidates.reserve(5)));
  for (const std::size_t n : {1u, 4u, 127u, 128u, 129u, 1000u}) {
    candidates.clear(5);
    exhaustive_search(n, test::minimal_estimator(static_cast<float>(n)), candidates, batch);
    ASSERT_EQ(candidates.items().size(), std::min<std::size_t>(n, 5));
    for (std::size_t i = 0; i < candidates.items().size(); ++i) EXPECT_EQ(candidates.items()[i].id(), n - 1 - i);
  }
}

}  // namespace
}  // namespace thimble
