// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/store/row_clock.hpp>

#include <algorithm>
#include <map>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

namespace row_clock_cases {

row_clock clock_of(std::size_t capacity, std::size_t dim = 2) {
  auto made = row_clock::create(capacity, dim);
  EXPECT_TRUE(test::succeeded(made));
  return std::move(*made);
}

void put(row_clock& rows, node x) {
  const auto s = rows.insert(x);
  ASSERT_NE(s, row_clock::no_slot);
  std::ranges::fill(rows.row(s), static_cast<float>(x));
}

bool has(const row_clock& rows, node x) { return rows.find(x) != row_clock::no_slot; }

TEST(row_clock, takes_the_bytes_that_it_says) {
  for (const std::size_t dim : {1u, 7u, 768u})
    EXPECT_EQ(clock_of(100, dim).bytes(), 100 * row_clock::bytes_a_row(dim)) << dim;
  EXPECT_EQ(row_clock::bytes_a_row(768), 3072u + 14u);
}

TEST(row_clock, keeps_what_fits_and_then_lets_the_oldest_go) {
  auto rows = clock_of(3);
  for (const node x : {5u, 6u, 7u}) put(rows, x);
  EXPECT_EQ(rows.evictions(), 0u);
  put(rows, 8);
  EXPECT_FALSE(has(rows, 5));
  for (const node x : {6u, 7u, 8u}) {
    ASSERT_TRUE(has(rows, x));
    EXPECT_EQ(rows.row(rows.find(x))[1], static_cast<float>(x));
  }
  EXPECT_EQ(rows.evictions(), 1u);
  EXPECT_EQ(rows.size(), 3u);
}

TEST(row_clock, each_use_spares_a_row_once_and_seven_times_at_most) {
  for (const int uses : {1, 2, 7, 20}) {
    auto rows = clock_of(3);
    for (const node x : {5u, 6u, 7u}) put(rows, x);
    for (int i = 0; i < uses; ++i) rows.use(rows.find(5));
    // The hand passes it once for every two that go.
    const int spared = std::min(uses, 7);
    for (int i = 0; i < 2 * spared; ++i) {
      put(rows, 100 + static_cast<node>(i));
      EXPECT_TRUE(has(rows, 5)) << i << " after " << uses;
    }
    put(rows, 200);
    EXPECT_FALSE(has(rows, 5)) << uses;
  }
}

TEST(row_clock, where_all_were_used_often_one_goes_nevertheless) {
  auto rows = clock_of(3);
  for (const node x : {5u, 6u, 7u}) {
    put(rows, x);
    for (int i = 0; i < 10; ++i) rows.use(rows.find(x));
  }
  put(rows, 8);
  EXPECT_FALSE(has(rows, 5));
  EXPECT_EQ(rows.size(), 3u);
}

TEST(row_clock, a_pinned_row_stays_even_where_no_other_is_left) {
  auto rows = clock_of(2);
  put(rows, 5);
  put(rows, 6);
  EXPECT_TRUE(rows.pin(rows.find(5)));
  for (node x = 10; x < 20; ++x) put(rows, x);
  EXPECT_TRUE(has(rows, 5));
  const auto last = rows.find(19);
  EXPECT_TRUE(rows.pin(last));
  EXPECT_TRUE(rows.pin(last));
  rows.use(last);
  EXPECT_EQ(rows.insert(30), row_clock::no_slot);
  rows.unpin(last);
  EXPECT_EQ(rows.insert(30), row_clock::no_slot) << "it was pinned twice";
  rows.unpin(last);
  put(rows, 30);
  EXPECT_FALSE(has(rows, 19));
  EXPECT_TRUE(has(rows, 5));
}

TEST(row_clock, a_row_that_is_pinned_as_often_as_can_be_counted_is_not_pinned_again) {
  auto rows = clock_of(1);
  put(rows, 5);
  for (int i = 0; i < 10; ++i) rows.use(0);
  int pins = 0;
  while (rows.pin(0)) ++pins;
  EXPECT_EQ(pins, 8191);
  EXPECT_EQ(rows.insert(6), row_clock::no_slot);
  for (int i = 0; i < pins; ++i) rows.unpin(0);
  put(rows, 6);
  EXPECT_TRUE(has(rows, 6));
}

TEST(row_clock, finds_what_a_map_finds_through_any_number_of_evictions) {
  random_generator random(5);
  for (const std::size_t capacity : {1u, 2u, 3u, 17u, 100u}) {
    auto rows = clock_of(capacity, 1);
    std::map<node, row_clock::slot> kept;
    for (int i = 0; i < 20'000; ++i) {
      const node x = static_cast<node>(random.below(3 * capacity));
      const auto s = rows.find(x);
      const auto known = kept.find(x);
      ASSERT_EQ(s, known == kept.end() ? row_clock::no_slot : known->second);
      if (s != row_clock::no_slot) {
        ASSERT_EQ(rows.row(s)[0], static_cast<float>(x));
        if (random.below(2) == 0) rows.use(s);
        continue;
      }
      const auto to = rows.insert(x);
      ASSERT_LT(to, capacity);
      std::erase_if(kept, [&](const auto& entry) { return entry.second == to; });
      kept[x] = to;
      rows.row(to)[0] = static_cast<float>(x);
      ASSERT_EQ(rows.size(), kept.size());
    }
    EXPECT_EQ(kept.size(), capacity);
  }
}

}  // namespace row_clock_cases

}  // namespace
}  // namespace thimble
