// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <atomic>
#include <thimble/core/chunk_list.hpp>
#include <thimble/core/executor.hpp>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

// A chunk of so many values that all say which one it is.
aligned_buffer<std::uint32_t> numbered_chunk(std::uint32_t number, std::size_t size) {
  auto chunk = std::move(*aligned_buffer<std::uint32_t>::create(size));
  for (std::uint32_t& value : chunk.span()) value = number;
  return chunk;
}

TEST(chunk_list, is_empty_at_first) {
  const chunk_list<std::uint32_t> list;
  EXPECT_EQ(list.size(), 0u);
  EXPECT_EQ(list.overhead_bytes(), 0u);
}

TEST(chunk_list, keeps_every_chunk_where_it_is) {
  chunk_list<std::uint32_t> list;
  std::vector<const std::uint32_t*> places;
  for (std::uint32_t i = 0; i < 300; ++i) {
    auto chunk = numbered_chunk(i, 1 + i % 5);
    places.push_back(chunk.data());
    ASSERT_TRUE(succeeded(list.append(std::move(chunk))));
    ASSERT_EQ(list.size(), i + 1);
    for (std::uint32_t j = 0; j <= i; ++j) {
      ASSERT_EQ(list[j], places[j]);
      ASSERT_EQ(list[j][j % 5], j);
    }
  }
}

TEST(chunk_list, old_tables_still_find_what_they_found) {
  chunk_list<std::uint32_t> list;
  std::vector<std::uint32_t* const*> tables;
  for (std::uint32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(succeeded(list.append(numbered_chunk(i, 1))));
    tables.push_back(list.table());
    for (std::size_t j = 0; j <= i; ++j) ASSERT_EQ(*tables[i][j], j);
  }
  for (std::size_t i = 0; i < 100; ++i)
    for (std::size_t j = 0; j <= i; ++j) ASSERT_EQ(*tables[i][j], j);
}

TEST(chunk_list, owns_objects_too_and_can_be_moved) {
  struct counted {
    aligned_buffer<int> values;
  };
  chunk_list<counted, object_array<counted>> list;
  for (int i = 0; i < 20; ++i) {
    auto chunk = std::move(*object_array<counted>::create(1));
    chunk[0].values = std::move(*aligned_buffer<int>::create(3));
    chunk[0].values[2] = i;
    ASSERT_TRUE(succeeded(list.append(std::move(chunk))));
  }
  const auto moved = std::move(list);
  ASSERT_EQ(moved.size(), 20u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(moved[static_cast<std::size_t>(i)]->values[2], i);
}

TEST(chunk_list, its_tables_take_less_than_two_of_the_last) {
  chunk_list<std::uint32_t> list;
  for (std::uint32_t i = 1; i <= 1000; ++i) {
    ASSERT_TRUE(succeeded(list.append(numbered_chunk(i, 1))));
    EXPECT_GE(list.overhead_bytes(), i * (sizeof(void*) + sizeof(aligned_buffer<std::uint32_t>)));
    if (i >= 8) {
      EXPECT_LE(list.overhead_bytes(), 2 * i * (2 * sizeof(void*) + sizeof(aligned_buffer<std::uint32_t>)));
    }
  }
}

TEST(chunk_list, is_read_while_it_grows) {
  chunk_list<std::uint32_t> list;
  constexpr std::uint32_t n = 2000;
  thread_executor threads(4);
  threads.run([&](unsigned worker) {
    if (worker == 0) {
      for (std::uint32_t i = 0; i < n; ++i) ASSERT_TRUE(succeeded(list.append(numbered_chunk(i, 2))));
      return;
    }
    for (std::size_t seen = 0; seen < n;) {
      seen = list.size();
      const std::uint32_t* const* table = list.table();
      for (std::size_t i = seen < 50 ? 0 : seen - 50; i < seen; ++i) {
        ASSERT_EQ(list[i][1], i);
        ASSERT_EQ(table[i][0], i);
      }
    }
  });
}

}  // namespace
}  // namespace thimble
