// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Searches for worker.mjs, which times them: with all vectors in memory, and with those that a cache has no room for in
// a browser store. What takes long ends in a report; searches of memory and OPFS are done when they return, and one
// that fails ends the program.

#include <emscripten/em_macros.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <thimble/index/any_index.hpp>
#include <thimble/io/vector_format.hpp>
#include <thimble/io/vector_rows.hpp>
#include <thimble/rerank/callback.hpp>
#include <thimble/store/cache_store.hpp>
#include <thimble/store/indexeddb_store.hpp>
#include <thimble/store/indexeddb_writer.hpp>
#include <thimble/store/memory_store.hpp>
#include <thimble/store/opfs_store.hpp>
#include <thimble/store/opfs_writer.hpp>
#include <vector>

#include "browser/report.hpp"

namespace {

using namespace bench;

constexpr const char* set_name = "vectors";

std::vector<float> vectors;
std::vector<float> queries;
std::size_t dim = 0;
std::optional<thimble::memory_store<float>> memory;
std::optional<thimble::any_index> searched;
thimble::search_params params;
thimble::search_scratch scratch;

// Where the vectors are beside memory, and the caches over these.
std::optional<thimble::opfs_store> file;
std::optional<thimble::cache_store<thimble::opfs_store>> cached_file;
std::optional<thimble::opfs_writer> file_writer;
std::optional<thimble::indexeddb_store> records;
std::optional<thimble::cache_store<thimble::indexeddb_store>> cached_records;
std::optional<thimble::indexeddb_writer> records_writer;
thimble::async_rerank<thimble::cache_store<thimble::indexeddb_store>> rerank;

thimble::expected<void> read_all(std::span<const std::byte> bytes, const char* path, std::vector<float>& to) {
  const auto format = thimble::vector_format_of(path);
  if (!format) return std::unexpected(format.error());
  const auto layout = thimble::parse_vector_header(bytes, bytes.size(), *format);
  if (!layout) return std::unexpected(layout.error());
  const thimble::vector_rows rows(bytes.data(), *layout);
  dim = rows.dim();
  to.resize(rows.size() * dim);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span<float> place(to.data() + i * dim, dim);
    const auto row = rows.row(i, place);
    if (!row) return std::unexpected(row.error());
    if (row->data() != place.data()) std::ranges::copy(*row, place.begin());
  }
  return {};
}

std::span<const float> query(unsigned i) { return std::span<const float>(queries).subspan(i * dim, dim); }

template <class Store>
void search_in(unsigned i, Store& from) {
  if (!searched->search(query(i), params, from, scratch)) std::abort();
}

thimble::stored_layout layout() {
  return {.n = vectors.size() / dim, .dim = static_cast<std::uint32_t>(dim), .element = thimble::element_type::float32};
}

template <class Cache>
thimble::cache_counters counters_of(const std::optional<Cache>& cache) {
  return cache ? cache->counters() : thimble::cache_counters{};
}

}  // namespace

extern "C" {

EMSCRIPTEN_KEEPALIVE void read_base(const std::byte* bytes, unsigned n, const char* path) {
  auto done = read_all({bytes, n}, path, vectors);
  if (done) {
    auto made = thimble::memory_store<float>::create({vectors.data(), vectors.size() / dim, dim});
    if (!made) done = std::unexpected(made.error());
    if (made) memory = std::move(*made);
  }
  report(done);
}

EMSCRIPTEN_KEEPALIVE void read_queries(const std::byte* bytes, unsigned n, const char* path) {
  report(read_all({bytes, n}, path, queries));
}

EMSCRIPTEN_KEEPALIVE unsigned n_rows() { return static_cast<unsigned>(vectors.size() / dim); }
EMSCRIPTEN_KEEPALIVE unsigned n_dims() { return static_cast<unsigned>(dim); }
EMSCRIPTEN_KEEPALIVE unsigned n_queries() { return static_cast<unsigned>(queries.size() / dim); }

EMSCRIPTEN_KEEPALIVE void build(const char* quantizer, const char* metric, unsigned ef, unsigned rows_reranked) {
  const auto kind = thimble::parse_quantizer(quantizer);
  if (!kind) return report(kind);
  const auto by = thimble::parse_metric(metric);
  if (!by) return report(by);
  params = {.k = 10, .ef = ef, .rerank = rows_reranked};
  auto built = thimble::any_index::build(*kind, thimble::matrix_view(vectors.data(), vectors.size() / dim, dim),
                                         {.metric = *by});
  report(built);
  if (built) searched = std::move(*built);
}

EMSCRIPTEN_KEEPALIVE unsigned index_bytes() { return static_cast<unsigned>(searched->memory().total()); }

EMSCRIPTEN_KEEPALIVE void opfs_create() { thimble::opfs_writer::create(set_name, layout(), kept_in(file_writer)); }
EMSCRIPTEN_KEEPALIVE void opfs_append(unsigned first, unsigned n) {
  report(file_writer->append(std::span<const float>(vectors).subspan(first * dim, n * dim)));
}
EMSCRIPTEN_KEEPALIVE void opfs_finish() { report(file_writer->finish()); }
EMSCRIPTEN_KEEPALIVE void opfs_open() { thimble::opfs_store::open(set_name, kept_in(file)); }
EMSCRIPTEN_KEEPALIVE void opfs_cache(unsigned bytes) {
  auto made = thimble::cache_store<thimble::opfs_store>::create(*file, bytes);
  report(made);
  if (made) cached_file.emplace(std::move(*made));
}

EMSCRIPTEN_KEEPALIVE void indexeddb_create() {
  thimble::indexeddb_writer::create(set_name, layout(), kept_in(records_writer));
}
EMSCRIPTEN_KEEPALIVE void indexeddb_append(unsigned first, unsigned n) {
  records_writer->append(std::span<const float>(vectors).subspan(first * dim, n * dim), then_report);
}
EMSCRIPTEN_KEEPALIVE void indexeddb_finish() { records_writer->finish(then_report); }
EMSCRIPTEN_KEEPALIVE void indexeddb_open() { thimble::indexeddb_store::open(set_name, kept_in(records)); }
EMSCRIPTEN_KEEPALIVE void indexeddb_cache(unsigned bytes) {
  auto made = thimble::cache_store<thimble::indexeddb_store>::create(*records, bytes);
  report(made);
  if (made) cached_records.emplace(std::move(*made));
}

EMSCRIPTEN_KEEPALIVE void search_memory(unsigned i) { search_in(i, *memory); }
EMSCRIPTEN_KEEPALIVE void search_opfs(unsigned i) { search_in(i, *cached_file); }
EMSCRIPTEN_KEEPALIVE void search_indexeddb(unsigned i) {
  if (auto begun = searched->begin(query(i), params, scratch, cached_records->rows_at_once()); !begun)
    return report(begun);
  thimble::reranker& last = scratch.rerank();
  const auto room = scratch.rows(last.most_at_once() * dim);
  if (!room) return report(room);
  rerank.start(last, *cached_records, *room, then_report);
}

EMSCRIPTEN_KEEPALIVE double cache_hits() {
  return static_cast<double>(counters_of(cached_file).hits + counters_of(cached_records).hits);
}
EMSCRIPTEN_KEEPALIVE double cache_misses() {
  return static_cast<double>(counters_of(cached_file).misses + counters_of(cached_records).misses);
}

}  // extern "C"
