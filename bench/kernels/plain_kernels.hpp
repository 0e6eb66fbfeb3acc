// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The yardstick of the benchmark: kernels as one writes them in an afternoon for one processor, one row at a time, the
// next row prefetched. Needs -march=native. Their codes lie as suits them: a register of codes, field by field.

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
using thimble::simd::code_rows;

struct query {
  const std::int8_t* values;
  const float* floats;
  std::size_t dim;
};

using kernel = void (*)(const query& q, code_rows rows, const node* nodes, std::size_t n, float* out);

inline void prefetch(const std::byte* row, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += 64) __builtin_prefetch(row + i);
}

// The estimate of RaBitQ and its like: two factors behind the code.
template <unsigned Bits, auto Dot>
void integer_rows(const query& q, code_rows rows, const node* nodes, std::size_t n, float* out) {
  const std::size_t bytes = q.dim * Bits / 8;
  for (std::size_t i = 0; i < n; ++i) {
    const std::byte* row = rows.data + nodes[i] * rows.stride;
    if (i + 1 < n) prefetch(rows.data + nodes[i + 1] * rows.stride, rows.stride);
    float factors[2];
    std::memcpy(factors, row + bytes, sizeof factors);
    const std::int32_t dot = Dot(reinterpret_cast<const std::uint8_t*>(row), q.values, bytes);
    out[i] = factors[0] + factors[1] * (0.01f * static_cast<float>(dot) + 3.0f);
  }
}

template <auto Distance>
void float_rows(const query& q, code_rows rows, const node* nodes, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) {
    if (i + 1 < n) prefetch(rows.data + nodes[i + 1] * rows.stride, rows.stride);
    out[i] = Distance(q.floats, rows.data + nodes[i] * rows.stride, q.dim);
  }
}

#if defined(__AVX2__) && defined(__FMA__)

// No kernel at all: the rows are read and added up.
inline void bare_read(const query& /*q*/, code_rows rows, const node* nodes, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) {
    if (i + 1 < n) prefetch(rows.data + nodes[i + 1] * rows.stride, rows.stride);
    const std::byte* row = rows.data + nodes[i] * rows.stride;
    __m256i sum = _mm256_setzero_si256();
    for (std::size_t j = 0; j < rows.stride; j += 32)
      sum = _mm256_add_epi64(sum, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + j)));
    out[i] = static_cast<float>(_mm256_extract_epi32(sum, 0));
  }
}

inline __m256i at(const void* p, std::size_t i) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(static_cast<const char*>(p) + i));
}

inline std::int32_t sum_of(__m256i a) {
  __m128i c = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  c = _mm_add_epi32(c, _mm_shuffle_epi32(c, 0x4e));
  c = _mm_add_epi32(c, _mm_shuffle_epi32(c, 0xb1));
  return _mm_cvtsi128_si32(c);
}

template <unsigned Bits>
std::int32_t dot_avx2(const std::uint8_t* codes, const std::int8_t* s, std::size_t bytes) {
  constexpr int fields = 8 / Bits;
  const __m256i mask = _mm256_set1_epi8(static_cast<char>((1 << Bits) - 1));
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sum = _mm256_setzero_si256();
  for (std::size_t i = 0; i < bytes; i += 32, s += std::ptrdiff_t{32} * fields) {
    const __m256i block = at(codes, i);
    __m256i pairs = _mm256_maddubs_epi16(_mm256_and_si256(block, mask), at(s, 0));
    for (int field = 1; field < fields; ++field) {
      const __m256i values = _mm256_and_si256(_mm256_srli_epi16(block, field * static_cast<int>(Bits)), mask);
      pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(values, at(s, 32u * static_cast<unsigned>(field))));
    }
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
  }
  return sum_of(sum);
}

template <bool L2>
float distance_avx2(const float* x, const std::byte* row, std::size_t dim) {
  const auto* y = reinterpret_cast<const float*>(row);
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

template <bool L2>
float half_distance_avx2(const float* x, const std::byte* row, std::size_t dim) {
  __m256 a = _mm256_setzero_ps();
  for (std::size_t i = 0; i < dim; i += 8) {
    __m256 p = _mm256_loadu_ps(x + i);
    __m256 q = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row + 2 * i)));
    if (L2) p = q = _mm256_sub_ps(p, q);
    a = _mm256_fmadd_ps(p, q, a);
  }
  __m128 c = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  c = _mm_add_ps(c, _mm_movehl_ps(c, c));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
