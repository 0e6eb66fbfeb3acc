// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Roundings that are the same on every platform, without a math library.

#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <thimble/core/config.hpp>
#include <thimble/metric/vector_check.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// To nearest, ties to even, for |x| < 2^31: the sum rounds at the place of the ones.
[[nodiscard]] inline std::int32_t round_to_int(double x) {
  return static_cast<std::int32_t>(std::bit_cast<std::int64_t>(x + 0x1.8p52));
}

// A quantizer's step, rounded up to 8 significant bits, so that its products with codes and their squares are exact in
// double and can be summed in the same way by every compiler. Within what keeps all of them finite and normal.
[[nodiscard]] inline float rounded_step(float step) {
  const float bounded = std::clamp(step, 1e-15f, max_magnitude);
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(bounded) + 0xffffu) & 0xffff0000u);
}

}  // namespace thimble::inline THIMBLE_FLAGS
