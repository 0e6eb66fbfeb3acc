// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What stands behind a RaBitQ code in its row (simd/kernel_set.hpp), and the two roundings of it: a norm as the upper
// half of a float, a tangent in one byte. Both round up, for lower bounds are made of them.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/quant/rounding.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

// The least float that is not below value, for what no float is beyond.
[[nodiscard]] inline float rounded_up(double value) {
  const auto nearest = static_cast<float>(value);
  return static_cast<double>(nearest) < value ? std::bit_cast<float>(std::bit_cast<std::uint32_t>(nearest) + 1)
                                              : nearest;
}

// value >= 0.
[[nodiscard]] inline std::uint16_t upper_half(double value) {
  return static_cast<std::uint16_t>((std::bit_cast<std::uint32_t>(rounded_up(value)) + 0xffffu) >> 16);
}

[[nodiscard]] inline float from_upper_half(std::uint16_t half) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16);
}

// Tangents in a byte: 0, or 3 bits of exponent and 5 of mantissa. A tangent is about .756, .37, .196, .107, .057, .030,
// .015, .0075 with 1 to 8 bits: each number of bits has eight octaves of its own, up to five times that.
template <unsigned Bits>
struct tiny_tangent {
  static constexpr std::uint32_t first = (122u - Bits) << 5;  // of exponent -5 - Bits
  static constexpr unsigned dropped = 23 - 5;

  static constexpr float value(std::uint8_t byte) {
    return byte == 0 ? 0.0f : std::bit_cast<float>((first + byte) << dropped);
  }
  static constexpr float largest = value(255);

  // The least one that is not below the tangent, 0 <= tangent <= largest.
  static std::uint8_t of(double tangent) {
    if (!(tangent > 0)) return 0;
    const std::uint32_t up = (std::bit_cast<std::uint32_t>(rounded_up(tangent)) + ((1u << dropped) - 1)) >> dropped;
    return static_cast<std::uint8_t>(up <= first ? 1 : up - first < 255 ? up - first : 255);
  }
};

// A cosine in the last 8 bits of a float, of which 16 remain: 2^-16 of a scale is nothing beside codes of few bits.
[[nodiscard]] inline float with_cosine(float value, double cosine) {
  const double bounded = cosine < -1 ? -1 : cosine > 1 ? 1 : cosine;
  double steps = (bounded + 1) * 127.5;
  THIMBLE_HIDE(steps);
  const auto byte = static_cast<std::uint32_t>(round_to_int(steps));
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) & ~0xffu) | byte);
}

[[nodiscard]] inline double cosine_in(float value) {
  return static_cast<double>(std::bit_cast<std::uint32_t>(value) & 0xffu) / 127.5 - 1;
}

// A row's factors; sum is there with 8 bits only.
struct rabitq_factors {
  float add;
  std::int32_t sum;
  float scale;
  simd::row_details details;

  [[nodiscard]] static rabitq_factors load(unsigned bits, const std::byte* from) {
    return {.add = load_as<float>(from),
            .sum = bits == 8 ? load_as<std::int32_t>(from + sizeof(float)) : 0,
            .scale = load_as<float>(from + simd::scale_offset(bits)),
            .details = load_as<simd::row_details>(from + simd::scale_offset(bits) + sizeof(float))};
  }

  void store(unsigned bits, std::byte* to) const {
    store_as(to, add);
    if (bits == 8) store_as(to + sizeof(float), sum);
    store_as(to + simd::scale_offset(bits), scale);
    store_as(to + simd::scale_offset(bits) + sizeof(float), details);
  }

  // Whether a vector of a valid dim and size can have them. So an estimate is never NaN, whatever a file says: add and
  // the query's part have a finite sum.
  [[nodiscard]] bool in_range() const {
    constexpr std::uint32_t most = std::bit_cast<std::uint32_t>(1e37f);
    const std::uint32_t scale_bits = std::bit_cast<std::uint32_t>(scale);
    const bool scale_is_right = scale_bits == 0 || (scale_bits >= 0x80000000u && scale_bits - 0x80000000u <= most);
    return (std::bit_cast<std::uint32_t>(add) & 0x7fffffffu) <= most && scale_is_right &&
           details.norm <= std::bit_cast<std::uint32_t>(1e19f) >> 16;
  }
};

}  // namespace thimble::inline THIMBLE_FLAGS::detail
