// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels, written once. A stamp (avx2.hpp, ...) includes this file inside the namespace and the target region of
// one instruction set, behind the primitives of that set (ops_*.inl):
//
// - for codes: codes_at_once, values, sums, constants, load_constants, zero_sums, load_values, load_first_values,
//   accumulate, accumulate_first, fold, exact_dot;
//
// - for floats: lanes, vec, zero, load, load_first, subtract, multiply (rounded: never fused with the sum), add, fold;
//
// - for loops: rows_at_once and float_rows_at_once (1 to 4), prefetches.
//
// Nothing here calls std:: or any function outside the namespace: an inline function instantiated inside a wide region
// could be the copy that the linker keeps for the whole program.

// While a group of rows is read, the first lines of the next group's rows come in; the processor's own prefetchers
// follow each row from there. Time on random rows of 256 MB (Zen 4): without any 1.1 to 1.2 of this, with every line of
// the next rows 1.05 (384 bytes), 1.2 (768) and 1.6 (3 KB), because they queue before the reads that are waited for.
// Two, three and four lines are all the same.
inline constexpr std::size_t cache_line = 64;
inline constexpr std::size_t prefetched_lines = 4;

// The first Rows of n rows.
template <std::size_t Rows>
THIMBLE_ALWAYS_INLINE void prefetch(const code_rows& rows, const node* nodes, std::size_t n, std::size_t row_bytes) {
  if constexpr (prefetches) {
    for (std::size_t i = 0; i < Rows && i < n; ++i) {
      const std::byte* row = rows.data + nodes[i] * rows.stride;
      for (std::size_t line = 0; line < prefetched_lines && line * cache_line < row_bytes; ++line)
        THIMBLE_PREFETCH(row + line * cache_line);
    }
  }
}

// -------------------------------------------------------------------------------------------------- integer codes

// Distances of Rows rows at once: each block of the query is loaded (and widened) for all of them, and as many cache
// misses overlap. Without prefetch four took .85 of the time of one on random rows, .7 (AVX-512) in cache.
//
// Natively nothing behind a row is read: the tail is masked, for the next row may be written at that moment by another
// thread. In WASM the last block may end 4 bytes behind the row.
template <std::size_t Rows>
THIMBLE_ALWAYS_INLINE void estimate8_group(const integer_query& query, const code_rows& rows, const node* nodes,
                                           float* out) {
  const unsigned char* codes[Rows];
  sums partial[Rows];
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) {
    codes[r] = reinterpret_cast<const unsigned char*>(rows.data) + nodes[r] * rows.stride;
    partial[r] = zero_sums();
  }
  const constants fixed = load_constants();
  const std::int8_t* of_query = query.values;
  const std::size_t n = query.factor_offset;
  std::size_t i = 0;
  for (; i + codes_at_once <= n; i += codes_at_once) {
    const values block = load_values(of_query + i, fixed);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r) partial[r] = accumulate(partial[r], codes[r] + i, block, fixed);
  }
  if (i < n) {
    const values block = load_first_values(of_query + i, n - i, fixed);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < Rows; ++r) partial[r] = accumulate_first(partial[r], codes[r] + i, block, n - i, fixed);
  }
  std::int32_t dots[Rows];
  fold(partial, dots);
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) {
    code_factors factors;
    __builtin_memcpy(&factors, codes[r] + n, sizeof factors);
    // scale has at most 16 significant bits and the dot product at most 31, so their product is exact in double's 53:
    // base + product is one rounding, whether a compiler fuses it or not. The outer sum holds no product.
    const double dot = exact_dot(dots[r], factors, query);
    out[r] = static_cast<float>(static_cast<double>(factors.add) + (query.base + query.scale * dot));
  }
}

inline void estimate8(const integer_query& query, code_rows rows, const node* nodes, std::size_t n, float* out) {
  const std::size_t row_bytes = query.factor_offset + sizeof(code_factors);
  prefetch<rows_at_once>(rows, nodes, n, row_bytes);
  std::size_t i = 0;
  for (; i + rows_at_once <= n; i += rows_at_once) {
    prefetch<rows_at_once>(rows, nodes + i + rows_at_once, n - i - rows_at_once, row_bytes);
    estimate8_group<rows_at_once>(query, rows, nodes + i, out + i);
  }
  switch (n - i) {
    case 3:
      return estimate8_group<3>(query, rows, nodes + i, out + i);
    case 2:
      return estimate8_group<2>(query, rows, nodes + i, out + i);
    case 1:
      return estimate8_group<1>(query, rows, nodes + i, out + i);
    default:
      return;
  }
}

