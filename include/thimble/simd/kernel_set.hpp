// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What every instruction set implements: a table of functions, chosen once per index (simd/dispatch.hpp). One call
// serves a whole neighbour list: ids in, estimates out. All of them give the same bits:
//   * integer dot products are exact in int32;
//   * the correction runs in double, where base + scale * dot is exact but for one rounding, fused or not;
//   * float sums run over 32 lanes, value i in lane i mod 32, products rounded before they are added (never fused), and
//     the lanes are folded in halves (lane j += lane j + 16, then + 8, 4, 2, 1).

#pragma once

#include <cstddef>
#include <cstdint>
#include <thimble/core/config.hpp>
#include <thimble/core/types.hpp>
#include <thimble/simd/isa.hpp>

namespace thimble::inline THIMBLE_FLAGS::simd {

// Bytes past the last row of codes that a kernel may read (never use): every array of codes is allocated with them. The
// kernels of today read 4 in WASM and none natively, where other threads may be writing the row behind.
inline constexpr std::size_t code_slack = 64;

// The query's bytes are padded with zeros to a multiple of this.
inline constexpr std::size_t query_block = 64;

// Row i starts at data + i * stride: the codes of dim values, then its factors at a multiple of 4 bytes.
struct code_rows {
  const std::byte* data;
  std::size_t stride;
};

// Stored behind the codes of a row, at byte factor_offset.
struct code_factors {
  float add;         // the part of the distance that does not depend on the query
  std::int32_t sum;  // of the bytes before factor_offset: relaxed WASM shifts codes and query and corrects by it
};

// A query prepared for integer codes: distance = row.add + base + scale * <codes, values>.
// 8 bits: u in 0..255, values in -64..63. |<u, values>| <= 255 * 64 * 65535 < 2^31.
struct integer_query {
  const std::int8_t* values;  // padded_dim of them, 64-byte aligned, zero behind dim
  std::size_t padded_dim;     // multiple of query_block
  std::size_t factor_offset;  // of code_factors in a row
  std::int32_t sum;           // of values
  double base;
  double scale;  // has at most 16 significant bits, so that scale * int32 is exact
};

struct kernel_set {
  isa set;

  // out[i] = distance of row nodes[i] from the query, codes of 8 bits. Prefetches the rows it is about to read.
  void (*estimate8)(const integer_query& query, code_rows rows, const node* nodes, std::size_t n, float* out);

  // out[i] = |q - x|^2, or <q, x>, for float rows (stride in bytes, 4-byte aligned). Prefetches like the above.
  void (*l2_rows)(const float* query, std::size_t dim, code_rows rows, const node* nodes, std::size_t n, float* out);
  void (*dot_rows)(const float* query, std::size_t dim, code_rows rows, const node* nodes, std::size_t n, float* out);

  // One pair. No padding, no alignment beyond 4 bytes, nothing read past dim.
  float (*l2)(const float* a, const float* b, std::size_t dim);
  float (*dot)(const float* a, const float* b, std::size_t dim);
};

}  // namespace thimble::inline THIMBLE_FLAGS::simd
