// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Searches of an index that does not change, up to the rerank: the query is prepared, the graph walked or the codes
// scanned, and the reranker told the candidates. Of one query, or of several whose walks take turns.

#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/index/index_parts.hpp>
#include <thimble/metric/vector_check.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/search/candidate_list.hpp>
#include <thimble/search/exhaustive.hpp>
#include <thimble/search/filtered.hpp>
#include <thimble/search/label_filter.hpp>
#include <thimble/search/numbering.hpp>
#include <thimble/search/radius_search.hpp>
#include <thimble/search/search_params.hpp>
#include <thimble/search/search_scratch.hpp>
#include <thimble/search/traversal.hpp>
#include <thimble/search/walk_in_turns.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Refers to the parts and the kernels of an index; made for one call, and for any number of threads at once.
template <quantizer Quantizer>
class frozen_search {
 public:
  frozen_search(const index_parts<Quantizer>& parts, const simd::kernel_set& kernels)
      : parts_(parts), kernels_(kernels) {}

  [[nodiscard]] numbering numbers() const { return {&parts_.rows, parts_.keys.span()}; }

  // Afterwards scratch.rerank() says which rows it needs. Errors: those of index::begin.
  [[nodiscard]] expected<void> begin(std::span<const float> query, const search_params& params, search_scratch& scratch,
                                     std::size_t rows_at_once) const {
    scratch.rerank().time_by(params.clock);
    if (auto valid = check(query, params); !valid) return valid;
    const std::size_t wanted = candidates_wanted(params, parts_.meta.default_ef, size());
    const numbering names = numbers();
    const auto passes = [&](label row) { return params.filter(names.label_of_row(static_cast<node>(row))); };
    const bool filtered = !params.filter.passes_all();
    const label_filter rows = filtered && !parts_.keys.empty() ? label_filter::where(passes) : params.filter;
    const std::size_t passing = filtered ? rows.n_passing(size()) : size();
    const std::size_t walked =
        filtered && !params.exhaustive ? walk_width(wanted, passing, size(), gamma_of(params).has_value()) : 0;
    if (auto ready = prepare(query, wanted, walked, scratch); !ready) return ready;

    if (filtered)
      find_passing(params, rows, wanted, walked, scratch);
    else
      find(params, wanted, scratch);
    start_rerank(query, params, scratch, rows_at_once);
    return {};
  }

  // The same for several queries, at most walks_at_once, each with a scratch of its own. Errors: as above, not_finite
  // and zero_vector with the query's number.
  [[nodiscard]] expected<void> begin_group(std::span<const std::span<const float>> queries, const search_params& params,
                                           std::span<search_scratch> scratches, std::size_t rows_at_once) const {
    if (queries.size() == 1 || params.exhaustive || !params.filter.passes_all()) {
      for (std::size_t i = 0; i < queries.size(); ++i)
        if (auto begun = begin(queries[i], params, scratches[i], rows_at_once); !begun)
          return of_query(begun.error(), i);
      return {};
    }
    if constexpr (walks_at_once > 1) return begin_in_turns(queries, params, scratches, rows_at_once);
    return {};
  }

  // For a walk that keeps its candidates elsewhere. Errors: wrong_dim, not_finite, zero_vector, empty_index,
  // out_of_memory.
  [[nodiscard]] expected<void> prepare_walk(std::span<const float> query, search_scratch& scratch) const {
    if (auto valid = check(query); !valid) return valid;
    return prepare(query, 1, 0, scratch);
  }

  // may_be_within(candidate): whether its vector may be within the radius. Errors: also invalid_argument.
  template <class MayBeWithin>
  [[nodiscard]] expected<candidates_within> candidates_near(std::span<const float> query, float radius,
                                                            const radius_params& params, std::size_t rim,
                                                            search_scratch& scratch,
                                                            const MayBeWithin& may_be_within) const {
    if (std::isnan(radius)) return fail(errc::invalid_argument, "the radius is no number");
    if (auto valid = check_epsilon(params.epsilon); !valid) return std::unexpected(valid.error());
    if (auto prepared = prepare_walk(query, scratch); !prepared) return std::unexpected(prepared.error());
    const estimates estimate{*this, scratch.query()};
    const located start = descend(parts_.graph, estimate, parts_.graph.entry(), 0, scratch.batch);
    return walk_within(parts_.graph, estimate, start, params, rim, scratch, numbers(), may_be_within);
  }

