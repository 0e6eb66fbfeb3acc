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

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

#include <thimble/build/build_graph.hpp>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/executor.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/adjacency.hpp>
#include <thimble/index/hits.hpp>
#include <thimble/index/options.hpp>
#include <thimble/io/atomic_file.hpp>
#include <thimble/io/index_file.hpp>
#include <thimble/io/index_reader.hpp>
#include <thimble/io/index_writer.hpp>
#include <thimble/io/mapped_file.hpp>
#include <thimble/metric/checked_rows.hpp>
#include <thimble/metric/vector_check.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/rerank/blocking.hpp>
#include <thimble/search/exhaustive.hpp>
#include <thimble/search/filtered.hpp>
#include <thimble/search/scratch_pool.hpp>
#include <thimble/search/search_params.hpp>
#include <thimble/search/search_scratch.hpp>
#include <thimble/search/traversal.hpp>
#include <thimble/simd/dispatch.hpp>
#include <thimble/store/fingerprint.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <quantizer Quantizer>
class index {
 public:
  // From n rows of dim values, read in place or streamed a few times (samples to train on, all to encode, 64 for the
  // identity); no copy of them is kept. Where the codes are too coarse to build a graph from (rabitq of 1 to 3 bits) it
  // is built on sq8 codes, which go again: 1 byte a dimension more during the build. Labels are the rows' numbers.
  // Errors: empty_input, too_many_vectors, too_large, invalid_argument (m, ef_construction), unsupported (simd),
  // not_finite, zero_vector, out_of_memory, cancelled, and what the rows answer.
  template <row_source Rows>
  [[nodiscard]] static expected<index> build(const Rows& vectors, const build_options& options = {}) {
    thread_executor threads(options.threads);
    return build(vectors, options, threads);
  }

  // The same on the caller's executor; options.threads is not looked at.
  template <row_source Rows, executor Executor>
  [[nodiscard]] static expected<index> build(const Rows& vectors, const build_options& options, Executor& on) {
    if (auto valid = check(vectors.size(), vectors.dim(), options); !valid) return std::unexpected(valid.error());
    const auto kernels = simd::kernels_for(options.simd);
    if (!kernels) return std::unexpected(kernels.error());
    auto scratch = aligned_buffer<float>::create(vectors.dim());
    if (!scratch) return std::unexpected(scratch.error());
    const auto identity = thimble::fingerprint(vectors, scratch->span());
    if (!identity) return std::unexpected(identity.error());

    const checked_rows<Rows> rows(vectors, options.metric, **kernels);
    expected<adjacency> graph;
    if constexpr (!symmetric_quantizer<Quantizer>) {
      const auto built_on = coded<sq8>(rows, **kernels, options, on);
      if (!built_on) return std::unexpected(built_on.error());
      graph = link(*built_on, **kernels, rows.size(), options, on);
      if (!graph) return std::unexpected(graph.error());
    }
    auto coded_rows = coded<Quantizer>(rows, **kernels, options, on);
    if (!coded_rows) return std::unexpected(coded_rows.error());
    if constexpr (symmetric_quantizer<Quantizer>) {
      graph = link(*coded_rows, **kernels, rows.size(), options, on);
      if (!graph) return std::unexpected(graph.error());
    }

    index result(**kernels, std::move(coded_rows->quantizer));
    result.codes_ = std::move(coded_rows->codes);
    result.graph_ = std::move(*graph);
    result.meta_ = {.n = rows.size(),
                    .seed = options.seed,
                    .fingerprint = *identity,
                    .dim = static_cast<std::uint32_t>(rows.dim()),
                    .quantizer = Quantizer::file_id,
                    .code_bytes = static_cast<std::uint32_t>(result.quantizer_.code_bytes()),
                    .m = options.m,
                    .ef_construction = options.ef_construction,
                    .entry = result.graph_.entry().at,
                    .entry_level = result.graph_.entry().level,
                    .metric = static_cast<std::uint32_t>(options.metric)};
    return result;
  }

#if THIMBLE_POSIX
  // Maps the file, which must not be changed in place while the index lives (replacing it by rename is fine), and
  // checks all of it once. Errors: cannot_open, not_an_index, wrong_version, wrong_quantizer, truncated, corrupt,
  // unsupported (simd), out_of_memory.
  [[nodiscard]] static expected<index> open(const char* path, const open_options& options = {}) {
    auto file = mapped_file::open(path);
    if (!file) return std::unexpected(file.error());
    auto result = parse(file->bytes(), options);
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
    auto result = parse(file.span(), options);
    if (result) result->file_ = std::move(file);
    return result;
  }

