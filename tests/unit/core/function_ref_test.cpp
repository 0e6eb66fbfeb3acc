// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <memory>
#include <thimble/core/function_ref.hpp>

namespace thimble {
namespace {

TEST(function_ref, calls_what_it_refers_to) {
  int calls = 0;
  auto count = [&](int by) { return calls += by; };
  const function_ref<int(int)> ref = count;
  EXPECT_EQ(ref(2), 2);
  EXPECT_EQ(ref(3), 5);
  EXPECT_EQ(calls, 5);
}

TEST(function_ref, refers_to_the_callable_itself_and_not_to_a_copy) {
  struct counter {
    int n = 0;
    void operator()() { ++n; }
  } callable;
  const function_ref<void()> ref = callable;
  const function_ref<void()> copy = ref;
  ref();
  copy();
  EXPECT_EQ(callable.n, 2);
}

TEST(function_ref, takes_constant_callables_and_arguments_that_only_move) {
  const auto take = [](std::unique_ptr<int> value) { return *value; };
  const function_ref<int(std::unique_ptr<int>)> ref = take;
  EXPECT_EQ(ref(std::make_unique<int>(9)), 9);
}

TEST(function_ref, is_false_until_it_refers_to_something) {
  EXPECT_FALSE(function_ref<void()>());
  const auto nothing = [] {};
  EXPECT_TRUE(function_ref<void()>(nothing));
}

}  // namespace
}  // namespace thimble
