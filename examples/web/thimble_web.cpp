// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What JavaScript sees of thimble: a flat C interface over one index, one store of vectors and one import, for
// thimble.mjs.
//
// Calls that can finish at once return 1, or 0 with the error kept in the session. Calls with a ticket finish later:
// thimble_web_completed(ticket, ok), once. One of those at a time; thimble.mjs queues them. Memory for what JavaScript
// brings (files, rows, queries) is asked for here and filled from there, so that nothing is held twice.

#include <emscripten/em_macros.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/half.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/types.hpp>
#include <thimble/index/any_index.hpp>
#include <thimble/io/vector_format.hpp>
#include <thimble/rerank/callback.hpp>
#include <thimble/store/browser_store.hpp>
#include <thimble/store/browser_writer.hpp>
#include <thimble/store/store.hpp>
#include <thimble/store/stored_set.hpp>

#include "exact_scan.hpp"

// In web_library.js.
extern "C" {
void thimble_web_completed(std::uint32_t ticket, int ok);
int thimble_web_progress(int stage, double done, double total);
}

namespace {

using thimble::element_type;
using thimble::errc;
using thimble::expected;
using thimble::fail;

struct web_session {
  std::optional<thimble::any_index> index;
  std::optional<thimble::browser_store> store;
  std::optional<thimble::browser_writer> writer;
  std::optional<thimble::search_scratch> scratch;
  thimble::async_rerank<thimble::browser_store> rerank;

  thimble::aligned_buffer<std::byte> file;  // an index file on its way in or out
  std::size_t file_bytes = 0;
  thimble::aligned_buffer<std::byte> batch;      // rows to import
  thimble::aligned_buffer<std::byte> originals;  // all rows, while an index is built here
  std::size_t n_originals = 0;
  std::size_t n_to_keep = 0;  // of the read that is under way
  thimble::aligned_buffer<float> query;
  thimble::aligned_buffer<float> rows;  // rows that were read
  thimble::aligned_buffer<thimble::node> nodes;
  exact_scan exact;

