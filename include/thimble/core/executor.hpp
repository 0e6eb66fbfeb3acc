// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Who runs work on several threads. Embedders pass their own pool; the default starts std::threads for one job.

#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <thread>

#include <thimble/core/config.hpp>
#include <thimble/core/function_ref.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <class E>
concept executor = requires(E& e, function_ref<void(unsigned)> job) {
  // How many workers run a job at once, at least 1.
  { e.workers() } -> std::convertible_to<unsigned>;
  // Calls job(0) .. job(workers()-1), each once, at the same time or one after another; returns when all have returned.
  e.run(job);
};

// Runs everything in the calling thread.
class inline_executor {
 public:
  [[nodiscard]] unsigned workers() const { return 1; }
  void run(function_ref<void(unsigned)> job) { job(0); }
};

// threads = 0: one for each processor. Where threads do not exist (WASM without pthreads) the caller does all the work.
class thread_executor {
 public:
  explicit thread_executor(unsigned threads = 0)
      : workers_(threads == 0 ? std::thread::hardware_concurrency() : threads) {
    if (workers_ == 0 || !THIMBLE_THREADS) workers_ = 1;
    if (workers_ > max_workers) workers_ = max_workers;
  }

  [[nodiscard]] unsigned workers() const { return workers_; }

  void run(function_ref<void(unsigned)> job) {
#if THIMBLE_THREADS
    std::thread others[max_workers];
    for (unsigned i = 1; i < workers_; ++i) others[i] = std::thread([job, i] { job(i); });
    job(0);
    for (unsigned i = 1; i < workers_; ++i) others[i].join();
#else
    job(0);
#endif
  }

 private:
  static constexpr unsigned max_workers = 256;
  unsigned workers_;
};

// work(i, worker) for i in 0 .. n-1, handed out in order, one at a time, to whoever is free.
template <executor Executor, class Work>
void parallel_for(Executor& on, std::size_t n, Work&& work) {
  std::atomic<std::size_t> next{0};
  on.run([&](unsigned worker) {
    for (std::size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < n;) work(i, worker);
  });
}

}  // namespace thimble::inline THIMBLE_FLAGS