  // Hands the bytes of a file to the sink, in order. Errors: the sink's.
  [[nodiscard]] expected<void> save(byte_sink sink) const {
    return write_index_file({{{section::meta, std::as_bytes(std::span(&meta_, 1))},
                              {section::quantizer, quantizer_.parameters()},
                              {section::codes, codes_.span()},
                              {section::levels, std::as_bytes(graph_.levels())},
                              {section::base_links, std::as_bytes(graph_.base_links())},
                              {section::upper_links, std::as_bytes(graph_.upper_links())}}},
                            sink);
  }

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
  // rerank() tells what was read.
  template <store Store>
  [[nodiscard]] expected<std::span<const neighbor>> search(std::span<const float> query, const search_params& params,
                                                           Store& from, search_scratch& scratch) const {
    if (auto matches = check_store(from); !matches) return std::unexpected(matches.error());
    if (auto begun = begin(query, params, scratch, thimble::rows_at_once<Store>); !begun)
      return std::unexpected(begun.error());
    reranker& last = scratch.rerank();
    const auto room = scratch.rows(rerank_room(from, last.most_at_once(), dim()));
    if (!room) return std::unexpected(room.error());
    if (auto done = rerank_from(last, from, *room); !done) return std::unexpected(done.error());
    return last.results();
  }

  // The first half of a search, for stores that answer later: afterwards scratch.rerank() says which rows it needs
  // (rerank/reranker.hpp), in batches of rows_at_once (store/store.hpp). Errors: invalid_k, invalid_argument (epsilon),
  // wrong_dim, not_finite, zero_vector, empty_index, out_of_memory.
  [[nodiscard]] expected<void> begin(std::span<const float> query, const search_params& params, search_scratch& scratch,
                                     std::size_t rows_at_once = std::numeric_limits<std::size_t>::max()) const {
    if (size() == 0) return fail(errc::empty_index, "the index is empty: build it from vectors first");
    if (params.k == 0) return fail(errc::invalid_k, "k is 0: ask for at least one result");
    if (!(params.epsilon >= 0 && params.epsilon <= max_epsilon))
      return fail(errc::invalid_argument, "epsilon must be 0..1000: a number of standard errors");
    if (query.size() != dim()) return fail(errc::wrong_dim, "the query's dim is not the index's", query.size());
    if (!is_finite(query)) return fail(errc::not_finite, "the query holds NaN, infinity or a value beyond 1e15");
    const std::size_t wanted = candidates_wanted(params, size());
    const bool filtered = !params.filter.passes_all();
    const std::size_t passing = filtered ? params.filter.n_passing(size()) : size();
    const std::size_t walked = filtered && !params.exhaustive ? walk_width(wanted, passing, size()) : 0;
    if (auto room = scratch.reserve(size(), wanted, walked, dim(), quantizer_.query_bytes()); !room) return room;

    std::span<const float> coded = query;
    if (metric() == metric::cosine) {
      coded = scratch.vector(dim());
      if (auto done = normalize(*kernels_, query, scratch.vector(dim())); !done) return done;
    }
    find_candidates(coded, params, wanted, walked, scratch);
    start_rerank(query, params, scratch, rows_at_once);
    return {};
  }

