// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Primitives of AVX2 with F16C: 32 bytes of codes, 8 floats. Tails of codes are read in words of 4 bytes: what belongs
// to the row's next plane or its factors (4 bytes or more) meets zeros of the query.

inline constexpr std::size_t rows_at_once = 4;
inline constexpr std::size_t float_rows_at_once = 4;
inline constexpr bool prefetches = true;

inline constexpr std::size_t register_bytes = 32;
using sums = __m256i;

#include <thimble/simd/arrange_bytes.inl>

THIMBLE_ALWAYS_INLINE sums zero_sums() { return _mm256_setzero_si256(); }

template <unsigned By, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void shift_left(sums (&partial)[Rows]) {
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) partial[r] = _mm256_slli_epi32(partial[r], By);
}

// The first n of 8 words of 4 bytes; n may be more.
THIMBLE_ALWAYS_INLINE __m256i first_words(std::size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// The empty instruction keeps the block in a register: GCC reads it again for each row otherwise.
THIMBLE_ALWAYS_INLINE __m256i load_values(const std::int8_t* p) {
  __m256i block = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  __asm__("" : "+x"(block));
  return block;
}

THIMBLE_ALWAYS_INLINE __m256i load_codes(const unsigned char* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

// The first n bytes and those that fill their last word; 16 by a narrower load, for where a masked load spans two cache
// lines Zen 4 waits for both, whatever the mask leaves out (1 bit at dim 784: .9 of a search's time).
THIMBLE_ALWAYS_INLINE __m256i load_first_codes(const unsigned char* p, std::size_t n) {
  const __m256i words = first_words((n + 3) / 4);
  const auto* first = reinterpret_cast<const int*>(p);
  if (n <= 16) return _mm256_zextsi128_si256(_mm_maskload_epi32(first, _mm256_castsi256_si128(words)));
  return _mm256_maskload_epi32(first, words);
}

THIMBLE_ALWAYS_INLINE sums add_widened(sums sum, __m256i sums_of_16_bits) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(sums_of_16_bits, _mm256_set1_epi16(1)));
}

// 8 bits: values v in 0..127 are maddubs' unsigned operand. |v c + v' c'| <= 2 * 127 * 128 = 32,512 fits int16, but
// nothing can be added to it there.
THIMBLE_ALWAYS_INLINE sums accumulate(sums sum, __m256i values, __m256i codes) {
  return add_widened(sum, _mm256_maddubs_epi16(values, codes));
}

// Fewer bits: how many stretches of 32 bytes int16 holds. A pair of products is 2 u 127 at most, and 2^Width as much in
// the sum of upper fields:
//   4 bits: u <= 15, one sum for both fields:   4 stretches * 2 fields * 3,810 = 30,480
//   2 bits: u <= 3, 4 times in the upper sum:   5 stretches * 2 fields * 3,048 = 30,480
//   1 bit:  u <= 1, twice in the upper sum:    16 stretches * 4 fields *   508 = 32,512
// The upper sum, a multiple of 2^Width, is shifted down and added to the lower one: with 1 bit 16,256 + 16,256.
template <unsigned Width>
inline constexpr std::size_t stretches_at_once = 16;
template <>
inline constexpr std::size_t stretches_at_once<4> = 4;
template <>
inline constexpr std::size_t stretches_at_once<2> = 5;

// 32 bytes of a plane. Two neighbouring fields share a shift where int16 has room: the upper one stays where it is, and
// counts 2^Width times in a sum of its own.
template <unsigned Width, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_stretch(const __m256i (&codes)[Rows], const std::int8_t* values, __m256i (&lower)[Rows],
                                       __m256i (&upper)[Rows]) {
  constexpr unsigned fields = 8 / Width;
  constexpr unsigned fields_a_shift = Width == 4 ? 1 : 2;
  const __m256i lower_mask = _mm256_set1_epi8((1 << Width) - 1);
  const __m256i upper_mask = _mm256_slli_epi16(lower_mask, Width);
#pragma GCC unroll 4
  for (unsigned field = 0; field < fields; field += fields_a_shift) {
    const __m256i block = load_values(values + field * register_bytes);
    const __m256i next = fields_a_shift == 2 ? load_values(values + (field + 1) * register_bytes) : block;
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r) {
      const __m256i shifted = _mm256_srli_epi16(codes[r], static_cast<int>(field * Width));
      lower[r] = _mm256_add_epi16(lower[r], _mm256_maddubs_epi16(_mm256_and_si256(shifted, lower_mask), block));
      if constexpr (fields_a_shift == 2)
        upper[r] = _mm256_add_epi16(upper[r], _mm256_maddubs_epi16(_mm256_and_si256(shifted, upper_mask), next));
    }
  }
}

