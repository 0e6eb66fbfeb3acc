// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Primitives of relaxed WASM SIMD: 16 codes by i32x4.relaxed_dot_i8x16_i7x16_add, which every lowering computes alike
// where the second operand is in 0..127 and no pair of products leaves int16:
//
//   8 bits   first c = u - 128, second v in 0..127     |c v + c' v'| <= 2 * 128 * 127 = 32,512
//   fewer    first s in -127..127, second fields        |s u + s' u'| <= 2 * 127 * 15 = 3,810
//
// Fields are masked where they are in a nibble, and their sums divided at the end; one shift brings the upper nibbles
// down. (A shift for every field: 1.05 times the time.)

#include <thimble/simd/ops_wasm_common.inl>

inline constexpr std::size_t register_bytes = 16;

#include <thimble/simd/arrange_bytes.inl>

// The same byte in all lanes.
THIMBLE_ALWAYS_INLINE v128_t mask_of(int byte) { return all_lanes(static_cast<std::int16_t>(byte * 0x101)); }

// One field of 16 bytes of each row, times its 16 values.
template <std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_field(const v128_t (&codes)[Rows], v128_t mask, const std::int8_t* values,
                                     sums (&sum)[Rows]) {
  const v128_t block = wasm_v128_load(values);
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r)
    sum[r] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(block, wasm_v128_and(codes[r], mask), sum[r]);
}

// The bits of the next byte that come down from above are masked away.
template <std::size_t Rows>
THIMBLE_ALWAYS_INLINE void bring_down(v128_t (&codes)[Rows]) {
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) codes[r] = wasm_u16x8_shr(codes[r], 4);
}

// 16 bytes of a plane of each row. Sums of fields that were masked in place go to scaled[log2 of their scale].
template <unsigned Width, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_nibbles(const v128_t (&codes)[Rows], const v128_t (&masks)[4 / Width],
                                       const std::int8_t* values, sums (&scaled)[4 / Width][Rows]) {
#pragma GCC unroll 4
  for (unsigned field = 0; field < 4 / Width; ++field)
    add_field(codes, masks[field], values + field * register_bytes, scaled[field]);
}

// The last 16 bytes are read whole; what is behind the plane meets values of 0. No sum is larger than
// 127 * 127 * 65,535 < 2^31, nor 128 * 127 * 65,535 with 8 bits.
template <unsigned Width, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_plane(const unsigned char* const (&codes)[Rows], const std::int8_t* values,
                                     std::size_t bytes, sums (&partial)[Rows]) {
  if constexpr (Width == 8) {
    for (std::size_t i = 0; i < bytes; i += register_bytes) {
      const v128_t block = wasm_v128_load(values + i);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r)
        partial[r] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_v128_load(codes[r] + i), block, partial[r]);
    }
  } else {
    constexpr std::size_t in_nibble = 4 / Width;
    v128_t masks[in_nibble];
    sums scaled[in_nibble][Rows];
#pragma GCC unroll 4
    for (std::size_t field = 0; field < in_nibble; ++field) {
      masks[field] = mask_of(((1 << Width) - 1) << field * Width);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) scaled[field][r] = zero_sums();
    }
    for (std::size_t i = 0; i < bytes; i += register_bytes) {
      v128_t block[Rows];
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) block[r] = wasm_v128_load(codes[r] + i);
      add_nibbles<Width>(block, masks, values, scaled);
      bring_down(block);
      add_nibbles<Width>(block, masks, values + in_nibble * register_bytes, scaled);
      values += 2 * in_nibble * register_bytes;
    }
    add_scaled_down<0>(partial, scaled[0]);
    if constexpr (Width <= 2) add_scaled_down<Width>(partial, scaled[1]);
    if constexpr (Width == 1) add_scaled_down<2>(partial, scaled[2]);
    if constexpr (Width == 1) add_scaled_down<3>(partial, scaled[3]);
  }
}

// Whether this engine's instruction is exact on what the kernel gives it: extremes and neighbours of extremes, the same
// in all lanes and mixed. About 6 us.
THIMBLE_KERNEL_FUNCTION bool dot_is_exact() {
  constexpr std::int8_t firsts[8] = {-128, -127, -64, -1, 0, 1, 126, 127};
  constexpr std::int8_t seconds[8] = {0, 1, 12, 15, 48, 64, 126, 127};
  for (std::size_t round = 0; round < 128; ++round) {
    const std::size_t mix = round / 64;  // 0: one pair of values everywhere
    alignas(16) std::int8_t a[16];
    alignas(16) std::int8_t b[16];
    std::int32_t sum[4] = {0, 1, -1, 1 << 30};
    v128_t wide = wasm_v128_load(sum);
    for (std::size_t lane = 0; lane < 16; ++lane) {
      a[lane] = firsts[(round % 8 + mix * lane * 3) % 8];
      b[lane] = seconds[(round / 8 + mix * lane * 5) % 8];
      sum[lane / 4] += a[lane] * b[lane];
    }
    // No tool may compute the answer before the engine does: from here on the memory is unknown to it.
    __asm__ volatile("" : : "r"(&a[0]), "r"(&b[0]) : "memory");
    wide = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_v128_load(a), wasm_v128_load(b), wide);
    if (wasm_v128_any_true(wasm_v128_xor(wide, wasm_v128_load(sum)))) return false;
  }
  return true;
}