// ----------------------------------------------------------------------------------------------------- float rows

struct squared_difference {
  static THIMBLE_ALWAYS_INLINE vec of(vec a, vec b) {
    const vec difference = subtract(a, b);
    return multiply(difference, difference);
  }
};

struct product {
  static THIMBLE_ALWAYS_INLINE vec of(vec a, vec b) { return multiply(a, b); }
};

// The canonical order: 32 lanes, value i in lane i mod 32, folded in halves. In the tail absent values are zeros: they
// add +0 to lanes that are never -0, which changes no bit.
template <class Term, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void float_group(const float* query, std::size_t dim, const float* const (&row)[Rows],
                                       float* out) {
  constexpr std::size_t registers = 32 / lanes;
  vec sum[Rows][registers];
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < registers; ++k) sum[r][k] = zero();
  }
  std::size_t i = 0;
  for (; i + 32 <= dim; i += 32) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < registers; ++k) {
      const vec q = load(query + i + k * lanes);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) sum[r][k] = add(sum[r][k], Term::of(q, load(row[r] + i + k * lanes)));
    }
  }
#pragma GCC unroll 8
  for (std::size_t k = 0; k < registers; ++k) {
    const std::size_t at = i + k * lanes;
    if (at < dim) {
      const vec q = load_first(query + at, dim - at);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < Rows; ++r) sum[r][k] = add(sum[r][k], Term::of(q, load_first(row[r] + at, dim - at)));
    }
  }
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (std::size_t half = registers / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
      for (std::size_t k = 0; k < half; ++k) sum[r][k] = add(sum[r][k], sum[r][k + half]);
    }
    out[r] = fold(sum[r][0]);
  }
}

template <class Term, std::size_t Rows>
THIMBLE_ALWAYS_INLINE void float_group(const float* query, std::size_t dim, const code_rows& rows, const node* nodes,
                                       float* out) {
  const float* row[Rows];
#pragma GCC unroll 4
  for (std::size_t r = 0; r < Rows; ++r) row[r] = reinterpret_cast<const float*>(rows.data + nodes[r] * rows.stride);
  float_group<Term>(query, dim, row, out);
}

template <class Term>
THIMBLE_ALWAYS_INLINE void float_rows(const float* query, std::size_t dim, const code_rows& rows, const node* nodes,
                                      std::size_t n, float* out) {
  const std::size_t row_bytes = dim * sizeof(float);
  prefetch<float_rows_at_once>(rows, nodes, n, row_bytes);
  std::size_t i = 0;
  for (; i + float_rows_at_once <= n; i += float_rows_at_once) {
    prefetch<float_rows_at_once>(rows, nodes + i + float_rows_at_once, n - i - float_rows_at_once, row_bytes);
    float_group<Term, float_rows_at_once>(query, dim, rows, nodes + i, out + i);
  }
  switch (n - i) {
    case 3:
      return float_group<Term, 3>(query, dim, rows, nodes + i, out + i);
    case 2:
      return float_group<Term, 2>(query, dim, rows, nodes + i, out + i);
    case 1:
      return float_group<Term, 1>(query, dim, rows, nodes + i, out + i);
    default:
      return;
  }
}

inline void l2_rows(const float* query, std::size_t dim, code_rows rows, const node* nodes, std::size_t n, float* out) {
  float_rows<squared_difference>(query, dim, rows, nodes, n, out);
}

inline void dot_rows(const float* query, std::size_t dim, code_rows rows, const node* nodes, std::size_t n,
                     float* out) {
  float_rows<product>(query, dim, rows, nodes, n, out);
}

inline float l2(const float* a, const float* b, std::size_t dim) {
  const float* const row[1] = {b};
  float out = 0;
  float_group<squared_difference>(a, dim, row, &out);
  return out;
}

inline float dot(const float* a, const float* b, std::size_t dim) {
  const float* const row[1] = {b};
  float out = 0;
  float_group<product>(a, dim, row, &out);
  return out;
}

inline constexpr kernel_set kernels = {
    .set = this_set,
    .estimate8 = estimate8,
    .l2_rows = l2_rows,
    .dot_rows = dot_rows,
    .l2 = l2,
    .dot = dot,
};
