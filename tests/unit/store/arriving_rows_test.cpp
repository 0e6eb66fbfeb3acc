// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/store/arriving_rows.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <thimble/store/memory_store.hpp>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

template <class T>
std::vector<T> counted_values(std::size_t count) {
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    if constexpr (std::same_as<T, half>)
      values[i] = half::nearest(static_cast<float>(i % 251) / 8);
    else
      values[i] = static_cast<T>(i % 251);
  }
  return values;
}

template <class T>
std::uint64_t identity_in_memory(const std::vector<T>& values, std::size_t dim) {
  return memory_store<T>::create(matrix_view<T>(values.data(), values.size() / dim, dim))->fingerprint();
}

template <class T>
void expect_identity(std::size_t n, std::size_t batch) {
  constexpr std::size_t dim = 3;
  const auto values = counted_values<T>(n * dim);
  arriving_rows rows(n, dim);
  for (std::size_t i = 0; i < n; i += batch) {
    EXPECT_FALSE(rows.complete());
    EXPECT_EQ(rows.size(), i);
    ASSERT_TRUE(test::succeeded(rows.add(std::span<const T>(values).subspan(i * dim, std::min(batch, n - i) * dim))));
  }
  EXPECT_TRUE(rows.complete());
  EXPECT_EQ(rows.fingerprint(), identity_in_memory(values, dim)) << n << " in batches of " << batch;
}

TEST(arriving_rows, have_the_fingerprint_of_the_same_rows_in_memory) {
  for (const std::size_t n : {1u, 2u, 63u, 64u, 65u, 200u, 1000u})
    for (const std::size_t batch : {1u, 7u, 64u, 1000u}) {
      expect_identity<float>(n, batch);
      expect_identity<half>(n, batch);
      expect_identity<std::uint8_t>(n, batch);
    }
}

TEST(arriving_rows, go_on_where_others_stood) {
  constexpr std::size_t dim = 2;
  for (const std::size_t n : {5u, 64u, 100u, 257u}) {
    const auto values = counted_values<float>(n * dim);
    const std::span<const float> all(values);
    for (std::size_t stop = 0; stop <= n; ++stop) {
      arriving_rows first(n, dim);
      ASSERT_TRUE(test::succeeded(first.add(all.first(stop * dim))));
      arriving_rows second(n, dim, first.size(), first.fingerprint());
      EXPECT_EQ(second.size(), stop);
      ASSERT_TRUE(test::succeeded(second.add(all.subspan(stop * dim))));
      EXPECT_EQ(second.fingerprint(), identity_in_memory(values, dim)) << stop << " of " << n;
    }
  }
}

TEST(arriving_rows, that_were_not_announced_are_refused) {
  arriving_rows rows(3, 2);
  const std::vector<float> values(8, 1.0f);
  const std::span<const float> all(values);
  EXPECT_EQ(test::code_of(rows.add(all.first(3))), errc::wrong_dim);
  EXPECT_EQ(test::code_of(rows.add(all)), errc::too_many_vectors);
  EXPECT_EQ(rows.size(), 0u);
  EXPECT_TRUE(test::succeeded(rows.add(all.first(4))));
  EXPECT_EQ(test::code_of(rows.add(all.first(4))), errc::too_many_vectors);
}

TEST(arriving_rows, that_are_no_numbers_are_named) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e16f, -1e16f}) {
    arriving_rows rows(10, 2);
    std::vector<float> values(20, 1.0f);
    values[13] = bad;
    ASSERT_TRUE(test::succeeded(rows.add(std::span<const float>(values).first(8))));
    const auto outcome = rows.add(std::span<const float>(values).subspan(8));
    EXPECT_EQ(test::code_of(outcome), errc::not_finite);
    EXPECT_EQ(outcome.error().value, 6u);
  }
  for (const half bad : {half{0x7c00}, half{0xfc00}, half{0x7e00}}) {
    arriving_rows rows(2, 2);
    const std::vector<half> values{half{0}, half{0}, half{0}, bad};
    const auto outcome = rows.add(std::span<const half>(values));
    EXPECT_EQ(test::code_of(outcome), errc::not_finite);
    EXPECT_EQ(outcome.error().value, 1u);
  }
}

}  // namespace
}  // namespace thimble
