// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// IEEE 754 binary16, as two bytes that convert to float. Exact: every half is a float.

#pragma once

#include <bit>
#include <cstdint>

#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct half {
  std::uint16_t bits = 0;

  [[nodiscard]] explicit constexpr operator float() const {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
    const std::uint32_t magnitude = bits & 0x7fffu;
    // Shifted into place, a half's exponent is 112 too small as a float's: one exact product mends normal and subnormal
    // numbers alike. Infinity and NaN keep an all-ones exponent.
    if (magnitude >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude << 13) * 0x1p112f));
  }
};

}  // namespace thimble::inline THIMBLE_FLAGS
