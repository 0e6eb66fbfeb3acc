// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The code of a direction, RaBitQ's (arXiv 2409.09913): u in 0..2^B-1 a dimension stands for z = u - (2^B - 1) / 2, and
// only the direction of z matters. z has r's signs and |z_i| = k_i + 1/2, k_i = min(floor(t |r_i| / |r|), 2^(B-1) - 1),
// for the t that makes the cosine between z and r the largest. Instead of all thresholds (454 us at dim 768 and 4 bits)
// a few t around an expected one are tried, in integers (2 us; 4 us with 5 bits and more):
//
//   max(c sqrt(D), 2^(B-1) |r| / max |r_i|),  c = 1 / the best step of a uniform quantizer of 2^B levels for normal
//                                             values (Max, IRE Trans. IT 1960)
//
// tan^2 of the angle between r and z exceeds the best code's by .3 % or less (2 and 3 bits), .7 % (4), 1 % (5 and 6),
// 3, 2, 2, 1 % (7) and 6, 4, 2, 3 % (8, at D = 64, 128, 768, 1536). One constant t: 2 % at 4 bits, 180 % at 8 (D =
// 768). Coordinate descent from a uniform grid, in more time: 22, 15, 6, 3, 3 % at 4, 5, 6, 7, 8 bits (D = 768).

#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

template <unsigned Bits>
  requires(Bits >= 1 && Bits <= 8)
class rabitq_encoder {
 public:
  // u[i] for the dim values of r, a multiple of 64. norm: |r|; scratch: dim of them. r = 0 gives some valid code.
  static void encode(const float* r, std::size_t dim, double norm, std::int16_t* scratch, std::uint8_t* u) {
    if constexpr (Bits == 1) {
      for (std::size_t i = 0; i < dim; ++i) u[i] = static_cast<std::uint8_t>(r[i] < 0 ? 0 : 1);
    } else {
      set_magnitudes(r, dim, norm, scratch);
      write(r, dim, scratch, best_factor(scratch, dim), u);
    }
  }

 private:
  static constexpr std::size_t block = 64;
  static constexpr std::int32_t top = (1 << (Bits - 1)) - 1;  // the largest k

  // Magnitudes are |r_i| / |r| t in units of 1/128 level at the expected t: below 2^15 with 8 bits but for values that
  // are beyond the last level. Factors are t over the expected t, times 2^16 / 128: k = magnitude * factor / 2^16.
  // The low ones are for vectors with a value far beyond the others, for which the expected t is too large.
  static constexpr std::int32_t level = 128;

  template <std::size_t N>
  static constexpr std::array<std::int32_t, N> factors_of(const std::int32_t (&per_mille)[N]) {
    std::array<std::int32_t, N> made{};
    for (std::size_t i = 0; i < N; ++i) made[i] = (per_mille[i] * 65536 / level + 500) / 1000;
    return made;
  }

  static constexpr auto factors = [] {
    if constexpr (Bits <= 4) {
      return factors_of<9>({600, 720, 800, 860, 910, 960, 1000, 1050, 1110});
    } else {
      return factors_of<14>({660, 740, 800, 860, 900, 925, 945, 960, 970, 980, 990, 1000, 1020, 1040});
    }
  }();
  static constexpr double inverse_steps[] = {0, 0, 1.0042, 1.7065, 2.9833, 5.3163, 9.606, 17.57, 32.47};

  static std::int32_t level_of(std::int16_t magnitude, std::int32_t factor) {
    const std::int32_t k = magnitude * factor >> 16;
    return k < top ? k : top;
  }

  static void set_magnitudes(const float* r, std::size_t dim, double norm, std::int16_t* magnitudes) {
    std::uint32_t largest_bits = 0;
    for (std::size_t i = 0; i < dim; ++i) {
      const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(r[i]) & 0x7fffffffu;
      largest_bits = magnitude > largest_bits ? magnitude : largest_bits;
    }
    const auto largest = static_cast<double>(std::bit_cast<float>(largest_bits));
    const double expected = inverse_steps[Bits] * std::sqrt(static_cast<double>(dim)) / norm;
    const double spread = (top + 1) / largest;
    const double wanted = level * (expected > spread ? expected : spread);
    // Values below 1e-30 carry no direction worth having, and their inverse may be no float.
    const float scale = largest > 1e-30 && norm > 1e-30 ? static_cast<float>(wanted) : 0.0f;
    for (std::size_t i = 0; i < dim; ++i) {
      const float magnitude = std::bit_cast<float>(std::bit_cast<std::uint32_t>(r[i]) & 0x7fffffffu) * scale;
      magnitudes[i] = static_cast<std::int16_t>(static_cast<std::int32_t>(magnitude < 32767.0f ? magnitude : 32767.0f));
    }
  }

  // The factor whose code has the largest cosine: <r, z>^2 / |z|^2, each sum exact in integers. A block's sums stay
  // below 64 * 255 * 2^15 < 2^31.
  static std::int32_t best_factor(const std::int16_t* magnitudes, std::size_t dim) {
    std::int32_t best = factors[factors.size() / 2];
    double best_product = 0, best_norm = 1;
    for (const std::int32_t factor : factors) {
      std::int64_t product = 0, norm = 0;
      for (std::size_t i = 0; i < dim; i += block) {
        std::int32_t block_product = 0, block_norm = 0;
        for (std::size_t j = i; j < i + block; ++j) {
          const auto z = static_cast<std::int16_t>(2 * level_of(magnitudes[j], factor) + 1);
          block_product += z * magnitudes[j];
          block_norm += z * z;
        }
        product += block_product;
        norm += block_norm;
      }
      const auto p = static_cast<double>(product);
      const auto n = static_cast<double>(norm);
      if (p * p * best_norm > best_product * best_product * n) {
        best_product = p;
        best_norm = n;
        best = factor;
      }
    }
    return best;
  }

  static void write(const float* r, std::size_t dim, const std::int16_t* magnitudes, std::int32_t factor,
                    std::uint8_t* u) {
    for (std::size_t i = 0; i < dim; ++i) {
      const std::int32_t k = level_of(magnitudes[i], factor);
      u[i] = static_cast<std::uint8_t>(r[i] < 0 ? top - k : top + 1 + k);
    }
  }
};

}  // namespace thimble::inline THIMBLE_FLAGS::detail
