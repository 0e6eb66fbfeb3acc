// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <set>
#include <thimble/core/executor.hpp>
#include <thimble/search/scratch_pool.hpp>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

TEST(scratch_pool, what_was_given_back_is_borrowed_again) {
  scratch_pool pool;
  const search_scratch* first = nullptr;
  {
    auto scratch = pool.borrow();
    ASSERT_TRUE(succeeded(scratch));
    first = &**scratch;
  }
  auto again = pool.borrow();
  ASSERT_TRUE(succeeded(again));
  EXPECT_EQ(&**again, first);
}

TEST(scratch_pool, nobody_shares_and_any_number_may_borrow) {
  scratch_pool pool;
  for (int round = 0; round < 2; ++round) {
    std::vector<scratch_pool::lease> leases;
    std::set<const search_scratch*> distinct;
    for (int i = 0; i < 40; ++i) {  // more than the pool keeps
      auto scratch = pool.borrow();
      ASSERT_TRUE(succeeded(scratch));
      distinct.insert(&**scratch);
      leases.push_back(std::move(*scratch));
    }
    EXPECT_EQ(distinct.size(), 40u);
  }
}

TEST(scratch_pool, a_moved_pool_takes_its_scratch_along) {
  scratch_pool pool;
  const search_scratch* const kept = &**pool.borrow();
  scratch_pool moved = std::move(pool);
  EXPECT_EQ(&**moved.borrow(), kept);
  scratch_pool assigned;
  assigned = std::move(moved);
  EXPECT_EQ(&**assigned.borrow(), kept);
}

TEST(scratch_pool, threads_get_scratch_of_their_own) {
  scratch_pool pool;
  thread_executor threads(8);
  threads.run([&](unsigned worker) {
    for (int i = 0; i < 300; ++i) {
      auto scratch = pool.borrow();
      ASSERT_TRUE(succeeded(scratch));
      search_scratch& mine = **scratch;
      ASSERT_TRUE(succeeded(mine.reserve(4, 4, 0, 4, 64)));
      // A second owner would be a race, and would see another's number.
      mine.vector(4)[0] = static_cast<float>(worker);
      ASSERT_EQ(mine.vector(4)[0], static_cast<float>(worker));
    }
  });
}

}  // namespace
}  // namespace thimble
