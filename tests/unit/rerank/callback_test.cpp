// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <future>
#include <thimble/rerank/blocking.hpp>
#include <thimble/rerank/callback.hpp>
#include <thread>
#include <vector>

#include "unit/support/archetypes.hpp"
#include "unit/support/candidates.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/stores.hpp"

namespace thimble {
namespace {

using test::late_store;
using test::reranked_dim;
using test::reranked_view;
using test::start_rerank;
using test::succeeded;

// Remembers how often it was called and with what.
struct listener {
  int calls = 0;
  expected<void> outcome = fail(errc::cancelled, "never called");

  [[nodiscard]] completion then() {
    return {this, [](void* self, expected<void> result) {
              ++static_cast<listener*>(self)->calls;
              static_cast<listener*>(self)->outcome = result;
            }};
  }
};

class async : public ::testing::Test {
 protected:
  void start(late_store& store, std::size_t rerank) {
    start_rerank(machine_, 10, rerank);
    room_.resize(rerank * reranked_dim);
    driver_.start(machine_, store, room_, listener_.then());
  }
  void expect_blocking_hits(std::size_t rerank) const {
    reranker blocking;
    start_rerank(blocking, 10, rerank);
    test::counting_store store(reranked_view());
    std::vector<float> room(rerank * reranked_dim);
    ASSERT_TRUE(succeeded(rerank_from(blocking, store, room)));
    EXPECT_TRUE(std::ranges::equal(machine_.results(), blocking.results()));
    EXPECT_EQ(machine_.vectors_read(), blocking.vectors_read());
    EXPECT_EQ(machine_.batches(), blocking.batches());
  }

  reranker machine_;
  std::vector<float> room_;
  async_rerank<late_store> driver_;
  listener listener_;
};

TEST_F(async, a_store_that_answers_later_leaves_it_waiting_until_then) {
  late_store store(reranked_view(), late_store::answer::later);
  start(store, 25);
  EXPECT_EQ(listener_.calls, 0);
  EXPECT_FALSE(machine_.done());
  EXPECT_EQ(store.n_reads(), 1u);
  store.complete();
  EXPECT_EQ(listener_.calls, 1);
  EXPECT_TRUE(succeeded(listener_.outcome));
  EXPECT_EQ(store.n_reads(), 1u);
  expect_blocking_hits(25);
}

TEST_F(async, a_store_that_answers_at_once_is_done_when_start_returns) {
  late_store store(reranked_view(), late_store::answer::at_once);
  start(store, 40);
  EXPECT_EQ(listener_.calls, 1);
  EXPECT_TRUE(succeeded(listener_.outcome));
  expect_blocking_hits(40);
}

TEST_F(async, an_error_of_the_store_is_told_once) {
  late_store store(reranked_view(), late_store::answer::failing);
  start(store, 25);
  EXPECT_EQ(listener_.calls, 1);
  EXPECT_EQ(test::code_of(listener_.outcome), errc::store_unavailable);
  EXPECT_FALSE(machine_.done());
  // The same driver serves again.
  late_store good(reranked_view(), late_store::answer::at_once);
  start(good, 25);
  EXPECT_EQ(listener_.calls, 2);
  EXPECT_TRUE(succeeded(listener_.outcome));
  expect_blocking_hits(25);
}

TEST_F(async, nothing_to_read_is_done_at_once_without_a_read) {
  late_store store(reranked_view(), late_store::answer::later);
  start(store, 0);
  EXPECT_EQ(listener_.calls, 1);
  EXPECT_TRUE(succeeded(listener_.outcome));
  EXPECT_EQ(store.n_reads(), 0u);
  expect_blocking_hits(0);
}

// Answers one read of so many later, all others within read(), and tells how deep its calls were nested.
class nesting_store : public late_store {
 public:
  explicit nesting_store(std::size_t later_each)
      : late_store(reranked_view(), answer::later), later_each_(later_each) {}
  void read(std::span<const node> nodes, std::span<float> out, completion then) {
    deepest_ = std::max(deepest_, ++depth_);
    late_store::read(nodes, out, then);
    if (n_reads() % later_each_ != 0) complete();
    --depth_;
  }
  [[nodiscard]] int deepest() const { return deepest_; }

