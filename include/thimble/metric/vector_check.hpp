// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What every vector must be before it enters an index or a search: of the right dim, finite, and with a direction where
// the metric is cosine, which is then the inner product of normalised vectors.

#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Values up to here keep every sum of 65,535 squares below the largest float.
inline constexpr float max_magnitude = 1e15f;

// No NaN, no infinity, nothing beyond max_magnitude. Bits are compared, so that no compiler flag can assume NaN away.
[[nodiscard]] inline bool is_finite(std::span<const float> vector) {
  constexpr std::uint32_t limit = std::bit_cast<std::uint32_t>(max_magnitude);
  std::uint32_t largest = 0;
  for (const float value : vector) {
    const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(value) & 0x7fffffffu;
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest <= limit;
}

// out = vector / |vector|, the same bits everywhere. Error: zero_vector. out may be the vector itself.
[[nodiscard]] inline expected<void> normalize(const simd::kernel_set& kernels, std::span<const float> vector,
                                              std::span<float> out) {
  const float norm2 = kernels.dot(vector.data(), vector.data(), vector.size());
  if (!(norm2 > 0)) return fail(errc::zero_vector, "a zero vector has no direction: leave it out, or use l2 or ip");
  const double inverse = 1.0 / std::sqrt(static_cast<double>(norm2));
  for (std::size_t i = 0; i < vector.size(); ++i) out[i] = static_cast<float>(vector[i] * inverse);
  return {};
}

}  // namespace thimble::inline THIMBLE_FLAGS
