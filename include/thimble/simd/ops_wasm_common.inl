// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What both WASM sets share: floats, 4 lanes, and sums of int32. Relaxed SIMD's multiply-add may or may not round the
// product: never used here.

inline constexpr std::size_t lanes = 4;
using vec = v128_t;

THIMBLE_ALWAYS_INLINE vec zero() { return wasm_f32x4_const_splat(0); }
THIMBLE_ALWAYS_INLINE vec load(const float* p) { return wasm_v128_load(p); }

THIMBLE_ALWAYS_INLINE vec load_first(const float* p, std::size_t n) {
  switch (n) {
    case 1:
      return wasm_v128_load32_zero(p);
    case 2:
      return wasm_v128_load64_zero(p);
    case 3:
      return wasm_v128_load32_lane(p + 2, wasm_v128_load64_zero(p), 2);
    default:
      return wasm_v128_load(p);
  }
}

THIMBLE_ALWAYS_INLINE vec add(vec a, vec b) { return wasm_f32x4_add(a, b); }
THIMBLE_ALWAYS_INLINE vec subtract(vec a, vec b) { return wasm_f32x4_sub(a, b); }

// Rounded: fixed-width SIMD has no fused form, and the relaxed one is an intrinsic that nobody calls here.
THIMBLE_ALWAYS_INLINE vec multiply(vec a, vec b) { return wasm_f32x4_mul(a, b); }

THIMBLE_ALWAYS_INLINE float fold(vec v) {
  const vec two = wasm_f32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(two, 0) + wasm_f32x4_extract_lane(two, 1);
}

// Horizontal integer sums of four rows at once.
template <std::size_t Rows>
THIMBLE_ALWAYS_INLINE void fold(const v128_t (&partial)[Rows], std::int32_t (&dots)[Rows]) {
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
