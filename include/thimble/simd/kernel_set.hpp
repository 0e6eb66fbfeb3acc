// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What every instruction set implements: a table of functions, chosen once per index (simd/dispatch.hpp). One call
// serves a whole neighbour list: ids in, estimates out. All of them give the same bits:
//   * integer dot products are exact in int32;
//   * their correction is a fixed sequence of float operations, each rounded (never fused);
//   * float sums run over 32 lanes, value i in lane i mod 32, products rounded before they are added, and the lanes are
//     folded in halves (lane j += lane j + 16, then + 8, 4, 2, 1).

#pragma once

#include <cstddef>
#include <cstdint>
#include <thimble/core/config.hpp>
#include <thimble/core/half.hpp>
#include <thimble/core/types.hpp>
#include <thimble/simd/code_layout.hpp>
#include <thimble/simd/isa.hpp>

namespace thimble::inline THIMBLE_FLAGS::simd {

// Bytes past the last row of codes that a kernel may read (never use): every array of codes is allocated with them. In
// WASM the last block of a row may be read whole; natively nothing is, for other threads may be writing the row behind.
inline constexpr std::size_t code_slack = 64;

// Row i starts at data + i * stride: the codes of dim values (code_layout.hpp), then its factors at a multiple of 4
// bytes. Rows that grow stand in chunks of 2^chunk_bits instead (core/chunk_list.hpp), each with its own slack.
struct code_rows {
  const std::byte* data;
  std::size_t stride;
  const std::byte* const* chunks = nullptr;
  unsigned chunk_bits = 0;
  // Whether the caller asked for what is estimated by prefetch_rows(): else the kernels do.
  bool requested = false;
};

[[nodiscard]] THIMBLE_ALWAYS_INLINE const std::byte* row_of(const code_rows& rows, node x) {
  if (rows.chunks == nullptr) [[likely]]
    return rows.data + x * rows.stride;
  return rows.chunks[x >> rows.chunk_bits] + (x & ((node{1} << rows.chunk_bits) - 1)) * rows.stride;
}

// The same rows where prefetch_rows() is called before each estimate.
[[nodiscard]] constexpr code_rows requested(code_rows rows) {
  rows.requested = THIMBLE_PREFETCHES != 0;
  return rows;
}

// Asks for all lines of n rows, into the second cache: a processor can have few lines on their way to the first one
// (Zen 4 about 16, and drops what is asked for beyond), and many more to the second.
THIMBLE_ALWAYS_INLINE void prefetch_rows(const code_rows& rows, const node* nodes, std::size_t n,
                                         std::size_t row_bytes) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::byte* row = row_of(rows, nodes[i]);
    for (std::size_t at = 0; at < row_bytes; at += cache_line) THIMBLE_PREFETCH_SECOND(row + at);
    // A row may begin anywhere in a line, and its factors are at its end.
    THIMBLE_PREFETCH_SECOND(row + row_bytes - 1);
  }
}

// The factors of a row, from byte factor_offset on, in this order:
//   float add            the part of the distance that does not depend on the query
//   int32 sum            8 bits only: of the codes c
//   float scale          where the query says so (scaled_rows), and behind it
//   row_details details  what only lower bounds need, and the row's centroid
struct row_details {
  std::uint16_t norm;     // of the residual: the upper half of a float, rounded up
  std::uint8_t tangent;   // of the angle between residual and code: 3 bits of exponent, 5 of mantissa, rounded up
  std::uint8_t centroid;  // which term of the query's `bases` the row takes
};

[[nodiscard]] constexpr std::size_t scale_offset(unsigned bits) { return bits == 8 ? 8 : 4; }
[[nodiscard]] constexpr std::size_t factor_bytes(unsigned bits, bool scaled_rows) {
  return scale_offset(bits) + (scaled_rows ? sizeof(float) + sizeof(row_details) : 0);
}

