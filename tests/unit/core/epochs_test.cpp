// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Slots that wait for their readers: one thread step by step, then many against a structure whose slots are reused.

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <optional>
#include <thimble/core/epochs.hpp>
#include <thimble/core/executor.hpp>
#include <vector>

#include "unit/support/environment.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

void retire_one(epoch_queue& queue, node x, epochs& of) {
  ASSERT_TRUE(succeeded(queue.reserve()));
  queue.retire(x, of);
}

TEST(epochs, an_empty_queue_gives_nothing) {
  epochs of;
  epoch_queue queue;
  EXPECT_EQ(queue.take(of), no_node);
  EXPECT_EQ(queue.bytes(), 0u);
}

TEST(epochs, without_anybody_inside_a_node_is_ripe_at_once) {
  epochs of;
  epoch_queue queue;
  for (node x = 0; x < 5; ++x) retire_one(queue, x, of);
  for (node x = 0; x < 5; ++x) EXPECT_EQ(queue.take(of), x);
  EXPECT_EQ(queue.take(of), no_node);
}

TEST(epochs, a_node_waits_for_those_who_entered_before_it_was_retired) {
  epochs of;
  epoch_queue queue;
  std::optional<epochs::guard> before = std::move(*of.enter());
  retire_one(queue, 7, of);
  EXPECT_EQ(queue.take(of), no_node);
  std::optional<epochs::guard> after = std::move(*of.enter());
  EXPECT_EQ(queue.take(of), no_node);
  before.reset();
  EXPECT_EQ(queue.take(of), 7u) << "who entered later does not matter";
  retire_one(queue, 8, of);
  EXPECT_EQ(queue.take(of), no_node);
  after.reset();
  EXPECT_EQ(queue.take(of), 8u);
}

TEST(epochs, a_guard_that_was_moved_leaves_once) {
  epochs of;
  epoch_queue queue;
  {
    auto entered = of.enter();
    ASSERT_TRUE(succeeded(entered));
    const epochs::guard held = std::move(*entered);
    retire_one(queue, 1, of);
    EXPECT_EQ(queue.take(of), no_node);
  }
  EXPECT_EQ(queue.take(of), 1u);
}

// More than any block has places, in any order of leaving.
TEST(epochs, any_number_may_be_inside) {
  epochs of;
  epoch_queue queue;
  std::deque<epochs::guard> inside;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 200; ++i) {
      auto entered = of.enter();
      ASSERT_TRUE(succeeded(entered));
      inside.push_back(std::move(*entered));
    }
    retire_one(queue, 3, of);
    while (!inside.empty()) {
      EXPECT_EQ(queue.take(of), no_node);
      round == 1 ? inside.pop_front() : inside.pop_back();
    }
    EXPECT_EQ(queue.take(of), 3u);
  }
}

TEST(epochs, a_queue_is_first_in_first_out_over_any_size) {
  epochs of;
  epoch_queue queue;
  node in = 0, out = 0;
  for (const node more : {3u, 40u, 1u, 500u}) {
    for (node i = 0; i < more; ++i) retire_one(queue, in++, of);
    for (node i = 0; i < more - 1; ++i) ASSERT_EQ(queue.take(of), out++);
    EXPECT_EQ(queue.size(), in - out);
  }
}

TEST(epochs, tells_how_many_are_ripe) {
  epochs of;
  epoch_queue queue;
  EXPECT_EQ(queue.n_ripe(of), 0u);
  retire_one(queue, 0, of);
  retire_one(queue, 1, of);
  std::optional<epochs::guard> inside = std::move(*of.enter());
  retire_one(queue, 2, of);
  EXPECT_EQ(queue.n_ripe(of), 2u);
  inside.reset();
  EXPECT_EQ(queue.n_ripe(of), 3u);
  EXPECT_EQ(queue.take(of), 0u);
  EXPECT_EQ(queue.n_ripe(of), 2u);
}

TEST(epochs, room_that_was_given_up_is_there_for_others) {
  epochs of;
  epoch_queue queue;
  ASSERT_TRUE(succeeded(queue.reserve()));
  const std::size_t bytes = queue.bytes();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(succeeded(queue.reserve()));
    queue.release();
  }
  queue.retire(0, of);
  EXPECT_EQ(queue.bytes(), bytes);
}

// A slot is published, read, unlinked, and written again as plain memory: a reader that sees a slot change under it, or
// a data race in the thread sanitizer, is a slot given too early.
TEST(epochs, nobody_sees_a_slot_that_is_used_again) {
  constexpr std::size_t n_slots = 64;
  struct slot {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
  };
  std::vector<slot> slots(n_slots);
  std::atomic<node> current{0};
  epochs of;
  epoch_queue queue;
  for (node x = 1; x < n_slots; ++x) retire_one(queue, x, of);
  std::atomic<std::size_t> torn{0};
  std::atomic<unsigned> writing{2};
  thread_executor threads(6);
  threads.run([&](unsigned worker) {
    if (worker < 2) {
      for (std::uint64_t i = 0; i < (test::slow ? 3000u : 20000u);) {
        const node fresh = queue.take(of);
        if (fresh == no_node || !queue.reserve()) continue;
        slots[fresh] = {i, i};
        ++i;
        queue.retire(current.exchange(fresh, std::memory_order_acq_rel), of);
      }
      --writing;
      return;
    }
    for (int i = 0; writing > 0 && threads.workers() > 1; ++i) {
      const auto inside = of.enter();
      const slot& seen = slots[current.load(std::memory_order_acquire)];
      const std::uint64_t first = seen.first;
      for (int wait = 0; wait < i % 50; ++wait) std::atomic_signal_fence(std::memory_order_seq_cst);
      if (first != seen.second || first != seen.first) ++torn;
    }
  });
  EXPECT_EQ(torn, 0u);
}

}  // namespace
}  // namespace thimble
