// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <ranges>
#include <span>
#include <string>
#include <thimble/core/executor.hpp>
#include <thimble/core/range_rows.hpp>
#include <utility>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

static_assert(range_of_rows<std::vector<std::vector<float>>>);
static_assert(range_of_rows<const std::deque<std::array<std::int8_t, 3>>>);
static_assert(range_of_rows<float (&)[2][3]>);
static_assert(range_of_rows<std::vector<std::span<const bfloat16>>>);
static_assert(!range_of_rows<std::vector<float>>);
static_assert(!range_of_rows<std::list<std::vector<float>>>, "rows are not found in constant time");
static_assert(!range_of_rows<std::vector<std::deque<float>>>, "values lie apart");
static_assert(!range_of_rows<std::vector<std::vector<double>>>, "would be rounded");
static_assert(!range_of_rows<std::vector<std::vector<bool>>>);
static_assert(!range_of_rows<std::vector<std::string>>);

// Row i of n x dim numbers that every type holds: in 0..126, different in every row of the tests.
template <class T>
std::vector<T> numbered_row(std::size_t i, std::size_t dim) {
  std::vector<T> row(dim);
  for (std::size_t j = 0; j < dim; ++j) {
    const auto number = static_cast<float>((31 * i + j) % 127);
    if constexpr (requires { T::nearest(number); })
      row[j] = T::nearest(number);
    else
      row[j] = static_cast<T>(number);
  }
  return row;
}

template <class T>
std::vector<std::vector<T>> numbered_rows(std::size_t n, std::size_t dim) {
  std::vector<std::vector<T>> rows;
  for (std::size_t i = 0; i < n; ++i) rows.push_back(numbered_row<T>(i, dim));
  return rows;
}

template <class Rows>
void expect_numbered(const Rows& rows, std::size_t n, std::size_t dim) {
  ASSERT_EQ(rows.size(), n);
  ASSERT_EQ(rows.dim(), dim);
  std::vector<float> scratch(dim);
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = rows.row(i, scratch);
    ASSERT_TRUE(succeeded(row));
    EXPECT_TRUE(std::ranges::equal(*row, numbered_row<float>(i, dim))) << i;
  }
}

TEST(range_rows, floats_are_handed_out_where_they_are) {
  const auto vectors = numbered_rows<float>(5, 7);
  const range_rows rows(vectors);
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const auto row = rows.row(i, {});
    ASSERT_TRUE(succeeded(row));
    EXPECT_EQ(row->data(), vectors[i].data());
    EXPECT_EQ(row->size(), 7u);
  }
}

template <class T>
class range_rows_of : public ::testing::Test {};
using range_elements = ::testing::Types<float, half, bfloat16, std::int8_t, std::uint8_t>;
TYPED_TEST_SUITE(range_rows_of, range_elements);

TYPED_TEST(range_rows_of, vectors_of_vectors_give_every_value) {
  for (const std::size_t dim : {1u, 7u, 8u, 63u, 64u, 65u, 768u})
    expect_numbered(range_rows(numbered_rows<TypeParam>(20, dim)), 20, dim);
}

TYPED_TEST(range_rows_of, views_that_find_a_row_give_every_value) {
  const auto stored = numbered_rows<TypeParam>(20, 9);
  std::vector<TypeParam> flat;
  for (const auto& row : stored) flat.insert(flat.end(), row.begin(), row.end());
  const auto found = std::views::iota(std::size_t{0}, std::size_t{20}) |
                     std::views::transform([&](std::size_t i) { return std::span(flat).subspan(9 * i, 9); });
  expect_numbered(range_rows(found), 20, 9);
  expect_numbered(range_rows(stored | std::views::transform([](const auto& row) -> const auto& { return row; })), 20,
                  9);
}

// The row is gone when row() returns: it must have been copied.
TYPED_TEST(range_rows_of, views_that_make_a_row_give_every_value) {
  const auto made = std::views::iota(std::size_t{0}, std::size_t{20}) |
                    std::views::transform([](std::size_t i) { return numbered_row<TypeParam>(i, 9); });
  const range_rows rows(made);
  expect_numbered(rows, 20, 9);
  std::vector<float> scratch(9);
  EXPECT_EQ(rows.row(3, scratch)->data(), scratch.data());
}

TEST(range_rows, spans_that_are_made_on_the_way_are_read_in_place) {
  const std::vector<float> flat{1, 2, 3, 4};
  const range_rows rows(std::views::iota(std::size_t{0}, std::size_t{2}) |
                        std::views::transform([&](std::size_t i) { return std::span(flat).subspan(2 * i, 2); }));
  EXPECT_EQ(rows.row(1, {})->data(), flat.data() + 2);
}

TEST(range_rows, deques_of_arrays_and_arrays_of_arrays) {
  std::array<float, 3> scratch{};
  const std::deque<std::array<std::int8_t, 3>> deque{{1, -2, 3}, {-128, 127, 0}};
  const range_rows from_deque(deque);
  ASSERT_TRUE(succeeded(from_deque.row(1, scratch)));
  EXPECT_EQ(scratch, (std::array<float, 3>{-128, 127, 0}));
  const float plain[2][3] = {{1, 2, 3}, {4, 5, 6}};
  const range_rows from_plain(plain);
  EXPECT_EQ(from_plain.size(), 2u);
  EXPECT_EQ(from_plain.dim(), 3u);
  EXPECT_EQ(from_plain.row(1, {})->data(), plain[1]);
}

TEST(range_rows, a_part_of_a_range_is_a_range) {
  const auto vectors = numbered_rows<float>(10, 4);
  const range_rows rows(vectors | std::views::drop(3) | std::views::take(5));
  EXPECT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows.row(4, {})->data(), vectors[7].data());
}

TEST(range_rows, a_row_of_another_length_is_an_error_with_its_number) {
  auto vectors = numbered_rows<float>(6, 8);
  vectors[2].pop_back();
  vectors[4].push_back(1);
  vectors[5].clear();
  const range_rows rows(vectors);
  std::vector<float> scratch(8);
  for (const std::size_t i : {0u, 1u, 3u}) EXPECT_TRUE(succeeded(rows.row(i, scratch))) << i;
  for (const std::size_t i : {2u, 4u, 5u}) {
    const auto row = rows.row(i, scratch);
    EXPECT_EQ(code_of(row), errc::wrong_dim);
    EXPECT_EQ(row.error().value, i);
  }
}

TEST(range_rows, nothing_is_a_range_too) {
  const range_rows rows(std::vector<std::vector<float>>{});
  EXPECT_EQ(rows.size(), 0u);
  EXPECT_EQ(rows.dim(), 0u);
  const range_rows without_values(std::vector<std::vector<float>>(2));
  EXPECT_EQ(without_values.size(), 2u);
  EXPECT_EQ(without_values.dim(), 0u);
  EXPECT_TRUE(succeeded(without_values.row(1, {})));
}

TEST(range_rows, any_number_of_threads_read_at_once) {
  constexpr std::size_t n = 200, dim = 16;
  const auto bytes = numbered_rows<std::uint8_t>(n, dim);
  const range_rows in_memory(bytes);
  const range_rows made(std::views::iota(std::size_t{0}, n) |
                        std::views::transform([](std::size_t i) { return numbered_row<float>(i, dim); }));
  std::atomic<int> wrong = 0;
  thread_executor threads(4);
  threads.run([&](unsigned) {
    std::vector<float> a(dim), b(dim);
    for (std::size_t i = 0; i < n; ++i)
      if (!std::ranges::equal(*in_memory.row(i, a), *made.row(i, b))) ++wrong;
  });
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace thimble