  // Whether a store holds the vectors this index was built from. Errors: wrong_dim, store_mismatch.
  template <store_base Store>
  [[nodiscard]] expected<void> check_store(const Store& from) const {
    if (from.dim() != dim()) return fail(errc::wrong_dim, "the store's dim is not the index's", from.dim());
    if (from.size() != size() || from.fingerprint() != fingerprint())
      return fail(errc::store_mismatch, "the store holds other vectors than the index was built from", from.size());
    return {};
  }

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(meta_.n); }
  [[nodiscard]] std::size_t dim() const { return meta_.dim; }
  [[nodiscard]] thimble::metric metric() const { return static_cast<thimble::metric>(meta_.metric); }
  [[nodiscard]] unsigned m() const { return meta_.m; }
  [[nodiscard]] unsigned ef_construction() const { return meta_.ef_construction; }
  [[nodiscard]] std::uint64_t seed() const { return meta_.seed; }
  [[nodiscard]] std::uint64_t fingerprint() const { return meta_.fingerprint; }
  // The instruction set that runs.
  [[nodiscard]] simd::isa simd() const { return kernels_->set; }
  [[nodiscard]] static constexpr std::string_view quantizer_name() { return Quantizer::name; }

  [[nodiscard]] memory_usage memory() const {
    return {.codes = codes_.bytes(),
            .links = graph_.base_links().size_bytes(),
            .upper_links = graph_.upper_links().size_bytes(),
            .levels = graph_.levels().size_bytes(),
            .labels = 0,
            .visited = size(),
            .other = graph_.overhead_bytes() + quantizer_.parameters().size() + quantizer_.query_bytes() +
                     sizeof(index) + sizeof(search_scratch)};
  }
  [[nodiscard]] double bytes_per_vector() const {
    return size() == 0 ? 0.0 : static_cast<double>(memory().total()) / static_cast<double>(size());
  }

 private:
  index(const simd::kernel_set& kernels, Quantizer quantizer) : kernels_(&kernels), quantizer_(std::move(quantizer)) {}

  template <quantizer Q>
  struct trained {
    Q quantizer;
    aligned_buffer<std::byte> codes;
  };

  // All rows as codes of a quantizer that learnt from them.
  template <quantizer Q, row_source Rows, executor Executor>
  [[nodiscard]] static expected<trained<Q>> coded(const Rows& rows, const simd::kernel_set& kernels,
                                                  const build_options& options, Executor& on) {
    if (auto go_on = report_progress(options.progress, {build_stage::train, 0, 1}); !go_on)
      return std::unexpected(go_on.error());
    auto quantizer = Q::train(rows, code_metric(options.metric), {.kernels = kernels, .seed = options.seed});
    if (!quantizer) return std::unexpected(quantizer.error());
    if (auto go_on = report_progress(options.progress, {build_stage::train, 1, 1}); !go_on)
      return std::unexpected(go_on.error());
    auto codes = encode_rows(*quantizer, kernels, rows, on, options.progress);
    if (!codes) return std::unexpected(codes.error());
    return trained<Q>{std::move(*quantizer), std::move(*codes)};
  }

  template <symmetric_quantizer Q, executor Executor>
  [[nodiscard]] static expected<adjacency> link(const trained<Q>& on_codes, const simd::kernel_set& kernels,
                                                std::size_t n, const build_options& options, Executor& on) {
    return link_codes(on_codes.quantizer, kernels, on_codes.codes.span(), n, options.m, options.ef_construction,
                      options.seed, on, options.progress);
  }

  // Cosine is the inner product of normalised vectors.
  [[nodiscard]] static thimble::metric code_metric(thimble::metric m) {
    return m == metric::l2 ? metric::l2 : metric::inner_product;
  }

  [[nodiscard]] static expected<void> check(std::size_t n, std::size_t dim, const build_options& options) {
    if (n == 0) return fail(errc::empty_input, "there are no vectors to build an index from");
    if (n > max_nodes)
      return fail(errc::too_many_vectors, "an index holds at most 2^31 - 1 vectors: split the input", n);
    if (dim == 0) return fail(errc::wrong_dim, "vectors have no dimensions");
    if (dim > max_dim) return fail(errc::too_large, "vectors have at most 65,535 dimensions", dim);
    if (options.m < min_m || options.m > max_m) return fail(errc::invalid_argument, "m must be 2..64", options.m);
    if (options.ef_construction < options.m || options.ef_construction > max_ef_construction)
      return fail(errc::invalid_argument, "ef_construction must be m..100,000", options.ef_construction);
    return {};
  }

  [[nodiscard]] static expected<index> parse(std::span<const std::byte> file, const open_options& options) {
    const auto kernels = simd::kernels_for(options.simd);
    if (!kernels) return std::unexpected(kernels.error());
    const auto sections = index_sections::parse(file);
    if (!sections) return std::unexpected(sections.error());
    const auto meta = parse_meta((*sections)[section::meta]);
    if (!meta) return std::unexpected(meta.error());
    const auto m = static_cast<thimble::metric>(meta->metric);
    auto quantizer = Quantizer::load((*sections)[section::quantizer], meta->dim, code_metric(m));
    if (!quantizer) return std::unexpected(quantizer.error());

    const auto codes = (*sections)[section::codes];
    const std::size_t stride = quantizer->code_bytes();
    const auto n = static_cast<std::size_t>(meta->n);
    if (meta->code_bytes != stride || codes.size() < simd::code_slack ||
        (codes.size() - simd::code_slack) / stride != n || (codes.size() - simd::code_slack) % stride != 0)
      return fail(errc::corrupt, "the codes have a wrong size", codes.size());
    for (std::size_t i = 0; i < n; ++i)
      if (!quantizer->valid(codes.data() + i * stride)) return fail(errc::corrupt, "a code is wrong", i);

    const auto levels = (*sections)[section::levels];
    if (levels.size() != n) return fail(errc::corrupt, "the levels have a wrong size", levels.size());
    auto graph =
        adjacency::from_parts(meta->m, view<std::uint8_t>(levels), view<node>((*sections)[section::base_links]),
                              view<node>((*sections)[section::upper_links]), {meta->entry, meta->entry_level});
    if (!graph) return std::unexpected(graph.error());

    index result(**kernels, std::move(*quantizer));
    result.codes_ = view<std::byte>(codes);
    result.graph_ = std::move(*graph);
    result.meta_ = *meta;
    return result;
  }

  [[nodiscard]] static expected<index_meta> parse_meta(std::span<const std::byte> bytes) {
    if (bytes.size() != sizeof(index_meta))
      return fail(errc::corrupt, "the description has a wrong size", bytes.size());
    const auto meta = load_as<index_meta>(bytes.data());
    if (meta.quantizer != Quantizer::file_id)
      return fail(errc::wrong_quantizer, "the index was built with another quantizer: open it as that, or as any_index",
                  meta.quantizer);
    if (meta.n == 0 || meta.n > max_nodes || meta.dim == 0 || meta.dim > max_dim ||
        meta.metric > static_cast<std::uint32_t>(metric::cosine) || meta.ef_construction > max_ef_construction)
      return fail(errc::corrupt, "the description is out of range");
    return meta;
  }

  // A section used in place. Odd bytes at its end make the size wrong, which its user reports.
  template <class T>
  [[nodiscard]] static aligned_buffer<T> view(std::span<const std::byte> bytes) {
    const std::size_t whole = bytes.size() % sizeof(T) == 0 ? bytes.size() / sizeof(T) : 0;
    return aligned_buffer<T>::borrow({reinterpret_cast<const T*>(bytes.data()), whole});
  }

  void find_candidates(std::span<const float> query, const search_params& params, std::size_t ef, std::size_t walked,
                       search_scratch& scratch) const {
    quantizer_.prepare(*kernels_, query, scratch.query());
    const simd::code_rows codes{codes_.data(), quantizer_.code_bytes()};
    const auto estimate = [&](const node* nodes, std::size_t n, float* out) {
      quantizer_.estimate(*kernels_, scratch.query(), codes, nodes, n, out);
    };
    candidate_list& found = scratch.candidates;
    const bool filtered = !params.filter.passes_all();
    found.clear(ef);
    if (filtered ? walked > 0 : !params.exhaustive) {
      const located start = descend(graph_, estimate, graph_.entry(), 0, scratch.batch);
      if (filtered) {
        scratch.walk.clear(walked);
        filtered_beam_search(graph_, estimate, params.filter, start, scratch.walk, found, scratch.visited,
                             scratch.batch);
      } else {
        beam_search(graph_, estimate, start, 0, found, scratch.visited, scratch.batch);
      }
      // Else the walk did not lead to as many nodes as are owed.
      if (found.items().size() >= std::min(params.k, size())) return;
      found.clear(ef);
    }
    if (filtered)
      filtered_scan(size(), estimate, params.filter, found, scratch.batch);
    else
      exhaustive_search(size(), estimate, found, scratch.batch);
  }

  void start_rerank(std::span<const float> query, const search_params& params, search_scratch& scratch,
                    std::size_t rows_at_once) const {
    const std::span<const candidate> candidates = scratch.candidates.items();
    if constexpr (bounded_quantizer<Quantizer>) {
      if (params.rerank_by == rerank_policy::bound) {
        const auto lower_bound = [&](candidate c) {
          const std::byte* code = codes_.data() + c.id() * quantizer_.code_bytes();
          const double error = quantizer_.standard_error(scratch.query(), code, c.distance());
          // A product of two floats is exact in double, so it does not matter who fuses it.
          return static_cast<float>(double{c.distance()} - double{params.epsilon} * error);
        };
        return scratch.rerank().start_by_bound(*kernels_, metric(), query, candidates, params.k, params.rerank,
                                               rows_at_once, lower_bound);
      }
    }
    scratch.rerank().start(*kernels_, metric(), query, candidates, params.k, params.rerank);
  }

  static constexpr std::uint32_t max_ef_construction = 100'000;
  static constexpr float max_epsilon = 1000;

  const simd::kernel_set* kernels_;
  index_meta meta_{};
  Quantizer quantizer_;
  aligned_buffer<std::byte> codes_;
  adjacency graph_;
#if THIMBLE_POSIX
  mapped_file mapping_;  // codes and links may lie in it
#endif
  aligned_buffer<std::byte> file_;  // or in here
  mutable scratch_pool pool_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
