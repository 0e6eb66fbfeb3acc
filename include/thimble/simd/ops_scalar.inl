// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Primitives in plain C++: the oracle of the other sets, and what runs where there is no other.

inline constexpr std::size_t rows_at_once = 1;
inline constexpr std::size_t float_rows_at_once = 1;
inline constexpr bool prefetches = true;

inline constexpr std::size_t codes_at_once = 1;
using values = std::int32_t;
using sums = std::int32_t;

struct constants {};
THIMBLE_ALWAYS_INLINE constants load_constants() { return {}; }

THIMBLE_ALWAYS_INLINE sums zero_sums() { return 0; }
THIMBLE_ALWAYS_INLINE values load_values(const std::int8_t* p, constants /*fixed*/) { return *p; }
THIMBLE_ALWAYS_INLINE values load_first_values(const std::int8_t* p, std::size_t /*n*/, constants /*fixed*/) {
  return *p;
}

// |sum| <= 255 * 64 * 65,535 < 2^30.
THIMBLE_ALWAYS_INLINE sums accumulate(sums sum, const unsigned char* codes, values block, constants /*fixed*/) {
  return sum + *codes * block;
}
THIMBLE_ALWAYS_INLINE sums accumulate_first(sums sum, const unsigned char* codes, values block, std::size_t /*n*/,
                                            constants fixed) {
  return accumulate(sum, codes, block, fixed);
}

template <std::size_t Rows>
THIMBLE_ALWAYS_INLINE void fold(const sums (&partial)[Rows], std::int32_t (&dots)[Rows]) {
  for (std::size_t r = 0; r < Rows; ++r) dots[r] = partial[r];
}

THIMBLE_ALWAYS_INLINE double exact_dot(std::int32_t dot, const code_factors& /*row*/, const integer_query& /*query*/) {
  return dot;
}

inline constexpr std::size_t lanes = 1;
using vec = float;

THIMBLE_ALWAYS_INLINE vec zero() { return 0; }
THIMBLE_ALWAYS_INLINE vec load(const float* p) { return *p; }
THIMBLE_ALWAYS_INLINE vec load_first(const float* p, std::size_t /*n*/) { return *p; }
THIMBLE_ALWAYS_INLINE vec add(vec a, vec b) { return a + b; }
THIMBLE_ALWAYS_INLINE vec subtract(vec a, vec b) { return a - b; }

// The empty instruction hides from the compiler that the value is a product, so it cannot fuse it into the sum.
THIMBLE_ALWAYS_INLINE vec multiply(vec a, vec b) {
  vec rounded = a * b;
#if THIMBLE_X86
  __asm__("" : "+x"(rounded));
#elif !THIMBLE_EMSCRIPTEN
  __asm__("" : "+m"(rounded));
#endif
  return rounded;
}

THIMBLE_ALWAYS_INLINE float fold(vec v) { return v; }
