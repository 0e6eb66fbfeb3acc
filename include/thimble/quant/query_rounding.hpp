// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// From the floats of a query to the small integers that stand beside codes, and to what those leave of it. Every
// operation is one rounding that no compiler can fuse away.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include <thimble/core/config.hpp>
#include <thimble/quant/rounding.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

// values = query / step, to nearest: -range..range. Answers the step: the largest magnitude over range, so that inner
// products are neither stretched nor shrunk.
[[nodiscard]] inline float round_query(const float* query, std::size_t dim, float range, std::int8_t* values) {
  std::uint32_t largest_bits = 0;
  for (std::size_t j = 0; j < dim; ++j) {
    const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(query[j]) & 0x7fffffffu;
    largest_bits = magnitude > largest_bits ? magnitude : largest_bits;
  }
  const auto largest = std::bit_cast<float>(largest_bits);
  // 0 where the step's inverse could be no float: distances that small are 0 anyway.
  const float step = largest > 1e-30f ? largest / range : 0.0f;
  const float inverse = step > 0 ? range / largest : 0.0f;
  // A product of floats is exact in double, fused with the sum or not.
  for (std::size_t j = 0; j < dim; ++j)
    values[j] = static_cast<std::int8_t>(round_to_int(static_cast<double>(query[j]) * static_cast<double>(inverse)));
  return step;
}

// query -= step * values.
inline void subtract_rounded(float* query, std::size_t dim, float step, const std::int8_t* values) {
  for (std::size_t j = 0; j < dim; ++j)
    query[j] =
        static_cast<float>(static_cast<double>(query[j]) - static_cast<double>(values[j]) * static_cast<double>(step));
}

}  // namespace thimble::inline THIMBLE_FLAGS::detail
