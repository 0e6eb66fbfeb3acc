// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Pictures on a web server become an index in memory, and searches read the few pictures that they rerank from the
// server itself, under a cache, or from a store of the browser's that was filled before. JavaScript calls begin(url),
// then search_* one after another; each ends in Module.report(error), with null where all went well.

#include <emscripten/em_js.h>
#include <emscripten/em_macros.h>

#include <algorithm>
#include <optional>
#include <span>
#include <thimble/thimble.hpp>
#include <vector>

#include "awaited.hpp"

EM_JS(void, report, (const char* error), { Module["report"](error ? UTF8ToString(error) : null); });

namespace {

using namespace thimble;

using picture_index = thimble::index<rabitq<4>>;  // POSIX has an index, too

// What begin() makes: the server's pictures, the index, and the pictures themselves to import and to compare with.
struct picture_set {
  http_store served;
  std::vector<float> values;
  std::optional<picture_index> index;

  [[nodiscard]] matrix_view<float> rows() const { return {values.data(), served.size(), served.dim()}; }
};
picture_set pictures;

constexpr search_params params{.k = 10};
constexpr std::size_t n_queries = 20;

std::vector<float> query(std::size_t i) {
  const auto from = std::span(pictures.values).subspan(i * 37 * pictures.rows().dim(), pictures.rows().dim());
  std::vector<float> made(from.begin(), from.end());
  for (float& value : made) value += 5;
  return made;
}

// Whether these are the hits that memory gives.
bool right(std::size_t i, std::span<const neighbor> found) {
  const auto memory = memory_store<float>::create(pictures.rows());
  if (!memory) return false;
  const auto wanted = pictures.index->search(query(i), params, *memory);
  return wanted && std::ranges::equal(*wanted, found);
}

// A search in a store that answers later: begin() walks the graph, async_rerank reads and ranks.
template <async_store Store>
job search_later(Store from) {
  search_scratch scratch;
  async_rerank<Store> rerank;
  std::vector<float> room;
  for (std::size_t i = 0; i < n_queries; ++i) {
    const auto begun = pictures.index->begin(query(i), params, scratch, rows_at_once(from));
    if (!begun) co_return report(begun.error().message);
    room.resize(scratch.rerank().most_at_once() * from.dim());
    const auto done =
        co_await awaited<void>([&](completion then) { rerank.start(scratch.rerank(), from, room, then); });
    if (!done) co_return report(done.error().message);
    if (!right(i, scratch.rerank().results())) co_return report("these are other hits");
  }
  report(nullptr);
}

// All pictures into a store that answers later, and the search in it: create(then) makes its writer, open(then) opens
// it.
template <class Writer, async_store Store>
job import_and_search(auto create, auto open) {
  auto writer = co_await awaited<Writer>(create);
  if (!writer) co_return report(writer.error().message);
  const std::span<const float> rows(pictures.values);
  const auto kept = co_await awaited<void>([&](completion then) { writer->append(rows, then); });
  if (!kept) co_return report(kept.error().message);
  const auto done = co_await awaited<void>([&](completion then) { writer->finish(then); });
  if (!done) co_return report(done.error().message);
  auto store = co_await awaited<Store>(open);
  if (!store) co_return report(store.error().message);
  search_later(std::move(*store));
}

}  // namespace

extern "C" {

EMSCRIPTEN_KEEPALIVE void begin(const char* url) {
  [](const char* address) -> job {
    auto served = co_await awaited<http_store>([&](auto then) { http_store::open(address, {}, then); });
    if (!served) co_return report(served.error().message);
    pictures.served = std::move(*served);
    std::vector<node> all(pictures.served.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<node>(i);
    pictures.values.resize(all.size() * pictures.served.dim());
    const auto read =
        co_await awaited<void>([&](completion then) { pictures.served.read(all, pictures.values, then); });
    if (!read) co_return report(read.error().message);
    auto built = picture_index::build(pictures.rows());
    if (!built) co_return report(built.error().message);
    pictures.index.emplace(std::move(*built));
    report(nullptr);
  }(url);
}

// From the server: rows that were read before come from 2 MB of memory, at once.
EMSCRIPTEN_KEEPALIVE void search_http() {
  auto cached = cache_store<http_store>::create(pictures.served, 2 << 20);
  if (!cached) return report(cached.error().message);
  search_later(std::move(*cached));
}

// The best place that there is: OPFS in a worker, else IndexedDB, else memory.
EMSCRIPTEN_KEEPALIVE void search_browser() {
  []() -> job {
    const stored_layout layout{.n = pictures.rows().size(), .dim = pictures.rows().dim()};
    auto writer = co_await awaited<browser_writer>([&](auto then) { browser_writer::create("best", layout, then); });
    if (!writer) co_return report(writer.error().message);
    // As many at a time as there are: a file that is downloaded comes in pieces of whole rows.
    const auto half = std::span<const float>(pictures.values).first(layout.n / 2 * layout.dim);
    const auto rest = std::span<const float>(pictures.values).subspan(half.size());
    for (const auto rows : {half, rest}) {
      const auto kept = co_await awaited<void>([&](completion then) { writer->append(rows, then); });
      if (!kept) co_return report(kept.error().message);
    }
    auto store = co_await awaited<browser_store>([&](auto then) { writer->finish(then); });
    if (!store) co_return report(store.error().message);
    search_later(std::move(*store));
  }();
}

EMSCRIPTEN_KEEPALIVE void search_indexeddb() {
  const stored_layout layout{.n = pictures.rows().size(), .dim = pictures.rows().dim()};
  import_and_search<indexeddb_writer, indexeddb_store>(
      [layout](auto then) { indexeddb_writer::create("pictures", layout, then); },
      [](auto then) { indexeddb_store::open("pictures", then); });
}

// Where a program with Emscripten's IDBFS has its files, or wants them.
EMSCRIPTEN_KEEPALIVE void search_idbfs() {
  const idbfs_layout layout{.n = pictures.rows().size(), .dim = pictures.rows().dim()};
  import_and_search<idbfs_writer, idbfs_store>(
      [layout](auto then) { idbfs_writer::create("/vectors", "pictures", layout, then); },
      [](auto then) { idbfs_store::open("/vectors", "pictures", then); });
}

// In a worker: reads are done when they return, so that the index searches with it as with a file.
EMSCRIPTEN_KEEPALIVE void search_opfs() {
  []() -> job {
    const stored_layout layout{.n = pictures.rows().size(), .dim = pictures.rows().dim()};
    auto writer = co_await awaited<opfs_writer>([&](auto then) { opfs_writer::create("pictures", layout, then); });
    if (!writer) co_return report(writer.error().message);
    const std::span<const float> rows(pictures.values);
    if (const auto kept = writer->append(rows); !kept) co_return report(kept.error().message);
    if (const auto done = writer->finish(); !done) co_return report(done.error().message);
    auto store = co_await awaited<opfs_store>([](auto then) { opfs_store::open("pictures", then); });
    if (!store) co_return report(store.error().message);
    for (std::size_t i = 0; i < n_queries; ++i) {
      const auto hits = pictures.index->search(query(i), params, *store);
      if (!hits) co_return report(hits.error().message);
      if (!right(i, {hits->begin(), hits->end()})) co_return report("these are other hits");
    }
    report(nullptr);
  }();
}

}  // extern "C"
