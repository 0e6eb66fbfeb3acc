// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Primitives of NEON with the dot product of signed bytes: products of four, and their sum in int32, exact. Codes c,
// values v up to 127 and fields up to 15 are signed bytes as they are.

#include <thimble/simd/ops_neon_common.inl>

// The fields from Field on, of 16 bytes of each row. With 1 bit they are -1, in sums of the other sign: one instruction
// less than shift and mask.
template <unsigned Width, unsigned Field = 0, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_fields(const uint8x16_t (&codes)[Rows], const std::int8_t* values,
                                      sums (&partial)[Rows]) {
  const int8x16_t block = vld1q_s8(values + Field * register_bytes);
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) {
    if constexpr (Width == 8) {
      partial[r] = vdotq_s32(partial[r], vreinterpretq_s8_u8(codes[r]), block);
    } else if constexpr (Width == 1) {
      partial[r] = vdotq_s32(partial[r], minus_bit<Field>(codes[r]), block);
    } else {
      partial[r] = vdotq_s32(partial[r], values_of_field<Width, Field>(codes[r]), block);
    }
  }
  if constexpr ((Field + 1) * Width < 8) add_fields<Width, Field + 1>(codes, values, partial);
}

template <unsigned Width, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_plane(const unsigned char* const (&codes)[Rows], const std::int8_t* values,
                                     std::size_t bytes, sums (&partial)[Rows]) {
  if constexpr (Width == 1) {
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r) partial[r] = vnegq_s32(partial[r]);
  }
  for (std::size_t i = 0; i < bytes; i += 16) {
    uint8x16_t block[Rows];
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r) block[r] = load_codes(codes[r], i, bytes);
    add_fields<Width>(block, values + i * (8 / Width), partial);
  }
  if constexpr (Width == 1) {
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r) partial[r] = vnegq_s32(partial[r]);
  }
}
