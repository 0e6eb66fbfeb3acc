// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Primitives of AVX-512 (F, BW, DQ, VL, VNNI): 64 bytes of codes, 16 floats, masked loads for every tail.

inline constexpr std::size_t rows_at_once = 4;
inline constexpr std::size_t float_rows_at_once = 4;
inline constexpr bool prefetches = true;

inline constexpr std::size_t register_bytes = 64;
using sums = __m512i;

#include <thimble/simd/arrange_bytes.inl>

THIMBLE_ALWAYS_INLINE sums zero_sums() { return _mm512_setzero_si512(); }

template <unsigned By, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void shift_left(sums (&partial)[Rows]) {
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) partial[r] = _mm512_slli_epi32(partial[r], By);
}

// The empty instruction keeps the block in a register: GCC reads it again for each row otherwise (1.3 times the time).
THIMBLE_ALWAYS_INLINE __m512i load_values(const std::int8_t* p) {
  __m512i block = _mm512_loadu_si512(p);
  __asm__("" : "+v"(block));
  return block;
}

// The first n of 64 bytes, zeros behind them, by loads no wider than it takes: where a masked one spans two cache lines
// Zen 4 waits for both, whatever the mask leaves out (2 bits at dim 384: .8 of a search's time).
THIMBLE_ALWAYS_INLINE __m512i load_first_bytes(const unsigned char* p, std::size_t n) {
  if (n <= 16) return _mm512_zextsi128_si512(_mm_maskz_loadu_epi8(static_cast<__mmask16>(0xffffu >> (16 - n)), p));
  if (n <= 32) return _mm512_zextsi256_si512(_mm256_maskz_loadu_epi8(~std::uint32_t{0} >> (32 - n), p));
  return _mm512_maskz_loadu_epi8(~std::uint64_t{0} >> (64 - n), p);
}

// 32 values of one field and 32 of another.
THIMBLE_ALWAYS_INLINE __m512i load_halves(const std::int8_t* lower, const std::int8_t* upper) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lower));
  __m512i block =
      _mm512_inserti64x4(_mm512_castsi256_si512(low), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(upper)), 1);
  __asm__("" : "+v"(block));
  return block;
}

// Products of an unsigned and a signed byte, four of them and the sum in int32: exact, without saturation.
THIMBLE_ALWAYS_INLINE sums accumulate(sums sum, __m512i unsigned_bytes, __m512i signed_bytes) {
  return _mm512_dpbusd_epi32(sum, unsigned_bytes, signed_bytes);
}

template <std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_bytes(const unsigned char* const (&codes)[Rows], const std::int8_t* values,
                                     std::size_t bytes, sums (&partial)[Rows]) {
  std::size_t i = 0;
  for (; i + 64 <= bytes; i += 64) {
    const __m512i block = load_values(values + i);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r) partial[r] = accumulate(partial[r], block, _mm512_loadu_si512(codes[r] + i));
  }
  if (i < bytes) {
    const __mmask64 rest = ~std::uint64_t{0} >> (64 - (bytes - i));
    const __m512i block = _mm512_maskz_loadu_epi8(rest, values + i);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r)
      partial[r] = accumulate(partial[r], block, load_first_bytes(codes[r] + i, bytes - i));
  }
}

// Fields are masked where they lie, at most 4 of them: field f counts 2^(f Width) times in a sum of its own, a multiple
// of that, which is shifted down once. With 1 bit the upper 4 are shifted first. In such a sum are at most 4 * 240 *
// 127 for each stretch, and 4 bits have 512 stretches with dim 65,535: 6.2e7.
template <unsigned Width, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_fields(const unsigned char* const (&codes)[Rows], const std::int8_t* values,
                                      std::size_t bytes, sums (&partial)[Rows]) {
  constexpr unsigned fields = 8 / Width;
  constexpr unsigned weights = fields < 4 ? fields : 4;
  const __m512i mask = _mm512_set1_epi8((1 << Width) - 1);
  sums of_weight[weights][Rows];
#pragma GCC unroll 4
  for (unsigned weight = 0; weight < weights; ++weight) {
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r) of_weight[weight][r] = zero_sums();
  }
  std::size_t i = 0;
  for (; Width == 1 ? i + 32 < bytes : i < bytes; i += 64) {
    __m512i block[Rows];
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r)
      block[r] = i + 64 <= bytes ? _mm512_loadu_si512(codes[r] + i) : load_first_bytes(codes[r] + i, bytes - i);
#pragma GCC unroll 8
    for (unsigned field = 0; field < fields; ++field) {
      const __m512i of_field = load_values(values + fields * i + field * 64);
      const unsigned weight = field % weights;
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) {
        if (field == 4) block[r] = _mm512_srli_epi16(block[r], 4);
        const __m512i masked = _mm512_and_si512(block[r], _mm512_slli_epi16(mask, weight * Width));
        of_weight[weight][r] = accumulate(of_weight[weight][r], masked, of_field);
      }
    }
  }
  // 32 bytes or fewer at the end (dim 768 has 32) twice in a register, for two fields at once: .88 to .94 of the time.
  if (Width == 1 && i < bytes) {
    const __m512i upper = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(4), 1);
    __m512i block[Rows];
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r) {
      const __m256i rest = _mm256_maskz_loadu_epi8(~std::uint32_t{0} >> (32 - (bytes - i)), codes[r] + i);
      block[r] = _mm512_srlv_epi16(_mm512_broadcast_i64x4(rest), upper);
    }
