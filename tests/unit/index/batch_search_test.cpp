// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <thimble/index/any_index.hpp>
#include <thimble/index/batch_search.hpp>
#include <thimble/store/memory_store.hpp>
#include <vector>

#include "unit/support/archetypes.hpp"
#include "unit/support/environment.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

class batch : public ::testing::Test {
 protected:
  static constexpr std::size_t n = 500, n_queries = 300, dim = 24;

  static const test::float_vectors& base() {
    static const test::float_vectors made = test::clustered_vectors(n, dim, 1);
    return made;
  }
  static const test::float_vectors& queries() {
    static const test::float_vectors made = test::clustered_vectors(n_queries, dim, 2);
    return made;
  }
  static const any_index& built() {
    static const expected<any_index> made =
        any_index::build(kind_of<rabitq<4>>, base().view(), test::on_asked_simd({.metric = metric::cosine}));
    return *made;
  }

  template <class Single>
  static void expect_the_same(const expected<batch_hits>& found, Single&& single) {
    ASSERT_TRUE(succeeded(found));
    ASSERT_EQ(found->size(), n_queries);
    for (std::size_t i = 0; i < n_queries; ++i) {
      const auto hits = single(queries().row(i));
      ASSERT_TRUE(succeeded(hits));
      ASSERT_EQ(found->ids(i).size(), hits->size());
      ASSERT_EQ(found->counts()[i], hits->size());
      for (std::size_t rank = 0; rank < hits->size(); ++rank) {
        ASSERT_EQ(found->ids(i)[rank], (*hits)[rank].id);
        ASSERT_EQ(found->distances(i)[rank], (*hits)[rank].distance);
      }
    }
  }
};

TEST_F(batch, gives_what_single_searches_give_on_any_number_of_threads) {
  auto store = memory_store<float>::create(base().view());
  for (const search_params& params : {search_params{}, search_params{.k = 3, .ef = 30, .rerank = 2}}) {
    for (const unsigned threads : {0u, 1u, 2u, 7u}) {
      expect_the_same(search_batch(built(), queries().view(), params, {.threads = threads}),
                      [&](std::span<const float> q) { return built().search(q, params); });
      expect_the_same(search_batch(built(), queries().view(), params, *store, {.threads = threads}),
                      [&](std::span<const float> q) { return built().search(q, params, *store); });
    }
  }
}

TEST_F(batch, of_few_queries_leaves_no_worker_without) {
  // Counts the groups: a store is asked for once for each.
  for (const unsigned workers : {1u, 3u, 8u}) {
    for (const std::size_t n_few : {1u, 2u, 8u, 9u}) {
      thread_executor threads(workers);
      auto store = memory_store<float>::create(base().view());
      std::atomic<std::size_t> n_groups{0};
      const auto store_of = [&](unsigned /*worker*/) -> memory_store<float>& {
        ++n_groups;
        return *store;
      };
      const matrix_view<float> few(queries().values.data(), n_few, dim);
      const auto found = search_batch(built(), few, {}, store_of, {}, threads);
      ASSERT_TRUE(succeeded(found));
      EXPECT_GE(n_groups.load(), std::min<std::size_t>(n_few, threads.workers()));
      for (std::size_t i = 0; i < n_few; ++i)
        EXPECT_EQ(found->ids(i)[0], (*built().search(queries().row(i), {}, *store))[0].id);
    }
  }
}

TEST_F(batch, reads_from_a_store_for_each_worker) {
  thread_executor threads(3);
  std::vector<test::counting_store> stores(threads.workers(), test::counting_store(base().view()));
  const auto store_of = [&](unsigned worker) -> test::counting_store& { return stores[worker]; };
  test::counting_store alone(base().view());
  expect_the_same(search_batch(built(), queries().view(), {}, store_of, {}, threads),
                  [&](std::span<const float> q) { return built().search(q, {}, alone); });
  std::size_t n_batches = 0;
  for (const auto& store : stores) n_batches += store.batches().size();
  EXPECT_EQ(n_batches, alone.batches().size());
}

TEST_F(batch, runs_on_the_callers_executor_with_rows_of_any_source) {
  test::minimal_executor on;
  const auto lines = index<test::minimal_quantizer>::build(test::minimal_rows(100));
  ASSERT_TRUE(succeeded(lines));
  const auto found = search_batch(*lines, test::minimal_rows(100), {.k = 1, .ef = 100}, {}, on);
  ASSERT_TRUE(succeeded(found));
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(found->ids(i)[0], i);
}

