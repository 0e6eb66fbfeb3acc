// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The front door: vectors in, nearest neighbours out. It assembles the parts (quantizer, codes, graph, search, rerank,
// file) and has no algorithm of its own.
//
//     auto index = thimble::index<thimble::sq8>::build(vectors, {.metric = thimble::metric::l2});
//     auto store = thimble::mmap_store::open("base.fbin");
//     auto hits  = index->search(query, {.k = 10, .ef = 64, .rerank = 50}, *store);
//
// An index does not change once it is built or opened: every const function is safe on any number of threads at once.
// (One that changes: index/mutable_index.hpp.)
//
// Inside, nodes are in an order of their own. A vector's row is its number where it was read from, and in stores; its
// label is what results and filters call it: the row, or a key that the user gave.

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/executor.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/permutation.hpp>
#include <thimble/core/types.hpp>
#include <thimble/index/build_parts.hpp>
#include <thimble/index/frozen_search.hpp>
#include <thimble/index/hits.hpp>
#include <thimble/index/index_parts.hpp>
#include <thimble/index/options.hpp>
#include <thimble/io/atomic_file.hpp>
#include <thimble/io/mapped_file.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/rerank/blocking.hpp>
#include <thimble/search/numbering.hpp>
#include <thimble/search/radius_search.hpp>
#include <thimble/search/scratch_pool.hpp>
#include <thimble/search/search_iterator.hpp>
#include <thimble/search/search_params.hpp>
#include <thimble/search/search_scratch.hpp>
#include <thimble/search/visited_set.hpp>
#include <thimble/search/walk_in_turns.hpp>
#include <thimble/simd/dispatch.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

namespace detail {
template <symmetric_quantizer Quantizer>
struct change_of_form;
}

template <quantizer Quantizer>
class index {
 public:
  // From n rows of dim values, read in place or streamed a few times (samples to train on, all to encode, 64 for the
  // identity); no copy of them is kept. Where the codes are too coarse to build a graph from (rabitq of 1 to 3 bits),
  // or on request, it is built on sq8 codes, which go again: 1 byte a dimension more during the build. Labels are the
  // rows' numbers. Errors: empty_input, too_many_vectors, too_large, invalid_argument (m, ef_construction), unsupported
  // (simd, scratch_folder), cannot_write, no_space (scratch_folder), not_finite, zero_vector, out_of_memory, cancelled,
  // and what the rows answer.
  template <row_source Rows>
  [[nodiscard]] static expected<index> build(const Rows& vectors, const build_options& options = {}) {
    thread_executor threads(options.threads);
    return build(vectors, options, threads);
  }

  // The same on the caller's executor; options.threads is not looked at.
  template <row_source Rows, executor Executor>
  [[nodiscard]] static expected<index> build(const Rows& vectors, const build_options& options, Executor& on) {
    const auto kernels = simd::kernels_for(options.simd);
    if (!kernels) return std::unexpected(kernels.error());
    auto parts = build_parts<Quantizer>(vectors, **kernels, options, on);
    if (!parts) return std::unexpected(parts.error());
    return index(**kernels, std::move(*parts));
  }

#if THIMBLE_FILES
  // Maps the file, which must not be changed in place while the index lives (replacing it by rename is fine), and
  // checks all of it once. Errors: cannot_open, not_an_index, wrong_version, wrong_quantizer, truncated, corrupt,
  // unsupported (simd), out_of_memory.
  [[nodiscard]] static expected<index> open(const char* path, const open_options& options = {}) {
    auto file = mapped_file::open(path);
    if (!file) return std::unexpected(file.error());
    auto result = in_place(file->bytes(), options);
    if (result) result->mapping_ = std::move(*file);
    return result;
  }

  // Atomic: a crash leaves the old file or the new one. Errors: cannot_write, no_space, out_of_memory.
  [[nodiscard]] expected<void> save(const char* path) const {
    auto file = atomic_file::create(path);
    if (!file) return std::unexpected(file.error());
    if (auto written = save([&](std::span<const std::byte> bytes) { return file->write(bytes); }); !written)
      return written;
    return file->commit();
  }
#endif

