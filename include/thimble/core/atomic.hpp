// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Links are plain words in flat (possibly mapped) memory that several threads read while one writes: atomic access to
// them, and a one-byte lock. (std::atomic_ref is not in every standard library of the supported floor.)

#pragma once

#include <cstdint>

#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

template <class T>
[[nodiscard]] THIMBLE_ALWAYS_INLINE T load_acquire(const T& word) {
  return __atomic_load_n(&word, __ATOMIC_ACQUIRE);
}

template <class T>
THIMBLE_ALWAYS_INLINE void store_release(T& word, T value) {
  __atomic_store_n(&word, value, __ATOMIC_RELEASE);
}

// A spin lock over one byte: the locked regions copy or rewrite one row of links.
class byte_lock_guard {
 public:
  explicit byte_lock_guard(std::uint8_t& lock) : lock_(lock) {
    while (__atomic_test_and_set(&lock_, __ATOMIC_ACQUIRE)) {
      while (__atomic_load_n(&lock_, __ATOMIC_RELAXED) != 0) {
      }
    }
  }
  byte_lock_guard(const byte_lock_guard&) = delete;
  byte_lock_guard& operator=(const byte_lock_guard&) = delete;
  ~byte_lock_guard() { __atomic_clear(&lock_, __ATOMIC_RELEASE); }

 private:
  std::uint8_t& lock_;
};

}  // namespace thimble::inline THIMBLE_FLAGS::detail
