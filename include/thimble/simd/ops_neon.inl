// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Primitives of NEON as every aarch64 processor has it: products of bytes in int16, widened before they overflow.

#include <thimble/simd/ops_neon_common.inl>

using short_sums = int16x8_t;

THIMBLE_ALWAYS_INLINE short_sums multiply_add(short_sums sum, int8x16_t a, int8x16_t b) {
  return vmlal_high_s8(vmlal_s8(sum, vget_low_s8(a), vget_low_s8(b)), a, b);
}

// How many stretches of 16 bytes int16 holds; a stretch puts two products of each field into a lane:
//   8 bits: |c v| <= 128 * 127:   1 stretch *              2 * 16,256 = 32,512
//   4 bits: |u s| <=  15 * 127:   4 stretches * 2 fields * 2 *  1,905 = 30,480
//   2 bits: |u s| <=   3 * 127:  10 stretches * 4 fields * 2 *    381 = 30,480
//   1 bit:  |u s| <=       127:  16 stretches * 8 fields * 2 *    127 = 32,512
template <unsigned Width>
inline constexpr std::size_t stretches_at_once = 16;
template <>
inline constexpr std::size_t stretches_at_once<8> = 1;
template <>
inline constexpr std::size_t stretches_at_once<4> = 4;
template <>
inline constexpr std::size_t stretches_at_once<2> = 10;

// The fields from Field on, of 16 bytes of each row. With 1 bit the values are selected, not multiplied.
template <unsigned Width, unsigned Field = 0, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_fields(const uint8x16_t (&codes)[Rows], const std::int8_t* values,
                                      short_sums (&sum)[Rows]) {
  const int8x16_t block = vld1q_s8(values + Field * register_bytes);
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) {
    if constexpr (Width == 8) {
      sum[r] = multiply_add(sum[r], vreinterpretq_s8_u8(codes[r]), block);
    } else if constexpr (Width == 1) {
      sum[r] = vpadalq_s8(sum[r], vandq_s8(minus_bit<Field>(codes[r]), block));
    } else {
      sum[r] = multiply_add(sum[r], values_of_field<Width, Field>(codes[r]), block);
    }
  }
  if constexpr ((Field + 1) * Width < 8) add_fields<Width, Field + 1>(codes, values, sum);
}

template <unsigned Width, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_plane(const unsigned char* const (&codes)[Rows], const std::int8_t* values,
                                     std::size_t bytes, sums (&partial)[Rows]) {
  constexpr std::size_t most = stretches_at_once<Width> * 16;
  std::size_t i = 0;
  while (i < bytes) {
    const std::size_t end = bytes - i < most ? bytes : i + most;
    short_sums sum[Rows];
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r) sum[r] = vdupq_n_s16(0);
    for (; i < end; i += 16) {
      uint8x16_t block[Rows];
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) block[r] = load_codes(codes[r], i, bytes);
      add_fields<Width>(block, values + i * (8 / Width), sum);
    }
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r) partial[r] = vpadalq_s16(partial[r], sum[r]);
  }
}
