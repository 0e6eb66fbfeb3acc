// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The exact last stage as a state machine that never waits: it says which rows it needs, is given them by whoever can
// read them, and in the end has the k nearest. Drivers for stores are in blocking.hpp and callback.hpp; JavaScript
// drives it across the WASM boundary in the same three steps.
//
//     r.start(...);  while (!r.done()) { read r.needs(); r.accept(i, row) for each; r.advance(); }  r.results()
//
// Two policies. `fixed` reads the best `rerank` by estimate in one batch. `bound` takes the candidates in the order of
// the lower bounds of their distances and stops at the first whose bound is above the k-th exact distance known by
// then: the same results, within the bounds' reliability, from fewer rows. It reads at most rows_at_once in a batch;
// where that is no limit, max(2k, 20) first and then all that may still matter, so two batches at most. (Choosing one
// batch by upper bounds reads nearly everything: ALGORITHMS.md section 8.)
//
// With rerank >= k every result is exact; with less the others keep their estimates and sort among them.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/metric/exact_query.hpp>
#include <thimble/search/candidate_list.hpp>
#include <thimble/search/stage_times.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class reranker {
 public:
  // Room for this many candidates of a query of dim floats; keeps what it has where that is enough. Error:
  // out_of_memory.
  [[nodiscard]] expected<void> reserve(std::size_t candidates, std::size_t dim) {
    if (ranked_.size() < candidates) {
      auto ranked = aligned_buffer<candidate>::create(candidates);
      if (!ranked) return std::unexpected(ranked.error());
      auto needed = aligned_buffer<node>::create(candidates);
      if (!needed) return std::unexpected(needed.error());
      auto results = aligned_buffer<neighbor>::create(candidates);
      if (!results) return std::unexpected(results.error());
      if (auto done = nearest_.reserve(candidates); !done) return done;
      ranked_ = std::move(*ranked);
      needed_ = std::move(*needed);
      results_ = std::move(*results);
    }
    if (query_.size() < dim) {
      auto query = aligned_buffer<float>::create(dim);
      if (!query) return std::unexpected(query.error());
      query_ = std::move(*query);
    }
    return {};
  }

  // Before start(), where the stages of this search are to be timed: what passes until start() is the graph's.
  void time_by(nanosecond_clock clock) { timer_.start(clock); }

  // By `fixed`. candidates: nearest first, no more than reserved; their ids are rows. keys: the label of each row,
  // where that is not its number; must outlive the results. The query is copied.
  void start(const simd::kernel_set& kernels, metric m, std::span<const float> query,
             std::span<const candidate> candidates, std::size_t k, std::size_t rerank,
             std::span<const label> keys = {}) {
    begin(kernels, m, query, candidates, k, rerank, keys);
    // Farthest first: what is read next leaves at the end.
    std::ranges::transform(candidates, ranked_.data(), unmarked);
    std::ranges::reverse(unread());
    ask_first(most_);
  }

  // By `bound`: bounded(candidate) -> candidate, its row and the lower bound of its distance. (With rerank < k there is
  // nothing to save: `fixed`.)
  template <class Bounded>
  void start_by_bound(const simd::kernel_set& kernels, metric m, std::span<const float> query,
                      std::span<const candidate> candidates, std::size_t k, std::size_t rerank,
                      std::size_t rows_at_once, Bounded&& bounded, std::span<const label> keys = {}) {
    begin(kernels, m, query, candidates, k, rerank, keys);
    by_bound_ = rerank >= k_;
    std::ranges::transform(candidates, ranked_.data(), [&](candidate c) {
      const candidate b = bounded(c);
      return by_bound_ ? b : candidate::of(c.distance(), b.id());
    });
    // The bounds come nearly in order; of many candidates some would still move far.
    if (candidates.size() <= few_candidates)
      for (std::size_t i = 0; i < candidates.size(); ++i) insert_in_order(ranked_.data(), i, ranked_[i]);
    else
      std::ranges::sort(unread());
    std::ranges::reverse(unread());
    if (!by_bound_) return ask_first(most_);
    rows_at_once_ = std::max(rows_at_once, std::size_t{1});
    const std::size_t first = std::min(most_, rows_at_once < most_ ? k_ : std::max(2 * k_, least_first_batch));
    most_at_once_ = std::max(first, std::min(most_ - first, rows_at_once_));
    ask_first(first);
  }

  // The rows to read next, ascending; empty when done.
  [[nodiscard]] std::span<const node> needs() const { return needed_.span().first(n_needed_); }
  [[nodiscard]] bool done() const { return n_needed_ == 0; }

  // By `bound`: the candidates that needs() will ask for after these, as far as they still matter then; their ids are
  // rows.
  [[nodiscard]] std::span<const candidate> likely() const {
    if (!by_bound_) return {};
    const std::size_t n = std::min({n_unread_, most_ - vectors_read_ - n_needed_, rows_at_once_});
    return ranked_.span().subspan(n_unread_ - n, n);
  }

  // The most rows that needs() will ask for at once.
  [[nodiscard]] std::size_t most_at_once() const { return most_at_once_; }

  // The row of needs()[i], dim floats. Each of them once, in any order; the row is not kept.
  void accept(std::size_t i, std::span<const float> row) {
    if (timer_.running()) {
      touch(row);
      timer_.lap(&stage_times::read_ns);
    }
    nearest_.insert(exact_.distance(row), needed_[i]);
    timer_.lap(&stage_times::rerank_ns);
  }

  // After all of needs() were accepted.
  void advance() {
    vectors_read_ += n_needed_;
    ++batches_;
    n_needed_ = 0;
    if (by_bound_) ask(rows_at_once_);
    if (done()) finish();
    timer_.lap(&stage_times::rerank_ns);
  }

  // The k nearest, nearest first; ties by row. Valid until the next start().
  [[nodiscard]] std::span<const neighbor> results() const {
    THIMBLE_ASSERT(done());
    return results_.span().first(k_);
  }

  [[nodiscard]] std::size_t vectors_read() const { return vectors_read_; }
  [[nodiscard]] std::size_t batches() const { return batches_; }
  // All 0 where time_by() was given no clock.
  [[nodiscard]] const stage_times& times() const { return timer_.times(); }
  [[nodiscard]] std::size_t dim() const { return dim_; }
  [[nodiscard]] std::size_t bytes() const {
    return ranked_.bytes() + needed_.bytes() + nearest_.bytes() + results_.bytes() + query_.bytes();
  }

 private:
  static constexpr std::size_t few_candidates = 512;
  // Fewer rows at first save a batch less often than they save rows.
  static constexpr std::size_t least_first_batch = 20;

  // Without the mark of an expanded node, so that equal distances sort by node.
  [[nodiscard]] static candidate unmarked(candidate c) { return {c.key & ~std::uint64_t{1}}; }

  void begin(const simd::kernel_set& kernels, metric m, std::span<const float> query,
             std::span<const candidate> candidates, std::size_t k, std::size_t rerank, std::span<const label> keys) {
    THIMBLE_ASSERT(candidates.size() <= ranked_.size() && query.size() <= query_.size());
    std::ranges::copy(query, query_.data());
    dim_ = query.size();
    exact_ = exact_query(kernels, m, query_.span().first(dim_));
    n_unread_ = candidates.size();
    most_ = std::min(rerank, n_unread_);
    most_at_once_ = most_;
    k_ = std::min(k, n_unread_);
    nearest_.clear(std::max(k_, std::size_t{1}));
    keys_ = keys;
    by_bound_ = false;
    n_needed_ = 0;
    vectors_read_ = 0;
    batches_ = 0;
  }

  [[nodiscard]] std::span<candidate> unread() { return ranked_.span().first(n_unread_); }

  // Whether an unread candidate, and so all behind it, can no longer be among the k nearest.
  [[nodiscard]] bool too_far(candidate lower_bound) const {
    return by_bound_ && nearest_.items().size() == k_ && lower_bound > nearest_.items().back();
  }

  void ask_first(std::size_t wanted) {
    timer_.lap(&stage_times::graph_ns);
    ask(wanted);
    if (done()) finish();
    timer_.lap(&stage_times::rerank_ns);
  }

  // Waits for each cache line: where rows lie in place, that is what reading them takes.
  static void touch(std::span<const float> row) {
    constexpr std::size_t floats_a_line = 64 / sizeof(float);
    const volatile float* values = row.data();
    for (std::size_t j = 0; j < row.size(); j += floats_a_line) (void)values[j];
  }

  // Makes the next so many candidates needed, as far as they may be read and still matter.
  void ask(std::size_t wanted) {
    wanted = std::min(wanted, most_ - vectors_read_);
    while (n_needed_ < wanted && !too_far(ranked_[n_unread_ - 1])) needed_[n_needed_++] = ranked_[--n_unread_].id();
    std::ranges::sort(needed_.span().first(n_needed_));
  }

  void finish() {
    const std::span<const candidate> exact = nearest_.items();
    if (vectors_read_ >= k_) n_unread_ = 0;  // exact ones only
    for (std::size_t i = 0, e = 0; i < k_; ++i) {
      const bool estimate = n_unread_ > 0 && (e == exact.size() || ranked_[n_unread_ - 1] < exact[e]);
      const candidate next = estimate ? ranked_[--n_unread_] : exact[e++];
      results_[i] = {.id = keys_.empty() ? next.id() : keys_[next.id()], .distance = next.distance()};
    }
  }

  stage_timer timer_;
  exact_query exact_;
  aligned_buffer<float> query_;
  aligned_buffer<candidate> ranked_;  // those not read yet, the next one last: by estimate, or by lower bound
  aligned_buffer<node> needed_;
  candidate_list nearest_;  // of those read, by exact distance
  aligned_buffer<neighbor> results_;
  std::span<const label> keys_;
  std::size_t dim_ = 0;
  std::size_t k_ = 0;
  std::size_t most_ = 0;
  std::size_t most_at_once_ = 0;
  std::size_t rows_at_once_ = 0;
  std::size_t n_unread_ = 0;
  std::size_t n_needed_ = 0;
  std::size_t vectors_read_ = 0;
  std::size_t batches_ = 0;
  bool by_bound_ = false;
};

}  // namespace thimble::inline THIMBLE_FLAGS
