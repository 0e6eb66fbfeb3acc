// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The OPFS store and its writer for JavaScript, one call each: whatever is asked ends in Module.report(code, message,
// value), with an empty code where nothing went wrong.

#include <emscripten/em_js.h>
#include <emscripten/em_macros.h>

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <thimble/index/index.hpp>
#include <thimble/quant/rabitq.hpp>
#include <thimble/store/memory_store.hpp>
#include <thimble/store/opfs_store.hpp>
#include <thimble/store/opfs_writer.hpp>

EM_JS(void, report_to_page, (const char* code, const char* message, double value),
      { Module['report'](UTF8ToString(code), UTF8ToString(message), value); });

namespace {

using thimble::expected;

std::optional<thimble::opfs_store> store;
std::optional<thimble::opfs_writer> writer;
std::optional<thimble::index<thimble::rabitq<4>>> built;

void report() { report_to_page("", "", 0); }
void report(const thimble::error& e) { report_to_page(name(e.code).data(), e.message, static_cast<double>(e.value)); }

template <class T>
void report(const expected<T>& outcome) {
  if (!outcome) return report(outcome.error());
  report();
}

template <class T>
thimble::opened<T> kept_in(std::optional<T>& place) {
  return {&place, [](void* context, expected<T>&& outcome) {
            if (!outcome) return report(outcome.error());
            *static_cast<std::optional<T>*>(context) = std::move(*outcome);
            report();
          }};
}

thimble::stored_layout layout_of(unsigned n, unsigned dim, int element) {
  return {.n = n, .dim = dim, .element = static_cast<thimble::element_type>(element)};
}

template <class T>
std::span<const T> values_at(const void* values, unsigned bytes) {
  return {static_cast<const T*>(values), bytes / sizeof(T)};
}

}  // namespace

extern "C" {

EMSCRIPTEN_KEEPALIVE void open_store(const char* name) { thimble::opfs_store::open(name, kept_in(store)); }
EMSCRIPTEN_KEEPALIVE void close_store() { store.reset(); }
EMSCRIPTEN_KEEPALIVE unsigned store_size() { return static_cast<unsigned>(store->size()); }
EMSCRIPTEN_KEEPALIVE unsigned store_dim() { return static_cast<unsigned>(store->dim()); }
EMSCRIPTEN_KEEPALIVE int store_is_exact() { return store->exact() ? 1 : 0; }

EMSCRIPTEN_KEEPALIVE void read_rows(const thimble::node* nodes, unsigned count, float* out) {
  report(store->read({nodes, count}, {out, count * store->dim()}));
}

EMSCRIPTEN_KEEPALIVE void create_set(const char* name, unsigned n, unsigned dim, int element, int resume) {
  const auto begin = resume != 0 ? &thimble::opfs_writer::resume : &thimble::opfs_writer::create;
  begin(name, layout_of(n, dim, element), kept_in(writer));
}

// type: 4, 2 or 1 bytes a value.
EMSCRIPTEN_KEEPALIVE void append_values(const void* values, unsigned bytes, int type) {
  if (type == 4) return report(writer->append(values_at<float>(values, bytes)));
  if (type == 2) return report(writer->append(values_at<thimble::half>(values, bytes)));
  report(writer->append(values_at<std::uint8_t>(values, bytes)));
}

EMSCRIPTEN_KEEPALIVE unsigned rows_so_far() { return static_cast<unsigned>(writer->rows()); }
EMSCRIPTEN_KEEPALIVE void checkpoint() { report(writer->checkpoint()); }
EMSCRIPTEN_KEEPALIVE void finish() { report(writer->finish()); }
EMSCRIPTEN_KEEPALIVE void drop_writer() { writer.reset(); }

EMSCRIPTEN_KEEPALIVE void remove_set(const char* name) {
  thimble::opfs_remove(name, {nullptr, [](void*, expected<void> outcome) { report(outcome); }});
}

// An index of n x dim floats.
EMSCRIPTEN_KEEPALIVE void build_index(const float* values, unsigned n, unsigned dim) {
  auto made = thimble::index<thimble::rabitq<4>>::build(thimble::matrix_view<float>(values, n, dim));
  report(made);
  if (made) built = std::move(*made);
}

// How many of the hits for these queries (rows of the set) from OPFS are not those from memory.
EMSCRIPTEN_KEEPALIVE unsigned search_both(const float* values, unsigned n, unsigned dim, unsigned n_queries) {
  const auto memory = thimble::memory_store<float>::create({values, n, dim});
  unsigned different = 0;
  for (unsigned i = 0; i < n_queries; ++i)
    for (const auto policy : {thimble::rerank_policy::bound, thimble::rerank_policy::fixed}) {
      const std::span<const float> query(values + std::size_t{i} * dim, dim);
      const thimble::search_params params{.k = 10, .ef = 64, .rerank = 50, .rerank_by = policy};
      const auto expected_hits = built->search(query, params, *memory);
      const auto hits = built->search(query, params, *store);
      if (!hits || !expected_hits) {
        report(hits ? expected_hits : hits);
        return 0;
      }
      for (std::size_t j = 0; j < 10; ++j) different += (*hits)[j] == (*expected_hits)[j] ? 0 : 1;
    }
  report();
  return different;
}

}  // extern "C"
