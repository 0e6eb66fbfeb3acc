// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The front door of an index that changes: vectors are added, updated and removed by label while any number of threads
// search. Like index/index.hpp it assembles the parts; the lives of nodes are in index/live_graph.hpp.
//
//     auto index = thimble::mutable_index<thimble::sq8>::train(sample, {.metric = thimble::metric::cosine});
//     auto done  = index->add(17, vector);            // an error: label_exists, not_finite, ...
//     auto hits  = index->search(query, {.k = 10});
//     done       = index->get(17, out);                // the vector, as far as its code tells
//     done       = index->remove(17);
//
// Every function is safe on any number of threads at once, but for compact() and moving. A search takes no lock, and
// nobody waits for it. Memory: the codes, 128 bytes of links a vector at m = 16, about 28 more.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

#include <thimble/build/progress.hpp>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/executor.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/object_array.hpp>
#include <thimble/core/object_pool.hpp>
#include <thimble/core/types.hpp>
#include <thimble/index/build_parts.hpp>
#include <thimble/index/hits.hpp>
#include <thimble/index/index_parts.hpp>
#include <thimble/index/live_graph.hpp>
#include <thimble/index/live_search.hpp>
#include <thimble/index/options.hpp>
#include <thimble/metric/checked_rows.hpp>
#include <thimble/metric/vector_check.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/rerank/blocking.hpp>
#include <thimble/search/scratch_pool.hpp>
#include <thimble/search/search_params.hpp>
#include <thimble/search/search_scratch.hpp>
#include <thimble/search/visited_set.hpp>
#include <thimble/simd/dispatch.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

namespace detail {
template <symmetric_quantizer Quantizer>
struct change_of_form;
}

template <symmetric_quantizer Quantizer>
class mutable_index {
 public:
  // An empty index whose quantizer has learnt from the rows: some thousands like those to come. options.threads is not
  // looked at. Errors: empty_input, too_many_vectors, too_large, wrong_dim, invalid_argument (m, ef_construction),
  // unsupported (simd), not_finite, zero_vector, out_of_memory, cancelled, and what the rows answer.
  template <row_source Rows>
  [[nodiscard]] static expected<mutable_index> train(const Rows& sample, const build_options& options = {}) {
    if (auto valid = detail::check_build<Quantizer>(sample.size(), sample.dim(), options); !valid)
      return std::unexpected(valid.error());
    const auto kernels = simd::kernels_for(options.simd);
    if (!kernels) return std::unexpected(kernels.error());
    if (auto go_on = report_progress(options.progress, {build_stage::train, 0, 1}); !go_on)
      return std::unexpected(go_on.error());
    const checked_rows<Rows> rows(sample, options.metric, **kernels);
    auto quantizer =
        Quantizer::train(rows, metric_of_codes(options.metric), {.kernels = **kernels, .seed = options.seed});
    if (!quantizer) return std::unexpected(quantizer.error());
    auto made = make_owned<parts>(**kernels, std::move(*quantizer), rows.dim(), options);
    if (!made) return std::unexpected(made.error());
    auto live = (**made).empty_graph();
    if (!live) return std::unexpected(live.error());
    (**made).live = std::move(*live);
    if (auto go_on = report_progress(options.progress, {build_stage::train, 1, 1}); !go_on)
      return std::unexpected(go_on.error());
    return mutable_index(std::move(*made));
  }

  // train(), then add() with the rows' numbers as labels on options.threads threads. Errors: as train().
  template <row_source Rows>
  [[nodiscard]] static expected<mutable_index> build(const Rows& vectors, const build_options& options = {}) {
    thread_executor threads(options.threads);
    return build(vectors, options, threads);
  }

  // The same on the caller's executor.
  template <row_source Rows, executor Executor>
  [[nodiscard]] static expected<mutable_index> build(const Rows& vectors, const build_options& options, Executor& on) {
    auto made = train(vectors, options);
    if (!made) return made;
    if (auto done = made->add_rows([](std::size_t i) { return label{i}; }, vectors, on, options.progress); !done)
      return std::unexpected(done.error());
    return made;
  }

