// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// One search of a graph that changes meanwhile. The walk goes through all nodes but those that have been unlinked; at
// its end each candidate is asked what it is by now: a vector that was replaced gives its place to the new one, one
// that was removed goes. Where the walk does not find as many as are owed, all codes are looked at.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/graph_part.hpp>
#include <thimble/index/live_graph.hpp>
#include <thimble/index/node_table.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/search/candidate_list.hpp>
#include <thimble/search/filtered.hpp>
#include <thimble/search/search_params.hpp>
#include <thimble/search/search_scratch.hpp>
#include <thimble/search/traversal.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// The caller is inside the graph's epochs while this lives.
template <symmetric_quantizer Quantizer>
class live_search {
 public:
  live_search(const live_graph<Quantizer>& live, const Quantizer& quantizer, const simd::kernel_set& kernels,
              const search_params& params, search_scratch& scratch)
      : live_(live),
        nodes_(live.nodes()),
        quantizer_(quantizer),
        kernels_(kernels),
        params_(params),
        scratch_(scratch),
        used_(live.used()) {}

  // Error: out_of_memory.
  [[nodiscard]] expected<void> reserve(std::size_t dim) {
    dim_ = dim;
    // A replaced vector may take a place beside the one that replaced it, for a while.
    n_superseded_ = live_.n_superseded();
    wanted_ = std::max(std::min(candidates_wanted(params_, usual_ef, used_) + n_superseded_, used_), std::size_t{1});
    if (!params_.exhaustive)
      walked_ = filtered() ? walk_width(wanted_, estimated_passing(), used_, params_.gamma.has_value()) : wanted_;
    return reserve();
  }

  // Fills scratch.candidates with nodes that count and pass, each with the distance of its vector from the query.
  // Error: out_of_memory, only if many vectors are replaced during this one search.
  [[nodiscard]] expected<void> run(std::span<const float> query) {
    quantizer_.prepare(kernels_, query, scratch_.query());
    scratch_.candidates.clear(wanted_);
    if (walked_ > 0 && walk()) {
      resolve();
      if (scratch_.candidates.items().size() >= std::min(params_.k, live_.size())) return {};
    }
    for (;;) {
      scratch_.candidates.clear(wanted_);
      scan();
      const bool full = scratch_.candidates.full();
      resolve();
      if (!full || wanted_ == used_ || scratch_.candidates.items().size() >= params_.k) return {};
      // Nearer ones that do not count any more have put out some that do.
      used_ = live_.used();
      wanted_ = std::min(4 * wanted_, used_);
      if (auto room = reserve(); !room) return room;
    }
  }

 private:
  static constexpr std::size_t n_sampled = 256;

  [[nodiscard]] expected<void> reserve() {
    return scratch_.reserve(live_.graph().size(), wanted_, std::max(walked_, wanted_), dim_, quantizer_.query_bytes());
  }

  [[nodiscard]] bool filtered() const { return !params_.filter.passes_all(); }

  [[nodiscard]] auto estimator_of_nodes() const {
    return [this](const node* nodes, std::size_t n, float* out) {
      quantizer_.estimate(kernels_, scratch_.query(), nodes_.rows(), nodes, n, out);
    };
  }

  // What leads the walk: coarser estimates where the quantizer has such.
  struct scout {
    const live_search& search;

    void operator()(const node* nodes, std::size_t n, float* out) const {
      const std::byte* query = search.scratch_.query();
      const simd::code_rows codes = simd::requested(search.nodes_.rows());
      if constexpr (scouting_quantizer<Quantizer>)
        search.quantizer_.scout(search.kernels_, query, codes, nodes, n, out);
      else
        search.quantizer_.estimate(search.kernels_, query, codes, nodes, n, out);
    }
    [[nodiscard]] std::size_t row_bytes() const { return search.nodes_.rows().stride; }
    THIMBLE_ALWAYS_INLINE void request(const node* nodes, std::size_t n) const
      requires(THIMBLE_PREFETCHES != 0)
    {
      const simd::code_rows rows = search.nodes_.rows();
      simd::prefetch_rows(rows, nodes, n, rows.stride);
    }
  };

  // Whether x may be a result at the end, as far as is known now.
  [[nodiscard]] bool may_count(node x) const {
    const auto e = nodes_.at(x);
    if (e.state == node_state::superseded) return true;
    return (e.counts() || e.state == node_state::hidden) && params_.filter(e.id);
  }

