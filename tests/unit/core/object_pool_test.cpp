// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <optional>
#include <thimble/core/executor.hpp>
#include <thimble/core/object_pool.hpp>
#include <utility>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

struct pooled {
  inline static std::atomic<int> alive{0};
  pooled() { ++alive; }
  explicit pooled(int given) : value(given) { ++alive; }
  pooled(const pooled&) = delete;
  pooled& operator=(const pooled&) = delete;
  ~pooled() { --alive; }
  int value = 0;
};

TEST(object_pool, an_owned_object_ends_with_its_owner) {
  {
    auto made = make_owned<pooled>(7);
    ASSERT_TRUE(succeeded(made));
    const owned<pooled> held = std::move(*made);
    EXPECT_EQ(held->value, 7);
    EXPECT_EQ(pooled::alive, 1);
  }
  EXPECT_EQ(pooled::alive, 0);
}

TEST(object_pool, lends_the_same_object_again) {
  {
    object_pool<pooled> pool;
    (**pool.borrow()).value = 5;
    const auto lent = pool.borrow();
    ASSERT_TRUE(succeeded(lent));
    EXPECT_EQ((**lent).value, 5);
    const auto other = pool.borrow();
    EXPECT_EQ((**other).value, 0) << "the first one is not there";
    EXPECT_EQ(pooled::alive, 2);
  }
  EXPECT_EQ(pooled::alive, 0);
}

TEST(object_pool, keeps_sixteen_of_any_number) {
  object_pool<pooled> pool;
  {
    std::deque<object_pool<pooled>::lease> lent;
    for (int i = 0; i < 40; ++i) {
      auto borrowed = pool.borrow();
      ASSERT_TRUE(succeeded(borrowed));
      lent.push_back(std::move(*borrowed));
    }
    EXPECT_EQ(pooled::alive, 40);
  }
  EXPECT_EQ(pooled::alive, 16);
}

TEST(object_pool, lends_each_object_to_one_thread_at_a_time) {
  object_pool<pooled> pool;
  std::atomic<int> shared{0};
  thread_executor threads(4);
  threads.run([&](unsigned worker) {
    const int mine = static_cast<int>(worker) + 1;
    for (int i = 0; i < 2000; ++i) {
      const auto lent = pool.borrow();
      (**lent).value = mine;
      if ((**lent).value != mine) ++shared;
    }
  });
  EXPECT_EQ(shared, 0);
  EXPECT_LE(pooled::alive, 4);
}

}  // namespace
}  // namespace thimble