  std::uint32_t ticket = 0;
  thimble::error last{errc::invalid_argument, ""};
  char error_name[32] = {};
};

int keep(web_session& s, const thimble::error& e) {
  s.last = e;
  const std::string_view code = thimble::name(e.code);
  std::ranges::copy(code, s.error_name);
  s.error_name[code.size()] = '\0';
  return 0;
}
int settle(web_session& s, const expected<void>& outcome) { return outcome ? 1 : keep(s, outcome.error()); }

void complete(web_session& s, const expected<void>& outcome) { thimble_web_completed(s.ticket, settle(s, outcome)); }

thimble::completion completion_of(web_session& s) {
  return {&s, [](void* self, expected<void> outcome) { complete(*static_cast<web_session*>(self), outcome); }};
}

// Keeps what was opened.
thimble::opened<thimble::browser_store> keep_store(web_session& s) {
  return {&s, [](void* self, expected<thimble::browser_store>&& opened) {
            auto& session = *static_cast<web_session*>(self);
            if (!opened) return complete(session, std::unexpected(opened.error()));
            session.store.emplace(std::move(*opened));
            session.n_originals = 0;
            complete(session, {});
          }};
}

// At least n values; what was in it is gone when it has to grow.
template <class T>
expected<void> reserve(thimble::aligned_buffer<T>& buffer, std::size_t n) {
  if (buffer.size() >= n) return {};
  buffer = {};
  auto larger = thimble::aligned_buffer<T>::create(n);
  if (!larger) return std::unexpected(larger.error());
  buffer = std::move(*larger);
  return {};
}
template <class T>
T* room(web_session& s, thimble::aligned_buffer<T>& buffer, std::size_t n) {
  return settle(s, reserve(buffer, n)) != 0 ? buffer.data() : nullptr;
}

constexpr thimble::error no_index{errc::empty_index, "open or build an index first"};
constexpr thimble::error no_store{errc::store_unavailable, "open a store first"};
constexpr thimble::error no_import{errc::invalid_argument, "begin the import first"};

expected<void> matches(const web_session& s) {
  if (!s.index) return std::unexpected(no_index);
  if (!s.store) return std::unexpected(no_store);
  return s.index->check_store(*s.store);
}

// The graph search; then, where a store is read, everything up to the first batch. A result: nothing is to come.
expected<bool> begin_search(web_session& s, const thimble::search_params& params, bool from_store) {
  if (!s.index) return std::unexpected(no_index);
  if (from_store)
    if (const auto same = matches(s); !same) return std::unexpected(same.error());
  if (!s.scratch) s.scratch.emplace();
  const std::span<const float> query = std::as_const(s.query).span().first(s.index->dim());
  const std::size_t at_once = from_store ? thimble::rows_at_once(*s.store) : thimble::all_rows_at_once;
  if (const auto ok = s.index->begin(query, params, *s.scratch, at_once); !ok) return std::unexpected(ok.error());
  const thimble::reranker& last = s.scratch->rerank();
  if (const auto ok = reserve(s.rows, last.most_at_once() * s.index->dim()); !ok) return std::unexpected(ok.error());
  return last.done();
}

expected<void> build(web_session& s, std::string_view quantizer, std::string_view metric_name, unsigned m,
                     unsigned ef_construction, double seed) {
  if (!s.store || s.n_originals != s.store->size())
    return fail(errc::empty_input, "read the vectors out of the store first", s.n_originals);
  const auto kind = thimble::parse_quantizer(quantizer);
  if (!kind) return std::unexpected(kind.error());
  const auto metric = thimble::parse_metric(metric_name);
  if (!metric) return std::unexpected(metric.error());
  const auto report = [](const thimble::build_progress& p) {
    return thimble_web_progress(static_cast<int>(p.stage), static_cast<double>(p.done), static_cast<double>(p.total)) !=
           0;
  };
  const thimble::build_options options{.metric = *metric,
                                       .m = m,
                                       .ef_construction = ef_construction,
                                       .seed = static_cast<std::uint64_t>(seed),
                                       .progress = report};
  const auto from = [&]<class T>(const T* values) {
    return thimble::any_index::build(*kind, thimble::matrix_view<T>(values, s.store->size(), s.store->dim()), options);
  };
  auto built = s.store->set().element == element_type::uint8
                   ? from(reinterpret_cast<const std::uint8_t*>(s.originals.data()))
                   : from(reinterpret_cast<const float*>(s.originals.data()));
  s.originals = {};
  s.n_originals = 0;
  if (!built) return std::unexpected(built.error());
  s.scratch.reset();
  s.index.emplace(std::move(*built));
  return {};
}

expected<void> save(web_session& s) {
  if (!s.index) return std::unexpected(no_index);
  s.file_bytes = 0;
  const auto count = [&](std::span<const std::byte> piece) -> expected<void> {
    s.file_bytes += piece.size();
    return {};
  };
  if (const auto ok = s.index->save(count); !ok) return ok;
  if (const auto ok = reserve(s.file, s.file_bytes); !ok) return ok;
  std::size_t at = 0;
  const auto copy = [&](std::span<const std::byte> piece) -> expected<void> {
    if (piece.size() > s.file_bytes - at) return fail(errc::too_large, "the index changed while it was saved");
    std::ranges::copy(piece, s.file.data() + at);
    at += piece.size();
    return {};
  };
  return s.index->save(copy);
}

// Rows that were just read become the next ones of `originals`: as bytes where they are bytes, else as floats.
expected<void> keep_originals(web_session& s, std::size_t count) {
  const std::size_t values = count * s.store->dim();
  const bool bytes = s.store->set().element == element_type::uint8;
  const std::size_t row_bytes = s.store->dim() * (bytes ? 1 : sizeof(float));
  if (s.n_originals == 0)
    if (const auto ok = reserve(s.originals, s.store->size() * row_bytes); !ok) return ok;
  std::byte* to = s.originals.data() + s.n_originals * row_bytes;
  if (bytes) {
    for (std::size_t i = 0; i < values; ++i) to[i] = static_cast<std::byte>(s.rows[i]);
  } else {
    std::memcpy(to, s.rows.data(), values * sizeof(float));
  }
  s.n_originals += count;
  return {};
}

}  // namespace

