// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A cache over a store that answers later.

#include <gtest/gtest.h>

#include <thimble/store/cache_store.hpp>

#include <algorithm>
#include <list>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <thimble/core/random.hpp>
#include <thimble/rerank/callback.hpp>
#include <thimble/store/browser_store.hpp>
#include <thimble/store/indexeddb_store.hpp>
#include <thimble/store/opfs_store.hpp>
#include <vector>

#include "unit/support/archetypes.hpp"
#include "unit/support/same_hits.hpp"
#include "unit/support/stores.hpp"

namespace thimble {
namespace {

namespace late_cache_cases {

using test::code_of;
using test::late_store;
using test::succeeded;
using answer = late_store::answer;
using late_cache = cache_store<late_store>;

constexpr std::size_t n = 200;
constexpr std::size_t dim = 12;

const test::float_vectors& rows() {
  static const test::float_vectors made = test::random_vectors(n, dim, 4);
  return made;
}

late_cache cache_of(late_store& below, std::size_t capacity) {
  const auto smallest = late_cache::create(below, 0);
  EXPECT_EQ(code_of(smallest), errc::invalid_argument);
  auto made = late_cache::create(
      below, static_cast<std::size_t>(smallest.error().value + (capacity - 1) * row_clock::bytes_a_row(dim)));
  EXPECT_TRUE(succeeded(made));
  EXPECT_EQ(made->capacity(), capacity);
  return std::move(*made);
}

// One read with room for its rows; stays where it is.
class late_read {
 public:
  template <class Cache>
  late_read(Cache& from, std::vector<node> nodes) : nodes_(std::move(nodes)), out_(nodes_.size() * dim, -7) {
    from.read(nodes_, out_, {this, [](void* self, expected<void> outcome) {
                               EXPECT_FALSE(static_cast<late_read*>(self)->outcome_) << "told twice";
                               static_cast<late_read*>(self)->outcome_ = outcome;
                             }});
  }
  late_read(const late_read&) = delete;
  late_read& operator=(const late_read&) = delete;

  [[nodiscard]] bool ended() const { return outcome_.has_value(); }
  [[nodiscard]] std::optional<error> failure() const {
    return outcome_ && !*outcome_ ? std::optional(outcome_->error()) : std::nullopt;
  }
  // Whether it ended well, with the rows that it asked for.
  [[nodiscard]] testing::AssertionResult right() const {
    if (!outcome_) return testing::AssertionFailure() << "it has not ended";
    if (!*outcome_) return succeeded(*outcome_);
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (!std::ranges::equal(std::span(out_).subspan(i * dim, dim), rows().row(nodes_[i])))
        return testing::AssertionFailure() << "row " << nodes_[i] << ", number " << i << ", is wrong";
    return testing::AssertionSuccess();
  }

