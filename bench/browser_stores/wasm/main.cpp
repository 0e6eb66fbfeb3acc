// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The browser stores for worker.mjs, which measures them: whatever is asked, but a read, ends in
// Module.report(message), with an empty one where nothing went wrong. A read that fails ends the program.

#include <emscripten/em_js.h>
#include <emscripten/em_macros.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <utility>

#include <thimble/store/opfs_store.hpp>
#include <thimble/store/opfs_writer.hpp>

EM_JS(void, report_to_worker, (const char* message), { Module['report'](UTF8ToString(message)); });

namespace {

using thimble::expected;

std::optional<thimble::opfs_store> store;
std::optional<thimble::opfs_writer> writer;

template <class T>
void report(const expected<T>& outcome) {
  report_to_worker(outcome ? "" : outcome.error().message);
}

template <class T>
thimble::opened<T> kept_in(std::optional<T>& place) {
  return {&place, [](void* context, expected<T>&& outcome) {
            if (!outcome) return report(outcome);
            *static_cast<std::optional<T>*>(context) = std::move(*outcome);
            report_to_worker("");
          }};
}

}  // namespace

extern "C" {

EMSCRIPTEN_KEEPALIVE void opfs_create(const char* name, unsigned n, unsigned dim, unsigned element) {
  const thimble::stored_layout layout{.n = n, .dim = dim, .element = static_cast<thimble::element_type>(element)};
  thimble::opfs_writer::create(name, layout, kept_in(writer));
}

EMSCRIPTEN_KEEPALIVE void opfs_append(const void* values, unsigned bytes, unsigned element) {
  if (element == static_cast<unsigned>(thimble::element_type::float16))
    return report(writer->append(std::span(static_cast<const thimble::half*>(values), bytes / 2)));
  report(writer->append(std::span(static_cast<const float*>(values), bytes / 4)));
}

EMSCRIPTEN_KEEPALIVE void opfs_finish() { report(writer->finish()); }

EMSCRIPTEN_KEEPALIVE void opfs_open(const char* name) { thimble::opfs_store::open(name, kept_in(store)); }

EMSCRIPTEN_KEEPALIVE void opfs_read(const thimble::node* nodes, unsigned count, float* out) {
  if (!store->read({nodes, count}, {out, count * store->dim()})) std::abort();
}

}  // extern "C"
