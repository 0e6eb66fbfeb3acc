// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Primitives in plain C++: the oracle of the other sets, and what runs where there is no other.

inline constexpr std::size_t rows_at_once = 1;
inline constexpr std::size_t float_rows_at_once = 1;
inline constexpr bool prefetches = true;

inline constexpr std::size_t register_bytes = plane_block;
using sums = std::int32_t;

#include <thimble/simd/arrange_bytes.inl>

THIMBLE_ALWAYS_INLINE sums zero_sums() { return 0; }

// |sum| <= 127 * 127 * 65,535 < 2^31 / 2, and 128 * 127 * 65,535 with 8 bits.
template <unsigned Width>
THIMBLE_ALWAYS_INLINE void add_plane(const unsigned char* const (&codes)[1], const std::int8_t* values,
                                     std::size_t bytes, sums (&partial)[1]) {
  if constexpr (Width == 8) {
    // Not the unsigned byte cast: GCC 12 takes that for unsigned times signed where it has VNNI.
    const auto* c = reinterpret_cast<const std::int8_t*>(codes[0]);
    for (std::size_t i = 0; i < bytes; ++i) partial[0] += c[i] * values[i];
  } else {
    constexpr std::size_t fields = 8 / Width;
    for (std::size_t i = 0; i < bytes; ++i) {
      const std::int8_t* of_byte = values + i / register_bytes * register_bytes * fields + i % register_bytes;
      for (std::size_t field = 0; field < fields; ++field)
        partial[0] += (codes[0][i] >> field * Width & ((1 << Width) - 1)) * of_byte[field * register_bytes];
    }
  }
}

template <unsigned By>
THIMBLE_ALWAYS_INLINE void shift_left(sums (&partial)[1]) {
  partial[0] *= 1 << By;
}

THIMBLE_ALWAYS_INLINE void fold(const sums (&partial)[1], std::int32_t (&dots)[1]) { dots[0] = partial[0]; }

inline constexpr std::size_t lanes = 1;
using vec = float;

THIMBLE_ALWAYS_INLINE vec zero() { return 0; }
THIMBLE_ALWAYS_INLINE vec broadcast(float value) { return value; }
THIMBLE_ALWAYS_INLINE vec load(const float* p) { return *p; }
THIMBLE_ALWAYS_INLINE vec load_first(const float* p, std::size_t /*n*/) { return *p; }
THIMBLE_ALWAYS_INLINE vec load(const half* p) { return static_cast<float>(*p); }
THIMBLE_ALWAYS_INLINE vec load_first(const half* p, std::size_t /*n*/) { return static_cast<float>(*p); }
THIMBLE_ALWAYS_INLINE vec load_any(const half* p) { return load(p); }
THIMBLE_ALWAYS_INLINE vec load_any(const std::uint8_t* p) { return static_cast<float>(*p); }
THIMBLE_ALWAYS_INLINE void store(float* p, vec v) { *p = v; }
THIMBLE_ALWAYS_INLINE vec add(vec a, vec b) { return a + b; }
THIMBLE_ALWAYS_INLINE vec subtract(vec a, vec b) { return a - b; }
THIMBLE_ALWAYS_INLINE vec larger(vec a, vec b) { return a > b ? a : b; }
THIMBLE_ALWAYS_INLINE vec flip(vec v, const std::uint32_t* signs) {
  return __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, v) ^ *signs);
}
// For |v| < 2^22: the sum rounds at the place of the ones, and its bits count them.
THIMBLE_ALWAYS_INLINE vec nearest(vec v) {
  constexpr float ones = 0x1.8p23f;
  return static_cast<float>(__builtin_bit_cast(std::int32_t, v + ones) - __builtin_bit_cast(std::int32_t, ones));
}
THIMBLE_ALWAYS_INLINE void store_bytes(std::int8_t* p, vec whole) { *p = static_cast<std::int8_t>(whole); }

// The empty instruction hides from the compiler that the value is a product, so it cannot fuse it into a sum.
THIMBLE_ALWAYS_INLINE float rounded(float product) {
  THIMBLE_HIDE(product);
  return product;
}
THIMBLE_ALWAYS_INLINE vec multiply(vec a, vec b) { return rounded(a * b); }

THIMBLE_ALWAYS_INLINE float fold(vec v) { return v; }