  // The bytes of a file, read by other means; the index uses them in place. Errors: as above.
  [[nodiscard]] static expected<index> open(aligned_buffer<std::byte> file, const open_options& options = {}) {
    auto result = in_place(file.span(), options);
    if (result) result->file_ = std::move(file);
    return result;
  }

  // Hands the bytes of a file to the sink, in order. Errors: the sink's.
  [[nodiscard]] expected<void> save(byte_sink sink) const { return parts_.write(sink); }

  // The nearest by estimate: no store is asked. With a filter (search/label_filter.hpp) min(k, those that pass).
  // Errors: as begin().
  [[nodiscard]] expected<hits> search(std::span<const float> query, const search_params& params = {}) const {
    auto scratch = pool_.borrow();
    if (!scratch) return std::unexpected(scratch.error());
    search_params estimates = params;
    estimates.rerank = 0;
    if (auto begun = begin(query, estimates, **scratch); !begun) return std::unexpected(begun.error());
    return hits::copy((**scratch).rerank());
  }

  // The nearest, the best of them measured exactly. Errors: as begin(), store_mismatch, wrong_dim, and the store's.
  template <store Store>
  [[nodiscard]] expected<hits> search(std::span<const float> query, const search_params& params, Store& from) const {
    auto scratch = pool_.borrow();
    if (!scratch) return std::unexpected(scratch.error());
    if (auto found = search(query, params, from, **scratch); !found) return std::unexpected(found.error());
    return hits::copy((**scratch).rerank());
  }

  // The same with the caller's scratch: once it is warm nothing is allocated. The results lie in the scratch, and its
  // rerank() tells what was read and how long the stages took.
  template <store Store>
  [[nodiscard]] expected<std::span<const neighbor>> search(std::span<const float> query, const search_params& params,
                                                           Store& from, search_scratch& scratch) const {
    if (auto matches = check_store(from); !matches) return std::unexpected(matches.error());
    if (auto begun = begin(query, params, scratch, thimble::rows_at_once(from)); !begun)
      return std::unexpected(begun.error());
    reranker& last = scratch.rerank();
    const auto room = scratch.rows(rerank_room(from, last.most_at_once(), dim()));
    if (!room) return std::unexpected(room.error());
    if (auto done = rerank_from(last, from, *room); !done) return std::unexpected(done.error());
    return last.results();
  }

  // The first half of a search, for stores that answer later: afterwards scratch.rerank() says which rows it needs
  // (rerank/reranker.hpp), in batches of rows_at_once: rows_at_once(store) where that is known (store/store.hpp).
  // Errors: invalid_k, invalid_argument (epsilon, gamma), wrong_dim, not_finite, zero_vector, empty_index,
  // out_of_memory.
  [[nodiscard]] expected<void> begin(std::span<const float> query, const search_params& params, search_scratch& scratch,
                                     std::size_t rows_at_once = all_rows_at_once) const {
    return searching().begin(query, params, scratch, rows_at_once);
  }

  // The same for several queries at once, at most walks_at_once (search/walk_in_turns.hpp), each with a scratch of its
  // own: their walks take turns, so that each reads while others wait for memory. Errors: as above, not_finite and
  // zero_vector with the query's number among them.
  [[nodiscard]] expected<void> begin_group(std::span<const std::span<const float>> queries, const search_params& params,
                                           std::span<search_scratch> scratches,
                                           std::size_t rows_at_once = all_rows_at_once) const {
    THIMBLE_ASSERT(queries.size() <= walks_at_once && queries.size() == scratches.size());
    return searching().begin_group(queries, params, scratches, rows_at_once);
  }

  // All within `radius`, a distance of the metric's own kind, by estimate: those that the walk finds, as a search with
  // ef does (search/radius_search.hpp). Errors: invalid_argument (radius, epsilon), wrong_dim, not_finite, zero_vector,
  // empty_index, out_of_memory.
  [[nodiscard]] expected<radius_hits> search_radius(std::span<const float> query, float radius,
                                                    const radius_params& params = {}) const {
    auto scratch = pool_.borrow();
    if (!scratch) return std::unexpected(scratch.error());
    const auto within = [&](candidate c) { return c.distance() <= radius; };
    auto found = searching().candidates_near(query, radius, params, 0, **scratch, within);
    if (!found) return std::unexpected(found.error());
    return estimated_within(*found, numbers());
  }

