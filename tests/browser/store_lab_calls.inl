// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The calls that every program of store_lab.hpp has; `lab_session` is its session.

extern "C" {

EMSCRIPTEN_KEEPALIVE lab_session* lab_create() { return new lab_session; }
EMSCRIPTEN_KEEPALIVE void lab_close(lab_session* s) { s->store.reset(); }

EMSCRIPTEN_KEEPALIVE unsigned lab_size(lab_session* s) { return static_cast<unsigned>(s->store->size()); }
EMSCRIPTEN_KEEPALIVE unsigned lab_dim(lab_session* s) { return static_cast<unsigned>(s->store->dim()); }

// Whether a rerank by bounds asks for a few rows at a time.
EMSCRIPTEN_KEEPALIVE int lab_few_at_once(lab_session* s) { return thimble::rows_at_once(*s->store) < 10 ? 1 : 0; }

// Room for the nodes that lab_read() reads, and the rows that it has read.
EMSCRIPTEN_KEEPALIVE thimble::node* lab_nodes(lab_session* s, unsigned count) {
  s->nodes.resize(count);
  return s->nodes.data();
}
EMSCRIPTEN_KEEPALIVE const float* lab_rows(lab_session* s) { return s->rows.data(); }
EMSCRIPTEN_KEEPALIVE void lab_read(lab_session* s, unsigned ticket) {
  s->rows.assign(s->nodes.size() * s->store->dim(), -1);
  s->store->read(s->nodes, s->rows, s->tell(ticket));
}

// values: n x dim, the vectors that the store should hold.
EMSCRIPTEN_KEEPALIVE void lab_same_hits(lab_session* s, const float* values, unsigned n, unsigned dim,
                                        unsigned ticket) {
  s->compared.start(*s->store, values, n, dim, ticket);
}

}  // extern "C"