  // From a sample, one slot of each part.
  [[nodiscard]] std::size_t estimated_passing() const {
    const std::size_t asked = std::min(used_, n_sampled);
    std::size_t passing = 0;
    for (std::size_t i = 0; i < asked; ++i) {
      const std::size_t begin = used_ * i / asked, size = used_ * (i + 1) / asked - begin;
      passing += may_count(static_cast<node>(begin + i * std::size_t{2'654'435'761} % size)) ? 1 : 0;
    }
    return asked == 0 ? 0 : used_ * passing / asked;
  }

  // False where there is nowhere to begin.
  [[nodiscard]] bool walk() {
    // The graph as freezing it leaves it, and so with the same results: without the nodes that wait for the sweep of
    // the last links to them.
    const bool some_unlinked = live_.n_unlinked() > 0;
    const auto is_linked = [&nodes = nodes_, some_unlinked](node x) {
      return !some_unlinked || nodes.state(x) != node_state::unlinked;
    };
    const graph_part graph(live_.graph(), is_linked);
    const entry_point entry = graph.entry();
    if (entry.at == no_node) return false;
    const scout lead{*this};
    const located start = descend(graph, lead, entry, 0, scratch_.batch);
    const auto passes = [this](node x) { return may_count(x); };
    if (filtered()) scratch_.walk.clear(walked_);
    by_stop_rule(params_.gamma, params_.k + n_superseded_, [&](const auto& stop) {
      if (filtered())
        filtered_beam_search(graph, lead, passes, start, scratch_.walk, scratch_.candidates, scratch_.visited,
                             scratch_.batch, stop);
      else
        beam_search(graph, lead, start, 0, scratch_.candidates, scratch_.visited, scratch_.batch, stop);
    });
    if constexpr (scouting_quantizer<Quantizer>) scratch_.candidates.estimate_again(estimator_of_nodes());
    return true;
  }

  void scan() {
    const auto estimate = estimator_of_nodes();
    link_batch& batch = scratch_.batch;
    constexpr std::size_t most = sizeof(batch.nodes) / sizeof(node);
    std::size_t n = 0;
    for (std::size_t x = 0; x < used_; ++x) {
      batch.nodes[n] = static_cast<node>(x);
      n += may_count(static_cast<node>(x)) ? 1 : 0;
      if (n < most && x + 1 < used_) continue;
      estimate(batch.nodes, n, batch.distances);
      for (std::size_t i = 0; i < n; ++i) scratch_.candidates.insert(batch.distances[i], batch.nodes[i]);
      n = 0;
    }
  }

  // Each candidate is looked at, then each that counts once more. Of an update the old vector or the new one counts,
  // never none, and the old one leads to the new one: so nothing is missed in the first round, in whatever order. But
  // who saw one vector of a label and later the next has both. Nodes do not come back while somebody is inside: all
  // that was seen before the last one of a label is over by the second round, and goes.
  void resolve() {
    candidate_list& now = scratch_.walk;
    now.clear(wanted_);
    std::size_t replaced = 0;
    for (const candidate c : scratch_.candidates.items()) {
      const auto e = nodes_.at(c.id());
      replaced += e.state == node_state::superseded ? 1 : 0;
      if (e.counts() && params_.filter(e.id)) now.insert(c.distance(), c.id());
    }
    if (replaced > 0) add_successors(now);
    scratch_.candidates.clear(wanted_);
    for (const candidate c : now.items())
      if (!is_over(c.id(), now)) scratch_.candidates.insert(c.distance(), c.id());
  }

  void add_successors(candidate_list& now) {
    for (const candidate c : scratch_.candidates.items()) {
      const node x = nodes_.current(c.id());
      if (x == no_node || x == c.id() || among(now, x) || !params_.filter(nodes_.label_of_seen(x))) continue;
      float distance;
      estimator_of_nodes()(&x, 1, &distance);
      now.insert(distance, x);
    }
  }

  [[nodiscard]] static bool among(const candidate_list& list, node x) {
    return std::ranges::any_of(list.items(), [x](candidate c) { return c.id() == x; });
  }

  // Removed by now, or replaced by one of the others.
  [[nodiscard]] bool is_over(node x, const candidate_list& others) const {
    auto e = nodes_.at(x);
    while (e.state == node_state::superseded) {
      const auto successor = static_cast<node>(e.id);
      if (among(others, successor)) return true;
      e = nodes_.at(successor);
    }
    return !e.counts();
  }

  const live_graph<Quantizer>& live_;
  const node_table& nodes_;
  const Quantizer& quantizer_;
  const simd::kernel_set& kernels_;
  const search_params& params_;
  search_scratch& scratch_;
  std::size_t used_;
  std::size_t dim_ = 0;
  std::size_t n_superseded_ = 0;
  std::size_t wanted_ = 1;
  std::size_t walked_ = 0;  // candidates that lead the walk; 0: there is none
};

}  // namespace thimble::inline THIMBLE_FLAGS
