// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The yardstick of the benchmark: WASM kernels as one writes them by hand for whole blocks of dimensions. Four rows of
// codes a call without tails, checks or exact corrections; floats one row at a time, fused where relaxed SIMD can.

#pragma once

#include <wasm_simd128.h>

#include <cstddef>
#include <cstdint>
#include <thimble/core/half.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace plain {

using thimble::half;
using thimble::node;
using thimble::simd::code_rows;

#if defined(__wasm_relaxed_simd__)
using value = std::int8_t;
#else
using value = std::int16_t;
#endif

// What a row of codes is compared with: values in the order in which the kernel meets them.
struct query {
  const value* values;
  std::size_t code_bytes;
  std::size_t factor_offset;
  float base;
  float scale;
};

template <unsigned Mask>
v128_t field(v128_t codes) {
#if defined(__wasm_relaxed_simd__)
  return wasm_v128_and(codes, wasm_i8x16_const_splat(static_cast<std::int8_t>(Mask)));
#else
  return wasm_v128_and(codes, wasm_i16x8_const_splat(static_cast<std::int16_t>(Mask)));
#endif
}

inline v128_t fused(v128_t a, v128_t b, v128_t c) {
#if defined(__wasm_relaxed_simd__)
  return wasm_f32x4_relaxed_madd(a, b, c);
#else
  return wasm_f32x4_add(wasm_f32x4_mul(a, b), c);
#endif
}

// Sums of 16 bytes of codes; fields masked in place are summed by their weight: 1, 2, 4 and 8.
template <unsigned Bits>
struct sums {
  v128_t by_weight[4] = {};

#if defined(__wasm_relaxed_simd__)
  static constexpr std::size_t step = 128 / Bits;

  void add(std::size_t weight, v128_t codes, const value* values) {
    by_weight[weight] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_v128_load(values), codes, by_weight[weight]);
  }
  void add(const std::uint8_t* codes, const value* values) {
    v128_t block = wasm_v128_load(codes);
    if constexpr (Bits == 8) {
      by_weight[0] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(block, wasm_v128_load(values), by_weight[0]);
      return;
    }
    for (int nibble = 0; nibble < 2; ++nibble) {
      add(0, field<(1 << Bits) - 1>(block), values);
      if constexpr (Bits == 2) add(2, field<12>(block), values + 16);
      if constexpr (Bits == 1) {
        add(1, field<2>(block), values + 16);
        add(2, field<4>(block), values + 32);
        add(3, field<8>(block), values + 48);
      }
      block = wasm_u16x8_shr(block, 4);
      values += 64 / Bits;
    }
  }
  v128_t total() const {
    v128_t sum = by_weight[0];
    if constexpr (Bits == 1) sum = wasm_i32x4_add(sum, wasm_i32x4_shr(by_weight[1], 1));
    if constexpr (Bits <= 2) sum = wasm_i32x4_add(sum, wasm_i32x4_shr(by_weight[2], 2));
    if constexpr (Bits == 1) sum = wasm_i32x4_add(sum, wasm_i32x4_shr(by_weight[3], 3));
    return sum;
  }
#else
  static constexpr std::size_t step = 128 / Bits;

  void add(v128_t codes, const value* values) {
    by_weight[0] = wasm_i32x4_add(by_weight[0], wasm_i32x4_dot_i16x8(codes, wasm_v128_load(values)));
  }
  void add(const std::uint8_t* codes, const value* values) {
    if constexpr (Bits == 8) {
      add(wasm_i16x8_load8x8(codes), values);
      add(wasm_i16x8_load8x8(codes + 8), values + 8);
      return;
    }
    v128_t block = wasm_v128_load(codes);
    constexpr unsigned lowest = (1 << Bits) - 1;
    for (int byte = 0; byte < 2; ++byte) {
      add(field<lowest>(block), values);
      add(field<lowest << Bits>(block), values + 8);
      if constexpr (Bits <= 2) {
        add(field<lowest << 2 * Bits>(block), values + 16);
        add(field<lowest << 3 * Bits>(block), values + 24);
      }
      if constexpr (Bits == 1) {
        add(field<16>(block), values + 32);
        add(field<32>(block), values + 40);
        add(field<64>(block), values + 48);
        add(field<128>(block), values + 56);
      }
      block = wasm_u16x8_shr(block, 8);
      values += 64 / Bits;
    }
  }
  v128_t total() const { return Bits == 8 ? by_weight[0] : wasm_i32x4_shr(by_weight[0], 8); }