  THIMBLE_ALWAYS_INLINE void estimate(const std::byte* query, const node* nodes, std::size_t n, float* out) const {
    parts_.quantizer.estimate(kernels_, query, codes(), nodes, n, out);
  }

  // Of the distance of a candidate from the query that scratch holds; the estimate itself where the quantizer has no
  // bounds.
  [[nodiscard]] float lower_bound(candidate c, float epsilon, search_scratch& scratch) const {
    if constexpr (bounded_quantizer<Quantizer>) {
      const std::byte* code = simd::row_of(codes(), c.id());
      const double error = parts_.quantizer.standard_error(scratch.query(), code, c.distance());
      // A product of two floats is exact in double, so it does not matter who fuses it.
      return static_cast<float>(double{c.distance()} - double{epsilon} * error);
    } else {
      return c.distance();
    }
  }

 private:
  struct estimates {
    const frozen_search& search;
    const std::byte* query;

    void operator()(const node* nodes, std::size_t n, float* out) const { search.estimate(query, nodes, n, out); }
  };

  // What leads a walk: coarser estimates where the quantizer has such.
  struct scout {
    const frozen_search& search;
    const std::byte* query;

    void operator()(const node* nodes, std::size_t n, float* out) const {
      if constexpr (scouting_quantizer<Quantizer>)
        search.parts_.quantizer.scout(search.kernels_, query, simd::requested(search.codes()), nodes, n, out);
      else
        search.parts_.quantizer.estimate(search.kernels_, query, simd::requested(search.codes()), nodes, n, out);
    }
    [[nodiscard]] std::size_t row_bytes() const { return search.codes().stride; }
    THIMBLE_ALWAYS_INLINE void request(const node* nodes, std::size_t n) const
      requires(THIMBLE_PREFETCHES != 0)
    {
      simd::prefetch_rows(search.codes(), nodes, n, search.codes().stride);
    }
  };

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(parts_.meta.n); }
  [[nodiscard]] std::size_t dim() const { return parts_.meta.dim; }
  [[nodiscard]] thimble::metric metric() const { return static_cast<thimble::metric>(parts_.meta.metric); }
  [[nodiscard]] simd::code_rows codes() const { return parts_.rows_of_codes(); }

  [[nodiscard]] expected<void> check(std::span<const float> query) const {
    if (size() == 0) return fail(errc::empty_index, "the index is empty: build it from vectors first");
    if (query.size() != dim()) return fail(errc::wrong_dim, "the query's dim is not the index's", query.size());
    if (!is_finite(query)) return fail(errc::not_finite, "the query holds NaN, infinity or a value beyond 1e15");
    return {};
  }
  [[nodiscard]] expected<void> check(std::span<const float> query, const search_params& params) const {
    if (auto valid = check_params(params); !valid) return valid;
    return check(query);
  }

  // Room, and the quantizer's query in it. Errors: out_of_memory, zero_vector.
  [[nodiscard]] expected<void> prepare(std::span<const float> query, std::size_t wanted, std::size_t walked,
                                       search_scratch& scratch) const {
    if (auto room = scratch.reserve(size(), wanted, walked, dim(), parts_.quantizer.query_bytes()); !room) return room;
    std::span<const float> coded = query;
    if (metric() == metric::cosine) {
      coded = scratch.vector(dim());
      if (auto done = normalize(kernels_, query, scratch.vector(dim())); !done) return done;
    }
    parts_.quantizer.prepare(kernels_, coded, scratch.query());
    return {};
  }

  [[nodiscard]] std::optional<float> gamma_of(const search_params& params) const {
    if (params.exhaustive) return {};
    return params.gamma || params.ef != 0 ? params.gamma : parts_.default_gamma;
  }

  void find(const search_params& params, std::size_t ef, search_scratch& scratch) const {
    candidate_list& found = scratch.candidates;
    found.clear(ef);
    if (params.exhaustive) return exhaustive_search(size(), estimates{*this, scratch.query()}, found, scratch.batch);
    const scout lead{*this, scratch.query()};
    const located start = descend(parts_.graph, lead, parts_.graph.entry(), 0, scratch.batch);
    by_stop_rule(gamma_of(params), params.k, [&](const auto& stop) {
      beam_search(parts_.graph, lead, start, 0, found, scratch.visited, scratch.batch, stop);
    });
    finish_walk(params.k, ef, scratch);
  }

  // filter: of rows.
  void find_passing(const search_params& params, const label_filter& filter, std::size_t ef, std::size_t walked,
                    search_scratch& scratch) const {
    candidate_list& found = scratch.candidates;
    found.clear(ef);
    const auto gamma = gamma_of(params);
    if (walked > 0) {
      const scout lead{*this, scratch.query()};
      const located start = descend(parts_.graph, lead, parts_.graph.entry(), 0, scratch.batch);
      scratch.walk.clear(walked);
      const auto passes = [&](node x) { return filter(parts_.rows[x]); };
      by_stop_rule(gamma, params.k, [&](const auto& stop) {
        filtered_beam_search(parts_.graph, lead, passes, start, scratch.walk, found, scratch.visited, scratch.batch,
                             stop);
      });
      if (found_enough(params.k, scratch)) return;
      found.clear(ef);
    }
    const auto node_of = [&](std::size_t row) { return parts_.rows.inverse(row); };
    by_stop_rule(gamma, params.k, [&](const auto& stop) {
      filtered_scan(size(), estimates{*this, scratch.query()}, filter, node_of, found, scratch.batch, stop);
    });
  }

  // The error of one query of several.
  [[nodiscard]] static std::unexpected<error> of_query(error why, std::size_t i) {
    if (why.code == errc::not_finite || why.code == errc::zero_vector) why.value = i;
    return std::unexpected(why);
  }

  [[nodiscard]] expected<void> begin_in_turns(std::span<const std::span<const float>> queries,
                                              const search_params& params, std::span<search_scratch> scratches,
                                              std::size_t rows_at_once) const {
    const std::size_t wanted = candidates_wanted(params, parts_.meta.default_ef, size());
    for (std::size_t i = 0; i < queries.size(); ++i) {
      scratches[i].rerank().time_by(params.clock);
      if (auto valid = check(queries[i], params); !valid) return of_query(valid.error(), i);
      if (auto ready = prepare(queries[i], wanted, 0, scratches[i]); !ready) return of_query(ready.error(), i);
      scratches[i].candidates.clear(wanted);
    }
    by_stop_rule(gamma_of(params), params.k, [&](const auto& stop) { walk_in_turns_through(scratches, stop); });
    for (std::size_t i = 0; i < queries.size(); ++i) {
      finish_walk(params.k, wanted, scratches[i]);
      start_rerank(queries[i], params, scratches[i], rows_at_once);
    }
    return {};
  }

  template <stop_rule Stop>
  void walk_in_turns_through(std::span<search_scratch> scratches, const Stop& stop) const {
    using walk = walk_in_turns<frozen_graph, scout, Stop>;
    std::array<std::optional<scout>, walks_at_once> leads;
    std::array<std::optional<walk>, walks_at_once> walks;
    for (std::size_t i = 0; i < scratches.size(); ++i) {
      search_scratch& s = scratches[i];
      leads[i].emplace(*this, s.query());
      walks[i].emplace(parts_.graph, *leads[i], stop, s.candidates, s.visited, s.batch);
    }
    take_turns(walks);
  }

  void finish_walk(std::size_t k, std::size_t ef, search_scratch& scratch) const {
    if (found_enough(k, scratch)) return;
    scratch.candidates.clear(ef);
    exhaustive_search(size(), estimates{*this, scratch.query()}, scratch.candidates, scratch.batch);
  }

  // Whether a walk led to as many nodes as are owed, which then have their final estimates.
  [[nodiscard]] bool found_enough(std::size_t k, search_scratch& scratch) const {
    const auto found = scratch.candidates.items();
    if (found.size() < std::min(k, size())) return false;
    for (const candidate c : found) parts_.rows.prefetch(c.id());
    if constexpr (scouting_quantizer<Quantizer>) scratch.candidates.estimate_again(estimates{*this, scratch.query()});
    return true;
  }

  void start_rerank(std::span<const float> query, const search_params& params, search_scratch& scratch,
                    std::size_t rows_at_once) const {
    candidate_list& found = scratch.candidates;
    if constexpr (bounded_quantizer<Quantizer>) {
      if (params.rerank_by == rerank_policy::bound) {
        const auto bounded = [&](candidate c) {
          return candidate::of(lower_bound(c, params.epsilon, scratch), parts_.rows[c.id()]);
        };
        return scratch.rerank().start_by_bound(kernels_, metric(), query, found.items(), params.k, params.rerank,
                                               rows_at_once, bounded, parts_.keys.span());
      }
    }
    found.relabel([&](node x) { return parts_.rows[x]; });
    scratch.rerank().start(kernels_, metric(), query, found.items(), params.k, params.rerank, parts_.keys.span());
  }

  const index_parts<Quantizer>& parts_;
  const simd::kernel_set& kernels_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
