// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What both WASM sets share: sums of int32, floats and halfs of 4 lanes. Relaxed SIMD's multiply-add may or may not
// round the product: never used here.

inline constexpr std::size_t rows_at_once = 4;
inline constexpr std::size_t float_rows_at_once = 4;  // random rows: .7 of the time of one, .85 of two; cached 1.05
inline constexpr bool prefetches = false;             // WASM has none: lines are touched instead

using sums = v128_t;

THIMBLE_ALWAYS_INLINE sums zero_sums() { return wasm_i32x4_const_splat(0); }

template <unsigned By, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void shift_left(sums (&partial)[Rows]) {
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) partial[r] = wasm_i32x4_shl(partial[r], By);
}

// Adds what was summed 2^By times too large. Exact: every lane is a multiple of 2^By.
template <unsigned By, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_scaled_down(sums (&partial)[Rows], const sums (&scaled)[Rows]) {
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) partial[r] = wasm_i32x4_add(partial[r], wasm_i32x4_shr(scaled[r], By));
}

// A vector constant that comes from memory as far as any tool knows. V8 builds vector constants anew in each round of a
// loop, from 64-bit moves: at 768 x 4 bits 36 ns a row instead of 25 (relaxed), 51 instead of 26 (simd128).
THIMBLE_ALWAYS_INLINE v128_t all_lanes(std::int16_t value) {
  __asm__("" : "+m"(value));
  return wasm_v128_load16_splat(&value);
}

// Horizontal sums of four rows at once.
template <std::size_t Rows>
THIMBLE_ALWAYS_INLINE void fold(const sums (&partial)[Rows], std::int32_t (&dots)[Rows]) {
  const v128_t a = partial[0];
  const v128_t b = Rows > 1 ? partial[Rows > 1 ? 1 : 0] : a;
  const v128_t c = Rows > 2 ? partial[Rows > 2 ? 2 : 0] : a;
  const v128_t d = Rows > 3 ? partial[Rows > 3 ? 3 : 0] : a;
  const v128_t ab = wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 4, 1, 5), wasm_i32x4_shuffle(a, b, 2, 6, 3, 7));
  const v128_t cd = wasm_i32x4_add(wasm_i32x4_shuffle(c, d, 0, 4, 1, 5), wasm_i32x4_shuffle(c, d, 2, 6, 3, 7));
  const v128_t all = wasm_i32x4_add(wasm_i64x2_shuffle(ab, cd, 0, 2), wasm_i64x2_shuffle(ab, cd, 1, 3));
  dots[0] = wasm_i32x4_extract_lane(all, 0);
  if constexpr (Rows > 1) dots[1] = wasm_i32x4_extract_lane(all, 1);
  if constexpr (Rows > 2) dots[2] = wasm_i32x4_extract_lane(all, 2);
  if constexpr (Rows > 3) dots[3] = wasm_i32x4_extract_lane(all, 3);
}

// ---------------------------------------------------------------------------------------------------------- floats

inline constexpr std::size_t lanes = 4;
using vec = v128_t;

THIMBLE_ALWAYS_INLINE vec zero() { return wasm_f32x4_const_splat(0); }
THIMBLE_ALWAYS_INLINE vec broadcast(float value) { return wasm_f32x4_splat(value); }
THIMBLE_ALWAYS_INLINE vec load(const float* p) { return wasm_v128_load(p); }
THIMBLE_ALWAYS_INLINE void store(float* p, vec v) { wasm_v128_store(p, v); }

// The first 1 to 3. Not inlined: tails are rare, and there are 80 in a kernel (a third of its code).
__attribute__((noinline)) inline vec load_partly(const float* p, std::size_t n) {
  const vec two = n == 1 ? zero() : wasm_v128_load64_zero(p);
  if (n == 2) return two;
  return n == 1 ? wasm_v128_load32_zero(p) : wasm_v128_load32_lane(p + 2, two, 2);
}
THIMBLE_ALWAYS_INLINE vec load_first(const float* p, std::size_t n) { return n < lanes ? load_partly(p, n) : load(p); }

// Sign and magnitude of a half that was shifted left by 13; the bits of 2^112.
inline constexpr std::uint32_t half_constants[2] = {0x8fffe000u, 0x77800000u};

