// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What both NEON sets share: 16 bytes of codes, sums of int32, 4 floats. Tails of codes are read in words of 4 bytes:
// what belongs to the row's next plane or its factors (4 bytes or more) meets zeros of the query.

inline constexpr std::size_t rows_at_once = 4;
inline constexpr std::size_t float_rows_at_once = 4;
inline constexpr bool prefetches = true;

inline constexpr std::size_t register_bytes = 16;
using sums = int32x4_t;

#include <thimble/simd/arrange_bytes.inl>

THIMBLE_ALWAYS_INLINE sums zero_sums() { return vdupq_n_s32(0); }

template <unsigned By, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void shift_left(sums (&partial)[Rows]) {
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) partial[r] = vshlq_n_s32(partial[r], By);
}

// The first n bytes and those that fill their last word.
THIMBLE_ALWAYS_INLINE uint8x16_t load_first_codes(const unsigned char* p, std::size_t n) {
  if (n > 12) return vld1q_u8(p);
  std::uint64_t lower = 0;
  std::uint32_t upper = 0;
  __builtin_memcpy(&lower, p, 4);
  if (n > 4) __builtin_memcpy(&lower, p, 8);
  if (n > 8) __builtin_memcpy(&upper, p + 8, 4);
  return vcombine_u8(vcreate_u8(lower), vcreate_u8(upper));
}

// Bytes i .. i + 15 of n.
THIMBLE_ALWAYS_INLINE uint8x16_t load_codes(const unsigned char* p, std::size_t i, std::size_t n) {
  return i + 16 <= n ? vld1q_u8(p + i) : load_first_codes(p + i, n - i);
}

// One field of each byte, 0 .. 2^Width - 1.
template <unsigned Width, unsigned Field>
THIMBLE_ALWAYS_INLINE int8x16_t values_of_field(uint8x16_t codes) {
  if constexpr (Field > 0) codes = vshrq_n_u8(codes, Field * Width);
  if constexpr ((Field + 1) * Width < 8) codes = vandq_u8(codes, vdupq_n_u8((1 << Width) - 1));
  return vreinterpretq_s8_u8(codes);
}

// -1 where the bit of a field is set, 0 elsewhere.
template <unsigned Field>
THIMBLE_ALWAYS_INLINE int8x16_t minus_bit(uint8x16_t codes) {
  return vreinterpretq_s8_u8(vtstq_u8(codes, vdupq_n_u8(1 << Field)));
}

// Horizontal sums of four at once.
template <std::size_t Rows>
THIMBLE_ALWAYS_INLINE void fold(const sums (&partial)[Rows], std::int32_t (&dots)[Rows]) {
  const sums a = partial[0];
  const sums b = Rows > 1 ? partial[Rows > 1 ? 1 : 0] : a;
  const sums c = Rows > 2 ? partial[Rows > 2 ? 2 : 0] : a;
  const sums d = Rows > 3 ? partial[Rows > 3 ? 3 : 0] : a;
  const sums all = vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
  dots[0] = vgetq_lane_s32(all, 0);
  if constexpr (Rows > 1) dots[1] = vgetq_lane_s32(all, 1);
  if constexpr (Rows > 2) dots[2] = vgetq_lane_s32(all, 2);
  if constexpr (Rows > 3) dots[3] = vgetq_lane_s32(all, 3);
}

inline constexpr std::size_t lanes = 4;
using vec = float32x4_t;

THIMBLE_ALWAYS_INLINE vec zero() { return vdupq_n_f32(0); }
THIMBLE_ALWAYS_INLINE vec broadcast(float value) { return vdupq_n_f32(value); }
THIMBLE_ALWAYS_INLINE vec load(const float* p) { return vld1q_f32(p); }
THIMBLE_ALWAYS_INLINE void store(float* p, vec v) { vst1q_f32(p, v); }

