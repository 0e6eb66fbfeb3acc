// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The library's one allocation hook, replaced for a whole program: counts, and fails when it is told to. Included
// before any header of thimble, in every file of the program.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

namespace thimble::fuzz {

struct allocation_counter {
  static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

  std::atomic<std::size_t> calls{0};
  std::atomic<std::size_t> live{0};  // allocations that were not given back
  std::atomic<std::size_t> live_bytes{0};
  std::atomic<std::size_t> peak_bytes{0};
  std::atomic<std::size_t> fail_at{never};  // the call that fails
  std::atomic<bool> and_all_after{false};

  void reset() {
    calls = 0;
    peak_bytes = live_bytes.load();
    fail_at = never;
  }

  void* allocate(std::size_t bytes, std::size_t alignment) {
    const std::size_t call = calls++;
    if (call == fail_at || (and_all_after && call > fail_at)) return nullptr;
    void* memory = ::operator new(bytes, std::align_val_t{alignment}, std::nothrow);
    if (memory == nullptr) return nullptr;
    ++live;
    const std::size_t now = live_bytes += bytes;
    for (std::size_t peak = peak_bytes; now > peak && !peak_bytes.compare_exchange_weak(peak, now);) {
    }
    return memory;
  }

  void deallocate(void* memory, std::size_t bytes, std::size_t alignment) {
    if (memory == nullptr) return;
    --live;
    live_bytes -= bytes;
    ::operator delete(memory, std::align_val_t{alignment}, std::nothrow);
  }
};

inline allocation_counter allocations;

}  // namespace thimble::fuzz

#define THIMBLE_ALLOCATE(bytes, alignment) ::thimble::fuzz::allocations.allocate((bytes), (alignment))
#define THIMBLE_DEALLOCATE(pointer, bytes, alignment) \
  ::thimble::fuzz::allocations.deallocate((pointer), (bytes), (alignment))
