// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The IndexedDB store, also under a cache, and its writer for their browser tests.

#include <thimble/store/cache_store.hpp>
#include <thimble/store/indexeddb_store.hpp>
#include <thimble/store/indexeddb_writer.hpp>

#include "store_lab.hpp"

namespace {

using lab_session = lab::session<thimble::indexeddb_store>;

// The import that is under way: one a program.
std::optional<thimble::indexeddb_writer>& writer() {
  static std::optional<thimble::indexeddb_writer> one;
  return one;
}

// The session's store under a cache: one a program.
struct cached_lab {
  std::optional<thimble::cache_store<thimble::indexeddb_store>> store;
  lab::comparison<thimble::cache_store<thimble::indexeddb_store>> compared;
};
cached_lab& cached() {
  static cached_lab one;
  return one;
}

}  // namespace

#include "store_lab_calls.inl"

extern "C" {

EMSCRIPTEN_KEEPALIVE void lab_open(lab_session* s, const char* name, unsigned ticket) {
  thimble::indexeddb_store::open(name, s->keep(ticket));
}
EMSCRIPTEN_KEEPALIVE int lab_exact(lab_session* s) { return s->store->exact() ? 1 : 0; }

// How many rows it has room for; 0 where the budget does not hold one.
EMSCRIPTEN_KEEPALIVE unsigned lab_cache(lab_session* s, unsigned budget_bytes) {
  auto made = thimble::cache_store<thimble::indexeddb_store>::create(*s->store, budget_bytes);
  if (!made) return 0;
  cached().store.emplace(std::move(*made));
  return static_cast<unsigned>(cached().store->capacity());
}
EMSCRIPTEN_KEEPALIVE void lab_cached_read(lab_session* s, unsigned ticket) {
  s->rows.assign(s->nodes.size() * s->store->dim(), -1);
  cached().store->read(s->nodes, s->rows, s->tell(ticket));
}
EMSCRIPTEN_KEEPALIVE void lab_cached_same_hits(lab_session*, const float* values, unsigned n, unsigned dim,
                                               unsigned ticket) {
  cached().compared.start(*cached().store, values, n, dim, ticket);
}
EMSCRIPTEN_KEEPALIVE unsigned lab_cache_hits(lab_session*) {
  return static_cast<unsigned>(cached().store->counters().hits);
}

// element: one of element_type.
EMSCRIPTEN_KEEPALIVE void lab_begin(lab_session* s, const char* name, int resume, unsigned n, unsigned dim, int element,
                                    unsigned ticket) {
  writer().reset();
  s->ticket = ticket;
  const thimble::opened<thimble::indexeddb_writer> then{
      s, [](void* self, thimble::expected<thimble::indexeddb_writer>&& outcome) {
        const unsigned whose = static_cast<lab_session*>(self)->ticket;
        if (!outcome) return lab::answer(whose, std::unexpected(outcome.error()));
        writer().emplace(std::move(*outcome));
        lab::answer(whose, {});
      }};
  const thimble::stored_layout layout{.n = n, .dim = dim, .element = static_cast<thimble::element_type>(element)};
  if (resume != 0)
    thimble::indexeddb_writer::resume(name, layout, then);
  else
    thimble::indexeddb_writer::create(name, layout, then);
}

// `given`: what the values are, one of element_type.
EMSCRIPTEN_KEEPALIVE void lab_append(lab_session* s, const void* values, unsigned count, int given, unsigned ticket) {
  switch (static_cast<thimble::element_type>(given)) {
    case thimble::element_type::uint8:
      return writer()->append(std::span(static_cast<const std::uint8_t*>(values), count), s->tell(ticket));
    case thimble::element_type::float16:
      return writer()->append(std::span(static_cast<const thimble::half*>(values), count), s->tell(ticket));
    default:
      return writer()->append(std::span(static_cast<const float*>(values), count), s->tell(ticket));
  }
}
EMSCRIPTEN_KEEPALIVE void lab_finish(lab_session* s, unsigned ticket) { writer()->finish(s->tell(ticket)); }
EMSCRIPTEN_KEEPALIVE unsigned lab_rows_so_far(lab_session*) { return static_cast<unsigned>(writer()->rows()); }

EMSCRIPTEN_KEEPALIVE void lab_remove(lab_session* s, const char* name, unsigned ticket) {
  thimble::indexeddb_remove(name, s->tell(ticket));
}

}  // extern "C"
