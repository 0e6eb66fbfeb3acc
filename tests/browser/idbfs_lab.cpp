// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The IDBFS store and its writer for their browser tests.

#include <thimble/store/idbfs_store.hpp>
#include <thimble/store/idbfs_writer.hpp>

#include "store_lab.hpp"

namespace {

using lab_session = lab::session<thimble::idbfs_store>;

// The import that is under way: one a program.
std::optional<thimble::idbfs_writer>& writer() {
  static std::optional<thimble::idbfs_writer> one;
  return one;
}

}  // namespace

#include "store_lab_calls.inl"

extern "C" {

EMSCRIPTEN_KEEPALIVE void lab_open(lab_session* s, const char* mount, const char* name, unsigned ticket) {
  thimble::idbfs_store::open(mount, name, s->keep(ticket));
}

// bytes: whether the rows are of uint8, not of floats.
EMSCRIPTEN_KEEPALIVE void lab_begin(lab_session* s, const char* mount, const char* name, unsigned n, unsigned dim,
                                    int bytes, unsigned ticket) {
  writer().reset();
  s->ticket = ticket;
  const thimble::idbfs_layout layout{
      .n = n, .dim = dim, .element = bytes != 0 ? thimble::idbfs_element::uint8 : thimble::idbfs_element::float32};
  thimble::idbfs_writer::create(mount, name, layout,
                                {s, [](void* self, thimble::expected<thimble::idbfs_writer>&& outcome) {
                                   const unsigned whose = static_cast<lab_session*>(self)->ticket;
                                   if (!outcome) return lab::answer(whose, std::unexpected(outcome.error()));
                                   writer().emplace(std::move(*outcome));
                                   lab::answer(whose, {});
                                 }});
}
EMSCRIPTEN_KEEPALIVE void lab_append(lab_session* s, const void* values, unsigned count, unsigned ticket) {
  if (writer()->manifest().element == thimble::idbfs_element::uint8)
    return writer()->append(std::span(static_cast<const std::uint8_t*>(values), count), s->tell(ticket));
  writer()->append(std::span(static_cast<const float*>(values), count), s->tell(ticket));
}
EMSCRIPTEN_KEEPALIVE void lab_finish(lab_session* s, unsigned ticket) { writer()->finish(s->tell(ticket)); }

EMSCRIPTEN_KEEPALIVE void lab_remove(lab_session* s, const char* mount, const char* name, unsigned ticket) {
  thimble::idbfs_remove(mount, name, s->tell(ticket));
}

}  // extern "C"
