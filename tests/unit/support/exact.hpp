// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Distances and neighbours computed the plain way, in double: what the library's answers are compared with.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thimble/core/types.hpp>
#include <thimble/metric/metric.hpp>
#include <vector>

#include "unit/support/vectors.hpp"

namespace thimble::test {

struct exact_distance {
  double value = 0;
  double terms = 0;  // the sum of the absolute terms: what rounding errors are measured by
};

inline exact_distance exact(metric m, std::span<const float> q, std::span<const float> x) {
  double l2 = 0, dot = 0, absolute = 0, q2 = 0, x2 = 0;
  for (std::size_t j = 0; j < q.size(); ++j) {
    const double a = q[j], b = x[j];
    l2 += (a - b) * (a - b);
    dot += a * b;
    absolute += std::fabs(a * b);
    q2 += a * a;
    x2 += b * b;
  }
  if (m == metric::l2) return {.value = l2, .terms = l2};
  if (m == metric::inner_product) return {.value = 1 - dot, .terms = 1 + absolute};
  const double norms = std::sqrt(q2 * x2);
  if (norms == 0) return {.value = 1, .terms = 1};
  return {.value = 1 - dot / norms, .terms = 1 + absolute / norms};
}

inline double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum += double{a[j]} * b[j];
  return sum;
}

// The typical error of estimates of the rows, as a share of the typical distance.
inline double relative_error(metric m, const float_vectors& rows, std::span<const float> query,
                             std::span<const float> estimates) {
  double squared_error = 0, squared_distance = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto truth = exact(m, query, rows.row(i));
    squared_error += (estimates[i] - truth.value) * (estimates[i] - truth.value);
    squared_distance += truth.terms * truth.terms;
  }
  return std::sqrt(squared_error / squared_distance);
}

// The k nearest of n rows, nearest first, ties to the lower id; row_of(i) gives dim floats.
template <class RowOf>
std::vector<label> exact_nearest(metric m, std::span<const float> q, std::size_t n, std::size_t k, RowOf&& row_of) {
  std::vector<std::pair<double, label>> all(n);
  for (std::size_t i = 0; i < n; ++i) all[i] = {exact(m, q, row_of(i)).value, i};
  k = std::min(k, n);
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(k), all.end());
  std::vector<label> nearest(k);
  for (std::size_t i = 0; i < k; ++i) nearest[i] = all[i].second;
  return nearest;
}

// How many of the true ones are among the found.
template <class Found>
std::size_t n_common(const Found& found, std::span<const label> truth) {
  return static_cast<std::size_t>(std::ranges::count_if(
      truth, [&](label id) { return std::ranges::any_of(found, [&](const neighbor& hit) { return hit.id == id; }); }));
}

}  // namespace thimble::test
