// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Primitives of relaxed WASM SIMD: 16 codes by i32x4.relaxed_dot_i8x16_i7x16_add, which every lowering computes alike
// only where the second operand is in 0..127 and no pair of products leaves int16. So, with c = u - 128 (u xor 0x80) as
// the signed first operand and t = s + 64 in 0..127 as the second (|c t + c' t'| <= 2 * 128 * 127 = 32,512):
//
//   <c, t> = <u, s> + 64 sum(u) - 128 sum(s) - 8192 n        n = factor_offset values, those behind dim being u = s = 0
//   <u, s> = <c, t> - 64 sum(u) + 128 sum(s) + 8192 n
//
// |<c, t>| <= 128 * 127 * 65,536 < 2^30. The corrections may leave int32 on the way, so they run modulo 2^32; the
// result is back in range.

#include <thimble/simd/ops_wasm_common.inl>

inline constexpr std::size_t rows_at_once = 4;
inline constexpr std::size_t float_rows_at_once = 4;  // random rows: 1.4 times the speed of one, cached ones .94
inline constexpr bool prefetches = false;             // WASM cannot

inline constexpr std::size_t codes_at_once = 16;
using values = v128_t;
using sums = v128_t;

// Bytes in all lanes that come from memory as far as any tool knows. Vector constants are built anew in each round of a
// loop by V8, from 64-bit moves: 40 ns instead of 25 a row at dim 768.
struct constants {
  v128_t top_bits;
  v128_t shift;
};

THIMBLE_ALWAYS_INLINE v128_t all_lanes(std::int8_t byte) {
  __asm__("" : "+m"(byte));
  return wasm_v128_load8_splat(&byte);
}

THIMBLE_ALWAYS_INLINE constants load_constants() { return {.top_bits = all_lanes(-128), .shift = all_lanes(64)}; }

THIMBLE_ALWAYS_INLINE sums zero_sums() { return wasm_i32x4_const_splat(0); }

THIMBLE_ALWAYS_INLINE values load_values(const std::int8_t* p, constants fixed) {
  return wasm_i8x16_add(wasm_v128_load(p), fixed.shift);
}

// Behind the first n, t is 0: whatever codes stand there count nothing.
THIMBLE_ALWAYS_INLINE values load_first_values(const std::int8_t* p, std::size_t n, constants fixed) {
  const v128_t index = wasm_i8x16_const(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return wasm_v128_and(load_values(p, fixed), wasm_i8x16_lt(index, wasm_i8x16_splat(static_cast<std::int8_t>(n))));
}

THIMBLE_ALWAYS_INLINE sums accumulate(sums sum, const unsigned char* codes, values block, constants fixed) {
  const v128_t centred = wasm_v128_xor(wasm_v128_load(codes), fixed.top_bits);
  return wasm_i32x4_relaxed_dot_i8x16_i7x16_add(centred, block, sum);
}

// Reads 16 bytes where n (a multiple of 4) are the row's: with the factors behind them, 4 bytes past its end at most.
THIMBLE_ALWAYS_INLINE sums accumulate_first(sums sum, const unsigned char* codes, values block, std::size_t /*n*/,
                                            constants fixed) {
  return accumulate(sum, codes, block, fixed);
}

THIMBLE_ALWAYS_INLINE double exact_dot(std::int32_t dot, const code_factors& row, const integer_query& query) {
  const std::uint32_t of_query =
      128 * static_cast<std::uint32_t>(query.sum) + 8192 * static_cast<std::uint32_t>(query.factor_offset);
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(dot) - 64 * static_cast<std::uint32_t>(row.sum) +
                                   of_query);
}

// Whether this engine's instruction is exact on what the kernel gives it: extremes and neighbours of extremes, the same
// in all lanes and mixed. About 6 us.
inline bool dot_is_exact() {
  constexpr std::int8_t firsts[8] = {-128, -127, -64, -1, 0, 1, 126, 127};
  constexpr std::int8_t seconds[8] = {0, 1, 2, 63, 64, 65, 126, 127};
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
