// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A rerank that was started on some rows: what the drivers are given.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <thimble/rerank/reranker.hpp>
#include <thimble/simd/dispatch.hpp>
#include <vector>

#include "unit/support/exact.hpp"
#include "unit/support/vectors.hpp"

namespace thimble::test {

inline constexpr std::size_t n_reranked_rows = 60;
inline constexpr std::size_t reranked_dim = 20;

inline const float_vectors& reranked_rows() {
  static const float_vectors made = clustered_vectors(n_reranked_rows + 1, reranked_dim, 11);
  return made;
}

// The first 60 of them, as a store holds them; the last one is the query.
inline matrix_view<float> reranked_view() { return {reranked_rows().values.data(), n_reranked_rows, reranked_dim}; }

// The reranker reads the best `rerank` of 40 candidates whose estimates are a little wrong.
inline void start_rerank(reranker& machine, std::size_t k, std::size_t rerank) {
  const auto query = reranked_rows().row(n_reranked_rows);
  std::vector<candidate> candidates;
  for (node x = 0; x < n_reranked_rows; ++x) {
    const double exact_value = exact(metric::l2, query, reranked_rows().row(x)).value;
    candidates.push_back(candidate::of(static_cast<float>(exact_value * (.9 + .2 * (x % 7) / 7)), x));
  }
  std::ranges::sort(candidates);
  candidates.resize(40);
  ASSERT_TRUE(machine.reserve(40, reranked_dim).has_value());
  machine.start(**simd::kernels_for(simd::isa::automatic), metric::l2, query, candidates, k, rerank);
}

}  // namespace thimble::test
