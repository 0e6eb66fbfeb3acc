// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The rows that a quantizer learns from: at most 16,384 of them, or as many as asked for, evenly spread. They are read
// anew each time; no copy is kept.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/row_stream.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <row_source Rows>
class training_sample {
 public:
  static constexpr std::size_t max_rows = 16'384;

  // rows must outlive this. Error: out_of_memory.
  [[nodiscard]] static expected<training_sample> create(const Rows& rows, std::size_t most = max_rows) {
    auto scratch = aligned_buffer<float>::create(rows.dim());
    if (!scratch) return std::unexpected(scratch.error());
    return training_sample(rows, std::min<std::size_t>(rows.size(), most), std::move(*scratch));
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t dim() const { return rows_->dim(); }

  // Calls visit(row of dim floats) for each row. Error: what the rows answer.
  template <class Visit>
  [[nodiscard]] expected<void> for_each(Visit&& visit) {
    std::optional<row_stream<Rows>> reading;
    if (std::uint64_t{rows_->size()} / std::max(size(), std::size_t{1}) * dim() * sizeof(float) <= worth_skipping)
      reading.emplace(*rows_);
    for (std::size_t i = 0; i < size(); ++i) {
      const auto row = rows_->row(static_cast<std::size_t>(std::uint64_t{i} * rows_->size() / size()), scratch_.span());
      if (!row) return std::unexpected(row.error());
      visit(*row);
    }
    return {};
  }

  // mean: dim floats. The same bits everywhere.
  [[nodiscard]] expected<void> mean(std::span<float> out) {
    auto sums = aligned_buffer<double>::create(dim());
    if (!sums) return std::unexpected(sums.error());
    auto summed = for_each([&](std::span<const float> row) {
      for (std::size_t j = 0; j < row.size(); ++j) (*sums)[j] += row[j];
    });
    if (!summed) return summed;
    for (std::size_t j = 0; j < dim(); ++j) out[j] = static_cast<float>((*sums)[j] / static_cast<double>(size()));
    return {};
  }

 private:
  training_sample(const Rows& rows, std::size_t size, aligned_buffer<float> scratch)
      : rows_(&rows), size_(size), scratch_(std::move(scratch)) {}

  // Bytes between two rows that a disk reads in less time than it takes to be asked for the second one.
  static constexpr std::uint64_t worth_skipping = std::uint64_t{64} << 10;

  const Rows* rows_;
  std::size_t size_;
  aligned_buffer<float> scratch_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
