// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thimble/core/executor.hpp>
#include <vector>

namespace thimble {
namespace {

static_assert(executor<inline_executor>);
static_assert(executor<thread_executor>);
static_assert(!executor<int>);

TEST(executor, the_inline_one_runs_the_job_once_in_the_caller) {
  inline_executor on;
  std::vector<unsigned> workers;
  on.run([&](unsigned worker) { workers.push_back(worker); });
  EXPECT_EQ(workers, std::vector<unsigned>{0});
  EXPECT_EQ(on.workers(), 1u);
}

TEST(executor, threads_run_the_job_once_for_each_worker) {
  for (const unsigned wanted : {1u, 2u, 5u}) {
    thread_executor on(wanted);
    EXPECT_EQ(on.workers(), THIMBLE_THREADS ? wanted : 1u);
    std::vector<std::atomic<int>> calls(on.workers());
    on.run([&](unsigned worker) { ++calls[worker]; });
    for (const auto& n : calls) EXPECT_EQ(n, 1);
  }
}

TEST(executor, no_number_of_threads_means_one_for_each_processor) {
  EXPECT_GE(thread_executor().workers(), 1u);
  EXPECT_LE(thread_executor(100'000).workers(), 256u);
}

TEST(executor, parallel_for_does_every_item_once) {
  for (const std::size_t n : {0u, 1u, 3u, 1000u}) {
    thread_executor on(4);
    std::vector<std::atomic<int>> done(n);
    std::atomic<bool> known_workers = true;
    parallel_for(on, n, [&](std::size_t i, unsigned worker) {
      ++done[i];
      if (worker >= on.workers()) known_workers = false;
    });
    EXPECT_TRUE(std::ranges::all_of(done, [](const auto& times) { return times == 1; }));
    EXPECT_TRUE(known_workers);
  }
}

TEST(executor, parallel_for_in_one_thread_goes_in_order) {
  inline_executor on;
  std::vector<std::size_t> order;
  parallel_for(on, 5, [&](std::size_t i, unsigned) { order.push_back(i); });
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

// Calls the workers one after another, the last one first, as the concept allows.
struct backwards {
  [[nodiscard]] static unsigned workers() { return 3; }
  static void run(function_ref<void(unsigned)> job) {
    for (unsigned worker = 3; worker-- > 0;) job(worker);
  }
};
static_assert(executor<backwards>);

TEST(executor, parallel_for_needs_no_concurrency) {
  backwards on;
  std::vector<int> done(10);
  parallel_for(on, done.size(), [&](std::size_t i, unsigned) { ++done[i]; });
  EXPECT_EQ(done, std::vector<int>(10, 1));
}

}  // namespace
}  // namespace thimble
