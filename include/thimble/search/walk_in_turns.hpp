// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Walks of several queries that take turns on one thread: each goes as far as it has what it reads, asks for what comes
// next, and lets the others go on until that has arrived. The same steps in the same order as descend() and
// beam_search() (search/traversal.hpp), so the same results.

#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/graph.hpp>
#include <thimble/search/candidate_list.hpp>
#include <thimble/search/traversal.hpp>
#include <thimble/search/visited_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// How many walks take turns. Where nothing can be asked for ahead one goes after the other.
inline constexpr std::size_t walks_at_once = THIMBLE_PREFETCHES ? 4 : 1;

// What it is given stays where it is while it lives. candidates are cleared by the caller, with their ef.
template <graph Graph, requesting_estimator Estimator, stop_rule Stop>
class walk_in_turns {
 public:
  walk_in_turns(const Graph& g, const Estimator& estimate, const Stop& stop, candidate_list& candidates,
                visited_set& visited, link_batch& batch)
      : graph_(g),
        estimate_(estimate),
        stop_(stop),
        candidates_(candidates),
        fresh_(&batch),
        seen_(visited.begin()),
        nearest_{g.entry().at, 0},
        level_(g.entry().level),
        wanted_(rows_a_batch(estimate)) {
    estimate_(&nearest_.at, 1, &nearest_.distance);
    if (level_ == 0) begin_beam();
  }

  walk_in_turns(const walk_in_turns&) = delete;
  walk_in_turns& operator=(const walk_in_turns&) = delete;

  // False when the walk has ended.
  [[nodiscard]] bool turn() {
    switch (next_) {
      case step::collect_upper:
        collect_upper();
        next_ = step::measure_upper;
        return true;
      case step::measure_upper:
        if (!move_nearer() && --level_ == 0)
          begin_beam();
        else
          next_ = step::collect_upper;
        return true;
      case step::collect:
        n_ = collect_links(graph_, 0, wanted_, candidates_, seen_, stop_, *fresh_);
        if (n_ == 0 && n_before_ == 0) return false;
        estimate_.request(fresh_->nodes, n_);
        next_ = step::measure;
        return true;
      case step::measure:
        if (n_before_ > 0) {
          estimate_(before_->nodes, n_before_, before_->distances);
          n_before_ = before_->keep_within(stop_.limit(candidates_), n_before_);
          for (std::size_t i = 0; i < n_before_; ++i)
            if (candidates_.insert(before_->distances[i], before_->nodes[i])) prefetch_place(graph_, before_->nodes[i]);
        }
        n_before_ = n_;
        std::swap(fresh_, before_);
        next_ = step::choose;
        return true;
      case step::choose:
        prefetch_next_lists(graph_, candidates_);
        next_ = step::collect;
        return true;
    }
    return false;
  }

 private:
  enum class step : std::uint8_t { collect_upper, measure_upper, collect, measure, choose };

  void collect_upper() {
    n_ = 0;
    graph_.for_each_link(nearest_.at, level_, [&](node y) { fresh_->nodes[n_++] = y; });
    estimate_.request(fresh_->nodes, n_);
  }

  [[nodiscard]] bool move_nearer() {
    estimate_(fresh_->nodes, n_, fresh_->distances);
    bool moved = false;
    for (std::size_t i = 0; i < n_; ++i) {
      if (fresh_->distances[i] < nearest_.distance) {
        nearest_ = {fresh_->nodes[i], fresh_->distances[i]};
        moved = true;
      }
    }
    return moved;
  }

  void begin_beam() {
    (void)seen_.insert(nearest_.at);
    candidates_.insert(nearest_.distance, nearest_.at);
    prefetch_place(graph_, nearest_.at);
    next_ = step::choose;
  }

  const Graph& graph_;
  const Estimator& estimate_;
  const Stop& stop_;
  candidate_list& candidates_;
  link_batch* fresh_;              // what is asked for
  link_batch* before_ = &second_;  // what was, in the step before
  visited_set::marks seen_;
  located nearest_;
  unsigned level_;
  std::size_t wanted_;
  step next_ = step::collect_upper;
  std::size_t n_ = 0;
  std::size_t n_before_ = 0;
  link_batch second_;
};

// Until all have ended.
template <class Walk, std::size_t Most>
void take_turns(std::array<std::optional<Walk>, Most>& walks) {
  for (bool any = true; any;) {
    any = false;
    for (std::optional<Walk>& walk : walks) {
      if (!walk) continue;
      if (walk->turn())
        any = true;
      else
        walk.reset();
    }
  }
}

}  // namespace thimble::inline THIMBLE_FLAGS
