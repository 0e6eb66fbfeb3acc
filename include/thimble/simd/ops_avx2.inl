// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Primitives of AVX2: 32 codes, 8 floats.

inline constexpr std::size_t rows_at_once = 4;
inline constexpr std::size_t float_rows_at_once = 4;
inline constexpr bool prefetches = true;

inline constexpr std::size_t codes_at_once = 32;
using values = __m256i;
using sums = __m256i;

struct constants {};
THIMBLE_ALWAYS_INLINE constants load_constants() { return {}; }

// The first n of 8 words of 4 bytes; n may be more.
THIMBLE_ALWAYS_INLINE __m256i first_words(std::size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

THIMBLE_ALWAYS_INLINE sums zero_sums() { return _mm256_setzero_si256(); }

// The empty instruction keeps the block in a register: GCC reads it again for each row otherwise.
THIMBLE_ALWAYS_INLINE values load_values(const std::int8_t* p, constants /*fixed*/) {
  values block = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  __asm__("" : "+x"(block));
  return block;
}

// The query's own padding is zeros.
THIMBLE_ALWAYS_INLINE values load_first_values(const std::int8_t* p, std::size_t /*n*/, constants fixed) {
  return load_values(p, fixed);
}

// Pairs fit int16: 255 * 64 * 2 = 32,640 <= 32,767, so maddubs never saturates. In int32 nothing overflows up to dim
// 65,535 (kernel_set.hpp).
THIMBLE_ALWAYS_INLINE sums accumulate_codes(sums sum, __m256i codes, values block) {
  const __m256i pairs = _mm256_maddubs_epi16(codes, block);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

THIMBLE_ALWAYS_INLINE sums accumulate(sums sum, const unsigned char* codes, values block, constants /*fixed*/) {
  return accumulate_codes(sum, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes)), block);
}

// n is a multiple of 4, as factor_offset and every block are.
THIMBLE_ALWAYS_INLINE sums accumulate_first(sums sum, const unsigned char* codes, values block, std::size_t n,
                                            constants /*fixed*/) {
  return accumulate_codes(sum, _mm256_maskload_epi32(reinterpret_cast<const int*>(codes), first_words(n / 4)), block);
}

// Horizontal sums of four at once: two levels of pairwise sums leave one of each row in either half.
template <std::size_t Rows>
THIMBLE_ALWAYS_INLINE void fold(const sums (&partial)[Rows], std::int32_t (&dots)[Rows]) {
  const sums a = partial[0];
  const sums b = Rows > 1 ? partial[Rows > 1 ? 1 : 0] : a;
  const sums c = Rows > 2 ? partial[Rows > 2 ? 2 : 0] : a;
  const sums d = Rows > 3 ? partial[Rows > 3 ? 3 : 0] : a;
  const __m256i quads = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
  const __m128i all = _mm_add_epi32(_mm256_castsi256_si128(quads), _mm256_extracti128_si256(quads, 1));
  alignas(16) std::int32_t four[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(four), all);
  for (std::size_t r = 0; r < Rows; ++r) dots[r] = four[r];
}

THIMBLE_ALWAYS_INLINE double exact_dot(std::int32_t dot, const code_factors& /*row*/, const integer_query& /*query*/) {
  return dot;
}

inline constexpr std::size_t lanes = 8;
using vec = __m256;

THIMBLE_ALWAYS_INLINE vec zero() { return _mm256_setzero_ps(); }
THIMBLE_ALWAYS_INLINE vec load(const float* p) { return _mm256_loadu_ps(p); }
THIMBLE_ALWAYS_INLINE vec load_first(const float* p, std::size_t n) { return _mm256_maskload_ps(p, first_words(n)); }
THIMBLE_ALWAYS_INLINE vec add(vec a, vec b) { return _mm256_add_ps(a, b); }
THIMBLE_ALWAYS_INLINE vec subtract(vec a, vec b) { return _mm256_sub_ps(a, b); }

// Intrinsics are plain operators to GCC, which fuses them where the user's flags have FMA. The empty instruction hides
// that the value is a product, and costs nothing.
THIMBLE_ALWAYS_INLINE vec multiply(vec a, vec b) {
  vec rounded = _mm256_mul_ps(a, b);
  __asm__("" : "+x"(rounded));
  return rounded;
}

THIMBLE_ALWAYS_INLINE float fold(vec v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
