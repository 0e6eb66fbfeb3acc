// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A row_source whose rows have been checked (finite, not zero for cosine) and normalised for cosine: what quantizers
// see.

#pragma once

#include <cstddef>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/row_stream.hpp>
#include <thimble/metric/metric.hpp>
#include <thimble/metric/vector_check.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <row_source Rows>
class checked_rows {
 public:
  // rows and kernels must outlive this.
  checked_rows(const Rows& rows, metric m, const simd::kernel_set& kernels)
      : rows_(&rows), metric_(m), kernels_(&kernels) {}

  [[nodiscard]] std::size_t size() const { return rows_->size(); }
  [[nodiscard]] std::size_t dim() const { return rows_->dim(); }

  // Errors: not_finite, zero_vector (value: the row), or what the rows answer.
  [[nodiscard]] expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    const auto values = rows_->row(i, scratch);
    if (!values) return values;
    if (!is_finite(*values))
      return fail(errc::not_finite, "a vector holds NaN, infinity or a value beyond 1e15: clean the input", i);
    if (metric_ != metric::cosine) return values;
    if (auto done = normalize(*kernels_, *values, scratch); !done)
      return fail(done.error().code, done.error().message, i);
    return std::span<const float>(scratch);
  }

  void begin_stream() const
    requires streamed_row_source<Rows>
  {
    rows_->begin_stream();
  }
  void end_stream() const
    requires streamed_row_source<Rows>
  {
    rows_->end_stream();
  }

 private:
  const Rows* rows_;
  metric metric_;
  const simd::kernel_set* kernels_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
