// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The store that chooses its place, and its writer, for their browser tests.

#include <thimble/store/browser_store.hpp>
#include <thimble/store/browser_writer.hpp>

#include "store_lab.hpp"

namespace {

using lab_session = lab::session<thimble::browser_store>;

// The import that is under way: one a program.
std::optional<thimble::browser_writer>& writer() {
  static std::optional<thimble::browser_writer> one;
  return one;
}

// The error's name, or null.
const char* code_of(const std::optional<thimble::error>& reason) {
  return reason ? thimble::name(reason->code).data() : nullptr;
}

// Reads that are under way at once, one a node: how many have not ended, and the first error.
struct reads_at_once {
  std::size_t left = 0;
  thimble::expected<void> outcome;
  unsigned ticket = 0;

  static void end(void* self, thimble::expected<void> outcome) {
    auto& reads = *static_cast<reads_at_once*>(self);
    if (reads.outcome) reads.outcome = outcome;
    if (--reads.left == 0) lab::answer(reads.ticket, reads.outcome);
  }
};

reads_at_once& reads() {
  static reads_at_once all;
  return all;
}

}  // namespace

#include "store_lab_calls.inl"

extern "C" {

EMSCRIPTEN_KEEPALIVE void lab_open(lab_session* s, const char* name, unsigned ticket) {
  thimble::browser_store::open(name, s->keep(ticket));
}

EMSCRIPTEN_KEEPALIVE int lab_through_another_tab(lab_session* s) { return s->store->through_another_tab() ? 1 : 0; }

// As lab_read(), by a read for each node.
EMSCRIPTEN_KEEPALIVE void lab_read_each(lab_session* s, unsigned ticket) {
  const std::size_t dim = s->store->dim();
  s->rows.assign(s->nodes.size() * dim, -1);
  reads() = {.left = s->nodes.size(), .outcome = {}, .ticket = ticket};
  for (std::size_t i = 0; i < s->nodes.size(); ++i)
    s->store->read(std::span(s->nodes).subspan(i, 1), std::span(s->rows).subspan(i * dim, dim),
                   {&reads(), &reads_at_once::end});
}

EMSCRIPTEN_KEEPALIVE void lab_begin(lab_session* s, const char* name, int resume, unsigned n, unsigned dim, int element,
                                    unsigned ticket) {
  writer().reset();
  s->ticket = ticket;
  const thimble::opened<thimble::browser_writer> then{
      s, [](void* self, thimble::expected<thimble::browser_writer>&& outcome) {
        const unsigned whose = static_cast<lab_session*>(self)->ticket;
        if (!outcome) return lab::answer(whose, std::unexpected(outcome.error()));
        writer().emplace(std::move(*outcome));
        lab::answer(whose, {});
      }};
  const thimble::stored_layout layout{.n = n, .dim = dim, .element = static_cast<thimble::element_type>(element)};
  if (resume != 0)
    thimble::browser_writer::resume(name, layout, then);
  else
    thimble::browser_writer::create(name, layout, then);
}

EMSCRIPTEN_KEEPALIVE void lab_append(lab_session* s, const float* values, unsigned count, unsigned ticket) {
  writer()->append(std::span(values, count), s->tell(ticket));
}
// The session's store is the one that the writer gives.
EMSCRIPTEN_KEEPALIVE void lab_finish(lab_session* s, unsigned ticket) { writer()->finish(s->keep(ticket)); }
EMSCRIPTEN_KEEPALIVE void lab_drop(lab_session*) { writer().reset(); }
EMSCRIPTEN_KEEPALIVE unsigned lab_rows_so_far(lab_session*) { return static_cast<unsigned>(writer()->rows()); }
// -1 while the browser has not answered.
EMSCRIPTEN_KEEPALIVE int lab_persisted(lab_session*) { return writer()->persisted() ? *writer()->persisted() : -1; }

// Of the store, or of the writer.
EMSCRIPTEN_KEEPALIVE int lab_where(lab_session* s, int of_writer) {
  return static_cast<int>(of_writer != 0 ? writer()->where() : s->store->where());
}
EMSCRIPTEN_KEEPALIVE const char* lab_reason(lab_session* s, int of_writer, int place) {
  const auto better = static_cast<thimble::browser_place>(place);
  return code_of(of_writer != 0 ? writer()->reason(better) : s->store->reason(better));
}

EMSCRIPTEN_KEEPALIVE void lab_remove(lab_session* s, const char* name, unsigned ticket) {
  thimble::browser_remove(name, s->tell(ticket));
}

}  // extern "C"
