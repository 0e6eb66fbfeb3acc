// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// By a clock that moves on when it is asked, and when a store is read.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <thimble/index/any_index.hpp>
#include <thimble/index/mutable_index.hpp>
#include <thimble/search/stage_times.hpp>
#include <thimble/store/memory_store.hpp>

#include "unit/support/environment.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::succeeded;

class staged_search : public ::testing::Test {
 protected:
  // A batch takes 1,000.
  class slow_store : public test::rows_with_identity {
   public:
    using test::rows_with_identity::rows_with_identity;
    [[nodiscard]] expected<void> read(std::span<const node> nodes, std::span<float> out) const {
      now += 1000;
      for (std::size_t i = 0; i < nodes.size(); ++i) copy(nodes[i], out.subspan(i * dim(), dim()));
      return {};
    }
  };
  static_assert(batch_store<slow_store>);

  static std::uint64_t ticks() { return ++now; }

  void SetUp() override { now = 7; }

  const test::float_vectors rows_ = test::base_pictures().floats(300);
  const std::vector<float> query_ = [] {
    const auto row = test::query_pictures().row(0);
    return std::vector<float>(row.begin(), row.end());
  }();
  const search_params untimed_{.k = 10, .ef = 40, .rerank = 30, .rerank_by = rerank_policy::fixed};
  search_params timed_ = [this] {
    search_params params = untimed_;
    params.clock = ticks;
    return params;
  }();
  static inline std::uint64_t now = 0;
};

TEST_F(staged_search, is_timed_only_where_it_is_asked_for) {
  const auto made = index<sq8>::build(rows_.view(), test::on_asked_simd({}));
  ASSERT_TRUE(succeeded(made));
  auto store = memory_store<float>::create(rows_.view());
  const auto before = made->search(query_, untimed_, *store);
  ASSERT_TRUE(succeeded(before));
  EXPECT_EQ(before->times(), stage_times{});
  const auto timed = made->search(query_, timed_, *store);
  ASSERT_TRUE(succeeded(timed));
  EXPECT_NE(timed->times(), stage_times{});
  EXPECT_TRUE(std::ranges::equal(*before, *timed)) << "timing changes no result";
  const std::uint64_t then = now;
  EXPECT_EQ(made->search(query_, untimed_, *store)->times(), stage_times{}) << "the scratch was a timed search's";
  EXPECT_EQ(now, then) << "the clock was read";
}

TEST_F(staged_search, gives_each_stage_what_passed_in_it) {
  const auto made = index<sq8>::build(rows_.view(), test::on_asked_simd({}));
  ASSERT_TRUE(succeeded(made));
  slow_store far(rows_.view());
  const auto hits = made->search(query_, timed_, far);
  ASSERT_TRUE(succeeded(hits));
  EXPECT_EQ(hits->times(), (stage_times{.graph_ns = 1, .read_ns = 1000 + 30, .rerank_ns = 1 + 30 + 1}));
  EXPECT_EQ(made->search(query_, timed_)->times(), (stage_times{.graph_ns = 1, .read_ns = 0, .rerank_ns = 1}));
}

TEST_F(staged_search, adds_up_all_batches) {
  const auto made = index<rabitq<1>>::build(rows_.view(), test::on_asked_simd({}));
  ASSERT_TRUE(succeeded(made));
  slow_store far(rows_.view());
  timed_.rerank_by = rerank_policy::bound;
  timed_.epsilon = 1000;  // all of them may be among the nearest
  const auto hits = made->search(query_, timed_, far);
  ASSERT_TRUE(succeeded(hits));
  ASSERT_EQ(hits->batches(), 2u);
  const std::uint64_t rows = hits->vectors_read();
  EXPECT_EQ(hits->times(), (stage_times{.graph_ns = 1, .read_ns = 2 * 1000 + rows, .rerank_ns = 1 + rows + 2}));
}

TEST_F(staged_search, is_timed_in_an_index_that_changes_and_in_one_of_any_quantizer) {
  slow_store far(rows_.view());
  const stage_times wanted{.graph_ns = 1, .read_ns = 1000 + 30, .rerank_ns = 1 + 30 + 1};
  const auto any = any_index::build(kind_of<sq8>, rows_.view(), test::on_asked_simd({}));
  ASSERT_TRUE(succeeded(any));
  EXPECT_EQ(any->search(query_, timed_, far)->times(), wanted);
  search_scratch scratch;
  ASSERT_TRUE(succeeded(any->search(query_, timed_, far, scratch)));
  EXPECT_EQ(scratch.rerank().times(), wanted);

  auto changing = mutable_index<sq8>::train(rows_.view());
  ASSERT_TRUE(succeeded(changing));
  for (std::size_t i = 0; i < rows_.size(); ++i) ASSERT_TRUE(succeeded(changing->add(i, rows_.row(i))));
  EXPECT_EQ(changing->search(query_, timed_, far)->times(), wanted);
  EXPECT_EQ(changing->search(query_, untimed_, far)->times(), stage_times{});
}

TEST(steady_clock_ns, never_goes_back) {
  std::uint64_t last = steady_clock_ns();
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t later = steady_clock_ns();
    EXPECT_GE(later, last);
    last = later;
  }
}

}  // namespace
}  // namespace thimble