  // The same by exact distance: rows of those that may be within are read. Errors: also wrong_dim and store_mismatch
  // (the store), and what the store answers.
  template <store Store>
  [[nodiscard]] expected<radius_hits> search_radius(std::span<const float> query, float radius,
                                                    const radius_params& params, Store& from) const {
    if (auto matches = check_store(from); !matches) return std::unexpected(matches.error());
    auto scratch = pool_.borrow();
    if (!scratch) return std::unexpected(scratch.error());
    search_scratch& room = **scratch;
    const std::size_t rim = bounded_quantizer<Quantizer> ? 0 : params.rim;
    const auto search = searching();
    const auto may_be_within = [&](candidate c) { return search.lower_bound(c, params.epsilon, room) <= radius; };
    auto found = search.candidates_near(query, radius, params, rim, room, may_be_within);
    if (!found) return std::unexpected(found.error());
    return measured_within(std::move(*found), exact_query(*kernels_, metric(), query), radius, from, numbers(), room);
  }

  // The nearest by estimate, one after another, as many as are wanted (search/search_iterator.hpp). The index stays
  // where it is while the iterator lives. Errors: wrong_dim, not_finite, zero_vector, empty_index, out_of_memory.
  [[nodiscard]] expected<search_iterator> iterate(std::span<const float> query,
                                                  const iterator_params& params = {}) const {
    auto scratch = pool_.borrow();
    if (!scratch) return std::unexpected(scratch.error());
    if (auto prepared = searching().prepare_walk(query, **scratch); !prepared) return std::unexpected(prepared.error());
    const walked_index through{
        &parts_.graph, numbers(), this,
        [](const void* self, const std::byte* prepared, const node* nodes, std::size_t n, float* out) {
          static_cast<const index*>(self)->searching().estimate(prepared, nodes, n, out);
        }};
    return search_iterator::create(through, std::move(*scratch), params);
  }

  // Of searches that name no ef. Not while others search. Error: invalid_argument.
  [[nodiscard]] expected<void> set_default_ef(std::size_t ef, std::optional<float> gamma = {}) {
    if (ef == 0 || ef > max_default_ef) return fail(errc::invalid_argument, "ef must be 1..1,000,000", ef);
    if (gamma && !is_gamma(*gamma)) return fail(errc::invalid_argument, "gamma must be a number, 0 or more");
    parts_.meta.default_ef = static_cast<std::uint32_t>(ef);
    parts_.default_gamma = gamma;
    return {};
  }

  [[nodiscard]] bool contains(label id) const { return numbers().find(id) != no_node; }

  // The vector with this label, as far as its code tells, into dim() floats: the values themselves of float32, the
  // nearest halfs of float16, the nearer the more bits of the others (decode() of the quantizer). For cosine it is that
  // of the normalised vector, whose length no index keeps. The same bits everywhere. Errors: wrong_dim, unknown_label,
  // out_of_memory.
  [[nodiscard]] expected<void> get(label id, std::span<float> out) const
    requires decoding_quantizer<Quantizer>
  {
    if (out.size() != dim())
      return fail(errc::wrong_dim, "the room for the vector is not of the index's dim", out.size());
    const node x = numbers().find(id);
    if (x == no_node) return fail(errc::unknown_label, "no vector has this label", id);
    auto scratch = pool_.borrow();
    if (!scratch) return std::unexpected(scratch.error());
    const auto room = (**scratch).rows(parts_.quantizer.encode_scratch_bytes() / sizeof(float) + 1);
    if (!room) return std::unexpected(room.error());
    parts_.quantizer.decode(*kernels_, simd::row_of(parts_.rows_of_codes(), x), std::as_writable_bytes(*room).data(),
                            out);
    return {};
  }

