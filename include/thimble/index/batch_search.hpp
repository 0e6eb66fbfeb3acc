// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Many queries at once, on the workers of an executor: what index::search gives for each of them, in one matrix. Any
// number of workers gives the same results. Nothing is allocated a query. Each worker walks for several queries in
// turns (search/walk_in_turns.hpp), so one thread answers more of them a second than search() does; it has a scratch
// for each.
//
//     auto found = search_batch(index, queries, {.k = 10}, *store, {.threads = 8});
//     found->ids(i), found->distances(i)  // of query i, nearest first
//
// Index is an index or an any_index.

#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

#include <thimble/build/progress.hpp>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/executor.hpp>
#include <thimble/core/function_ref.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/object_array.hpp>
#include <thimble/core/types.hpp>
#include <thimble/rerank/blocking.hpp>
#include <thimble/search/search_params.hpp>
#include <thimble/search/search_scratch.hpp>
#include <thimble/search/walk_in_turns.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct batch_progress {
  std::size_t done;
  std::size_t total;  // queries
};

struct batch_options {
  // 0: one for each processor.
  unsigned threads = 0;
  // Called in the calling thread now and then; returns false to stop the search, which then fails with errc::cancelled.
  function_ref<bool(const batch_progress&)> progress{};
};

// n queries x k results, row-major, each row nearest first. Where a query has fewer (fewer vectors pass its filter) its
// row ends with no_label, infinitely far away.
class batch_hits {
 public:
  static constexpr label no_label = std::numeric_limits<label>::max();

  // Empty rows. Error: out_of_memory.
  [[nodiscard]] static expected<batch_hits> create(std::size_t n, std::size_t k) {
    auto ids = aligned_buffer<label>::create(saturated_product(n, k));
    if (!ids) return std::unexpected(ids.error());
    auto distances = aligned_buffer<float>::create(ids->size());
    if (!distances) return std::unexpected(distances.error());
    auto counts = aligned_buffer<std::uint32_t>::create(n);
    if (!counts) return std::unexpected(counts.error());
    batch_hits made;
    std::ranges::fill(ids->span(), no_label);
    std::ranges::fill(distances->span(), std::numeric_limits<float>::infinity());
    made.ids_ = std::move(*ids);
    made.distances_ = std::move(*distances);
    made.counts_ = std::move(*counts);
    made.k_ = k;
    return made;
  }

  // At most k results, once a query.
  void put(std::size_t query, std::span<const neighbor> found) {
    THIMBLE_ASSERT(found.size() <= k_);
    for (std::size_t i = 0; i < found.size(); ++i) {
      ids_[query * k_ + i] = found[i].id;
      distances_[query * k_ + i] = found[i].distance;
    }
    counts_[query] = static_cast<std::uint32_t>(found.size());
  }

  // Queries, and columns: the k that was asked for, or all vectors of a smaller index.
  [[nodiscard]] std::size_t size() const { return counts_.size(); }
  [[nodiscard]] std::size_t k() const { return k_; }

  // The results of one query.
  [[nodiscard]] std::span<const label> ids(std::size_t query) const {
    return ids_.span().subspan(query * k_, counts_[query]);
  }
  [[nodiscard]] std::span<const float> distances(std::size_t query) const {
    return distances_.span().subspan(query * k_, counts_[query]);
  }

  // All of them: size() x k(), and how many each row has.
  [[nodiscard]] std::span<const label> ids() const { return ids_.span(); }
  [[nodiscard]] std::span<const float> distances() const { return distances_.span(); }
  [[nodiscard]] std::span<const std::uint32_t> counts() const { return counts_.span(); }

 private:
  aligned_buffer<label> ids_;
  aligned_buffer<float> distances_;
  aligned_buffer<std::uint32_t> counts_;
  std::size_t k_ = 0;
};

// worker -> the store that this worker alone reads from: for stores that are not for several threads at once.
template <class F>
concept store_factory =
    std::is_invocable_v<F&, unsigned> && std::is_lvalue_reference_v<std::invoke_result_t<F&, unsigned>> &&
    store<std::remove_reference_t<std::invoke_result_t<F&, unsigned>>>;

