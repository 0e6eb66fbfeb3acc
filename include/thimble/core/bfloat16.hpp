// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// bfloat16, the upper half of a float, as two bytes that convert to float (exactly: every bfloat16 is a float) and from
// it (to nearest, ties to even).

#pragma once

#include <bit>
#include <cstdint>

#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct bfloat16 {
  std::uint16_t bits = 0;

  // The nearest bfloat16; infinity from 0x1.ffp127 on; NaN stays NaN.
  [[nodiscard]] static constexpr bfloat16 nearest(float value) {
    const std::uint32_t all = std::bit_cast<std::uint32_t>(value);
    // A NaN whose only bits are in the lower half would become infinity.
    if ((all & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((all >> 16 & 0x8000u) | 0x7fc0u)};
    return {static_cast<std::uint16_t>((all + 0x7fffu + (all >> 16 & 1u)) >> 16)};
  }

  [[nodiscard]] explicit constexpr operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

}  // namespace thimble::inline THIMBLE_FLAGS
