// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Primitives of AVX-512 (F, BW, DQ, VL, VNNI): 64 codes, 16 floats, masked loads for every tail.

inline constexpr std::size_t rows_at_once = 4;
inline constexpr std::size_t float_rows_at_once = 4;
inline constexpr bool prefetches = true;

inline constexpr std::size_t codes_at_once = 64;
using values = __m512i;
using sums = __m512i;

struct constants {};
THIMBLE_ALWAYS_INLINE constants load_constants() { return {}; }

THIMBLE_ALWAYS_INLINE sums zero_sums() { return _mm512_setzero_si512(); }
// The empty instruction keeps the block in a register: GCC reads it again for each row otherwise (1.3 times the time).
THIMBLE_ALWAYS_INLINE values load_values(const std::int8_t* p, constants /*fixed*/) {
  values block = _mm512_loadu_si512(p);
  __asm__("" : "+v"(block));
  return block;
}

// The query's own padding is zeros.
THIMBLE_ALWAYS_INLINE values load_first_values(const std::int8_t* p, std::size_t /*n*/, constants fixed) {
  return load_values(p, fixed);
}

// u8 x s8, four products and the sum in int32: exact, without saturation, up to dim 65,535 (kernel_set.hpp).
THIMBLE_ALWAYS_INLINE sums accumulate(sums sum, const unsigned char* codes, values block, constants /*fixed*/) {
  return _mm512_dpbusd_epi32(sum, _mm512_loadu_si512(codes), block);
}

THIMBLE_ALWAYS_INLINE sums accumulate_first(sums sum, const unsigned char* codes, values block, std::size_t n,
                                            constants /*fixed*/) {
  const __mmask64 mask = ~std::uint64_t{0} >> (64 - n);  // 0 < n < 64
  return _mm512_dpbusd_epi32(sum, _mm512_maskz_loadu_epi8(mask, codes), block);
}

// Horizontal sums of four at once: two levels of interleaved sums leave one of each row in every quarter.
template <std::size_t Rows>
THIMBLE_ALWAYS_INLINE void fold(const sums (&partial)[Rows], std::int32_t (&dots)[Rows]) {
  const sums a = partial[0];
  const sums b = Rows > 1 ? partial[Rows > 1 ? 1 : 0] : a;
  const sums c = Rows > 2 ? partial[Rows > 2 ? 2 : 0] : a;
  const sums d = Rows > 3 ? partial[Rows > 3 ? 3 : 0] : a;
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  const __m512i quads = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m256i pairs = _mm256_add_epi32(_mm512_castsi512_si256(quads), _mm512_extracti64x4_epi64(quads, 1));
  const __m128i all = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
  alignas(16) std::int32_t four[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(four), all);
  for (std::size_t r = 0; r < Rows; ++r) dots[r] = four[r];
}

THIMBLE_ALWAYS_INLINE double exact_dot(std::int32_t dot, const code_factors& /*row*/, const integer_query& /*query*/) {
  return dot;
}

inline constexpr std::size_t lanes = 16;
using vec = __m512;

THIMBLE_ALWAYS_INLINE vec zero() { return _mm512_setzero_ps(); }
THIMBLE_ALWAYS_INLINE vec load(const float* p) { return _mm512_loadu_ps(p); }

THIMBLE_ALWAYS_INLINE vec load_first(const float* p, std::size_t n) {
  const auto mask = static_cast<__mmask16>(n < lanes ? (1u << n) - 1 : 0xffffu);
  return _mm512_maskz_loadu_ps(mask, p);
}

THIMBLE_ALWAYS_INLINE vec add(vec a, vec b) { return _mm512_add_ps(a, b); }
THIMBLE_ALWAYS_INLINE vec subtract(vec a, vec b) { return _mm512_sub_ps(a, b); }

// Intrinsics are plain operators to GCC, which fuses them, as AVX-512 has FMA. The empty instruction hides that the
// value is a product, and costs nothing.
THIMBLE_ALWAYS_INLINE vec multiply(vec a, vec b) {
  vec rounded = _mm512_mul_ps(a, b);
  __asm__("" : "+v"(rounded));
  return rounded;
}

THIMBLE_ALWAYS_INLINE float fold(vec v) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
