// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The HTTP store for its browser tests, in Chromium and in Node.

#include <thimble/store/http_store.hpp>

#include "store_lab.hpp"

namespace {
using lab_session = lab::session<thimble::http_store>;
}

#include "store_lab_calls.inl"

extern "C" {

EMSCRIPTEN_KEEPALIVE void lab_open(lab_session* s, const char* url, unsigned largest_gap, unsigned most_tries,
                                   unsigned first_wait_ms, unsigned longest_wait_ms, unsigned silence_ms,
                                   unsigned ticket) {
  const thimble::http_options options{.largest_gap = largest_gap,
                                      .most_tries = most_tries,
                                      .first_wait_ms = first_wait_ms,
                                      .longest_wait_ms = longest_wait_ms,
                                      .silence_ms = silence_ms};
  thimble::http_store::open(url, options, s->keep(ticket));
}

}  // extern "C"