#endif

#if defined(__AVX512VNNI__)

// GCC 12's headers build undefined registers from themselves and warn of it where they are inlined.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

template <unsigned Bits>
std::int32_t dot_avx512(const std::uint8_t* codes, const std::int8_t* s, std::size_t bytes) {
  __m512i a = _mm512_setzero_si512();
  __m512i b = _mm512_setzero_si512();
  if constexpr (Bits == 1) {
    const __m512i ones = _mm512_set1_epi8(1);
    for (std::size_t i = 0; i < bytes; i += 16, s += 128) {
      std::uint64_t masks[2];
      std::memcpy(masks, codes + i, sizeof masks);
      a = _mm512_dpbusd_epi32(a, ones, _mm512_maskz_loadu_epi8(masks[0], s));
      b = _mm512_dpbusd_epi32(b, ones, _mm512_maskz_loadu_epi8(masks[1], s + 64));
    }
  } else {
    constexpr unsigned fields = 8 / Bits;
    const __m512i mask = _mm512_set1_epi8(static_cast<char>((1 << Bits) - 1));
    for (std::size_t i = 0; i < bytes; i += 64, s += std::ptrdiff_t{64} * fields) {
      const __m512i block = _mm512_loadu_si512(codes + i);
      a = _mm512_dpbusd_epi32(a, _mm512_and_si512(block, mask), _mm512_loadu_si512(s));
      for (unsigned field = 1; field < fields; ++field) {
        const __m512i values = _mm512_and_si512(_mm512_srli_epi16(block, field * Bits), mask);
        __m512i& sum = field % 2 == 1 ? b : a;
        sum = _mm512_dpbusd_epi32(sum, values, _mm512_loadu_si512(s + std::size_t{64} * field));
      }
    }
  }
  return _mm512_reduce_add_epi32(_mm512_add_epi32(a, b));
}

template <bool L2>
float distance_avx512(const float* x, const std::byte* row, std::size_t dim) {
  const auto* y = reinterpret_cast<const float*>(row);
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

template <bool L2>
float half_distance_avx512(const float* x, const std::byte* row, std::size_t dim) {
  __m512 a = _mm512_setzero_ps();
  for (std::size_t i = 0; i < dim; i += 16) {
    __m512 p = _mm512_loadu_ps(x + i);
    __m512 q = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + 2 * i)));
    if (L2) p = q = _mm512_sub_ps(p, q);
    a = _mm512_fmadd_ps(p, q, a);
  }
  return _mm512_reduce_add_ps(a);
}

#pragma GCC diagnostic pop
#endif

// What the yardstick has for a set; null where it has nothing (bits 3, 5, 6, 7: nobody writes those in an afternoon).
struct kernels {
  kernel integer[9] = {};
  kernel l2 = nullptr;
  kernel dot = nullptr;
  kernel l2_half = nullptr;
  kernel dot_half = nullptr;
  kernel read = nullptr;
};

inline kernels of(thimble::simd::isa set) {
  kernels k;
#if defined(__AVX2__) && defined(__FMA__)
  if (set == thimble::simd::isa::avx2) {
    k.integer[8] = integer_rows<8, dot_avx2<8>>;
    k.integer[4] = integer_rows<4, dot_avx2<4>>;
    k.integer[2] = integer_rows<2, dot_avx2<2>>;
    k.integer[1] = integer_rows<1, dot_avx2<1>>;
    k.l2 = float_rows<distance_avx2<true>>;
    k.dot = float_rows<distance_avx2<false>>;
    k.l2_half = float_rows<half_distance_avx2<true>>;
    k.dot_half = float_rows<half_distance_avx2<false>>;
    k.read = bare_read;
  }
#endif
#if defined(__AVX512VNNI__)
  if (set == thimble::simd::isa::avx512) {
    k.integer[8] = integer_rows<8, dot_avx512<8>>;
    k.integer[4] = integer_rows<4, dot_avx512<4>>;
    k.integer[2] = integer_rows<2, dot_avx512<2>>;
    k.integer[1] = integer_rows<1, dot_avx512<1>>;
    k.l2 = float_rows<distance_avx512<true>>;
    k.dot = float_rows<distance_avx512<false>>;
    k.l2_half = float_rows<half_distance_avx512<true>>;
    k.dot_half = float_rows<half_distance_avx512<false>>;
    k.read = bare_read;
  }
#endif
  (void)set;
  return k;
}

}  // namespace plain
