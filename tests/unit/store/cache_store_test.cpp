// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/store/cache_store.hpp>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <optional>
#include <set>
#include <thimble/core/executor.hpp>
#include <thimble/index/batch_search.hpp>
#include <thimble/quant/sq8.hpp>
#include <thread>
#include <vector>

#include "unit/support/archetypes.hpp"
#include "unit/support/same_hits.hpp"
#include "unit/support/stores.hpp"

namespace thimble {
namespace {

namespace cache_store_cases {

using test::code_of;
using test::succeeded;

constexpr std::size_t n = 200;
constexpr std::size_t dim = 12;

const test::float_vectors& rows() {
  static const test::float_vectors made = test::random_vectors(n, dim, 4);
  return made;
}

// The budget that holds so many rows.
template <class Store>
std::size_t budget_for(Store& below, std::size_t n_rows) {
  const auto smallest = cache_store<Store>::create(below, 0);
  EXPECT_EQ(code_of(smallest), errc::invalid_argument);
  return static_cast<std::size_t>(smallest.error().value + (n_rows - 1) * row_clock::bytes_a_row(below.dim()));
}

template <class Cache>
testing::AssertionResult reads(Cache& cache, const std::vector<node>& nodes) {
  std::vector<float> out(nodes.size() * dim + 3, -7);
  if (const auto done = cache.read(nodes, out); !done) return succeeded(done);
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (!std::ranges::equal(std::span(out).subspan(i * dim, dim), rows().row(nodes[i])))
      return testing::AssertionFailure() << "row " << nodes[i] << ", number " << i << ", is wrong";
  if (std::ranges::count(out, -7.0f) < 3) return testing::AssertionFailure() << "wrote behind the rows";
  return testing::AssertionSuccess();
}

// A batch_store that fails when it is told to, after it has written half of what was asked.
class unreliable_store : public test::rows_with_identity {
 public:
  using rows_with_identity::rows_with_identity;
  expected<void> read(std::span<const node> nodes, std::span<float> out) {
    const std::size_t to_write = error_ ? nodes.size() / 2 : nodes.size();
    std::ranges::fill(out, -1.0f);
    for (std::size_t i = 0; i < to_write; ++i) copy(nodes[i], out.subspan(i * dim(), dim()));
    if (error_) return fail(*error_, "this store fails", 42);
    return {};
  }
  void fails_with(std::optional<errc> code) { error_ = code; }

