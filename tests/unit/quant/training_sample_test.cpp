// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <thimble/quant/training_sample.hpp>
#include <vector>

#include "unit/support/archetypes.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::succeeded;

// The numbers of the rows that are visited: minimal_rows has its row's number as a value.
std::vector<unsigned> visited(unsigned n, std::size_t most = 16'384) {
  const test::minimal_rows rows(n);
  auto sample = training_sample<test::minimal_rows>::create(rows, most);
  EXPECT_TRUE(succeeded(sample));
  std::vector<unsigned> seen;
  EXPECT_TRUE(
      succeeded(sample->for_each([&](std::span<const float> row) { seen.push_back(static_cast<unsigned>(row[0])); })));
  EXPECT_EQ(seen.size(), sample->size());
  return seen;
}

TEST(training_sample, few_rows_are_all_visited_in_order) {
  for (const unsigned n : {1u, 2u, 1000u, 16'384u}) {
    const auto seen = visited(n);
    ASSERT_EQ(seen.size(), n);
    for (unsigned i = 0; i < n; ++i) ASSERT_EQ(seen[i], i);
  }
}

TEST(training_sample, of_many_rows_16384_are_visited_evenly_spread) {
  for (const unsigned n : {16'385u, 20'000u, 1'000'000u}) {
    const auto seen = visited(n);
    ASSERT_EQ(seen.size(), 16'384u);
    const unsigned apart = n / 16'384;
    EXPECT_LE(seen.front(), apart);
    EXPECT_GE(seen.back(), n - 2 * apart - 2);
    for (std::size_t i = 1; i < seen.size(); ++i) {
      ASSERT_GE(seen[i] - seen[i - 1], apart);
      ASSERT_LE(seen[i] - seen[i - 1], apart + 1);
    }
  }
}

TEST(training_sample, holds_no_more_than_was_asked_for) {
  EXPECT_EQ(visited(1000, 4), (std::vector<unsigned>{0, 250, 500, 750}));
  EXPECT_EQ(visited(3, 4), (std::vector<unsigned>{0, 1, 2}));
}

TEST(training_sample, the_mean_is_that_of_the_rows) {
  const auto rows = test::clustered_vectors(700, 40, 3);
  const auto view = rows.view();
  auto sample = training_sample<matrix_view<float>>::create(view);
  ASSERT_TRUE(succeeded(sample));
  EXPECT_EQ(sample->dim(), 40u);
  std::vector<float> mean(40, 99.0f);
  ASSERT_TRUE(succeeded(sample->mean(mean)));
  for (std::size_t j = 0; j < 40; ++j) {
    double sum = 0;
    for (std::size_t i = 0; i < 700; ++i) sum += rows.row(i)[j];
    EXPECT_FLOAT_EQ(mean[j], static_cast<float>(sum / 700));
  }
}

TEST(training_sample, rows_are_read_anew_each_time) {
  auto rows = test::random_vectors(5, 2, 1);
  const auto view = rows.view();
  auto sample = training_sample<matrix_view<float>>::create(view);
  std::vector<float> before(2), after(2);
  ASSERT_TRUE(succeeded(sample->mean(before)));
  rows.row(0)[1] += 10;
  ASSERT_TRUE(succeeded(sample->mean(after)));
  EXPECT_EQ(after[0], before[0]);
  EXPECT_NEAR(after[1], before[1] + 2, 1e-5);
}

TEST(training_sample, an_error_of_the_rows_ends_the_visit) {
  const auto rows = test::random_vectors(10, 4, 1);
  const test::failing_rows broken(rows.view(), 3);
  auto sample = training_sample<test::failing_rows>::create(broken);
  int n_visited = 0;
  EXPECT_EQ(test::code_of(sample->for_each([&](std::span<const float>) { ++n_visited; })), errc::corrupt);
  EXPECT_EQ(n_visited, 3);
  std::vector<float> mean(4);
  EXPECT_EQ(test::code_of(sample->mean(mean)), errc::corrupt);
}

}  // namespace
}  // namespace thimble
