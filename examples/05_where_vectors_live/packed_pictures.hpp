// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What vectors can be made from again: here pictures, most of whose values are zeros, without those.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <vector>

class packed_pictures {
 public:
  explicit packed_pictures(std::size_t dim) : dim_(dim) {}

  // Values are 0..255.
  void add(std::span<const float> picture) {
    for (std::size_t j = 0; j < dim_; ++j)
      if (picture[j] != 0) dots_.push_back({static_cast<std::uint16_t>(j), static_cast<std::uint8_t>(picture[j])});
    ends_.push_back(dots_.size());
  }

  std::size_t size() const { return ends_.size(); }
  std::size_t bytes() const { return dots_.size() * sizeof(dot) + ends_.size() * sizeof(std::size_t); }

  // As thimble::recompute_store wants it: row rows[i] to out[i * dim ..], all of it.
  thimble::expected<void> unpack(std::span<const thimble::node> rows, std::span<float> out) const {
    std::ranges::fill(out, 0.0f);
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (std::size_t at = rows[i] == 0 ? 0 : ends_[rows[i] - 1]; at < ends_[rows[i]]; ++at)
        out[i * dim_ + dots_[at].place] = dots_[at].value;
    return {};
  }

 private:
  struct dot {
    std::uint16_t place;
    std::uint8_t value;
  };

  std::size_t dim_;
  std::vector<dot> dots_;
  std::vector<std::size_t> ends_;
};
