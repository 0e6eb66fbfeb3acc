// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Which of many candidates become links (HNSW, algorithm 4): from the nearest on, a candidate is taken unless it is
// nearer to one that was taken before than to the node itself. So links point in different directions.

#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/types.hpp>
#include <thimble/search/candidate_list.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// candidates: nearest first. Writes at most `most` nodes to out and returns how many. Behind the nearest 6 `most` (and
// what was measured with them) it looks only while it has fewer than 3/4 of them: links to far ones are the last that a
// search needs. (With m = 16, of 200 candidates: .93 to .99 of a build, .95 to .99 of the bytes of the packed lists,
// and .97 to 1.02 of the codes at the same recall. Never, or only under half of them: 1.03 to 1.2 at recall .98 and
// more of a million vectors and of word2vec's.)
//
// remember(i, x): x has become the i-th link; measure(i, nodes, n, out): the distances of these nodes from it.
template <class Remember, class Measure>
[[nodiscard]] std::size_t select_neighbors(std::span<const candidate> candidates, std::size_t most, node* out,
                                           Remember&& remember, Measure&& measure) {
  // So many are measured as one batch, while they are still good: a build takes .83 to .9 of the time of one by one.
  constexpr std::size_t at_once = 16;
  const std::size_t near = 6 * most, few = 3 * most / 4;
  std::size_t taken = 0;
  for (std::size_t first = 0; first < candidates.size() && taken < (first < near ? most : few); first += at_once) {
    node good[at_once];
    float limits[at_once];
    std::size_t n = 0;
    for (const candidate c : candidates.subspan(first, std::min(at_once, candidates.size() - first))) {
      good[n] = c.id();
      limits[n++] = c.distance();
    }
    const auto drop_near = [&](std::size_t link) {
      float between[at_once];
      measure(link, good, n, between);
      std::size_t kept = 0;
      for (std::size_t i = 0; i < n; ++i) {
        good[kept] = good[i];
        limits[kept] = limits[i];
        kept += between[i] < limits[i] ? 0 : 1;
      }
      n = kept;
    };
    for (std::size_t link = 0; link < taken && n > 0; ++link) drop_near(link);
    while (n > 0 && taken < most) {
      remember(taken, good[0]);
      out[taken] = good[0];
      --n;
      std::copy_n(good + 1, n, good);
      std::copy_n(limits + 1, n, limits);
      drop_near(taken++);
    }
  }
  return taken;
}

}  // namespace thimble::inline THIMBLE_FLAGS
