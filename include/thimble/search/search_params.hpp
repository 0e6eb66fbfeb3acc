// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What a search is asked for.

#pragma once

#include <algorithm>
#include <cstddef>

#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct search_params {
  // Results wanted; an index of fewer vectors gives all it has.
  std::size_t k = 10;
  // Candidates the search keeps: more is slower and finds more. Below k it counts as k.
  std::size_t ef = 64;
  // With a store: how many of the best candidates are read from it and measured exactly. 0: none, distances are
  // estimates.
  std::size_t rerank = 50;
  // Looks at every code instead of walking the graph: the candidates are the best ef estimates of all. For sets of some
  // thousands, and to tell what the codes lose from what the graph loses.
  bool exhaustive = false;
};

// Candidates a search of n vectors keeps.
[[nodiscard]] constexpr std::size_t candidates_wanted(const search_params& params, std::size_t n) {
  return std::min(std::max(params.ef, params.k), n);
}

}  // namespace thimble::inline THIMBLE_FLAGS
