// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Reading and writing little-endian fields at any address.

#pragma once

#include <cstddef>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <class T>
  requires std::is_trivially_copyable_v<T>
[[nodiscard]] T load_as(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
  requires std::is_trivially_copyable_v<T>
void store_as(std::byte* to, const T& value) {
  std::memcpy(to, &value, sizeof(T));
}

template <class T>
  requires std::is_integral_v<T>
[[nodiscard]] constexpr T round_up(T value, T multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// a * b, or the largest size_t, which no allocation grants: sizes in WASM have 32 bits.
[[nodiscard]] constexpr std::size_t saturated_product(std::size_t a, std::size_t b) {
  std::size_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::size_t>::max() : product;
}

namespace detail {

// Brings bytes nearer that are read soon; at least one. Its first and its last byte are loaded: prefetches alone wait
// for the translation of each page in turn, loads for all of them at once (a search that reads 12 rows of a mapped
// file takes .9 of the time).
inline void prefetch_bytes(const std::byte* first, std::size_t n) {
  static_cast<void>(*static_cast<const volatile std::byte*>(first));
  static_cast<void>(*static_cast<const volatile std::byte*>(first + n - 1));
  for (std::size_t at = 0; at < n; at += 64) THIMBLE_PREFETCH_SECOND(first + at);
}

}  // namespace detail

}  // namespace thimble::inline THIMBLE_FLAGS