#pragma GCC unroll 4
    for (unsigned weight = 0; weight < weights; ++weight) {
      const std::int8_t* of_block = values + fields * i + weight * 64;
      const __m512i of_fields = load_halves(of_block, of_block + 4 * 64);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) {
        const __m512i masked = _mm512_and_si512(block[r], _mm512_slli_epi16(mask, weight));
        of_weight[weight][r] = accumulate(of_weight[weight][r], masked, of_fields);
      }
    }
  }
#pragma GCC unroll 4
  for (unsigned weight = 0; weight < weights; ++weight) {
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r)
      partial[r] = _mm512_add_epi32(partial[r], _mm512_srai_epi32(of_weight[weight][r], weight * Width));
  }
}

template <unsigned Width, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void add_plane(const unsigned char* const (&codes)[Rows], const std::int8_t* values,
                                     std::size_t bytes, sums (&partial)[Rows]) {
  if constexpr (Width == 8) {
    add_bytes(codes, values, bytes, partial);
  } else {
    add_fields<Width>(codes, values, bytes, partial);
  }
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

inline constexpr std::size_t lanes = 16;
using vec = __m512;

THIMBLE_ALWAYS_INLINE vec zero() { return _mm512_setzero_ps(); }
THIMBLE_ALWAYS_INLINE vec broadcast(float value) { return _mm512_set1_ps(value); }
THIMBLE_ALWAYS_INLINE vec load(const float* p) { return _mm512_loadu_ps(p); }
THIMBLE_ALWAYS_INLINE void store(float* p, vec v) { _mm512_storeu_ps(p, v); }

THIMBLE_ALWAYS_INLINE vec load_first(const float* p, std::size_t n) {
  const auto mask = static_cast<__mmask16>(n < lanes ? (1u << n) - 1 : 0xffffu);
  return _mm512_maskz_loadu_ps(mask, p);
}

THIMBLE_ALWAYS_INLINE vec load(const half* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

THIMBLE_ALWAYS_INLINE vec load_any(const half* p) { return load(p); }
THIMBLE_ALWAYS_INLINE vec load_any(const std::uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}

THIMBLE_ALWAYS_INLINE vec load_first(const half* p, std::size_t n) {
  const auto mask = static_cast<__mmask16>(n < lanes ? (1u << n) - 1 : 0xffffu);
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, p));
}

THIMBLE_ALWAYS_INLINE vec add(vec a, vec b) { return _mm512_add_ps(a, b); }
THIMBLE_ALWAYS_INLINE vec subtract(vec a, vec b) { return _mm512_sub_ps(a, b); }
THIMBLE_ALWAYS_INLINE vec larger(vec a, vec b) { return _mm512_max_ps(a, b); }
THIMBLE_ALWAYS_INLINE vec flip(vec v, const std::uint32_t* signs) {
  return _mm512_xor_ps(v, _mm512_castsi512_ps(_mm512_loadu_si512(signs)));
}
THIMBLE_ALWAYS_INLINE vec nearest(vec v) {
  return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
THIMBLE_ALWAYS_INLINE void store_bytes(std::int8_t* p, vec whole) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(whole)));
}

// Intrinsics are plain operators to GCC, which fuses them, as AVX-512 has FMA. The empty instruction hides that the
// value is a product, and costs nothing.
THIMBLE_ALWAYS_INLINE vec multiply(vec a, vec b) {
  vec rounded = _mm512_mul_ps(a, b);
  __asm__("" : "+v"(rounded));
  return rounded;
}

THIMBLE_ALWAYS_INLINE float rounded(float product) {
  __asm__("" : "+v"(product));
  return product;
}

// Lanes h apart change places; then each lower one is the sum, each upper one the other minus itself.
template <std::size_t H>
THIMBLE_ALWAYS_INLINE vec mix(vec v) {
  vec other;
  __mmask16 upper;
  if constexpr (H == 1) {
    other = _mm512_permute_ps(v, 0xb1);
    upper = 0xaaaa;
  } else if constexpr (H == 2) {
    other = _mm512_permute_ps(v, 0x4e);
    upper = 0xcccc;
  } else if constexpr (H == 4) {
    other = _mm512_shuffle_f32x4(v, v, 0xb1);
    upper = 0xf0f0;
  } else {
    other = _mm512_shuffle_f32x4(v, v, 0x4e);
    upper = 0xff00;
  }
  return _mm512_mask_sub_ps(_mm512_add_ps(v, other), upper, other, v);
}

THIMBLE_ALWAYS_INLINE float fold(vec v) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