#endif
};

// n is a multiple of four.
template <unsigned Bits>
void estimate(const query& to, code_rows rows, const node* nodes, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; i += 4) {
    const std::uint8_t* row[4];
    sums<Bits> of_row[4];
    for (std::size_t r = 0; r < 4; ++r)
      row[r] = reinterpret_cast<const std::uint8_t*>(rows.data) + nodes[i + r] * rows.stride;
    const value* values = to.values;
    for (std::size_t at = 0; at < to.code_bytes; at += 16, values += sums<Bits>::step) {
      of_row[0].add(row[0] + at, values);
      of_row[1].add(row[1] + at, values);
      of_row[2].add(row[2] + at, values);
      of_row[3].add(row[3] + at, values);
    }
    v128_t quads[4];
    v128_t factors[4];
    for (std::size_t r = 0; r < 4; ++r) {
      quads[r] = of_row[r].total();
      factors[r] = wasm_v128_load64_zero(row[r] + to.factor_offset);
    }
    const auto pairs = [](v128_t a, v128_t b) {
      return wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 4, 1, 5), wasm_i32x4_shuffle(a, b, 2, 6, 3, 7));
    };
    const v128_t first = pairs(quads[0], quads[1]);
    const v128_t second = pairs(quads[2], quads[3]);
    const v128_t dot = wasm_i32x4_add(wasm_i64x2_shuffle(first, second, 0, 2), wasm_i64x2_shuffle(first, second, 1, 3));
    const v128_t low = wasm_i32x4_shuffle(factors[0], factors[1], 0, 4, 1, 5);
    const v128_t high = wasm_i32x4_shuffle(factors[2], factors[3], 0, 4, 1, 5);
    const v128_t inner = fused(wasm_f32x4_splat(to.scale), wasm_f32x4_convert_i32x4(dot), wasm_f32x4_splat(to.base));
    wasm_v128_store(out + i, fused(wasm_i64x2_shuffle(low, high, 1, 3), inner, wasm_i64x2_shuffle(low, high, 0, 2)));
  }
}

inline v128_t load(const float* p) { return wasm_v128_load(p); }
inline v128_t load(const half* p) {
  const v128_t bits = wasm_v128_and(wasm_i32x4_shl(wasm_i32x4_load16x4(p), 13), wasm_u32x4_const_splat(0x8fffe000u));
  return wasm_f32x4_mul(bits, wasm_f32x4_const_splat(0x1p112f));
}

// dim is a multiple of 16.
template <bool L2, class Value>
void float_rows(const float* to, std::size_t dim, code_rows rows, const node* nodes, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const auto* row = reinterpret_cast<const Value*>(rows.data + nodes[i] * rows.stride);
    v128_t sum[4] = {};
    for (std::size_t j = 0; j < dim; j += 16) {
      for (std::size_t k = 0; k < 4; ++k) {
        v128_t a = load(to + j + 4 * k);
        v128_t b = load(row + j + 4 * k);
        if (L2) a = b = wasm_f32x4_sub(a, b);
        sum[k] = fused(a, b, sum[k]);
      }
    }
    const v128_t all = wasm_f32x4_add(wasm_f32x4_add(sum[0], sum[1]), wasm_f32x4_add(sum[2], sum[3]));
    const v128_t two = wasm_f32x4_add(all, wasm_i32x4_shuffle(all, all, 2, 3, 0, 1));
    out[i] = wasm_f32x4_extract_lane(two, 0) + wasm_f32x4_extract_lane(two, 1);
  }
}

}  // namespace plain