  // Adds one vector; whoever searches afterwards finds it. Errors: label_exists, wrong_dim, not_finite, zero_vector,
  // too_many_vectors, out_of_memory; the index is then as it was.
  [[nodiscard]] expected<void> add(label id, std::span<const float> vector) {
    return write(vector,
                 [&](write_scratch& scratch, const auto& encode) { return parts_->live->add(id, scratch, encode); });
  }

  // Adds a vector for each label, on so many threads (0: one for each processor). Stops at the first error: as above
  // (of a row's value: its number), invalid_argument where the numbers of both differ, and what the rows answer. When a
  // label is there already nothing is added, else what was added until then stays.
  template <row_source Rows>
  [[nodiscard]] expected<void> add(std::span<const label> ids, const Rows& vectors, unsigned threads = 1) {
    if (ids.size() != vectors.size())
      return fail(errc::invalid_argument, "there are not as many labels as vectors", ids.size());
    for (const label id : ids)
      if (contains(id)) return fail(errc::label_exists, "a vector has this label already", id);
    thread_executor on(threads);
    return add_rows([&](std::size_t i) { return ids[i]; }, vectors, on, {});
  }

  // The same with the labels first_id, first_id + 1, ...
  template <row_source Rows>
  [[nodiscard]] expected<void> add(label first_id, const Rows& vectors, unsigned threads = 1) {
    for (std::size_t i = 0; i < vectors.size(); ++i)
      if (contains(first_id + i)) return fail(errc::label_exists, "a vector has this label already", first_id + i);
    thread_executor on(threads);
    return add_rows([&](std::size_t i) { return first_id + i; }, vectors, on, {});
  }

  // Puts another vector in the place of the one with this label. A search meanwhile finds the old one or the new one,
  // one that begins afterwards the new one. Errors: unknown_label, wrong_dim, not_finite, zero_vector,
  // too_many_vectors, out_of_memory; the index is then as it was.
  [[nodiscard]] expected<void> update(label id, std::span<const float> vector) {
    return write(vector,
                 [&](write_scratch& scratch, const auto& encode) { return parts_->live->update(id, scratch, encode); });
  }

  // No search that begins afterwards finds the label. The memory is used again for other vectors, not given back.
  // Errors: unknown_label, out_of_memory; the index is then as it was.
  [[nodiscard]] expected<void> remove(label id) {
    auto scratch = parts_->writers.borrow();
    if (!scratch) return std::unexpected(scratch.error());
    return parts_->live->remove(id, **scratch);
  }

  [[nodiscard]] bool contains(label id) const { return parts_->live->node_of(id) != no_node; }

  // The vector with this label, as far as its code tells, into dim() floats: as index::get. During an update the old
  // one or the new one. Errors: wrong_dim, unknown_label, out_of_memory.
  [[nodiscard]] expected<void> get(label id, std::span<float> out) const
    requires decoding_quantizer<Quantizer>
  {
    if (out.size() != dim())
      return fail(errc::wrong_dim, "the room for the vector is not of the index's dim", out.size());
    auto scratch = parts_->writers.borrow();
    if (!scratch) return std::unexpected(scratch.error());
    if (auto room = reserve(**scratch); !room) return room;
    const auto inside = parts_->live->enter();
    if (!inside) return std::unexpected(inside.error());
    const node x = parts_->live->node_of(id);
    if (x == no_node) return fail(errc::unknown_label, "no vector has this label", id);
    parts_->quantizer.decode(parts_->kernels, parts_->live->nodes().code(x), (**scratch).encode.data(), out);
    return {};
  }