template <unsigned Width, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_plane(const unsigned char* const (&codes)[Rows], const std::int8_t* values,
                                     std::size_t bytes, sums (&partial)[Rows]) {
  std::size_t i = 0;
  if constexpr (Width == 8) {
    for (; i + 32 <= bytes; i += 32) {
      const __m256i block = load_values(values + i);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) partial[r] = accumulate(partial[r], block, load_codes(codes[r] + i));
    }
    if (i < bytes) {
      const __m256i block = load_values(values + i);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r)
        partial[r] = accumulate(partial[r], block, load_first_codes(codes[r] + i, bytes - i));
    }
  } else {
    constexpr std::size_t fields = 8 / Width;
    while (i < bytes) {
      constexpr std::size_t most = stretches_at_once<Width> * 32;
      const std::size_t end = bytes - i < most ? bytes : i + most;
      __m256i lower[Rows];
      __m256i upper[Rows];
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) lower[r] = upper[r] = _mm256_setzero_si256();
      for (; i < end; i += 32) {
        __m256i block[Rows];
#pragma GCC unroll 4
        for (std::size_t r = 0; r < Rows; ++r)
          block[r] = i + 32 <= bytes ? load_codes(codes[r] + i) : load_first_codes(codes[r] + i, bytes - i);
        add_stretch<Width>(block, values + i * fields, lower, upper);
      }
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) {
        if constexpr (Width != 4) lower[r] = _mm256_add_epi16(lower[r], _mm256_srai_epi16(upper[r], Width));
        partial[r] = add_widened(partial[r], lower[r]);
      }
    }
  }
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

inline constexpr std::size_t lanes = 8;
using vec = __m256;

THIMBLE_ALWAYS_INLINE vec zero() { return _mm256_setzero_ps(); }
THIMBLE_ALWAYS_INLINE vec broadcast(float value) { return _mm256_set1_ps(value); }
THIMBLE_ALWAYS_INLINE vec load(const float* p) { return _mm256_loadu_ps(p); }
THIMBLE_ALWAYS_INLINE vec load_first(const float* p, std::size_t n) { return _mm256_maskload_ps(p, first_words(n)); }
THIMBLE_ALWAYS_INLINE void store(float* p, vec v) { _mm256_storeu_ps(p, v); }

THIMBLE_ALWAYS_INLINE vec load(const half* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

THIMBLE_ALWAYS_INLINE vec load_any(const half* p) { return load(p); }
THIMBLE_ALWAYS_INLINE vec load_any(const std::uint8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}

// The first n of 4 halfs.
THIMBLE_ALWAYS_INLINE std::uint64_t first_halfs(const half* p, std::size_t n) {
  std::uint64_t halfs = 0;
  if (n >= 4) {
    __builtin_memcpy(&halfs, p, 8);
  } else {
    for (std::size_t j = 0; j < n; ++j) halfs |= std::uint64_t{p[j].bits} << 16 * j;
  }
  return halfs;
}

THIMBLE_ALWAYS_INLINE vec load_first(const half* p, std::size_t n) {
  const std::uint64_t lower = first_halfs(p, n);
  const std::uint64_t upper = n > 4 ? first_halfs(p + 4, n - 4) : 0;
  return _mm256_cvtph_ps(_mm_set_epi64x(static_cast<long long>(upper), static_cast<long long>(lower)));
}

THIMBLE_ALWAYS_INLINE vec add(vec a, vec b) { return _mm256_add_ps(a, b); }
THIMBLE_ALWAYS_INLINE vec subtract(vec a, vec b) { return _mm256_sub_ps(a, b); }
THIMBLE_ALWAYS_INLINE vec larger(vec a, vec b) { return _mm256_max_ps(a, b); }
THIMBLE_ALWAYS_INLINE vec flip(vec v, const std::uint32_t* signs) {
  return _mm256_xor_ps(v, _mm256_castsi256_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(signs))));
}
THIMBLE_ALWAYS_INLINE vec nearest(vec v) { return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
THIMBLE_ALWAYS_INLINE void store_bytes(std::int8_t* p, vec whole) {
  const __m256i words = _mm256_cvtps_epi32(whole);
  const __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(halves, halves));
}

// Intrinsics are plain operators to GCC, which fuses them where the user's flags have FMA. The empty instruction hides
// that the value is a product, and costs nothing.
THIMBLE_ALWAYS_INLINE vec multiply(vec a, vec b) {
  vec rounded = _mm256_mul_ps(a, b);
  __asm__("" : "+x"(rounded));
  return rounded;
}

THIMBLE_ALWAYS_INLINE float rounded(float product) {
  __asm__("" : "+x"(product));
  return product;
}

// Lanes h apart change places; then each lower one is the sum, each upper one the other minus itself.
template <std::size_t H>
THIMBLE_ALWAYS_INLINE vec mix(vec v) {
  vec other;
  if constexpr (H == 1) {
    other = _mm256_permute_ps(v, 0xb1);
  } else if constexpr (H == 2) {
    other = _mm256_permute_ps(v, 0x4e);
  } else {
    other = _mm256_permute2f128_ps(v, v, 1);
  }
  constexpr int upper = H == 1 ? 0xaa : H == 2 ? 0xcc : 0xf0;
  return _mm256_blend_ps(_mm256_add_ps(v, other), _mm256_sub_ps(other, v), upper);
}

THIMBLE_ALWAYS_INLINE float fold(vec v) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
