// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/core/object_array.hpp>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

struct counted {
  counted() { ++alive; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { --alive; }
  int value = 5;
  static inline int alive = 0;
};

TEST(object_array, objects_live_as_long_as_it_does) {
  {
    auto objects = object_array<counted>::create(3);
    ASSERT_TRUE(succeeded(objects));
    EXPECT_EQ(objects->size(), 3u);
    EXPECT_EQ(counted::alive, 3);
    EXPECT_EQ((*objects)[2].value, 5);
    object_array<counted> moved = std::move(*objects);
    EXPECT_EQ(moved.size(), 3u);
    EXPECT_EQ(objects->size(), 0u);
    EXPECT_EQ(counted::alive, 3);
    object_array<counted> assigned;
    assigned = std::move(moved);
    EXPECT_EQ(assigned.size(), 3u);
    EXPECT_EQ(counted::alive, 3);
  }
  EXPECT_EQ(counted::alive, 0);
}

TEST(object_array, keeps_the_alignment_of_its_objects) {
  struct alignas(128) wide {
    char value = 0;
  };
  auto objects = object_array<wide>::create(2);
  ASSERT_TRUE(succeeded(objects));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&(*objects)[1]) % 128, 0u);
}

}  // namespace
}  // namespace thimble
