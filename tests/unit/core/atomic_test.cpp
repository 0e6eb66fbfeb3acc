// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cstdint>
#include <thimble/core/atomic.hpp>
#include <thimble/core/executor.hpp>

namespace thimble {
namespace {

TEST(atomic, a_stored_word_is_loaded_again) {
  std::uint64_t word = 0;
  detail::store_release(word, std::uint64_t{0x0123456789abcdefu});
  EXPECT_EQ(detail::load_acquire(word), 0x0123456789abcdefu);
}

TEST(atomic, a_byte_lock_lets_one_in_at_a_time) {
  std::uint8_t lock = 0;
  std::size_t counter = 0;  // no atomic: the lock alone protects it
  thread_executor threads(4);
  threads.run([&](unsigned) {
    for (int i = 0; i < 5000; ++i) {
      const detail::byte_lock_guard guard(lock);
      ++counter;
    }
  });
  EXPECT_EQ(counter, std::size_t{5000} * threads.workers());
  EXPECT_EQ(lock, 0);
}

TEST(atomic, what_was_written_before_a_release_is_seen_after_the_acquire) {
  thread_executor threads(2);
  if (threads.workers() < 2) GTEST_SKIP() << "there is one thread";
  int payload = 0;
  std::uint32_t ready = 0;
  threads.run([&](unsigned worker) {
    if (worker == 0) {
      payload = 42;
      detail::store_release(ready, 1u);
      return;
    }
    while (detail::load_acquire(ready) == 0) {
    }
    EXPECT_EQ(payload, 42);
  });
}

}  // namespace
}  // namespace thimble