TEST_F(batch, rows_of_fewer_results_end_with_no_label) {
  const auto few = [](label id) { return id == 7 || id == 400; };
  const auto found = search_batch(built(), queries().view(), {.k = 5, .filter = label_filter::where(few)});
  ASSERT_TRUE(succeeded(found));
  EXPECT_EQ(found->k(), 5u);
  ASSERT_EQ(found->ids().size(), 5 * n_queries);
  ASSERT_EQ(found->distances().size(), 5 * n_queries);
  for (std::size_t i = 0; i < n_queries; ++i) {
    EXPECT_EQ(found->counts()[i], 2u);
    EXPECT_EQ(found->ids(i).size(), 2u);
    for (std::size_t rank = 2; rank < 5; ++rank) {
      EXPECT_EQ(found->ids()[5 * i + rank], batch_hits::no_label);
      EXPECT_EQ(found->distances()[5 * i + rank], std::numeric_limits<float>::infinity());
    }
  }
}

TEST_F(batch, has_no_more_columns_than_the_index_has_vectors) {
  const auto found = search_batch(built(), queries().view(), {.k = std::numeric_limits<std::size_t>::max()});
  ASSERT_TRUE(succeeded(found));
  EXPECT_EQ(found->k(), n);
  EXPECT_EQ(found->ids(n_queries - 1).size(), n);
}

TEST_F(batch, of_no_queries_is_empty) {
  const auto found = search_batch(built(), matrix_view<float>(nullptr, 0, dim), {});
  ASSERT_TRUE(succeeded(found));
  EXPECT_EQ(found->size(), 0u);
  EXPECT_TRUE(found->ids().empty());
}

TEST_F(batch, ends_with_the_first_error_and_the_querys_number) {
  for (const unsigned threads : {1u, 4u}) {
    auto broken = queries();
    broken.row(123)[3] = std::numeric_limits<float>::quiet_NaN();
    const auto not_finite = search_batch(built(), broken.view(), {}, {.threads = threads});
    ASSERT_EQ(code_of(not_finite), errc::not_finite);
    EXPECT_EQ(not_finite.error().value, 123u);
    broken = queries();
    std::ranges::fill(broken.row(77), 0.0f);
    const auto zero = search_batch(built(), broken.view(), {}, {.threads = threads});
    ASSERT_EQ(code_of(zero), errc::zero_vector);
    EXPECT_EQ(zero.error().value, 77u);
    EXPECT_EQ(code_of(search_batch(built(), test::failing_rows(queries().view(), 200), {}, {.threads = threads})),
              errc::corrupt);
    EXPECT_EQ(code_of(search_batch(built(), queries().view(), {.k = 0}, {.threads = threads})), errc::invalid_k);
    const matrix_view<float> narrow(queries().values.data(), 10, dim - 1);
    EXPECT_EQ(code_of(search_batch(built(), narrow, {}, {.threads = threads})), errc::wrong_dim);
    test::failing_row_store failing(base().view(), errc::cannot_read);
    EXPECT_EQ(code_of(search_batch(built(), queries().view(), {}, failing, {.threads = threads})), errc::cannot_read);
    auto others = memory_store<float>::create(queries().view());
    EXPECT_EQ(code_of(search_batch(built(), queries().view(), {}, *others, {.threads = threads})),
              errc::store_mismatch);
  }
}

TEST_F(batch, tells_how_far_it_is_and_can_be_stopped) {
  std::vector<std::size_t> done;
  const auto listen = [&](const batch_progress& p) {
    EXPECT_EQ(p.total, n_queries);
    done.push_back(p.done);
    return true;
  };
  ASSERT_TRUE(succeeded(search_batch(built(), queries().view(), {}, {.threads = 1, .progress = listen})));
  ASSERT_GE(done.size(), 2u);
  EXPECT_TRUE(std::ranges::is_sorted(done));
  EXPECT_EQ(done.back(), n_queries);
  const auto stop = [](const batch_progress& /*p*/) { return false; };
  for (const unsigned threads : {1u, 4u})
    EXPECT_EQ(code_of(search_batch(built(), queries().view(), {}, {.threads = threads, .progress = stop})),
              errc::cancelled);
}

TEST_F(batch, a_matrix_that_no_machine_has_is_out_of_memory) {
  EXPECT_EQ(code_of(batch_hits::create(std::numeric_limits<std::size_t>::max() / 4, 1000)), errc::out_of_memory);
}

}  // namespace
}  // namespace thimble