  // The nearest by estimate: min(k, those there are and pass the filter), none where the index is empty. Filters are
  // asked for labels of 64 bits. Errors: invalid_k, invalid_argument (epsilon, gamma), wrong_dim, not_finite,
  // zero_vector, out_of_memory.
  [[nodiscard]] expected<hits> search(std::span<const float> query, const search_params& params = {}) const {
    auto scratch = parts_->searchers.borrow();
    if (!scratch) return std::unexpected(scratch.error());
    const auto inside = parts_->live->enter();
    if (!inside) return std::unexpected(inside.error());
    if (auto found = find(query, params, **scratch); !found) return std::unexpected(found.error());
    reranker& last = (**scratch).rerank();
    last.start(parts_->kernels, metric(), query, (**scratch).candidates.items(), params.k, 0);
    return hits::copy(last, [&](label x) { return parts_->live->nodes().label_of_seen(static_cast<node>(x)); });
  }

  // The nearest, the best of them measured exactly: row i of the store is the vector whose label is i. Errors: as
  // above, wrong_dim, missing_row (a candidate's label is beyond the store), and the store's.
  template <store Store>
  [[nodiscard]] expected<hits> search(std::span<const float> query, const search_params& params, Store& from) const {
    if (from.dim() != dim()) return fail(errc::wrong_dim, "the store's dim is not the index's", from.dim());
    auto scratch = parts_->searchers.borrow();
    if (!scratch) return std::unexpected(scratch.error());
    {
      // Who waits for a store is not inside.
      const auto inside = parts_->live->enter();
      if (!inside) return std::unexpected(inside.error());
      if (auto found = find(query, params, **scratch); !found) return std::unexpected(found.error());
      if (auto named = name_rows(from.size(), **scratch); !named) return std::unexpected(named.error());
      start_rerank(query, params, **scratch, thimble::rows_at_once(from));
    }
    reranker& last = (**scratch).rerank();
    const auto room = (**scratch).rows(rerank_room(from, last.most_at_once(), dim()));
    if (!room) return std::unexpected(room.error());
    if (auto done = rerank_from(last, from, *room); !done) return std::unexpected(done.error());
    return hits::copy(last);
  }

  // Builds all anew without the slots of removed vectors, when many are free: for that time both are in memory. Nothing
  // else may run on the index meanwhile. Errors: out_of_memory; the index is then as it was.
  [[nodiscard]] expected<void> compact(unsigned threads = 1) {
    auto fresh = parts_->empty_graph();
    if (!fresh) return std::unexpected(fresh.error());
    thread_executor on(threads);
    auto scratches = object_array<write_scratch>::create(on.workers());
    if (!scratches) return std::unexpected(scratches.error());
    const node_table& nodes = parts_->live->nodes();
    const auto copy = [&](std::size_t i, write_scratch& scratch) -> expected<void> {
      const auto x = static_cast<node>(i);
      const auto slot = nodes.at(x);
      if (!slot.counts()) return {};
      return (**fresh).add(slot.id, scratch,
                           [&](std::byte* code) { std::memcpy(code, nodes.code(x), parts_->quantizer.code_bytes()); });
    };
    if (auto done = fill(**fresh, parts_->live->used(), *scratches, on, {}, copy); !done) return done;
    parts_->live = std::move(*fresh);
    return {};
  }

  [[nodiscard]] std::size_t size() const { return parts_->live->size(); }
  [[nodiscard]] std::size_t dim() const { return parts_->dim; }
  [[nodiscard]] thimble::metric metric() const { return parts_->options.metric; }
  [[nodiscard]] unsigned m() const { return parts_->options.m; }
  [[nodiscard]] unsigned ef_construction() const { return parts_->options.ef_construction; }
  [[nodiscard]] std::uint64_t seed() const { return parts_->options.seed; }
  // The instruction set that runs.
  [[nodiscard]] simd::isa simd() const { return parts_->kernels.set; }
  [[nodiscard]] static constexpr std::string_view quantizer_name() { return Quantizer::name; }

