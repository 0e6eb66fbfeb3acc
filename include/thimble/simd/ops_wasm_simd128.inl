// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Primitives of fixed-width WASM SIMD: 16 codes, widened to int16 as they are loaded.

#include <thimble/simd/ops_wasm_common.inl>

inline constexpr std::size_t rows_at_once = 4;
inline constexpr std::size_t float_rows_at_once = 4;  // random rows: 1.4 times the speed of one, cached ones .94
inline constexpr bool prefetches = false;             // WASM cannot

inline constexpr std::size_t codes_at_once = 16;
struct values {
  v128_t low, high;
};
using sums = v128_t;

struct constants {};
THIMBLE_ALWAYS_INLINE constants load_constants() { return {}; }

THIMBLE_ALWAYS_INLINE sums zero_sums() { return wasm_i32x4_const_splat(0); }

THIMBLE_ALWAYS_INLINE values load_values(const std::int8_t* p, constants /*fixed*/) {
  return {wasm_i16x8_load8x8(p), wasm_i16x8_load8x8(p + 8)};
}

// The query's own padding is zeros.
THIMBLE_ALWAYS_INLINE values load_first_values(const std::int8_t* p, std::size_t /*n*/, constants fixed) {
  return load_values(p, fixed);
}

// int16 x int16, two products and the sum in int32: exact up to dim 65,535 (kernel_set.hpp).
THIMBLE_ALWAYS_INLINE sums accumulate(sums sum, const unsigned char* codes, values block, constants /*fixed*/) {
  sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(wasm_u16x8_load8x8(codes), block.low));
  return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(wasm_u16x8_load8x8(codes + 8), block.high));
}

// Reads 16 bytes where n (a multiple of 4) are the row's: with the factors behind them, 4 bytes past its end at most.
THIMBLE_ALWAYS_INLINE sums accumulate_first(sums sum, const unsigned char* codes, values block, std::size_t /*n*/,
                                            constants fixed) {
  return accumulate(sum, codes, block, fixed);
}

THIMBLE_ALWAYS_INLINE double exact_dot(std::int32_t dot, const code_factors& /*row*/, const integer_query& /*query*/) {
  return dot;
}
