// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <set>
#include <thimble/store/fingerprint.hpp>
#include <vector>

#include "unit/support/outcome.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::identity_of;

TEST(fingerprint, reads_sixty_four_ascending_rows_or_all) {
  for (const std::size_t n : {0u, 1u, 5u, 63u, 64u, 65u, 128u, 1000u}) {
    EXPECT_EQ(fingerprint_rows(n), std::min<std::size_t>(n, 64));
    std::set<std::size_t> rows;
    for (std::size_t i = 0; i < fingerprint_rows(n); ++i) {
      const std::size_t row = fingerprint_row(i, n);
      EXPECT_LT(row, n);
      EXPECT_TRUE(rows.empty() || *rows.rbegin() < row);
      rows.insert(row);
    }
    if (n > 0) {
      EXPECT_EQ(rows.size(), fingerprint_rows(n));
      EXPECT_EQ(*rows.begin(), 0u);
    }
  }
  static_assert(fingerprint_row(63, 0xffffffffu) < 0xffffffffu);
}

TEST(fingerprint, tells_sets_apart_by_size_shape_order_and_values) {
  const auto rows = test::random_vectors(60, 12, 1);
  std::set<std::uint64_t> seen{identity_of(rows.view())};
  EXPECT_TRUE(seen.insert(identity_of({rows.values.data(), 59, 12})).second);
  EXPECT_TRUE(seen.insert(identity_of({rows.values.data(), 60, 11})).second);
  EXPECT_TRUE(seen.insert(identity_of({rows.values.data(), 120, 6})).second);
  for (std::size_t i = 0; i < rows.values.size(); ++i) {
    auto changed = rows;
    changed.values[i] += 1;
    EXPECT_TRUE(seen.insert(identity_of(changed.view())).second) << i;
  }
}

TEST(fingerprint, is_what_adding_the_named_rows_makes_it) {
  const auto rows = test::random_vectors(300, 7, 1);
  fingerprint_builder builder(300, 7);
  for (std::size_t i = 0; i < fingerprint_rows(300); ++i) builder.add(rows.row(fingerprint_row(i, 300)));
  EXPECT_EQ(builder.value(), identity_of(rows.view()));
}

TEST(fingerprint, of_halfs_is_that_of_the_rounded_rows_and_none_where_they_overflow) {
  auto rows = test::random_vectors(100, 7, 2);
  std::vector<float> scratch(rows.dim);
  auto rounded = rows;
  for (float& value : rounded.values) value = static_cast<float>(half::nearest(value));
  EXPECT_NE(identity_of(rounded.view()), identity_of(rows.view()));
  EXPECT_EQ(*half_fingerprint(rows.view(), scratch), identity_of(rounded.view()));
  EXPECT_EQ(*half_fingerprint(rounded.view(), scratch), identity_of(rounded.view()));
  rows.row(0)[6] = -70'000;
  EXPECT_EQ(*half_fingerprint(rows.view(), scratch), 0u);
}

TEST(fingerprint, stays_what_it_is_in_files_that_exist) {
  // Golden: stores and indexes that were written before know each other by it.
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  EXPECT_EQ(identity_of({values.data(), 3, 2}), 0x68ca20f17622103u);
}

TEST(fingerprint, an_error_of_the_rows_comes_back) {
  const auto rows = test::random_vectors(10, 4, 1);
  std::vector<float> scratch(4);
  EXPECT_EQ(test::code_of(fingerprint(test::failing_rows(rows.view(), 9), scratch)), errc::corrupt);
}

TEST(fingerprint, of_rows_that_come_in_a_batch_is_the_same) {
  for (const std::size_t n : {0u, 1u, 63u, 300u}) {
    const auto rows = test::random_vectors(n, 7, 1);
    test::counting_store store({rows.values.data(), n, 7});
    const auto read = [&](std::span<const node> nodes, std::span<float> out) { return store.read(nodes, out); };
    const auto made = fingerprint(n, 7, read);
    ASSERT_TRUE(test::succeeded(made));
    EXPECT_EQ(*made, store.fingerprint());
    EXPECT_EQ(store.batches().size(), 1u);
    EXPECT_TRUE(std::ranges::is_sorted(store.batches()[0]));
  }
  const auto failing = [](std::span<const node>, std::span<float>) -> expected<void> {
    return fail(errc::cannot_read, "no");
  };
  EXPECT_EQ(test::code_of(fingerprint(10, 7, failing)), errc::cannot_read);
}

}  // namespace
}  // namespace thimble