  // Of all slots, free ones too. `links` are those of all levels, with levels and locks.
  [[nodiscard]] memory_usage memory() const {
    auto& live = *parts_->live;
    return {.codes = live.nodes().code_bytes(),
            .links = live.graph().bytes(),
            .upper_links = 0,
            .levels = 0,
            .labels = live.nodes().label_bytes() + live.map_bytes(),
            .visited = visited_set::bytes_for(live.graph().size()),
            .other = live.nodes().other_bytes() + live.queue_bytes() + parts_->quantizer.parameters().size() +
                     parts_->quantizer.query_bytes() + sizeof(parts) + sizeof(live) + sizeof(search_scratch)};
  }
  [[nodiscard]] double bytes_per_vector() const {
    return size() == 0 ? 0.0 : static_cast<double>(memory().total()) / static_cast<double>(size());
  }

 private:
  template <symmetric_quantizer>
  friend struct detail::change_of_form;  // index/freeze.hpp

  using graph_type = live_graph<Quantizer>;

  // What stays at its address when the index is moved.
  struct parts {
    parts(const simd::kernel_set& set, Quantizer learnt, std::size_t dims, const build_options& given)
        : kernels(set), quantizer(std::move(learnt)), dim(dims), options(given) {
      options.progress = {};
      options.scratch_folder = {};
    }
    [[nodiscard]] expected<owned<graph_type>> empty_graph() const {
      return make_owned<graph_type>(quantizer, kernels, options.m, options.ef_construction, options.seed);
    }

    const simd::kernel_set& kernels;
    Quantizer quantizer;
    std::size_t dim;
    build_options options;
    owned<graph_type> live;
    object_pool<write_scratch> writers;
    scratch_pool searchers;
  };

  explicit mutable_index(owned<parts> made) : parts_(std::move(made)) {}

  // The vector as the quantizer sees it: checked, and for cosine normalised into the scratch.
  [[nodiscard]] expected<std::span<const float>> checked(std::span<const float> vector, write_scratch& scratch) const {
    if (vector.size() != dim()) return fail(errc::wrong_dim, "the vector's dim is not the index's", vector.size());
    if (!is_finite(vector))
      return fail(errc::not_finite, "the vector holds NaN, infinity or a value beyond 1e15: clean the input");
    if (metric() != metric::cosine) return vector;
    if (auto done = normalize(parts_->kernels, vector, scratch.vector.span()); !done)
      return std::unexpected(done.error());
    return std::span<const float>(scratch.vector.span());
  }

  // Room for a vector and for its encoding.
  [[nodiscard]] expected<void> reserve(write_scratch& scratch) const {
    if (scratch.vector.size() != dim()) {
      auto vector = aligned_buffer<float>::create(dim());
      if (!vector) return std::unexpected(vector.error());
      auto encode = aligned_buffer<std::byte>::create(parts_->quantizer.encode_scratch_bytes());
      if (!encode) return std::unexpected(encode.error());
      scratch.encode = std::move(*encode);
      scratch.vector = std::move(*vector);
    }
    return {};
  }

  [[nodiscard]] auto encoder(std::span<const float> vector, write_scratch& scratch) const {
    return [this, vector, &scratch](std::byte* code) {
      parts_->quantizer.encode(parts_->kernels, vector, scratch.encode.data(), code);
    };
  }

  // change(scratch, encode) for a vector that is checked.
  template <class Change>
  [[nodiscard]] expected<void> write(std::span<const float> vector, const Change& change) {
    auto scratch = parts_->writers.borrow();
    if (!scratch) return std::unexpected(scratch.error());
    if (auto room = reserve(**scratch); !room) return room;
    const auto valid = checked(vector, **scratch);
    if (!valid) return std::unexpected(valid.error());
    return change(**scratch, encoder(*valid, **scratch));
  }

  template <class LabelOf, row_source Rows, executor Executor>
  [[nodiscard]] expected<void> add_rows(const LabelOf& label_of, const Rows& vectors, Executor& on,
                                        progress_report progress) {
    if (vectors.dim() != dim()) return fail(errc::wrong_dim, "the vectors' dim is not the index's", vectors.dim());
    auto scratches = object_array<write_scratch>::create(on.workers());
    if (!scratches) return std::unexpected(scratches.error());
    for (std::size_t i = 0; i < scratches->size(); ++i)
      if (auto room = reserve((*scratches)[i]); !room) return room;
    const checked_rows<Rows> rows(vectors, metric(), parts_->kernels);
    return fill(*parts_->live, rows.size(), *scratches, on, progress, [&](std::size_t i, write_scratch& scratch) {
      const auto row = rows.row(i, scratch.vector.span());
      return row ? parts_->live->add(label_of(i), scratch, encoder(*row, scratch)) : std::unexpected(row.error());
    });
  }

