// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Quantiles of |x| over any number of values in one pass: a bin for each exponent and the first 8 bits of the mantissa,
// so that a quantile is exact to .4 %. 256 KiB.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class value_histogram {
 public:
  [[nodiscard]] static expected<value_histogram> create() {
    auto bins = aligned_buffer<std::uint32_t>::create(n_bins);
    if (!bins) return std::unexpected(bins.error());
    return value_histogram(std::move(*bins));
  }

  void add(float value) {
    ++bins_[(std::bit_cast<std::uint32_t>(value) & 0x7fffffffu) >> dropped_bits];
    ++count_;
  }

  // The smallest magnitude that is not exceeded by this share of the values (to the bin's upper end); 0 if there are
  // none.
  [[nodiscard]] float magnitude_at(double share) const {
    const double wanted = share * static_cast<double>(count_);
    std::uint64_t below = 0;
    std::uint32_t last = 0;
    for (std::uint32_t bin = 0; bin < n_bins; ++bin) {
      if (bins_[bin] == 0) continue;
      below += bins_[bin];
      last = bin;
      if (static_cast<double>(below) >= wanted) break;
    }
    return last == 0 ? 0.0f : std::bit_cast<float>((last + 1) << dropped_bits);
  }

 private:
  static constexpr std::uint32_t dropped_bits = 15;
  static constexpr std::uint32_t n_bins = std::uint32_t{1} << (31 - dropped_bits);

  explicit value_histogram(aligned_buffer<std::uint32_t> bins) : bins_(std::move(bins)) {}

  aligned_buffer<std::uint32_t> bins_;
  std::uint64_t count_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
