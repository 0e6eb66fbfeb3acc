// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Brute force for the demo's recall: a few queries against all stored rows, which pass by in blocks. Plain loops in
// double, so that it shares nothing with what it judges. Ties go to the lower row.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/metric/metric.hpp>

class exact_scan {
 public:
  // The queries (rows of dim floats) are copied. Error: out_of_memory.
  [[nodiscard]] thimble::expected<void> start(thimble::metric metric, std::span<const float> queries, std::size_t dim,
                                              std::size_t k) {
    metric_ = metric;
    dim_ = dim;
    k_ = k;
    next_row_ = 0;
    auto distances = thimble::aligned_buffer<double>::create(queries.size() / dim * k);
    if (!distances) return std::unexpected(distances.error());
    auto nodes = thimble::aligned_buffer<thimble::node>::create(queries.size() / dim * k);
    if (!nodes) return std::unexpected(nodes.error());
    auto copy = thimble::aligned_buffer<float>::create(queries.size());
    if (!copy) return std::unexpected(copy.error());
    std::ranges::copy(queries, copy->data());
    queries_ = std::move(*copy);
    distances_ = std::move(*distances);
    nodes_ = std::move(*nodes);
    std::ranges::fill(distances_.span(), std::numeric_limits<double>::infinity());
    std::ranges::fill(nodes_.span(), thimble::no_node);
    return {};
  }

  // The next `count` rows are on their way ...
  void expect(std::size_t count) { expected_ = count; }
  // ... and are here.
  void add(std::span<const float> rows) {
    for (std::size_t i = 0; i < expected_; ++i)
      for (std::size_t q = 0; q * dim_ < queries_.size(); ++q)
        insert(q, distance(queries_.data() + q * dim_, rows.data() + i * dim_), next_row_ + i);
    next_row_ += expected_;
  }

  [[nodiscard]] std::size_t next_row() const { return next_row_; }
  // For each query k nodes, nearest first; no_node where there are fewer rows.
  [[nodiscard]] const thimble::node* results() const { return nodes_.data(); }

 private:
  [[nodiscard]] double distance(const float* q, const float* x) const {
    double l2 = 0;
    double dot = 0;
    double x_norm2 = 0;
    double q_norm2 = 0;
    if (metric_ == thimble::metric::l2) {
      for (std::size_t j = 0; j < dim_; ++j) {
        const double difference = static_cast<double>(q[j]) - static_cast<double>(x[j]);
        l2 += difference * difference;
      }
      return l2;
    }
    for (std::size_t j = 0; j < dim_; ++j) {
      dot += static_cast<double>(q[j]) * static_cast<double>(x[j]);
      x_norm2 += static_cast<double>(x[j]) * static_cast<double>(x[j]);
      q_norm2 += static_cast<double>(q[j]) * static_cast<double>(q[j]);
    }
    return metric_ == thimble::metric::inner_product ? 1 - dot : 1 - dot / std::sqrt(x_norm2 * q_norm2);
  }

  void insert(std::size_t q, double distance, std::size_t row) {
    double* distances = distances_.data() + q * k_;
    thimble::node* nodes = nodes_.data() + q * k_;
    if (!(distance < distances[k_ - 1])) return;
    std::size_t at = k_ - 1;
    for (; at > 0 && distances[at - 1] > distance; --at) {
      distances[at] = distances[at - 1];
      nodes[at] = nodes[at - 1];
    }
    distances[at] = distance;
    nodes[at] = static_cast<thimble::node>(row);
  }

  thimble::metric metric_ = thimble::metric::l2;
  thimble::aligned_buffer<float> queries_;
  std::size_t dim_ = 0;
  std::size_t k_ = 0;
  std::size_t next_row_ = 0;
  std::size_t expected_ = 0;
  thimble::aligned_buffer<double> distances_;
  thimble::aligned_buffer<thimble::node> nodes_;
};
