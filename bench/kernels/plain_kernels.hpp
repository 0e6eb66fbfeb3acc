// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The yardstick of the benchmark: kernels as one writes them in an afternoon for one processor. Needs -march=native.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <thimble/simd/kernel_set.hpp>

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

namespace plain {

using thimble::node;
using thimble::simd::code_factors;
using thimble::simd::code_rows;
using thimble::simd::integer_query;

inline void prefetch(const std::byte* row, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += 64) __builtin_prefetch(row + i);
}

template <auto Dot>
void estimate8(const integer_query& query, code_rows rows, const node* nodes, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::byte* row = rows.data + nodes[i] * rows.stride;
    if (i + 1 < n) prefetch(rows.data + nodes[i + 1] * rows.stride, rows.stride);
    code_factors factors;
    std::memcpy(&factors, row + query.factor_offset, sizeof factors);
    const std::int32_t dot = Dot(reinterpret_cast<const std::uint8_t*>(row), query.values, query.padded_dim);
    out[i] = static_cast<float>(factors.add + (query.base + query.scale * dot));
  }
}

template <auto Distance>
void float_rows(const float* query, std::size_t dim, code_rows rows, const node* nodes, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) {
    if (i + 1 < n) prefetch(rows.data + nodes[i + 1] * rows.stride, rows.stride);
    out[i] = Distance(query, reinterpret_cast<const float*>(rows.data + nodes[i] * rows.stride), dim);
  }
}

#if defined(__AVX2__) && defined(__FMA__)

inline std::int32_t dot8_avx2(const std::uint8_t* u, const std::int8_t* s, std::size_t n) {
  __m256i a = _mm256_setzero_si256();
  __m256i b = _mm256_setzero_si256();
  const __m256i ones = _mm256_set1_epi16(1);
  for (std::size_t i = 0; i < n; i += 64) {
    const auto at = [&](const void* p, std::size_t k) {
      return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(static_cast<const char*>(p) + i + k));
    };
    a = _mm256_add_epi32(a, _mm256_madd_epi16(_mm256_maddubs_epi16(at(u, 0), at(s, 0)), ones));
    b = _mm256_add_epi32(b, _mm256_madd_epi16(_mm256_maddubs_epi16(at(u, 32), at(s, 32)), ones));
  }
  a = _mm256_add_epi32(a, b);
  __m128i c = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  c = _mm_add_epi32(c, _mm_shuffle_epi32(c, 0x4e));
  c = _mm_add_epi32(c, _mm_shuffle_epi32(c, 0xb1));
  return _mm_cvtsi128_si32(c);
}

// dims of this benchmark are multiples of 16.
template <bool L2>
float distance_avx2(const float* x, const float* y, std::size_t dim) {
  __m256 a = _mm256_setzero_ps();
  __m256 b = _mm256_setzero_ps();
  for (std::size_t i = 0; i < dim; i += 16) {
    __m256 p = _mm256_loadu_ps(x + i);
    __m256 q = _mm256_loadu_ps(y + i);
    __m256 r = _mm256_loadu_ps(x + i + 8);
    __m256 s = _mm256_loadu_ps(y + i + 8);
    if (L2) p = q = _mm256_sub_ps(p, q);
    if (L2) r = s = _mm256_sub_ps(r, s);
    a = _mm256_fmadd_ps(p, q, a);
    b = _mm256_fmadd_ps(r, s, b);
  }
  a = _mm256_add_ps(a, b);
  __m128 c = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  c = _mm_add_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}

inline constexpr thimble::simd::kernel_set avx2 = {.set = thimble::simd::isa::avx2,
                                                   .estimate8 = estimate8<dot8_avx2>,
                                                   .l2_rows = float_rows<distance_avx2<true>>,
                                                   .dot_rows = float_rows<distance_avx2<false>>,
                                                   .l2 = distance_avx2<true>,
                                                   .dot = distance_avx2<false>};
#endif

#if defined(__AVX512VNNI__)

// GCC 12's headers build undefined registers from themselves and warn of it where they are inlined.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

inline std::int32_t dot8_avx512(const std::uint8_t* u, const std::int8_t* s, std::size_t n) {
  __m512i a = _mm512_setzero_si512();
  __m512i b = _mm512_setzero_si512();
  std::size_t i = 0;
  for (; i + 128 <= n; i += 128) {
    a = _mm512_dpbusd_epi32(a, _mm512_loadu_si512(u + i), _mm512_loadu_si512(s + i));
    b = _mm512_dpbusd_epi32(b, _mm512_loadu_si512(u + i + 64), _mm512_loadu_si512(s + i + 64));
  }
  if (i < n) a = _mm512_dpbusd_epi32(a, _mm512_loadu_si512(u + i), _mm512_loadu_si512(s + i));
  return _mm512_reduce_add_epi32(_mm512_add_epi32(a, b));
}

template <bool L2>
float distance_avx512(const float* x, const float* y, std::size_t dim) {
  __m512 a = _mm512_setzero_ps();
  __m512 b = _mm512_setzero_ps();
  std::size_t i = 0;
  for (; i + 32 <= dim; i += 32) {
    __m512 p = _mm512_loadu_ps(x + i);
    __m512 q = _mm512_loadu_ps(y + i);
    __m512 r = _mm512_loadu_ps(x + i + 16);
    __m512 s = _mm512_loadu_ps(y + i + 16);
    if (L2) p = q = _mm512_sub_ps(p, q);
    if (L2) r = s = _mm512_sub_ps(r, s);
    a = _mm512_fmadd_ps(p, q, a);
    b = _mm512_fmadd_ps(r, s, b);
  }
  if (i < dim) {
    __m512 p = _mm512_loadu_ps(x + i);
    __m512 q = _mm512_loadu_ps(y + i);
    if (L2) p = q = _mm512_sub_ps(p, q);
    a = _mm512_fmadd_ps(p, q, a);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(a, b));
}

inline constexpr thimble::simd::kernel_set avx512 = {.set = thimble::simd::isa::avx512,
                                                     .estimate8 = estimate8<dot8_avx512>,
                                                     .l2_rows = float_rows<distance_avx512<true>>,
                                                     .dot_rows = float_rows<distance_avx512<false>>,
                                                     .l2 = distance_avx512<true>,
                                                     .dot = distance_avx512<false>};

#pragma GCC diagnostic pop
#endif

}  // namespace plain

// The yardstick of a set, or null.
inline const thimble::simd::kernel_set* plain_kernels(thimble::simd::isa set) {
#if defined(__AVX2__) && defined(__FMA__)
  if (set == thimble::simd::isa::avx2) return &plain::avx2;
#endif
#if defined(__AVX512VNNI__)
  if (set == thimble::simd::isa::avx512) return &plain::avx512;
#endif
  (void)set;
  return nullptr;
}
