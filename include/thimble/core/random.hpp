// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Seeded random numbers that are the same on every platform: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).

#pragma once

#include <cstdint>

#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// A well-mixed hash of 64 bits; also one number per (seed, position) without state.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

class random_generator {
 public:
  explicit constexpr random_generator(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] constexpr std::uint64_t next() {
    const std::uint64_t value = mix(state_);
    state_ += 0x9e3779b97f4a7c15u;
    return value;
  }

  // 0 .. bound-1, for a bound below 2^32.
  [[nodiscard]] constexpr std::uint64_t below(std::uint64_t bound) { return (next() >> 32) * bound >> 32; }

  // In [0, 1).
  [[nodiscard]] constexpr double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
