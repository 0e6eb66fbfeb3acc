// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What an index is built from: the same numbers make the same index, whatever their type and wherever they lie.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <ranges>
#include <span>
#include <thimble/core/random.hpp>
#include <thimble/core/range_rows.hpp>
#include <thimble/index/index.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/store/memory_store.hpp>
#include <utility>
#include <vector>

#include "unit/support/environment.hpp"
#include "unit/support/files.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

constexpr std::size_t typed_rows = 400, typed_dim = 19;

// Integers in low .. high around a few centres.
std::vector<int> whole_numbers(int low, int high) {
  random_generator random(11);
  const auto below = [&](int n) { return static_cast<int>(random.below(static_cast<std::uint64_t>(n))); };
  const int noise = (high - low) / 4;
  std::vector<int> centres(8 * typed_dim), numbers(typed_rows * typed_dim);
  for (int& centre : centres) centre = low + below(high - low - noise + 1);
  for (std::size_t i = 0; i < typed_rows; ++i) {
    const std::size_t from = random.below(8) * typed_dim;
    for (std::size_t j = 0; j < typed_dim; ++j) numbers[i * typed_dim + j] = centres[from + j] + below(noise + 1);
  }
  return numbers;
}

template <class T>
std::vector<T> numbers_as(const std::vector<int>& numbers) {
  std::vector<T> values;
  for (const int number : numbers) {
    if constexpr (requires { T::nearest(0.0f); })
      values.push_back(T::nearest(static_cast<float>(number)));
    else
      values.push_back(static_cast<T>(number));
  }
  return values;
}

// Copies of the rows, each dim values long.
template <class T>
std::vector<std::vector<T>> rows_apart(const std::vector<T>& values) {
  std::vector<std::vector<T>> rows;
  for (std::size_t i = 0; i < typed_rows; ++i) {
    const auto row = std::span(values).subspan(i * typed_dim, typed_dim);
    rows.emplace_back(row.begin(), row.end());
  }
  return rows;
}

// Any rows behind one type: a build is compiled once for all of them.
class any_rows {
 public:
  template <row_source Rows>
  explicit any_rows(const Rows& rows)
      : size_(rows.size()),
        dim_(rows.dim()),
        read_([&rows](std::size_t i, std::span<float> scratch) { return rows.row(i, scratch); }) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t dim() const { return dim_; }
  [[nodiscard]] expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    return read_(i, scratch);
  }

 private:
  std::size_t size_, dim_;
  std::function<expected<std::span<const float>>(std::size_t, std::span<float>)> read_;
};

template <row_source Rows>
expected<index<sq8>> built_from(const Rows& rows, metric m = metric::l2) {
  return index<sq8>::build(rows, test::on_asked_simd({.metric = m, .m = 8, .ef_construction = 40, .threads = 1}));
}

template <class T>
void expect_as_from_floats(const std::vector<int>& numbers, metric m) {
  const auto floats = numbers_as<float>(numbers);
  const auto values = numbers_as<T>(numbers);
  const matrix_view float_view(floats.data(), typed_rows, typed_dim);
  const matrix_view view(values.data(), typed_rows, typed_dim);
  const auto wanted = built_from(float_view, m);
  const auto found = built_from(view, m);
  ASSERT_TRUE(succeeded(wanted));
  ASSERT_TRUE(succeeded(found));
  EXPECT_EQ(test::saved(*found), test::saved(*wanted));
  auto float_store = memory_store<float>::create(float_view);
  auto store = memory_store<T>::create(view);
  for (std::size_t i = 0; i < typed_rows; i += 17) {
    const auto query = std::span(floats).subspan(i * typed_dim, typed_dim);
    const auto estimates = found->search(query, {.k = 10, .ef = 30});
    const auto exact = found->search(query, {.k = 10, .ef = 30, .rerank = 20}, *store);
    ASSERT_TRUE(succeeded(exact));
    EXPECT_TRUE(std::ranges::equal(*estimates, *wanted->search(query, {.k = 10, .ef = 30})));
    EXPECT_TRUE(std::ranges::equal(*exact, *wanted->search(query, {.k = 10, .ef = 30, .rerank = 20}, *float_store)));
  }
}

