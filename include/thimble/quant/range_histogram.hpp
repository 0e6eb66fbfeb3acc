// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The range of each dimension that few levels cover best: a histogram per dimension over all of its values, then the
// clipped range whose levels leave the least mean error. Heavy tails are cut, ranges that are used to their ends are
// kept. (The least squared error cuts less: with 16 levels it gave .02 less recall on 100 dims, the same on more.) 516
// bytes a dimension while training.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/quant/rounding.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct value_range {
  float low;
  float high;
};

class range_histogram {
 public:
  // At most 65,535 rows will be added. Error: out_of_memory.
  [[nodiscard]] static expected<range_histogram> create(std::size_t dim) {
    auto bins = aligned_buffer<std::uint16_t>::create(saturated_product(dim, n_bins));
    if (!bins) return std::unexpected(bins.error());
    auto ranges = aligned_buffer<value_range>::create(dim);
    if (!ranges) return std::unexpected(ranges.error());
    return range_histogram(std::move(*bins), std::move(*ranges));
  }

  // First all rows, then all rows again.
  void widen(std::span<const float> row) {
    for (std::size_t j = 0; j < row.size(); ++j) {
      value_range& range = ranges_[j];
      if (n_seen_ == 0 || row[j] < range.low) range.low = row[j];
      if (n_seen_ == 0 || row[j] > range.high) range.high = row[j];
    }
    ++n_seen_;
  }
  void add(std::span<const float> row) {
    for (std::size_t j = 0; j < row.size(); ++j) ++bins_[j * n_bins + bin_of(row[j], ranges_[j])];
  }

  // The range of dimension j that this many levels, its ends among them, cover with the least mean error.
  [[nodiscard]] value_range best_range(std::size_t j, unsigned n_levels) const {
    const std::uint16_t* bins = bins_.data() + j * n_bins;
    const value_range all = ranges_[j];
    value_range best = all;
    double least = error(bins, all, all, n_levels);
    // Of the rows, cut away at each end.
    for (const double share : {.0005, .001, .002, .004, .008, .016, .03}) {
      const value_range cut{quantile(bins, all, share), quantile(bins, all, 1 - share)};
      if (cut.high <= cut.low) break;
      const double rest = error(bins, all, cut, n_levels);
      if (rest < least) {
        least = rest;
        best = cut;
      }
    }
    return best;
  }

 private:
  static constexpr std::size_t n_bins = 256;
  static constexpr double last = n_bins - 1;

  range_histogram(aligned_buffer<std::uint16_t> bins, aligned_buffer<value_range> ranges)
      : bins_(std::move(bins)), ranges_(std::move(ranges)) {}

  // Bins stand for values, the first for the lowest, the last for the highest: 256 whole numbers are kept as they are.
  static std::size_t bin_of(float value, value_range range) {
    const double width = static_cast<double>(range.high) - static_cast<double>(range.low);
    if (!(width > 0)) return 0;
    return static_cast<std::size_t>(
        round_to_int((static_cast<double>(value) - static_cast<double>(range.low)) / width * last));
  }
  static double value_of(std::size_t bin, value_range range) {
    const double width = static_cast<double>(range.high) - static_cast<double>(range.low);
    return static_cast<double>(range.low) + width * (static_cast<double>(bin) / last);
  }

  [[nodiscard]] float quantile(const std::uint16_t* bins, value_range all, double share) const {
    const double wanted = share * static_cast<double>(n_seen_);
    double below = 0;
    for (std::size_t bin = 0; bin < n_bins; ++bin) {
      below += bins[bin];
      if (below >= wanted) return static_cast<float>(value_of(bin, all));
    }
    return all.high;
  }

  // From each value to the nearest level.
  static double error(const std::uint16_t* bins, value_range all, value_range cut, unsigned n_levels) {
    const double low = cut.low;
    const double step = (static_cast<double>(cut.high) - low) / (n_levels - 1);
    double sum = 0;
    for (std::size_t bin = 0; bin < n_bins; ++bin) {
      if (bins[bin] == 0) continue;
      const double value = value_of(bin, all);
      const double level = step > 0 ? std::clamp(std::floor((value - low) / step + 0.5), 0.0, n_levels - 1.0) : 0;
      sum += bins[bin] * std::fabs(value - (low + level * step));
    }
    return sum;
  }

  aligned_buffer<std::uint16_t> bins_;  // n_bins for each dimension
  aligned_buffer<value_range> ranges_;
  std::size_t n_seen_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
