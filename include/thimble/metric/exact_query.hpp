// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The exact distance of one query from full-precision vectors: the last word of a search. The same bits on every
// instruction set: sums come from the kernels in a fixed order, the rest is one rounding at a time.

#pragma once

#include <cmath>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/metric/metric.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class exact_query {
 public:
  exact_query() = default;

  // The query (dim floats) stays the caller's and must outlive this.
  exact_query(const simd::kernel_set& kernels, metric m, std::span<const float> query)
      : kernels_(&kernels), metric_(m), query_(query) {
    if (m == metric::cosine) norm2_ = kernels.dot(query.data(), query.data(), query.size());
  }

  // row: dim floats. A zero row has cosine distance 1.
  [[nodiscard]] float distance(std::span<const float> row) const {
    if (metric_ == metric::l2) return kernels_->l2(query_.data(), row.data(), query_.size());
    const float dot = kernels_->dot(query_.data(), row.data(), query_.size());
    if (metric_ == metric::inner_product) return 1 - dot;
    const float row_norm2 = kernels_->dot(row.data(), row.data(), row.size());
    const double norms = std::sqrt(static_cast<double>(norm2_) * static_cast<double>(row_norm2));
    return norms > 0 ? static_cast<float>(1 - dot / norms) : 1.0f;
  }

 private:
  const simd::kernel_set* kernels_ = nullptr;
  metric metric_ = metric::l2;
  std::span<const float> query_;
  float norm2_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
