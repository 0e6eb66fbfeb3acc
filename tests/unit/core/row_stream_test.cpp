// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <span>
#include <thimble/core/row_stream.hpp>
#include <thimble/index/index.hpp>
#include <thimble/quant/rabitq.hpp>
#include <thimble/quant/training_sample.hpp>
#include <thimble/store/fingerprint.hpp>

#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

// Knows whether it is read in order, and counts the rows that are read while it does not.
class told_rows {
 public:
  explicit told_rows(matrix_view<float> rows) : rows_(rows) {}

  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] std::size_t dim() const { return rows_.dim(); }
  [[nodiscard]] expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    n_untold += streams == 0 ? 1 : 0;
    return rows_.row(i, scratch);
  }
  void begin_stream() const {
    ++streams;
    ++n_streams;
  }
  void end_stream() const { --streams; }

  mutable std::atomic<int> streams = 0;
  mutable std::atomic<std::size_t> n_streams = 0, n_untold = 0;

 private:
  matrix_view<float> rows_;
};
static_assert(streamed_row_source<told_rows> && !streamed_row_source<matrix_view<float>>);

TEST(row_stream, tells_the_rows_while_it_lives) {
  const auto values = test::clustered_vectors(10, 4, 1);
  const told_rows rows(values.view());
  {
    const row_stream reading(rows);
    EXPECT_EQ(rows.streams, 1);
  }
  EXPECT_EQ(rows.streams, 0);
  EXPECT_EQ(rows.n_streams, 1u);
}

TEST(row_stream, a_build_reads_all_but_the_rows_of_fingerprints_in_streams) {
  const auto values = test::clustered_vectors(1000, 8, 1);
  for (const unsigned threads : {1u, 2u}) {
    const told_rows rows(values.view());
    ASSERT_TRUE(test::succeeded(index<rabitq<2>>::build(rows, {.threads = threads})));
    EXPECT_EQ(rows.streams, 0);
    EXPECT_GE(rows.n_streams, 4u) << "two quantizers learn, then code";
    EXPECT_LE(rows.n_untold, 2 * fingerprint_rows(values.size()));
  }
}

TEST(row_stream, a_sample_of_few_rows_is_none) {
  const auto values = test::clustered_vectors(40, 8192, 1);
  const told_rows rows(values.view());
  const auto n_untold = [&](std::size_t most) {
    rows.n_untold = 0;
    auto sample = training_sample<told_rows>::create(rows, most);
    EXPECT_TRUE(test::succeeded(sample));
    EXPECT_TRUE(test::succeeded(sample->for_each([](std::span<const float>) {})));
    EXPECT_EQ(rows.streams, 0);
    return rows.n_untold.load();
  };
  EXPECT_EQ(n_untold(40), 0u);
  EXPECT_EQ(n_untold(20), 0u);
  EXPECT_EQ(n_untold(10), 10u) << "128 KB apart";
}

}  // namespace
}  // namespace thimble