  // add(i, scratch) for all i below n, until one fails. All links are read then, but not for a few vectors beside many.
  template <executor Executor, class Add>
  [[nodiscard]] static expected<void> fill(graph_type& graph, std::size_t n, object_array<write_scratch>& scratches,
                                           Executor& on, progress_report progress, const Add& add) {
    stage_monitor monitor(build_stage::link, n, progress);
    parallel_for(on, n, [&](std::size_t i, unsigned worker) {
      if (monitor.stopped()) return;
      if (auto done = add(i, scratches[worker]); !done) return monitor.stop(done.error());
      monitor.finished_one(worker);
    });
    if (auto done = monitor.outcome(); !done) return done;
    return n < graph.size() / 2 ? expected<void>{} : graph.reach_all(scratches[0]);
  }

  // The candidates of a search, as nodes. The caller is inside.
  [[nodiscard]] expected<void> find(std::span<const float> query, const search_params& params,
                                    search_scratch& scratch) const {
    scratch.rerank().time_by(params.clock);
    if (auto valid = check_params(params); !valid) return valid;
    if (query.size() != dim()) return fail(errc::wrong_dim, "the query's dim is not the index's", query.size());
    if (!is_finite(query)) return fail(errc::not_finite, "the query holds NaN, infinity or a value beyond 1e15");
    live_search<Quantizer> searched(*parts_->live, parts_->quantizer, parts_->kernels, params, scratch);
    if (auto room = searched.reserve(dim()); !room) return room;
    std::span<const float> coded = query;
    if (metric() == metric::cosine) {
      coded = scratch.vector(dim());
      if (auto done = normalize(parts_->kernels, query, scratch.vector(dim())); !done) return done;
    }
    return searched.run(coded);
  }

  // The candidates once more, into scratch.walk, as rows of a store: by label.
  [[nodiscard]] expected<void> name_rows(std::size_t n_rows, search_scratch& scratch) const {
    const std::span<const candidate> found = scratch.candidates.items();
    scratch.walk.clear(std::max(found.size(), std::size_t{1}));
    for (const candidate c : found) {
      const label id = parts_->live->nodes().label_of_seen(c.id());
      if (id >= n_rows || id >= max_nodes)
        return fail(errc::missing_row, "a vector's label is beyond the store's last row", id);
      scratch.walk.insert(c.distance(), static_cast<node>(id));
    }
    return {};
  }

  void start_rerank(std::span<const float> query, const search_params& params, search_scratch& scratch,
                    std::size_t rows_at_once) const {
    const std::span<const candidate> rows = scratch.walk.items(), nodes = scratch.candidates.items();
    if constexpr (bounded_quantizer<Quantizer>) {
      if (params.rerank_by == rerank_policy::bound) {
        // Of candidates at one distance it does not matter which row is whose: they take the largest error among them.
        const auto bounded = [&](candidate row) {
          float error = 0;
          for (const candidate c :
               std::ranges::equal_range(nodes, row.key >> 32, {}, [](candidate other) { return other.key >> 32; }))
            error = std::max(error, parts_->quantizer.standard_error(scratch.query(),
                                                                     parts_->live->nodes().code(c.id()), c.distance()));
          return candidate::of(static_cast<float>(double{row.distance()} - double{params.epsilon} * double{error}),
                               row.id());
        };
        return scratch.rerank().start_by_bound(parts_->kernels, metric(), query, rows, params.k, params.rerank,
                                               rows_at_once, bounded);
      }
    }
    scratch.rerank().start(parts_->kernels, metric(), query, rows, params.k, params.rerank);
  }

  owned<parts> parts_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