TEST(index_rows, the_same_numbers_of_any_type_make_the_same_index) {
  for (const metric m : {metric::l2, metric::inner_product, metric::cosine}) {
    expect_as_from_floats<half>(whole_numbers(-128, 127), m);
    expect_as_from_floats<bfloat16>(whole_numbers(-128, 127), m);
    expect_as_from_floats<std::int8_t>(whole_numbers(-128, 127), m);
    expect_as_from_floats<std::uint8_t>(whole_numbers(0, 255), m);
  }
}

template <class T>
void expect_the_same_from_rows_anywhere() {
  const auto values = numbers_as<T>(whole_numbers(0, 127));
  const matrix_view view(values.data(), typed_rows, typed_dim);
  const auto wanted = test::saved(*built_from(any_rows(view)));
  // Strides that are no multiple of anything, from an odd address.
  constexpr std::size_t row_bytes = typed_dim * sizeof(T), stride = row_bytes + 3;
  std::vector<std::byte> memory(1 + typed_rows * stride, std::byte{0x7f});
  for (std::size_t i = 0; i < typed_rows; ++i)
    std::memcpy(memory.data() + 1 + i * stride, values.data() + i * typed_dim, row_bytes);
  const matrix_view strided(reinterpret_cast<const T*>(memory.data() + 1), typed_rows, typed_dim, stride);
  const auto from_strided = built_from(any_rows(strided));
  ASSERT_TRUE(succeeded(from_strided));
  EXPECT_EQ(test::saved(*from_strided), wanted);

  const auto rows = rows_apart(values);
  const range_rows range(rows);
  const auto from_range = built_from(any_rows(range));
  ASSERT_TRUE(succeeded(from_range));
  EXPECT_EQ(test::saved(*from_range), wanted);
}

TEST(index_rows, rows_anywhere_make_the_same_index) {
  expect_the_same_from_rows_anywhere<float>();
  expect_the_same_from_rows_anywhere<half>();
  expect_the_same_from_rows_anywhere<bfloat16>();
  expect_the_same_from_rows_anywhere<std::int8_t>();
  expect_the_same_from_rows_anywhere<std::uint8_t>();
}

TEST(index_rows, rows_made_when_they_are_asked_for_make_the_same_index) {
  const auto values = numbers_as<float>(whole_numbers(-128, 127));
  const matrix_view view(values.data(), typed_rows, typed_dim);
  const auto rows = rows_apart(values);
  const auto made = rows | std::views::transform([](const std::vector<float>& row) { return std::vector(row); });
  const range_rows range(made);
  const auto from_made = built_from(any_rows(range));
  ASSERT_TRUE(succeeded(from_made));
  EXPECT_EQ(test::saved(*from_made), test::saved(*built_from(any_rows(view))));
}

TEST(index_rows, of_a_range_are_read_by_many_threads) {
  const auto values = numbers_as<std::int8_t>(whole_numbers(-128, 127));
  const auto rows = rows_apart(values);
  const auto built = index<sq8>::build(range_rows(rows), {.ef_construction = 40, .threads = 4});
  ASSERT_TRUE(succeeded(built));
  auto store = memory_store<std::int8_t>::create({values.data(), typed_rows, typed_dim});
  for (std::size_t i = 0; i < typed_rows; i += 13) {
    const std::vector<float> query(rows[i].begin(), rows[i].end());
    const auto hits = built->search(query, {.k = 1, .ef = 40, .rerank = 20}, *store);
    ASSERT_TRUE(succeeded(hits));
    EXPECT_EQ((*hits)[0].distance, 0.0f) << i;
  }
}

TEST(index_rows, of_a_range_of_different_lengths_are_an_error_of_the_build) {
  for (const std::size_t at : {std::size_t{1}, typed_rows / 2, typed_rows - 1}) {
    for (const unsigned threads : {1u, 4u}) {
      auto rows = rows_apart(numbers_as<float>(whole_numbers(0, 127)));
      rows[at].push_back(1);
      const range_rows range(std::as_const(rows));
      const auto built = index<sq8>::build(range, {.ef_construction = 40, .threads = threads});
      ASSERT_EQ(code_of(built), errc::wrong_dim);
      EXPECT_EQ(built.error().value, at);
    }
  }
}

TEST(index_rows, a_range_without_rows_or_values_is_an_error) {
  const auto from = [](std::size_t n) {
    const std::vector<std::vector<float>> rows(n);
    return index<sq8>::build(range_rows(rows));
  };
  EXPECT_EQ(code_of(from(0)), errc::empty_input);
  EXPECT_EQ(code_of(from(3)), errc::wrong_dim);
}

}  // namespace
}  // namespace thimble