// A query prepared for integer codes u of B bits and values s:
//
//   t        = 2 <u, s> - (2^B - 1) sum(s)           twice the dot product of both centred
//   distance = (row.add + bases[row.details.centroid]) + (scale * t) * row.scale
//
// (bases[0] and no row.scale where !scaled_rows), every operation rounded to float. |s| <= 127 beside up to 7 bits,
// -64..63 beside 8: then |<u, s>| <= 255 * 64 * 65,535 < 2^31 / 2, and |t| is no larger than that either.
//
// With 8 bits the query is kept as v = s + 64 in 0..127 and the code as c = u - 128: <c, v> is exact on every
// instruction set without saturation (|c v + c' v'| <= 2 * 128 * 127 < 2^15), and
//   t = 2 <c, v> - 128 sum(c) + sum(s).
// 6 bits of a query are coarse beside such codes: what they leave may follow as a second query of the same kind, and
// scale * t becomes scale * t + remainder_scale * t'. That costs as much again, though no more memory is read.
struct integer_query {
  const std::byte* values;  // as arrange() of the same kernel set left them, 64-byte aligned
  const float* bases;       // the part of the distance that depends on the query alone
  std::size_t dim;
  std::size_t factor_offset;  // of the factors in a row
  std::int32_t sum;           // of s
  float scale;
  bool scaled_rows;
  // 8 bits only; null: there is none.
  const std::byte* remainder_values = nullptr;
  std::int32_t remainder_sum = 0;
  float remainder_scale = 0;
};

// Bytes that arrange() may write for codes of so many bits: fixed-width WASM SIMD keeps int16.
[[nodiscard]] constexpr std::size_t arranged_bytes(unsigned bits, std::size_t dim) {
  const unsigned planes = static_cast<unsigned>(__builtin_popcount(bits));
  return planes * ((dim + 511) / 512 * 512 * (THIMBLE_WASM_SIMD ? 2 : 1));
}

inline constexpr unsigned max_bits = 8;

// A query's values are written in blocks of so many floats, zeros behind the last one.
inline constexpr std::size_t query_block = 16;

struct kernel_set {
  isa set;

  // Lays a query's values s (dim of them) out as the kernels of these codes read them, once per query, and answers
  // their sum. to: 64-byte aligned, arranged_bytes(bits, dim), all of which are written or zero already.
  std::int32_t (*arrange)(unsigned bits, const std::int8_t* values, std::size_t dim, std::byte* to);

  // A code of 8 bits as such values: each c / 2 rounded up, at most 63.
  void (*halve)(const std::int8_t* codes, std::size_t dim, std::int8_t* values);

  // [bits]: out[i] = distance of row nodes[i] from the query. Prefetches the rows it is about to read. [0] is null.
  void (*estimate[max_bits + 1])(const integer_query& query, code_rows rows, const node* nodes, std::size_t n,
                                 float* out);

  // out[i] = |q - x|^2, or <q, x>, for rows of floats (stride in bytes, 4-byte aligned) or halfs (2-byte aligned).
  // Prefetches like the above.
  void (*l2_rows)(const float* query, std::size_t dim, code_rows rows, const node* nodes, std::size_t n, float* out);
  void (*dot_rows)(const float* query, std::size_t dim, code_rows rows, const node* nodes, std::size_t n, float* out);
  void (*l2_half_rows)(const float* query, std::size_t dim, code_rows rows, const node* nodes, std::size_t n,
                       float* out);
  void (*dot_half_rows)(const float* query, std::size_t dim, code_rows rows, const node* nodes, std::size_t n,
                        float* out);

  // One pair. No padding, no alignment beyond 4 bytes, nothing read past dim.
  float (*l2)(const float* a, const float* b, std::size_t dim);
  float (*dot)(const float* a, const float* b, std::size_t dim);

  // n values as floats. from: aligned as its type is.
  void (*widen_halfs)(const half* from, std::size_t n, float* to);
  void (*widen_bytes)(const std::uint8_t* from, std::size_t n, float* to);

  // out = a - b, and values *= factors: then zeros from n on to a multiple of query_block.
  void (*subtract)(const float* a, const float* b, std::size_t n, float* out);
  void (*multiply)(float* values, const float* factors, std::size_t n);

  // A query becomes small integers: to = values / step to nearest, in -range..range (at most 127), and values -= step *
  // to. Answers the step: the largest magnitude over range, so that inner products are neither stretched nor shrunk; 0
  // where that is next to nothing. n: a multiple of query_block.
  float (*round)(float* values, std::size_t n, float range, std::int8_t* to);

  // The sign of each value changes where signs has its bit (others are 0). n: a multiple of query_block.
  void (*flip)(float* values, const std::uint32_t* signs, std::size_t n);
  // (a, b) -> (a + b, a - b) * scale for values n / 2 apart; n a multiple of 32.
  void (*mix_halves)(float* values, std::size_t n, float scale);

  // The Walsh-Hadamard transform of n values in place (n a power of two, at least 64), times scale. The steps go from
  // neighbours (h = 1) to halves (h = n / 2): (a, b) -> (a + b, a - b) for values h apart; the factor comes last.
  void (*hadamard)(float* values, std::size_t n, float scale);
};

}  // namespace thimble::inline THIMBLE_FLAGS::simd
