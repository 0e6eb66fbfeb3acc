// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The exact last stage as a state machine that never waits: it says which rows it needs, is given them by whoever can
// read them, and in the end has the k nearest. Drivers for stores are in blocking.hpp and callback.hpp; JavaScript
// drives it across the WASM boundary in the same three steps.
//
//     r.start(...);  while (!r.done()) { read r.needs(); r.accept(i, row) for each; r.advance(); }  r.results()
//
// The best `rerank` candidates by estimate are read in one batch; candidates beyond them keep their estimates.

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

  // candidates: nearest first, no more than reserved. The query is copied.
  void start(const simd::kernel_set& kernels, metric m, std::span<const float> query,
             std::span<const candidate> candidates, std::size_t k, std::size_t rerank) {
    THIMBLE_ASSERT(candidates.size() <= ranked_.size() && query.size() <= query_.size());
    std::ranges::copy(query, query_.data());
    dim_ = query.size();
    exact_ = exact_query(kernels, m, query_.span().first(dim_));
    // The mark of an expanded node is the last bit: off, so that equal distances sort by node.
    std::ranges::transform(candidates, ranked_.data(),
                           [](candidate c) { return candidate{c.key & ~std::uint64_t{1}}; });
    n_candidates_ = candidates.size();
    n_needed_ = std::min(rerank, n_candidates_);
    k_ = std::min(k, n_candidates_);
    vectors_read_ = 0;
    batches_ = 0;
    for (std::size_t i = 0; i < n_needed_; ++i) needed_[i] = ranked_[i].id();
    std::ranges::sort(needed_.span().first(n_needed_), [](node a, node b) { return a < b; });
    if (n_needed_ == 0) finish();
  }

  // The rows to read next, ascending; empty when done.
  [[nodiscard]] std::span<const node> needs() const { return needed_.span().first(n_needed_); }
  [[nodiscard]] bool done() const { return n_needed_ == 0; }

  // The row of needs()[i], dim floats. Each of them once, in any order; the row is not kept.
  void accept(std::size_t i, std::span<const float> row) {
    ranked_[i] = candidate::of(exact_.distance(row), needed_[i]);
  }

  // After all of needs() were accepted.
  void advance() {
    vectors_read_ += n_needed_;
    ++batches_;
    n_needed_ = 0;
    finish();
  }

  // The k nearest, nearest first; ties by label. Valid until the next start().
  [[nodiscard]] std::span<const neighbor> results() const {
    THIMBLE_ASSERT(done());
    return results_.span().first(k_);
  }

  [[nodiscard]] std::size_t vectors_read() const { return vectors_read_; }
  [[nodiscard]] std::size_t batches() const { return batches_; }
  [[nodiscard]] std::size_t dim() const { return dim_; }
  [[nodiscard]] std::size_t bytes() const {
    return ranked_.bytes() + needed_.bytes() + results_.bytes() + query_.bytes();
  }

 private:
  void finish() {
    const std::span<candidate> all = ranked_.span().first(n_candidates_);
    std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(k_));
    for (std::size_t i = 0; i < k_; ++i) results_[i] = {.id = all[i].id(), .distance = all[i].distance()};
  }

  exact_query exact_;
  aligned_buffer<float> query_;
  aligned_buffer<candidate> ranked_;
  aligned_buffer<node> needed_;
  aligned_buffer<neighbor> results_;
  std::size_t dim_ = 0;
  std::size_t n_candidates_ = 0;
  std::size_t n_needed_ = 0;
  std::size_t k_ = 0;
  std::size_t vectors_read_ = 0;
  std::size_t batches_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
