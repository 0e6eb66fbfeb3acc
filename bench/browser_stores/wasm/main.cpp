// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The browser stores for worker.mjs, which measures them. Whatever is asked ends in a report, but reads of OPFS are
// done when they return; one that fails ends the program.

#include <emscripten/em_macros.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <thimble/store/idbfs_store.hpp>
#include <thimble/store/idbfs_writer.hpp>
#include <thimble/store/indexeddb_store.hpp>
#include <thimble/store/indexeddb_writer.hpp>
#include <thimble/store/opfs_store.hpp>
#include <thimble/store/opfs_writer.hpp>

#include "browser/report.hpp"

namespace {

using namespace bench;

std::optional<thimble::opfs_store> store;
std::optional<thimble::opfs_writer> writer;
std::optional<thimble::indexeddb_store> records;
std::optional<thimble::indexeddb_writer> records_writer;
std::optional<thimble::idbfs_store> files;
std::optional<thimble::idbfs_writer> files_writer;

constexpr const char* folder_of_files = "rows";
std::string mount_of(const char* name) { return std::string("/") + name; }

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

EMSCRIPTEN_KEEPALIVE void indexeddb_create(const char* name, unsigned n, unsigned dim, unsigned element) {
  const thimble::stored_layout layout{.n = n, .dim = dim, .element = static_cast<thimble::element_type>(element)};
  thimble::indexeddb_writer::create(name, layout, kept_in(records_writer));
}

EMSCRIPTEN_KEEPALIVE void indexeddb_append(const void* values, unsigned bytes, unsigned element) {
  if (element == static_cast<unsigned>(thimble::element_type::float16))
    return records_writer->append(std::span(static_cast<const thimble::half*>(values), bytes / 2), then_report);
  records_writer->append(std::span(static_cast<const float*>(values), bytes / 4), then_report);
}

EMSCRIPTEN_KEEPALIVE void indexeddb_finish() { records_writer->finish(then_report); }

EMSCRIPTEN_KEEPALIVE void indexeddb_open(const char* name) { thimble::indexeddb_store::open(name, kept_in(records)); }

EMSCRIPTEN_KEEPALIVE void indexeddb_read(const thimble::node* nodes, unsigned count, float* out) {
  records->read({nodes, count}, {out, count * records->dim()}, then_report);
}

// Of float32 only.
EMSCRIPTEN_KEEPALIVE void idbfs_create(const char* name, unsigned n, unsigned dim, unsigned /*element*/) {
  thimble::idbfs_writer::create(mount_of(name).c_str(), folder_of_files, {.n = n, .dim = dim}, kept_in(files_writer));
}

EMSCRIPTEN_KEEPALIVE void idbfs_append(const void* values, unsigned bytes, unsigned /*element*/) {
  files_writer->append(std::span(static_cast<const float*>(values), bytes / 4), then_report);
}

EMSCRIPTEN_KEEPALIVE void idbfs_finish() { files_writer->finish(then_report); }

EMSCRIPTEN_KEEPALIVE void idbfs_open(const char* name) {
  thimble::idbfs_store::open(mount_of(name).c_str(), folder_of_files, kept_in(files));
}

EMSCRIPTEN_KEEPALIVE void idbfs_read(const thimble::node* nodes, unsigned count, float* out) {
  files->read({nodes, count}, {out, count * files->dim()}, then_report);
}

}  // extern "C"
