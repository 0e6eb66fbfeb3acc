// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// IEEE 754 binary16, as two bytes that convert to float (exactly: every half is a float) and from it (to nearest, ties
// to even).

#pragma once

#include <bit>
#include <cstdint>

#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct half {
  std::uint16_t bits = 0;

  // The nearest half; infinity beyond 65,519; NaN stays NaN.
  [[nodiscard]] static constexpr half nearest(float value) {
    const std::uint32_t all = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint16_t>(all >> 16 & 0x8000u);
    const std::uint32_t magnitude = all & 0x7fffffffu;
    std::uint32_t rounded = 0;
    if (magnitude > 0x7f800000u) {
      rounded = 0x7e00u;
    } else if (magnitude >= 0x477ff000u) {
      rounded = 0x7c00u;
    } else if (magnitude < 0x38800000u) {
      // Below 2^-14: a multiple of 2^-24. The sum rounds there.
      rounded = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
    } else {
      rounded = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    }
    return {static_cast<std::uint16_t>(sign | rounded)};
  }

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