 private:
  std::vector<node> nodes_;
  std::vector<float> out_;
  std::optional<expected<void>> outcome_;
};

TEST(late_cache, misses_are_one_batch_of_the_store_below_and_hits_complete_at_once) {
  late_store below(rows().view(), answer::later);
  auto cache = cache_of(below, 50);
  const late_read first(cache, {3, 7, 9});
  EXPECT_FALSE(first.ended());
  below.complete();
  EXPECT_TRUE(first.right());
  EXPECT_TRUE(late_read(cache, {3, 7, 9}).right()) << "before read() returns";
  EXPECT_TRUE(late_read(cache, {}).right());
  const late_read some(cache, {1, 3, 4, 7, 8, 9, 11});
  EXPECT_FALSE(some.ended());
  below.complete();
  EXPECT_TRUE(some.right());
  EXPECT_EQ(below.batches(), (std::vector<std::vector<node>>{{3, 7, 9}, {1, 4, 8, 11}}));
  EXPECT_EQ(cache.counters().hits, 6u);
  EXPECT_EQ(cache.counters().misses, 7u);
}

TEST(late_cache, a_store_that_answers_at_once_completes_at_once) {
  late_store below(rows().view(), answer::at_once);
  auto cache = cache_of(below, 50);
  EXPECT_TRUE(late_read(cache, {3, 7}).right());
  EXPECT_TRUE(late_read(cache, {2, 3, 7}).right());
  below.answers(answer::failing);
  EXPECT_EQ(late_read(cache, {2, 5}).failure()->code, errc::store_unavailable);
  EXPECT_TRUE(late_read(cache, {2, 3, 7}).right());
}

TEST(late_cache, reads_end_in_any_order_some_of_them_badly) {
  random_generator random(1);
  for (const std::size_t capacity : {1u, 5u, 40u, 200u}) {
    late_store below(rows().view(), answer::later);
    auto cache = cache_of(below, capacity);
    // Those that wait, in the order in which the store below was asked.
    std::vector<std::unique_ptr<late_read>> waiting;
    std::size_t asked = 0;
    for (int i = 0; i < 600; ++i) {
      if (waiting.size() < 8 && random.below(2) == 0) {
        std::set<node> nodes;
        while (nodes.size() < 1 + static_cast<std::size_t>(i % 37))
          nodes.insert(static_cast<node>(random.below(n) * random.below(n) / n));
        asked += nodes.size();
        auto begun = std::make_unique<late_read>(cache, std::vector<node>(nodes.begin(), nodes.end()));
        if (begun->ended()) {
          ASSERT_TRUE(begun->right());
        } else {
          waiting.push_back(std::move(begun));
        }
      } else if (!waiting.empty()) {
        const auto which = static_cast<std::size_t>(random.below(waiting.size()));
        const bool fails = random.below(5) == 0;
        below.answers(fails ? answer::failing : answer::later);
        below.complete(which);
        below.answers(answer::later);
        ASSERT_EQ(waiting[which]->failure().has_value(), fails);
        if (!fails) {
          ASSERT_TRUE(waiting[which]->right()) << "capacity " << capacity << ", step " << i;
        }
        waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(which));
      }
      ASSERT_EQ(below.n_waiting(), waiting.size());
    }
    while (below.n_waiting() > 0) below.complete();
    EXPECT_EQ(cache.counters().hits + cache.counters().misses, asked);
    // No row is held fast: all of them go.
    below.answers(answer::at_once);
    for (int round = 0; round < 9; ++round)
      for (node x = 0; x < n; ++x) ASSERT_TRUE(late_read(cache, {x}).right());
    const std::uint64_t before = cache.counters().evictions;
    for (node x = 0; x < capacity && capacity < n; ++x) ASSERT_TRUE(late_read(cache, {x}).right());
    EXPECT_EQ(cache.counters().evictions - before, capacity < n ? capacity : 0);
  }
}

TEST(late_cache, what_a_read_has_found_stays_until_it_ends) {
  late_store below(rows().view(), answer::at_once);
  auto cache = cache_of(below, 2);
  EXPECT_TRUE(late_read(cache, {1, 2}).right());
  below.answers(answer::later);
  const late_read waits(cache, {1, 2, 3});
  // All there is room for is pinned: others come and are not kept.
  for (node x = 10; x < 20; ++x) {
    const late_read other(cache, {x});
    below.complete(1);
    EXPECT_TRUE(other.right());
  }
  EXPECT_EQ(cache.counters().evictions, 0u);
  below.complete();
  EXPECT_TRUE(waits.right());
  EXPECT_EQ(cache.counters().evictions, 1u) << "3 came";
}

TEST(late_cache, two_reads_that_miss_the_same_row_both_ask_for_it_and_it_is_kept_once) {
  late_store below(rows().view(), answer::later);
  auto cache = cache_of(below, 50);
  const late_read first(cache, {1, 5});
  const late_read second(cache, {5, 9});
  below.complete(1);
  EXPECT_TRUE(second.right());
  EXPECT_FALSE(first.ended());
  below.complete();
  EXPECT_TRUE(first.right());
  EXPECT_EQ(below.batches(), (std::vector<std::vector<node>>{{1, 5}, {5, 9}}));
  EXPECT_TRUE(late_read(cache, {1, 5, 9}).right());
  EXPECT_EQ(cache.counters().evictions, 0u);
}

TEST(late_cache, an_error_of_the_store_below_is_told_and_keeps_nothing) {
  late_store below(rows().view(), answer::at_once);
  auto cache = cache_of(below, 8);
  EXPECT_TRUE(late_read(cache, {1, 2, 3, 4}).right());
  below.answers(answer::later);
  const late_read failed(cache, {0, 2, 3, 5, 6, 7});
  below.answers(answer::failing);
  below.complete();
  ASSERT_TRUE(failed.failure());
  EXPECT_EQ(failed.failure()->code, errc::store_unavailable);
  EXPECT_EQ(failed.failure()->value, 42u);
  EXPECT_TRUE(late_read(cache, {1, 2, 3, 4}).right()) << "what was there is there";
  EXPECT_TRUE(late_read(cache, {5}).failure()) << "nothing of the failed batch is kept";
  below.answers(answer::at_once);
  // Rows of the failed batch are not held fast: all of them can go.
  for (node x = 100; x < 148; ++x) EXPECT_TRUE(late_read(cache, {x}).right());
  const std::uint64_t before = cache.counters().hits;
  EXPECT_TRUE(late_read(cache, {1, 2, 3, 4}).right());
  EXPECT_EQ(cache.counters().hits, before);
}

TEST(late_cache, may_move_while_a_read_is_under_way_and_go_when_it_ends) {
  late_store below(rows().view(), answer::later);
  std::optional<late_cache> cache(cache_of(below, 8));
  const late_read moved_from(*cache, {1, 2});
  auto second = std::make_unique<late_cache>(std::move(*cache));
  cache.reset();
  below.complete();
  EXPECT_TRUE(moved_from.right());
  EXPECT_TRUE(late_read(*second, {1, 2}).right());
  std::vector<node> nodes{1, 3};
  std::vector<float> out(2 * dim);
  second->read(nodes, out, {&second, [](void* gone, expected<void> outcome) {
                              EXPECT_TRUE(succeeded(outcome));
                              static_cast<std::unique_ptr<late_cache>*>(gone)->reset();
                            }});
  below.complete();
  EXPECT_EQ(second, nullptr);
}

TEST(late_cache, a_completion_may_begin_the_next_read) {
  late_store below(rows().view(), answer::later);
  auto cache = cache_of(below, 8);
  struct chain {
    late_cache* cache;
    std::vector<node> nodes{0, 1};
    std::vector<float> out = std::vector<float>(2 * dim);
    int reads = 0;

    void go_on() {
      cache->read(nodes, out, {this, [](void* self, expected<void> outcome) {
                                 auto& on = *static_cast<chain*>(self);
                                 EXPECT_TRUE(succeeded(outcome));
                                 for (node& x : on.nodes) ++x;
                                 if (++on.reads < 10) on.go_on();
                               }});
    }
  } one{.cache = &cache};
  one.go_on();
  while (below.n_waiting() > 0) below.complete();
  EXPECT_EQ(one.reads, 10);
  EXPECT_EQ(cache.counters().hits, 9u);
}

TEST(late_cache, a_batch_of_more_rows_than_a_search_ever_asks_for) {
  const auto many = test::random_vectors(1500, dim, 1);
  late_store below(many.view(), answer::later);
  auto cache = cache_of(below, 1500);
  std::vector<node> odd, all(1500);
  for (node x = 1; x < 1500; x += 2) odd.push_back(x);
  std::iota(all.begin(), all.end(), 0u);
  std::vector<float> out(1500 * dim);
  const completion then{nullptr, [](void*, expected<void> outcome) { EXPECT_TRUE(succeeded(outcome)); }};
  cache.read(odd, out, then);
  below.complete();
  cache.read(all, out, then);
  below.complete();
  EXPECT_EQ(out, many.values);
  EXPECT_EQ(cache.counters().hits, 750u);
}

TEST(late_cache, a_row_that_too_many_reads_have_found_is_read_again) {
  late_store below(rows().view(), answer::at_once);
  auto cache = cache_of(below, 4);
  EXPECT_TRUE(late_read(cache, {7}).right());
  below.answers(answer::later);
  std::list<late_read> waiting;
  for (int i = 0; i < 8200; ++i) waiting.emplace_back(cache, std::vector<node>{7, 8});
  EXPECT_EQ(below.batches().back(), (std::vector<node>{7, 8}));
  EXPECT_EQ(cache.counters().hits, 8191u);
  while (below.n_waiting() > 0) below.complete(below.n_waiting() - 1);
  for (const late_read& read : waiting) ASSERT_TRUE(read.right());
}

TEST(late_cache, is_the_store_below_to_an_index) {
  late_store below(rows().view(), answer::later);
  const auto cache = cache_of(below, 8);
  EXPECT_EQ(cache.size(), n);
  EXPECT_EQ(cache.dim(), dim);
  EXPECT_EQ(cache.fingerprint(), below.fingerprint());
  EXPECT_EQ(rows_at_once(cache), all_rows_at_once);
  static_assert(async_store<late_cache> && !store<late_cache> && !concurrent_store<late_cache>);
  static_assert(async_store<cache_store<indexeddb_store>> && !store<cache_store<indexeddb_store>>);
  static_assert(batch_store<cache_store<opfs_store>> && !async_store<cache_store<opfs_store>>);
}

TEST(late_cache, over_a_store_without_rows_reads_what_the_store_reads) {
  browser_store never_opened;
  auto cache = cache_store<browser_store>::create(never_opened, 10'000);
  ASSERT_TRUE(succeeded(cache));
  EXPECT_EQ(rows_at_once(*cache), few_rows_at_once) << "as the place says";
  EXPECT_TRUE(cache->exact());
  EXPECT_TRUE(late_read(*cache, {}).ended());
  const std::vector<node> nodes{0};
  std::optional<errc> code;
  cache->read(nodes, {}, {&code, [](void* at, expected<void> outcome) {
                            *static_cast<std::optional<errc>*>(at) = code_of(outcome);
                          }});
  EXPECT_EQ(code, errc::missing_row);
}

TEST(late_cache, needs_no_more_than_the_concept_promises) {
  test::minimal_async_store below(1);
  auto cache = cache_store<test::minimal_async_store>::create(below, 10'000);
  ASSERT_TRUE(succeeded(cache));
  std::vector<float> out(4);
  const completion then{nullptr, [](void*, expected<void> outcome) { EXPECT_TRUE(succeeded(outcome)); }};
  cache->read(std::vector<node>{7, 40}, out, then);
  cache->read(std::vector<node>{40, 99}, out, then);
  EXPECT_EQ(out, (std::vector<float>{40, 1, 99, 1}));
  EXPECT_EQ(cache->counters().hits, 1u);
}

TEST(late_cache, a_rerank_gives_the_hits_of_memory_with_any_budget) {
  const auto memory = memory_store<float>::create(test::searched_rows().view());
  ASSERT_TRUE(succeeded(memory));
  late_store below(test::searched_rows().view(), answer::later);
  search_scratch scratch;
  for (const std::size_t budget : {4'000u, 30'000u, 1'000'000u}) {
    auto cache = late_cache::create(below, budget);
    ASSERT_TRUE(succeeded(cache));
    EXPECT_TRUE(succeeded(test::searched_index().check_store(*cache)));
    for (const auto policy : {rerank_policy::bound, rerank_policy::fixed})
      for (std::size_t i = 0; i < 2 * test::n_searched_rows; i += 29) {
        const auto query = test::searched_rows().row(i % test::n_searched_rows);
        const search_params params{.k = 10, .ef = 60, .rerank = 50, .rerank_by = policy};
        ASSERT_TRUE(succeeded(test::searched_index().begin(query, params, scratch, rows_at_once(*cache))));
        std::vector<float> room(scratch.rerank().most_at_once() * test::searched_dim);
        async_rerank<late_cache> rerank;
        bool done = false;
        rerank.start(scratch.rerank(), *cache, room, {&done, [](void* at, expected<void> outcome) {
                                                        EXPECT_TRUE(succeeded(outcome));
                                                        *static_cast<bool*>(at) = true;
                                                      }});
        while (!done) below.complete();
        const auto wanted = test::searched_index().search(query, params, *memory);
        ASSERT_TRUE(succeeded(wanted));
        EXPECT_TRUE(std::ranges::equal(scratch.rerank().results(), *wanted)) << "query " << i;
      }
    EXPECT_GT(cache->counters().hits, 0u);
  }
}

}  // namespace late_cache_cases

}  // namespace
}  // namespace thimble