 private:
  std::optional<errc> error_;
};

TEST(cache_store, misses_are_one_batch_of_the_store_below_and_hits_none) {
  test::counting_store below(rows().view());
  auto cache = cache_store<test::counting_store>::create(below, 1 << 20);
  ASSERT_TRUE(succeeded(cache));
  EXPECT_TRUE(reads(*cache, {3, 7, 9}));
  EXPECT_TRUE(reads(*cache, {3, 7, 9}));
  EXPECT_TRUE(reads(*cache, {1, 3, 4, 7, 8, 9, 11}));
  EXPECT_TRUE(reads(*cache, {}));
  EXPECT_EQ(below.batches(), (std::vector<std::vector<node>>{{3, 7, 9}, {1, 4, 8, 11}}));
  const cache_counters counted = cache->counters();
  EXPECT_EQ(counted.hits, 6u);
  EXPECT_EQ(counted.misses, 7u);
  EXPECT_EQ(counted.evictions, 0u);
}

TEST(cache_store, is_the_store_below_to_an_index) {
  test::counting_store below(rows().view());
  const auto cache = cache_store<test::counting_store>::create(below, 1 << 20);
  ASSERT_TRUE(succeeded(cache));
  EXPECT_EQ(cache->size(), below.size());
  EXPECT_EQ(cache->dim(), below.dim());
  EXPECT_EQ(cache->fingerprint(), below.fingerprint());
}

// Says by itself how it is to be read, and that its rows are rounded.
struct outspoken_store : test::counting_store {
  using counting_store::counting_store;
  [[nodiscard]] static std::size_t rows_at_once() { return 7; }
  [[nodiscard]] static bool exact() { return false; }
};

TEST(cache_store, says_what_the_store_below_says) {
  test::counting_store silent(rows().view());
  outspoken_store outspoken(rows().view());
  const auto memory = memory_store<float>::create(rows().view());
  const auto over_silent = cache_store<test::counting_store>::create(silent, 1 << 20);
  const auto over_outspoken = cache_store<outspoken_store>::create(outspoken, 1 << 20);
  const auto over_memory = cache_store<const memory_store<float>>::create(*memory, 1 << 20);
  ASSERT_TRUE(succeeded(over_silent) && succeeded(over_outspoken) && succeeded(over_memory));
  EXPECT_EQ(rows_at_once(*over_silent), all_rows_at_once);
  EXPECT_EQ(rows_at_once(*over_outspoken), 7u);
  EXPECT_EQ(rows_at_once(*over_memory), few_rows_at_once);
  EXPECT_FALSE(over_outspoken->exact());
  const auto built = index<sq8>::build(rows().view());
  ASSERT_TRUE(succeeded(built));
  EXPECT_FALSE(built->rounded(*over_silent));
  EXPECT_TRUE(built->rounded(*over_outspoken));
  EXPECT_FALSE(built->rounded(*over_memory));
}

TEST(cache_store, hits_and_misses_in_any_order_come_to_their_places) {
  random_generator random(1);
  for (const std::size_t capacity : {1u, 5u, 40u, 200u}) {
    test::counting_store below(rows().view());
    auto cache = cache_store<test::counting_store>::create(below, budget_for(below, capacity));
    ASSERT_TRUE(succeeded(cache));
    EXPECT_EQ(cache->capacity(), capacity);
    for (int i = 0; i < 300; ++i) {
      std::set<node> nodes;
      while (nodes.size() < 1 + static_cast<std::size_t>(i % 37)) nodes.insert(static_cast<node>(random.below(n)));
      ASSERT_TRUE(reads(*cache, {nodes.begin(), nodes.end()})) << "capacity " << capacity << ", batch " << i;
    }
    const cache_counters counted = cache->counters();
    std::size_t asked = 0;
    for (const auto& batch : below.batches()) asked += batch.size();
    EXPECT_EQ(counted.misses, asked);
    EXPECT_EQ(counted.misses - counted.evictions, capacity) << "what came in and did not go is there";
  }
}

TEST(cache_store, one_row_twice_in_a_batch) {
  test::counting_store below(rows().view());
  auto cache = cache_store<test::counting_store>::create(below, 1 << 20);
  ASSERT_TRUE(succeeded(cache));
  EXPECT_TRUE(reads(*cache, {3, 3, 5}));
  EXPECT_TRUE(reads(*cache, {3, 3, 4, 5, 5}));
  EXPECT_EQ(below.batches().back(), (std::vector<node>{4}));
}

TEST(cache_store, a_batch_of_more_rows_than_a_search_ever_asks_for) {
  const auto many = test::random_vectors(1500, 3, 1);
  test::counting_store below(many.view());
  auto cache = cache_store<test::counting_store>::create(below, 1 << 20);
  ASSERT_TRUE(succeeded(cache));
  std::vector<node> odd;
  for (node x = 1; x < 1500; x += 2) odd.push_back(x);
  std::vector<node> all(1500);
  std::iota(all.begin(), all.end(), 0u);
  std::vector<float> out(1500 * 3);
  ASSERT_TRUE(succeeded(cache->read(odd, out)));
  ASSERT_TRUE(succeeded(cache->read(all, out)));
  EXPECT_EQ(out, many.values);
  EXPECT_EQ(cache->counters().hits, 750u);
}

TEST(cache_store, rows_that_are_asked_for_often_stay) {
  test::counting_store below(rows().view());
  auto cache = cache_store<test::counting_store>::create(below, budget_for(below, 20));
  ASSERT_TRUE(succeeded(cache));
  // Ten rows again and again, and all others once.
  std::vector<node> often(10);
  std::iota(often.begin(), often.end(), 0u);
  for (node x = 10; x < n; ++x) {
    EXPECT_TRUE(reads(*cache, often));
    EXPECT_TRUE(reads(*cache, {x}));
  }
  EXPECT_EQ(cache->counters().misses, n);
}

TEST(cache_store, keeps_to_its_budget) {
  test::counting_store below(rows().view());
  const std::size_t least = budget_for(below, 1);
  EXPECT_EQ(code_of(cache_store<test::counting_store>::create(below, least - 1)), errc::invalid_argument);
  for (const std::size_t budget : {least, least + 1, std::size_t{5000}, std::size_t{9000}}) {
    auto cache = cache_store<test::counting_store>::create(below, budget);
    ASSERT_TRUE(succeeded(cache)) << budget;
    EXPECT_LE(cache->bytes(), budget);
    EXPECT_LT(budget - cache->bytes(), row_clock::bytes_a_row(dim)) << "no row more would have fit";
    EXPECT_TRUE(reads(*cache, {0, 50, 100, 150}));
    EXPECT_LE(cache->bytes(), budget);
  }
  const auto whole = cache_store<test::counting_store>::create(below, std::size_t{1} << 30);
  ASSERT_TRUE(succeeded(whole));
  EXPECT_EQ(whole->capacity(), n);
  EXPECT_LT(whole->bytes(), 20'000u);
}

TEST(cache_store, an_error_of_the_store_below_comes_back_and_does_no_harm) {
  unreliable_store below(rows().view());
  auto cache = cache_store<unreliable_store>::create(below, budget_for(below, 8));
  ASSERT_TRUE(succeeded(cache));
  EXPECT_TRUE(reads(*cache, {1, 2, 3, 4}));
  below.fails_with(errc::cannot_read);
  std::vector<float> out(6 * dim);
  for (int i = 0; i < 10; ++i) {
    const auto failed = cache->read(std::vector<node>{0, 2, 3, 5, 6, 7}, out);
    EXPECT_EQ(code_of(failed), errc::cannot_read);
    EXPECT_EQ(failed.error().value, 42u);
  }
  EXPECT_TRUE(reads(*cache, {1, 2, 3, 4})) << "what was there is there";
  EXPECT_EQ(code_of(cache->read(std::vector<node>{5}, out)), errc::cannot_read)
      << "nothing of the failed batch is kept";
  below.fails_with({});
  EXPECT_TRUE(reads(*cache, {0, 1, 2, 3, 4, 5, 6, 7}));
  // Rows of the failed batch are not held fast: all of them can go.
  for (node x = 100; x < 140; ++x) EXPECT_TRUE(reads(*cache, {x}));
  EXPECT_EQ(cache->counters().evictions, 40u);
}

TEST(cache_store, over_rows_in_place) {
  const auto memory = memory_store<float>::create(rows().view());
  ASSERT_TRUE(succeeded(memory));
  auto cache = cache_store<const memory_store<float>>::create(*memory, 1 << 20);
  ASSERT_TRUE(succeeded(cache));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(reads(*cache, {0, 77, 199}));
  test::strict_row_store strict(rows().view());
  auto over_strict = cache_store<test::strict_row_store>::create(strict, 1 << 20);
  ASSERT_TRUE(succeeded(over_strict));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(reads(*over_strict, {0, 77, 199}));
  EXPECT_EQ(strict.largest_room(), dim);
  test::failing_row_store failing(rows().view(), errc::corrupt);
  auto over_failing = cache_store<test::failing_row_store>::create(failing, 1 << 20);
  ASSERT_TRUE(succeeded(over_failing));
  std::vector<float> out(dim);
  EXPECT_EQ(code_of(over_failing->read(std::vector<node>{1}, out)), errc::corrupt);
}

TEST(cache_store, needs_no_more_than_the_concepts_promise) {
  const auto last_of = [](auto& below) {
    auto cache = cache_store<std::remove_reference_t<decltype(below)>>::create(below, 10'000);
    std::vector<float> out(4);
    EXPECT_TRUE(succeeded(cache->read(std::vector<node>{7, 40}, out)));
    EXPECT_TRUE(succeeded(cache->read(std::vector<node>{40, 99}, out)));
    return out;
  };
  test::minimal_row_store in_place(1);
  EXPECT_EQ(last_of(in_place), (std::vector<float>{40, 1, 99, 1}));
  test::minimal_batch_store batches(1);
  EXPECT_EQ(last_of(batches), (std::vector<float>{40, 1, 99, 1}));
  static_assert(batch_store<cache_store<test::minimal_batch_store>>);
  static_assert(concurrent_store<cache_store<test::minimal_batch_store>>);
  static_assert(concurrent_store<test::minimal_row_store> && !concurrent_store<test::minimal_batch_store>);
}

TEST(cache_store, gives_the_hits_of_memory_with_any_budget) {
  for (const std::size_t capacity : {1u, 30u, 600u}) {
    test::counting_store below(test::searched_rows().view());
    auto cache = cache_store<test::counting_store>::create(below, budget_for(below, capacity));
    ASSERT_TRUE(succeeded(cache));
    test::expect_hits_of_memory(*cache);
  }
}

TEST(cache_store, a_move_takes_the_rows_along) {
  test::counting_store below(rows().view());
  auto first = cache_store<test::counting_store>::create(below, 1 << 20);
  ASSERT_TRUE(succeeded(first));
  EXPECT_TRUE(reads(*first, {1, 2}));
  auto second = std::move(*first);
  EXPECT_TRUE(reads(second, {1, 2}));
  EXPECT_EQ(below.batches().size(), 1u);
}

#if THIMBLE_THREADS
// Finds out whether it is read by two threads at once; its rows are those of any batch_store.
template <bool Concurrent>
class watched_store : public test::rows_with_identity {
 public:
  using rows_with_identity::rows_with_identity;
  static constexpr bool concurrent = Concurrent;
  expected<void> read(std::span<const node> nodes, std::span<float> out) {
    if (readers_.fetch_add(1) != 0) together_ = true;
    for (std::size_t i = 0; i < nodes.size(); ++i) copy(nodes[i], out.subspan(i * dim(), dim()));
    std::this_thread::yield();
    readers_.fetch_sub(1);
    if (++reads_ % 50 == 0) return fail(errc::cannot_read, "now and then it fails");
    return {};
  }
  [[nodiscard]] bool was_read_together() const { return together_; }

 private:
  std::atomic<int> readers_{0};
  std::atomic<bool> together_{false};
  std::atomic<int> reads_{0};
};
static_assert(concurrent_store<watched_store<true>> && !concurrent_store<watched_store<false>>);

// Four threads, a cache of a third of the rows, a store that fails now and then.
template <class Store>
void expect_right_rows_on_threads(Store& below) {
  auto cache = cache_store<Store>::create(below, budget_for(below, n / 3));
  ASSERT_TRUE(succeeded(cache));
  std::atomic<int> wrong{0};
  std::atomic<std::uint64_t> asked{0};
  thread_executor threads(4);
  threads.run([&](unsigned worker) {
    random_generator random(worker);
    std::vector<float> out(30 * dim);
    for (int i = 0; i < 500; ++i) {
      std::set<node> chosen;
      while (chosen.size() < 30) chosen.insert(static_cast<node>(random.below(n) * random.below(n) / n));
      const std::vector<node> nodes(chosen.begin(), chosen.end());
      asked += nodes.size();
      const auto done = cache->read(nodes, out);
      if (!done && done.error().code != errc::cannot_read) ++wrong;
      for (std::size_t j = 0; done && j < nodes.size(); ++j)
        if (!std::ranges::equal(std::span(out).subspan(j * dim, dim), rows().row(nodes[j]))) ++wrong;
    }
  });
  EXPECT_EQ(wrong, 0);
  const cache_counters counted = cache->counters();
  EXPECT_EQ(counted.hits + counted.misses, asked);
  EXPECT_GT(counted.hits, counted.misses / 4);
  // No row is held fast by anybody.
  std::vector<float> out(dim);
  for (node x = 0; x < n; ++x) (void)cache->read(std::vector<node>{x}, out);
  const std::uint64_t before = cache->counters().hits;
  for (node x = n - n / 6; x < n; ++x) (void)cache->read(std::vector<node>{x}, out);
  EXPECT_GE(cache->counters().hits - before, n / 6 - 5);
}

TEST(cache_store, any_number_of_threads_over_a_store_for_one) {
  watched_store<false> below(rows().view());
  expect_right_rows_on_threads(below);
  EXPECT_FALSE(below.was_read_together());
}

TEST(cache_store, any_number_of_threads_over_a_store_for_all) {
  watched_store<true> below(rows().view());
  expect_right_rows_on_threads(below);
}

TEST(cache_store, searches_on_threads_share_one_cache) {
  test::counting_store below(test::searched_rows().view());
  auto cache = cache_store<test::counting_store>::create(below, budget_for(below, 200));
  ASSERT_TRUE(succeeded(cache));
  const search_params params{.k = 5, .rerank = 40};
  thread_executor threads(4);
  const auto found = search_batch(
      test::searched_index(), test::searched_rows().view(), params,
      [&](unsigned) -> cache_store<test::counting_store>& { return *cache; }, {}, threads);
  ASSERT_TRUE(succeeded(found));
  for (std::size_t i = 0; i < test::n_searched_rows; ++i) EXPECT_EQ(found->distances(i)[0], 0) << i;
}
#endif

}  // namespace cache_store_cases

}  // namespace
}  // namespace thimble
