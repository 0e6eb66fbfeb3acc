// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What a search is asked for.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/search/label_filter.hpp>
#include <thimble/search/stage_times.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Which of the candidates are read and measured exactly (rerank/reranker.hpp).
enum class rerank_policy : std::uint8_t {
  bound,  // those that may still be among the k nearest, by the error bounds of their estimates
  fixed,  // the best `rerank` by estimate; so too where the quantizer has no error bounds
};

struct search_params {
  // Results wanted; an index of fewer vectors gives all it has.
  std::size_t k = 10;
  // Candidates the search keeps: more is slower and finds more. Below k it counts as k. 0: the index's default, which
  // is 64 or what was chosen for it ('thimble tune'), and with it the gamma that was, unless one is given.
  std::size_t ef = 0;
  // Keeps no candidate that is farther than (1 + gamma) times the k-th best, by the metric's own distance (l2:
  // squared), so that the walk ends earlier where a query is easy, and less is reranked: with an ef of some hundred a
  // search takes .6 to .95 of the time at recall@10 of .99, .9 to 1 of it at .95 (bench/README.md). .05 to .3 is usual;
  // 'thimble tune' finds one. 0 or more; a large one changes nothing. Not while the k-th distance is 0 or below, as
  // inner products may be. (Adaptive beam search, arXiv 2505.15636.)
  std::optional<float> gamma{};
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
  // Tells the time for hits::times(), where that is wanted (search/stage_times.hpp); steady_clock_ns, as a rule.
  nanosecond_clock clock = nullptr;
};

inline constexpr float max_epsilon = 1000;

[[nodiscard]] inline expected<void> check_epsilon(float epsilon) {
  if (epsilon >= 0 && epsilon <= max_epsilon) return {};
  return fail(errc::invalid_argument, "epsilon must be 0..1000: a number of standard errors");
}

[[nodiscard]] constexpr bool is_gamma(float value) { return value >= 0 && value <= std::numeric_limits<float>::max(); }

// Errors: invalid_k, invalid_argument (gamma, epsilon).
[[nodiscard]] inline expected<void> check_params(const search_params& params) {
  if (params.k == 0) return fail(errc::invalid_k, "k is 0: ask for at least one result");
  if (params.gamma && !is_gamma(*params.gamma))
    return fail(errc::invalid_argument, "gamma must be a number, 0 or more: leave it out to search without");
  return check_epsilon(params.epsilon);
}

inline constexpr std::uint32_t usual_ef = 64;
inline constexpr std::uint32_t max_default_ef = 1'000'000;

// Candidates a search of n vectors keeps.
[[nodiscard]] constexpr std::size_t candidates_wanted(const search_params& params, std::size_t default_ef,
                                                      std::size_t n) {
  return std::min(std::max(params.ef == 0 ? default_ef : params.ef, params.k), n);
}

}  // namespace thimble::inline THIMBLE_FLAGS