THIMBLE_ALWAYS_INLINE vec load_first(const float* p, std::size_t n) {
  if (n >= lanes) return vld1q_f32(p);
  vec v = vld1q_lane_f32(p, zero(), 0);
  if (n > 1) v = vld1q_lane_f32(p + 1, v, 1);
  if (n > 2) v = vld1q_lane_f32(p + 2, v, 2);
  return v;
}

THIMBLE_ALWAYS_INLINE vec widened(uint16x4_t halfs) { return vcvt_f32_f16(vreinterpret_f16_u16(halfs)); }
THIMBLE_ALWAYS_INLINE vec load(const half* p) { return widened(vld1_u16(&p->bits)); }

THIMBLE_ALWAYS_INLINE vec load_any(const half* p) { return load(p); }
THIMBLE_ALWAYS_INLINE vec load_any(const std::uint8_t* p) {
  std::uint32_t bytes;
  __builtin_memcpy(&bytes, p, sizeof bytes);
  const uint16x8_t wide = vmovl_u8(vcreate_u8(bytes));
  return vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide)));
}

THIMBLE_ALWAYS_INLINE vec load_first(const half* p, std::size_t n) {
  if (n >= lanes) return load(p);
  uint16x4_t halfs = vld1_lane_u16(&p[0].bits, vdup_n_u16(0), 0);
  if (n > 1) halfs = vld1_lane_u16(&p[1].bits, halfs, 1);
  if (n > 2) halfs = vld1_lane_u16(&p[2].bits, halfs, 2);
  return widened(halfs);
}

THIMBLE_ALWAYS_INLINE vec add(vec a, vec b) { return vaddq_f32(a, b); }
THIMBLE_ALWAYS_INLINE vec subtract(vec a, vec b) { return vsubq_f32(a, b); }
THIMBLE_ALWAYS_INLINE vec larger(vec a, vec b) { return vmaxq_f32(a, b); }
THIMBLE_ALWAYS_INLINE vec flip(vec v, const std::uint32_t* signs) {
  return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(v), vld1q_u32(signs)));
}
THIMBLE_ALWAYS_INLINE vec nearest(vec v) { return vrndnq_f32(v); }
THIMBLE_ALWAYS_INLINE void store_bytes(std::int8_t* p, vec whole) {
  const int16x4_t words = vmovn_s32(vcvtq_s32_f32(whole));
  const std::uint32_t bytes = vget_lane_u32(vreinterpret_u32_s8(vmovn_s16(vcombine_s16(words, words))), 0);
  __builtin_memcpy(p, &bytes, sizeof bytes);
}

// Intrinsics are plain operators to both compilers, which fuse them. The empty instruction hides that the value is a
// product, and costs nothing.
THIMBLE_ALWAYS_INLINE vec multiply(vec a, vec b) {
  vec rounded = vmulq_f32(a, b);
  __asm__("" : "+w"(rounded));
  return rounded;
}

THIMBLE_ALWAYS_INLINE float rounded(float product) {
  __asm__("" : "+w"(product));
  return product;
}

// Lanes h apart change places; then each lower one is the sum, each upper one the other minus itself.
template <std::size_t H>
THIMBLE_ALWAYS_INLINE vec mix(vec v) {
  const vec other = H == 1 ? vrev64q_f32(v) : vextq_f32(v, v, 2);
  const uint32x2_t lower_half = H == 1 ? vcreate_u32(0xffffffff00000000u) : vdup_n_u32(0);
  const uint32x2_t upper_half = H == 1 ? lower_half : vdup_n_u32(0xffffffffu);
  return vbslq_f32(vcombine_u32(lower_half, upper_half), vsubq_f32(other, v), vaddq_f32(v, other));
}

THIMBLE_ALWAYS_INLINE float fold(vec v) {
  const vec two = vaddq_f32(v, vextq_f32(v, v, 2));
  return vgetq_lane_f32(two, 0) + vgetq_lane_f32(two, 1);
}