extern "C" {

EMSCRIPTEN_KEEPALIVE web_session* thimble_web_create() { return new (std::nothrow) web_session; }
EMSCRIPTEN_KEEPALIVE void thimble_web_destroy(web_session* s) { delete s; }

// The error of the last call that failed.
EMSCRIPTEN_KEEPALIVE const char* thimble_web_error_code(web_session* s) { return s->error_name; }
EMSCRIPTEN_KEEPALIVE const char* thimble_web_error_message(web_session* s) { return s->last.message; }
EMSCRIPTEN_KEEPALIVE double thimble_web_error_value(web_session* s) { return static_cast<double>(s->last.value); }

// ------------------------------------------------------------------------------------------------------- the index
// Room for the bytes of a .thimble file; open_index() takes it over.
EMSCRIPTEN_KEEPALIVE void* thimble_web_file_room(web_session* s, std::size_t bytes) {
  s->scratch.reset();
  s->index.reset();
  s->file = {};
  s->file_bytes = bytes;
  return room(*s, s->file, bytes);
}
EMSCRIPTEN_KEEPALIVE int thimble_web_open_index(web_session* s) {
  auto opened = thimble::any_index::open(std::move(s->file));
  s->file = {};
  s->file_bytes = 0;
  if (!opened) return keep(*s, opened.error());
  s->index.emplace(std::move(*opened));
  return 1;
}
// The stored vectors, read and kept by read_rows(.., keep = 1) from the first to the last, become an index.
EMSCRIPTEN_KEEPALIVE int thimble_web_build(web_session* s, const char* quantizer, const char* metric, unsigned m,
                                           unsigned ef_construction, double seed) {
  return settle(*s, build(*s, quantizer, metric, m, ef_construction, seed));
}
// The bytes of the index, until free_file().
EMSCRIPTEN_KEEPALIVE int thimble_web_save(web_session* s) { return settle(*s, save(*s)); }
EMSCRIPTEN_KEEPALIVE const void* thimble_web_file_data(web_session* s) { return s->file.data(); }
EMSCRIPTEN_KEEPALIVE std::size_t thimble_web_file_bytes(web_session* s) { return s->file_bytes; }
EMSCRIPTEN_KEEPALIVE void thimble_web_free_file(web_session* s) {
  s->file = {};
  s->file_bytes = 0;
}

// Numbers: n, dim, m, ef_construction, seed, bytes per vector, then the parts of its memory.
EMSCRIPTEN_KEEPALIVE int thimble_web_index_numbers(web_session* s, double* out) {
  if (!s->index) return keep(*s, no_index);
  const auto& index = *s->index;
  const auto memory = index.memory();
  const double numbers[] = {static_cast<double>(index.size()),       static_cast<double>(index.dim()),
                            static_cast<double>(index.m()),          static_cast<double>(index.ef_construction()),
                            static_cast<double>(index.seed()),       index.bytes_per_vector(),
                            static_cast<double>(memory.codes),       static_cast<double>(memory.links),
                            static_cast<double>(memory.upper_links), static_cast<double>(memory.levels),
                            static_cast<double>(memory.labels),      static_cast<double>(memory.visited),
                            static_cast<double>(memory.other),       static_cast<double>(memory.total())};
  std::ranges::copy(numbers, out);
  return static_cast<int>(std::size(numbers));
}
// Texts: 0 metric, 1 quantizer, 2 instruction set; not ended by a zero, their length goes to *length.
EMSCRIPTEN_KEEPALIVE const char* thimble_web_index_text(web_session* s, int which, std::uint32_t* length) {
  std::string_view text;
  if (s->index)
    text = which == 0 ? name(s->index->metric()) : which == 1 ? s->index->quantizer_name() : name(s->index->simd());
  *length = static_cast<std::uint32_t>(text.size());
  return text.data();
}

// ------------------------------------------------------------------------------------------------------- the store
EMSCRIPTEN_KEEPALIVE void thimble_web_open_store(web_session* s, const char* name, std::uint32_t ticket) {
  s->ticket = ticket;
  s->store.reset();
  thimble::browser_store::open(name, keep_store(*s));
}
EMSCRIPTEN_KEEPALIVE void thimble_web_close_store(web_session* s) { s->store.reset(); }
// n, dim, bytes per row, element type and place as numbers of their enums.
EMSCRIPTEN_KEEPALIVE int thimble_web_store_numbers(web_session* s, double* out) {
  if (!s->store) return keep(*s, no_store);
  const auto& set = s->store->set();
  out[0] = static_cast<double>(set.n);
  out[1] = set.dim;
  out[2] = static_cast<double>(set.row_bytes());
  out[3] = static_cast<double>(set.element);
  out[4] = static_cast<double>(s->store->where());
  return 5;
}
// 1 when there is a reason why the store is not in this better place; it is then what the calls for errors tell.
EMSCRIPTEN_KEEPALIVE int thimble_web_store_reason(web_session* s, int place) {
  if (!s->store) return 0;
  const auto reason = s->store->reason(static_cast<thimble::browser_place>(place));
  if (!reason) return 0;
  keep(*s, *reason);
  return 1;
}
// 1 when a search can rerank from the store.
EMSCRIPTEN_KEEPALIVE int thimble_web_check_store(web_session* s) { return settle(*s, matches(*s)); }

EMSCRIPTEN_KEEPALIVE thimble::node* thimble_web_nodes(web_session* s, std::size_t count) {
  return room(*s, s->nodes, count);
}
EMSCRIPTEN_KEEPALIVE const float* thimble_web_rows(web_session* s) { return s->rows.data(); }
// The rows of nodes()[0 .. count), ascending, into rows(). keep = 1: they are the next ones to build from.
EMSCRIPTEN_KEEPALIVE void thimble_web_read_rows(web_session* s, std::size_t count, int keep_them,
                                                std::uint32_t ticket) {
  s->ticket = ticket;
  if (!s->store) return complete(*s, std::unexpected(no_store));
  for (const thimble::node row : std::as_const(s->nodes).span().first(count))
    if (row >= s->store->size()) return complete(*s, fail(errc::missing_row, "the store has no such row", row));
  if (const auto ok = reserve(s->rows, count * s->store->dim()); !ok) return complete(*s, ok);
  s->n_to_keep = keep_them != 0 ? count : 0;
  if (s->n_to_keep != 0) {
    if (s->nodes[0] == 0) s->n_originals = 0;
    if (s->nodes[0] != s->n_originals || s->nodes[count - 1] != s->n_originals + count - 1)
      return complete(*s, fail(errc::invalid_argument, "rows are kept from the first to the last", s->nodes[0]));
  }
  s->store->read(s->nodes.span().first(count), s->rows.span(), {s, [](void* self, expected<void> outcome) {
                                                                  auto& session = *static_cast<web_session*>(self);
                                                                  if (outcome && session.n_to_keep != 0)
                                                                    outcome =
                                                                        keep_originals(session, session.n_to_keep);
                                                                  complete(session, outcome);
                                                                }});
}

// ---------------------------------------------------------------------------------------------------------- import
// element: of the rows to come, one of element_type. The open store closes: it may be the one that is written anew.
EMSCRIPTEN_KEEPALIVE void thimble_web_import_begin(web_session* s, const char* name, std::size_t n, std::size_t dim,
                                                   int element, int resume, std::uint32_t ticket) {
  s->ticket = ticket;
  s->writer.reset();
  s->store.reset();
  const thimble::opened<thimble::browser_writer> then{s, [](void* self, expected<thimble::browser_writer>&& created) {
                                                        auto& session = *static_cast<web_session*>(self);
                                                        if (!created)
                                                          return complete(session, std::unexpected(created.error()));
                                                        session.writer.emplace(std::move(*created));
                                                        complete(session, {});
                                                      }};
  const thimble::stored_layout layout{.n = n, .dim = dim, .element = static_cast<element_type>(element)};
  if (resume != 0)
    thimble::browser_writer::resume(name, layout, then);
  else
    thimble::browser_writer::create(name, layout, then);
}
// The rows that are there: at the beginning those of the import that goes on.
EMSCRIPTEN_KEEPALIVE std::size_t thimble_web_import_rows(web_session* s) { return s->writer ? s->writer->rows() : 0; }
EMSCRIPTEN_KEEPALIVE void* thimble_web_import_room(web_session* s, std::size_t bytes) {
  return room(*s, s->batch, bytes);
}
EMSCRIPTEN_KEEPALIVE void thimble_web_import_append(web_session* s, std::size_t count, std::uint32_t ticket) {
  s->ticket = ticket;
  if (!s->writer) return complete(*s, std::unexpected(no_import));
  const std::size_t values = count * s->writer->dim();
  const auto append = [&]<class T>(const T* rows) { s->writer->append(std::span(rows, values), completion_of(*s)); };
  switch (s->writer->set().element) {
    case element_type::uint8:
      return append(reinterpret_cast<const std::uint8_t*>(s->batch.data()));
    case element_type::float16:
      return append(reinterpret_cast<const thimble::half*>(s->batch.data()));
    default:
      return append(reinterpret_cast<const float*>(s->batch.data()));
  }
}
// The set that is complete now is the open store.
EMSCRIPTEN_KEEPALIVE void thimble_web_import_finish(web_session* s, std::uint32_t ticket) {
  s->ticket = ticket;
  if (!s->writer) return complete(*s, std::unexpected(no_import));
  s->store.reset();
  s->writer->finish(keep_store(*s));
}
EMSCRIPTEN_KEEPALIVE void thimble_web_import_end(web_session* s) {
  s->writer.reset();
  s->batch = {};
}
// The open store closes: it may be the one that goes.
EMSCRIPTEN_KEEPALIVE void thimble_web_remove(web_session* s, const char* name, std::uint32_t ticket) {
  s->ticket = ticket;
  s->store.reset();
  thimble::browser_remove(name, completion_of(*s));
}

// ---------------------------------------------------------------------------------------------------------- search
// Room for one query (index dim) or for count of them (store dim).
EMSCRIPTEN_KEEPALIVE float* thimble_web_query(web_session* s, std::size_t values) { return room(*s, s->query, values); }

// The query in thimble_web_query(). from_store = 0: estimates only.
EMSCRIPTEN_KEEPALIVE void thimble_web_search(web_session* s, std::size_t k, std::size_t ef, std::size_t rerank,
                                             int from_store, std::uint32_t ticket) {
  s->ticket = ticket;
  const thimble::search_params params{.k = k, .ef = ef, .rerank = from_store != 0 ? rerank : 0};
  const auto done = begin_search(*s, params, params.rerank != 0);
  if (!done) return complete(*s, std::unexpected(done.error()));
  if (*done) return complete(*s, {});
  s->rerank.start(s->scratch->rerank(), *s->store, s->rows.span(), completion_of(*s));
}
// Of the last search: k' results of 16 bytes each (uint64 label, float distance, 4 unused), and what it read.
EMSCRIPTEN_KEEPALIVE std::size_t thimble_web_result_count(web_session* s) {
  return s->scratch->rerank().results().size();
}
EMSCRIPTEN_KEEPALIVE const void* thimble_web_results(web_session* s) { return s->scratch->rerank().results().data(); }
EMSCRIPTEN_KEEPALIVE std::size_t thimble_web_vectors_read(web_session* s) {
  return s->scratch->rerank().vectors_read();
}
EMSCRIPTEN_KEEPALIVE std::size_t thimble_web_batches(web_session* s) { return s->scratch->rerank().batches(); }

// ----------------------------------------------------------------------------------------------------- brute force
// The queries in thimble_web_query() against every stored row, a block of rows a step. A step completes with ok; the
// scan is over when exact_row() has reached n.
EMSCRIPTEN_KEEPALIVE int thimble_web_exact_begin(web_session* s, std::size_t count, std::size_t k) {
  if (const auto ok = matches(*s); !ok) return keep(*s, ok.error());
  const auto queries = std::as_const(s->query).span().first(count * s->store->dim());
  return settle(*s, s->exact.start(s->index->metric(), queries, s->store->dim(), k));
}
EMSCRIPTEN_KEEPALIVE void thimble_web_exact_step(web_session* s, std::size_t rows, std::uint32_t ticket) {
  s->ticket = ticket;
  if (!s->store) return complete(*s, std::unexpected(no_store));
  const std::size_t first = s->exact.next_row();
  const std::size_t count = std::min(rows, s->store->size() - first);
  if (const auto ok = reserve(s->nodes, count); !ok) return complete(*s, ok);
  if (const auto ok = reserve(s->rows, count * s->store->dim()); !ok) return complete(*s, ok);
  s->exact.expect(count);
  for (std::size_t i = 0; i < count; ++i) s->nodes[i] = static_cast<thimble::node>(first + i);
  s->store->read(s->nodes.span().first(count), s->rows.span(), {s, [](void* self, expected<void> outcome) {
                                                                  auto& session = *static_cast<web_session*>(self);
                                                                  if (outcome) session.exact.add(session.rows.span());
                                                                  complete(session, outcome);
                                                                }});
}
EMSCRIPTEN_KEEPALIVE std::size_t thimble_web_exact_row(web_session* s) { return s->exact.next_row(); }
// count x k node numbers, nearest first.
EMSCRIPTEN_KEEPALIVE const thimble::node* thimble_web_exact_results(web_session* s) { return s->exact.results(); }

}  // extern "C"
