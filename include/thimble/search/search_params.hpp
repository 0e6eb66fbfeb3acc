// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What a search is asked for.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <thimble/core/config.hpp>
#include <thimble/search/label_filter.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Which of the candidates are read and measured exactly (rerank/reranker.hpp).
enum class rerank_policy : std::uint8_t {
  bound,  // those that may still be among the k nearest, by the error bounds of their estimates
  fixed,  // the best `rerank` by estimate; so too where the quantizer has no error bounds
};

struct search_params {
  // Results wanted; an index of fewer vectors gives all it has.
  std::size_t k = 10;
  // Candidates the search keeps: more is slower and finds more. Below k it counts as k.
  std::size_t ef = 64;
  // With a store: how many of the best candidates are read from it and measured exactly, at most. 0: none, distances
  // are estimates. From k on, every distance is exact.
  std::size_t rerank = 50;
  // Looks at every code instead of walking the graph: the candidates are the best ef estimates of all. For sets of some
  // thousands, and to tell what the codes lose from what the graph loses.
  bool exhaustive = false;
  rerank_policy rerank_by = rerank_policy::bound;
  // How many standard errors an estimate's lower bound lies below it, 0..1000: fewer read fewer rows and miss more. By
  // 2.75 the results are those of `fixed` for 99.5 % of queries and more, by 3 nearly always.
  float epsilon = 2.75f;
  // Which labels may be results: as many as pass, up to k, are found.
  label_filter filter{};
};

// Candidates a search of n vectors keeps.
[[nodiscard]] constexpr std::size_t candidates_wanted(const search_params& params, std::size_t n) {
  return std::min(std::max(params.ef, params.k), n);
}

}  // namespace thimble::inline THIMBLE_FLAGS
