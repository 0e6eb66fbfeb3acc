// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Primitives of fixed-width WASM SIMD: int16 codes times int16 values, two products and their sum in int32, exact.
//
// Codes of 8 bits are widened as they are loaded. Fewer bits are masked in place inside lanes of 16 bits: a field at
// bit p counts 2^p times, so the query's values for it are multiplied by 2^(8 - p) beforehand. All products are 256
// times too large then, and so is their sum, until it is shifted down. Fields above bit 8 come down by 8 first, since
// a value times 256 is as far as int16 goes (127 * 256 = 32,512) and the topmost field would be a sign.

#include <thimble/simd/ops_wasm_common.inl>

// The fields of a lane by turns: two bytes, the lower one first.
[[nodiscard]] constexpr unsigned lane_fields(unsigned width) { return 16 / width; }

// How far a lane is shifted for the turn of field t, and where the field is then. The topmost one needs no mask. Single
// bits come down by fours: nine masks would not stay in registers (1.05 times the time).
[[nodiscard]] constexpr unsigned field_shift(unsigned width, unsigned t) {
  const unsigned at = t * width;
  if (at + width == 16) return at;
  if (width == 1) return at / 4 * 4;
  return at > 8 ? 8 : 0;
}
[[nodiscard]] constexpr unsigned field_at(unsigned width, unsigned t) { return t * width - field_shift(width, t); }

// Bytes of a plane in the query: for 16 bytes of codes 8 int16 for each field of a lane; 8 bits: 16 int16.
THIMBLE_ALWAYS_INLINE std::size_t arranged_plane(unsigned width, std::size_t dim) {
  return (plane_bytes(width, dim) + 15) / 16 * (width == 8 ? 16 : 8 * lane_fields(width)) * sizeof(std::int16_t);
}

inline void arrange_plane(unsigned width, const std::int8_t* values, std::size_t dim, std::int8_t* to) {
  auto* out = reinterpret_cast<std::int16_t*>(to);
  __builtin_memset(to, 0, arranged_plane(width, dim));
  if (width == 8) {
    for (std::size_t j = 0; j < dim; ++j) out[j] = static_cast<std::int16_t>(values[j] + 64);
    return;
  }
  const std::size_t bytes = plane_bytes(width, dim);
  const unsigned fields = 8 / width;
  for (std::size_t block = 0; block < bytes; block += plane_block) {
    const std::size_t in_block = bytes - block < plane_block ? bytes - block : plane_block;
    for (unsigned t = 0; t < lane_fields(width); ++t, out += 8) {
      const int factor = 1 << (8 - field_at(width, t));
      const std::size_t first = block * fields + t % fields * in_block;
      for (std::size_t j = t / fields; j < in_block && first + j < dim; j += 2)
        out[j / 2] = static_cast<std::int16_t>(values[first + j] * factor);
    }
  }
}

THIMBLE_ALWAYS_INLINE sums accumulate(sums sum, v128_t codes, v128_t values) {
  return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(codes, values));
}

// Masks of the fields that are masked in place.
template <unsigned Width>
struct field_masks {
  v128_t at[8 / Width + 1];
};

// Field T of the lanes of 16 bytes of each row, and the fields above it.
template <unsigned Width, unsigned T, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_fields(const v128_t (&codes)[Rows], const field_masks<Width>& masks,
                                      const std::int16_t* values, sums (&sum)[Rows]) {
  constexpr unsigned shift = field_shift(Width, T);
  const v128_t block = wasm_v128_load(values + 8 * T);
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) {
    v128_t field = codes[r];
    if constexpr (shift != 0) field = wasm_u16x8_shr(field, shift);
    if constexpr (T + 1 < lane_fields(Width)) field = wasm_v128_and(field, masks.at[field_at(Width, T) / Width]);
    sum[r] = accumulate(sum[r], field, block);
  }
  if constexpr (T + 1 < lane_fields(Width)) add_fields<Width, T + 1>(codes, masks, values, sum);
}

// 256 times a lane's sum must stay in int32. It has a quarter of the dimensions: with 4 bits segments of 16,384
// dimensions are 4,096 * 15 * 127 * 256 < 2^31 at most, with 2 bits and all 65,535 it is 16,384 * 3 * 127 * 256 < 2^31.
inline constexpr std::size_t segment_bytes = 8192;

// The last 16 bytes are read whole; what is behind the plane meets values of 0.
template <unsigned Width, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_plane(const unsigned char* const (&codes)[Rows], const std::int8_t* values,
                                     std::size_t bytes, sums (&partial)[Rows]) {
  const auto* wide = reinterpret_cast<const std::int16_t*>(values);
  if constexpr (Width == 8) {
    // 128 * 127 * 65,535 < 2^31
    for (std::size_t i = 0; i < bytes; i += 16) {
      const v128_t low = wasm_v128_load(wide + i);
      const v128_t high = wasm_v128_load(wide + i + 8);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) {
        partial[r] = accumulate(partial[r], wasm_i16x8_load8x8(codes[r] + i), low);
        partial[r] = accumulate(partial[r], wasm_i16x8_load8x8(codes[r] + i + 8), high);
      }
    }
  } else {
    field_masks<Width> masks;
#pragma GCC unroll 9
    for (unsigned t = 0; t <= 8 / Width; ++t)
      masks.at[t] = all_lanes(static_cast<std::int16_t>(((1 << Width) - 1) << t * Width));
    std::size_t i = 0;
    while (i < bytes) {
      const std::size_t end = bytes - i > segment_bytes ? i + segment_bytes : bytes;
      sums scaled[Rows];
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) scaled[r] = zero_sums();
      for (; i < end; i += 16) {
        v128_t block[Rows];
#pragma GCC unroll 4
        for (std::size_t r = 0; r < Rows; ++r) block[r] = wasm_v128_load(codes[r] + i);
        add_fields<Width, 0>(block, masks, wide, scaled);
        wide += 8 * lane_fields(Width);
      }
      add_scaled_down<8>(partial, scaled);
    }
  }
}