  // Whether a store holds the vectors this index was built from, or those rounded to halfs; of an index whose vectors
  // came one by one only their number and dim are known. Errors: wrong_dim, store_mismatch.
  template <store_base Store>
  [[nodiscard]] expected<void> check_store(const Store& from) const {
    if (from.dim() != dim()) return fail(errc::wrong_dim, "the store's dim is not the index's", from.dim());
    if (from.size() != size() || (fingerprint() != 0 && from.fingerprint() != fingerprint() &&
                                  (half_fingerprint() == 0 || from.fingerprint() != half_fingerprint())))
      return fail(errc::store_mismatch, "the store holds other vectors than the index was built from", from.size());
    return {};
  }

  // Whether a store holds the vectors rounded to halfs, and they are not halfs themselves, or says by exact() that its
  // rows are rounded: distances are then those of the rounded vectors.
  template <store_base Store>
  [[nodiscard]] bool rounded(const Store& from) const {
    if constexpr (requires {
                    { from.exact() } -> std::same_as<bool>;
                  })
      if (!from.exact()) return true;
    return half_fingerprint() != 0 && from.fingerprint() == half_fingerprint();
  }

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(parts_.meta.n); }
  [[nodiscard]] std::size_t dim() const { return parts_.meta.dim; }
  [[nodiscard]] thimble::metric metric() const { return static_cast<thimble::metric>(parts_.meta.metric); }
  [[nodiscard]] unsigned m() const { return parts_.meta.m; }
  [[nodiscard]] unsigned ef_construction() const { return parts_.meta.ef_construction; }
  // Of a search that names none: 64, or what set_default_ef() said before the file was saved.
  [[nodiscard]] unsigned default_ef() const { return parts_.meta.default_ef; }
  [[nodiscard]] std::optional<float> default_gamma() const { return parts_.default_gamma; }
  [[nodiscard]] std::uint64_t seed() const { return parts_.meta.seed; }
  [[nodiscard]] std::uint64_t fingerprint() const { return parts_.meta.fingerprint; }
  // Of the vectors rounded to halfs. 0: they are halfs, or have values beyond 65,504, or the file is of version 3.
  [[nodiscard]] std::uint64_t half_fingerprint() const { return parts_.half_fingerprint; }
  // The instruction set that runs.
  [[nodiscard]] simd::isa simd() const { return kernels_->set; }
  [[nodiscard]] static constexpr std::string_view quantizer_name() { return Quantizer::name; }

  [[nodiscard]] memory_usage memory() const {
    return {.codes = parts_.codes.bytes(),
            .links = parts_.graph.base().bytes(),
            .upper_links = parts_.graph.upper_links().size_bytes(),
            .levels = parts_.graph.levels().size_bytes(),
            .labels = parts_.rows.bytes() + parts_.keys.bytes(),
            .visited = visited_set::bytes_for(size()),
            .other = parts_.graph.overhead_bytes() + parts_.quantizer.parameters().size() +
                     parts_.quantizer.query_bytes() + sizeof(index) + sizeof(search_scratch)};
  }
  [[nodiscard]] double bytes_per_vector() const {
    return size() == 0 ? 0.0 : static_cast<double>(memory().total()) / static_cast<double>(size());
  }

 private:
  template <symmetric_quantizer>
  friend struct detail::change_of_form;  // index/freeze.hpp

  [[nodiscard]] frozen_search<Quantizer> searching() const { return {parts_, *kernels_}; }
  [[nodiscard]] numbering numbers() const { return searching().numbers(); }

  index(const simd::kernel_set& kernels, index_parts<Quantizer> parts) : kernels_(&kernels), parts_(std::move(parts)) {}

  [[nodiscard]] static expected<index> in_place(std::span<const std::byte> file, const open_options& options) {
    const auto kernels = simd::kernels_for(options.simd);
    if (!kernels) return std::unexpected(kernels.error());
    auto parts = index_parts<Quantizer>::parse(file);
    if (!parts) return std::unexpected(parts.error());
    return index(**kernels, std::move(*parts));
  }

  const simd::kernel_set* kernels_;
  index_parts<Quantizer> parts_;
#if THIMBLE_FILES
  mapped_file mapping_;  // codes and links may lie in it
#endif
  aligned_buffer<std::byte> file_;  // or in here
  mutable scratch_pool pool_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
