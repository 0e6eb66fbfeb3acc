// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Which of many candidates become links (HNSW, algorithm 4): from the nearest on, a candidate is taken unless it is
// nearer to one that was taken before than to the node itself. So links point in different directions.

#pragma once

#include <cstddef>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/types.hpp>
#include <thimble/search/candidate_list.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// candidates: nearest first. Writes at most `most` nodes to out and returns how many.
// remember(i, x): x has become the i-th link; nearer(c, i, distance): is c nearer to the i-th link than distance?
template <class Remember, class Nearer>
[[nodiscard]] std::size_t select_neighbors(std::span<const candidate> candidates, std::size_t most, node* out,
                                           Remember&& remember, Nearer&& nearer) {
  std::size_t taken = 0;
  for (const candidate c : candidates) {
    if (taken == most) break;
    bool good = true;
    for (std::size_t i = 0; i < taken && good; ++i) good = !nearer(c.id(), i, c.distance());
    if (!good) continue;
    remember(taken, c.id());
    out[taken++] = c.id();
  }
  return taken;
}

}  // namespace thimble::inline THIMBLE_FLAGS