namespace detail {

// search(queries of a group, their scratches, worker) -> expected<void>: afterwards the scratches hold the results.
template <row_source Queries, executor Executor, class Search>
[[nodiscard]] expected<batch_hits> search_groups(const Queries& queries, std::size_t k, const batch_options& options,
                                                 Executor& on, Search&& search) {
  const std::size_t n = queries.size();
  const std::size_t dim = queries.dim();
  auto found = batch_hits::create(n, k);
  if (!found) return found;
  // No group so large that a worker has none.
  const std::size_t most = std::clamp(n / on.workers(), std::size_t{1}, walks_at_once);
  const std::size_t n_scratches = on.workers() * most;
  auto scratches = object_array<search_scratch>::create(n_scratches);
  if (!scratches) return std::unexpected(scratches.error());
  auto rows = aligned_buffer<float>::create(saturated_product(n_scratches, dim));
  if (!rows) return std::unexpected(rows.error());
  const auto report = [&](const build_progress& p) { return options.progress({p.done, p.total}); };
  // Its stage goes nowhere.
  stage_monitor monitor(build_stage::link, n, options.progress ? progress_report(report) : progress_report());
  parallel_for(on, (n + most - 1) / most, [&](std::size_t group, unsigned worker) {
    if (monitor.stopped()) return;
    const std::size_t first = group * most, count = std::min(n - first, most);
    const std::span<search_scratch> own = scratches->span().subspan(worker * most, count);
    std::span<const float> values[walks_at_once];
    for (std::size_t i = 0; i < count; ++i) {
      const auto query = queries.row(first + i, rows->span().subspan((worker * most + i) * dim, dim));
      if (!query) return monitor.stop(query.error());
      values[i] = *query;
    }
    if (const expected<void> searched = search(std::span(values, count), own, worker); !searched) {
      error why = searched.error();
      if (why.code == errc::not_finite || why.code == errc::zero_vector) why.value += first;
      return monitor.stop(why);
    }
    for (std::size_t i = 0; i < count; ++i) {
      found->put(first + i, own[i].rerank().results());
      monitor.finished_one(worker);
    }
  });
  if (auto done = monitor.outcome(); !done) return std::unexpected(done.error());
  return found;
}

// Of a group that has begun.
template <store Store>
[[nodiscard]] expected<void> rerank_group(std::span<search_scratch> group, std::size_t dim, Store& from) {
  if constexpr (row_store<Store>) {
    reranker* rerankers[walks_at_once];
    std::ranges::transform(group, rerankers, [](search_scratch& s) { return &s.rerank(); });
    const auto room = group.front().rows(dim);
    if (!room) return std::unexpected(room.error());
    return rerank_group_from(std::span<reranker* const>(rerankers, group.size()), from, *room);
  } else {
    for (search_scratch& s : group) {
      const auto room = s.rows(rerank_room(from, s.rerank().most_at_once(), dim));
      if (!room) return std::unexpected(room.error());
      if (auto done = rerank_from(s.rerank(), from, *room); !done) return done;
    }
    return {};
  }
}

}  // namespace detail

// The nearest by estimate: no store is asked. queries: n rows of the index's dim; a filter is asked by all workers.
// Errors, of which the first ends the batch: as index::search (not_finite and zero_vector with the query's number),
// cancelled, and what the queries answer.
template <class Index, row_source Queries, executor Executor>
[[nodiscard]] expected<batch_hits> search_batch(const Index& index, const Queries& queries, const search_params& params,
                                                const batch_options& options, Executor& on) {
  search_params estimates = params;
  estimates.rerank = 0;
  return detail::search_groups(queries, std::min(params.k, index.size()), options, on,
                               [&](std::span<const std::span<const float>> group, std::span<search_scratch> scratches,
                                   unsigned /*worker*/) { return index.begin_group(group, estimates, scratches); });
}

// With a store for each worker: stores(worker) is called once a group of queries, in that worker; options.threads is
// not looked at. Errors: also what the stores answer, wrong_dim and store_mismatch.
template <class Index, row_source Queries, store_factory Stores, executor Executor>
[[nodiscard]] expected<batch_hits> search_batch(const Index& index, const Queries& queries, const search_params& params,
                                                Stores&& stores, const batch_options& options, Executor& on) {
  return detail::search_groups(queries, std::min(params.k, index.size()), options, on,
                               [&](std::span<const std::span<const float>> group, std::span<search_scratch> scratches,
                                   unsigned worker) -> expected<void> {
                                 auto& from = stores(worker);
                                 if (auto matches = index.check_store(from); !matches) return matches;
                                 if (auto begun = index.begin_group(group, params, scratches, rows_at_once(from));
                                     !begun)
                                   return begun;
                                 return detail::rerank_group(scratches, index.dim(), from);
                               });
}

// With one store for all workers, whose rows any number of threads may read at once (core/matrix_view.hpp). A
// batch_store promises no such thing: it needs a store_factory.
template <class Index, row_source Queries, row_store Store, executor Executor>
[[nodiscard]] expected<batch_hits> search_batch(const Index& index, const Queries& queries, const search_params& params,
                                                Store& from, const batch_options& options, Executor& on) {
  return search_batch(
      index, queries, params, [store = &from](unsigned /*worker*/) -> Store& { return *store; }, options, on);
}

// The same on options.threads threads.
template <class Index, row_source Queries>
[[nodiscard]] expected<batch_hits> search_batch(const Index& index, const Queries& queries, const search_params& params,
                                                const batch_options& options = {}) {
  thread_executor threads(options.threads);
  return search_batch(index, queries, params, options, threads);
}

template <class Index, row_source Queries, row_store Store>
[[nodiscard]] expected<batch_hits> search_batch(const Index& index, const Queries& queries, const search_params& params,
                                                Store& from, const batch_options& options = {}) {
  thread_executor threads(options.threads);
  return search_batch(index, queries, params, from, options, threads);
}

}  // namespace thimble::inline THIMBLE_FLAGS