// Four halfs, sign-extended to int32. As in core/half.hpp: shifted into place the exponent is 112 too small, and one
// exact product mends normal and subnormal numbers alike. Infinity and NaN, which no valid row holds, become numbers.
THIMBLE_ALWAYS_INLINE vec widened(v128_t halfs) {
  const std::uint32_t* constants = half_constants;
  __asm__("" : "+r"(constants));
  const v128_t kept = wasm_v128_and(wasm_i32x4_shl(halfs, 13), wasm_v128_load32_splat(constants));
  return wasm_f32x4_mul(kept, wasm_v128_load32_splat(constants + 1));
}

THIMBLE_ALWAYS_INLINE vec load(const half* p) { return widened(wasm_i32x4_load16x4(p)); }

// Infinity and NaN stay what they are: their exponents are all ones before the product.
THIMBLE_ALWAYS_INLINE vec load_any(const half* p) {
  const v128_t halfs = wasm_i32x4_load16x4(p);
  const v128_t exponent = wasm_i32x4_const_splat(0x7c00);
  const v128_t endless = wasm_i32x4_eq(wasm_v128_and(halfs, exponent), exponent);
  const v128_t kept = wasm_v128_and(wasm_i32x4_shl(halfs, 13), wasm_u32x4_const_splat(0x8fffe000u));
  return wasm_v128_bitselect(wasm_v128_or(kept, wasm_i32x4_const_splat(0x7f800000)), widened(halfs), endless);
}
THIMBLE_ALWAYS_INLINE vec load_any(const std::uint8_t* p) {
  const v128_t wide = wasm_u16x8_extend_low_u8x16(wasm_v128_load32_zero(p));
  return wasm_f32x4_convert_i32x4(wasm_u32x4_extend_low_u16x8(wide));
}

__attribute__((noinline)) inline vec load_partly(const half* p, std::size_t n) {
  const vec two = n == 1 ? zero() : wasm_v128_load32_zero(p);
  if (n == 2) return widened(wasm_i32x4_extend_low_i16x8(two));
  const vec odd = n == 1 ? wasm_v128_load16_lane(p, two, 0) : wasm_v128_load16_lane(p + 2, two, 2);
  return widened(wasm_i32x4_extend_low_i16x8(odd));
}
THIMBLE_ALWAYS_INLINE vec load_first(const half* p, std::size_t n) { return n < lanes ? load_partly(p, n) : load(p); }

THIMBLE_ALWAYS_INLINE vec add(vec a, vec b) { return wasm_f32x4_add(a, b); }
THIMBLE_ALWAYS_INLINE vec subtract(vec a, vec b) { return wasm_f32x4_sub(a, b); }
THIMBLE_ALWAYS_INLINE vec larger(vec a, vec b) { return wasm_f32x4_pmax(a, b); }
THIMBLE_ALWAYS_INLINE vec flip(vec v, const std::uint32_t* signs) { return wasm_v128_xor(v, wasm_v128_load(signs)); }
THIMBLE_ALWAYS_INLINE vec nearest(vec v) { return wasm_f32x4_nearest(v); }
THIMBLE_ALWAYS_INLINE void store_bytes(std::int8_t* p, vec whole) {
  const v128_t words = wasm_i32x4_trunc_sat_f32x4(whole);
  const v128_t halves = wasm_i16x8_narrow_i32x4(words, words);
  wasm_v128_store32_lane(p, wasm_i8x16_narrow_i16x8(halves, halves), 0);
}

// Rounded: fixed-width SIMD has no fused form, and relaxed SIMD's is an intrinsic that nobody calls here
// (tests/compile/wasm_opcodes makes sure).
THIMBLE_ALWAYS_INLINE vec multiply(vec a, vec b) { return wasm_f32x4_mul(a, b); }

// WASM has no fused form of one float.
THIMBLE_ALWAYS_INLINE float rounded(float product) { return product; }

// Lanes h apart change places; then each lower one is the sum, each upper one the other minus itself: a + (-b) = a - b.
template <std::size_t H>
THIMBLE_ALWAYS_INLINE vec mix(vec v) {
  if constexpr (H == 1) {
    const vec signs = wasm_u32x4_const(0, 0x80000000u, 0, 0x80000000u);
    return wasm_f32x4_add(wasm_i32x4_shuffle(v, v, 1, 0, 3, 2), wasm_v128_xor(v, signs));
  } else {
    const vec signs = wasm_u32x4_const(0, 0, 0x80000000u, 0x80000000u);
    return wasm_f32x4_add(wasm_i32x4_shuffle(v, v, 2, 3, 0, 1), wasm_v128_xor(v, signs));
  }
}

THIMBLE_ALWAYS_INLINE float fold(vec v) {
  const vec two = wasm_f32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(two, 0) + wasm_f32x4_extract_lane(two, 1);
}