 private:
  std::size_t later_each_;
  int depth_ = 0;
  int deepest_ = 0;
};

// One row at a time, all 40 of them.
void start_one_by_one(reranker& machine) {
  start_rerank(machine, 10, 40);
  std::vector<candidate> candidates;
  for (const node x : machine.needs()) candidates.push_back(candidate::of(static_cast<float>(x), x));
  machine.start_by_bound(**simd::kernels_for(simd::isa::automatic), metric::l2,
                         test::reranked_rows().row(test::n_reranked_rows), candidates, 10, 40, 1,
                         [](candidate c) { return candidate::of(0, c.id()); });
}

TEST(async_rerank, takes_any_number_of_batches_that_come_at_once_on_one_stack) {
  reranker machine, blocking;
  start_rerank(blocking, 10, 40);
  test::counting_store all(reranked_view());
  std::vector<float> room(40 * reranked_dim);
  ASSERT_TRUE(succeeded(rerank_from(blocking, all, room)));
  for (const std::size_t later_each : {1u, 2u, 3u, 100u}) {
    start_one_by_one(machine);
    nesting_store store(later_each);
    async_rerank<nesting_store> driver;
    listener heard;
    driver.start(machine, store, room, heard.then());
    while (heard.calls == 0) store.complete();
    EXPECT_EQ(heard.calls, 1);
    EXPECT_TRUE(succeeded(heard.outcome));
    EXPECT_EQ(store.n_reads(), 31u) << "ten, then one by one";
    EXPECT_EQ(store.deepest(), 1);
    EXPECT_TRUE(std::ranges::equal(machine.results(), blocking.results()));
  }
}

#if THIMBLE_THREADS
// Answers on a thread of its own, as soon as that runs.
class other_thread_store : public test::rows_with_identity {
 public:
  other_thread_store() : rows_with_identity(reranked_view()) {}
  void read(std::span<const node> nodes, std::span<float> out, completion then) {
    readers_.emplace_back([this, nodes, out, then] {
      for (std::size_t i = 0; i < nodes.size(); ++i) copy(nodes[i], out.subspan(i * dim(), dim()));
      then({});
    });
  }

 private:
  std::deque<std::jthread> readers_;
};

TEST(async_rerank, may_be_driven_by_the_threads_of_a_store) {
  reranker machine;
  std::vector<float> room(40 * reranked_dim);
  for (int i = 0; i < 20; ++i) {
    start_one_by_one(machine);
    std::promise<void> done;
    async_rerank<other_thread_store> driver;
    other_thread_store store;
    driver.start(machine, store, room, {&done, [](void* self, expected<void> /*outcome*/) {
                                          static_cast<std::promise<void>*>(self)->set_value();
                                        }});
    done.get_future().wait();
    EXPECT_EQ(machine.vectors_read(), 40u);
  }
}
#endif

TEST(async_rerank, needs_no_more_than_the_concept_promises) {
  reranker machine;
  ASSERT_TRUE(succeeded(machine.reserve(2, 2)));
  const std::vector<float> query{41, 1};
  const std::vector<candidate> candidates{candidate::of(1, 7), candidate::of(2, 40)};
  machine.start(**simd::kernels_for(simd::isa::automatic), metric::l2, query, candidates, 1, 2);
  test::minimal_async_store store(1);
  async_rerank<test::minimal_async_store> driver;
  std::vector<float> room(4);
  listener heard;
  driver.start(machine, store, room, heard.then());
  EXPECT_EQ(heard.calls, 1);
  EXPECT_EQ(machine.results()[0], (neighbor{40, 1}));
}

}  // namespace
}  // namespace thimble
