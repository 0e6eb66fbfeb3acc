// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Full-precision vectors in the browser's IndexedDB, one record a row, read straight into the caller's memory: for
// windows as well as workers, and where OPFS is refused. A batch is one read-only transaction with all its gets in
// flight; nothing stays in memory. Link thimble::indexeddb; -sASYNCIFY is not needed. (indexeddb_writer.hpp puts
// vectors there. store/idbfs_store.hpp reads what Emscripten's IDBFS keeps.)
//
// Limits: opening a large database takes up to a second after the browser was started. The browser may evict all of an
// origin's databases together unless navigator.storage.persist() was granted. float16 rows are rounded (to nearest):
// half the bytes, but distances are no longer the exact ones; exact() says so.
//
// The database is the set's own: version 1, object store `rows` with a Uint8Array of row_bytes() under each row's
// number, object store `set` with {stamp, header} under 0. header is a stored_set, stamp a number that every import
// changes: a read that finds another one than open() found ends with store_mismatch, so that rows of two imports are
// never mixed.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/store/indexeddb_calls.hpp>
#include <thimble/store/store.hpp>
#include <thimble/store/stored_set.hpp>
#include <thimble/store/widen.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Move-only; used from the thread that opened it. It must not be destroyed while a read is under way.
class indexeddb_store {
 public:
  indexeddb_store() = default;

  // The set of vectors in the database `name`. Does not create one. Errors: invalid_argument, cannot_open (no finished
  // import; value: the rows of an unfinished one), store_unavailable, unknown_format, wrong_version, corrupt,
  // unsupported, cannot_read, out_of_memory.
  static void open(const char* name, opened<indexeddb_store> then) {
    if (const auto valid = detail::check_indexeddb_name(name); !valid) return then(std::unexpected(valid.error()));
    auto* pending = detail::make_pending(opening{then, {}});
    if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
    if (const auto outcome =
            detail::thimble_indexeddb_open(name, pending->header.data(), &indexeddb_store::on_opened, pending);
        outcome != 0)
      on_opened(pending, outcome, 0);
  }

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(set_.n); }
  [[nodiscard]] std::size_t dim() const { return set_.dim; }
  [[nodiscard]] std::uint64_t fingerprint() const { return set_.fingerprint; }
  // Whether rows are as they were imported: not so where they are stored as float16.
  [[nodiscard]] bool exact() const { return set_.exact(); }
  [[nodiscard]] const stored_set& set() const { return set_; }

  // Row nodes[i] goes to out[i * dim ..]; nodes ascend. Several reads may be under way. out may be written to even if
  // the read fails, but not after `then` was called. Errors: missing_row and corrupt (both name the row),
  // store_mismatch (another import has begun), store_unavailable (the database was deleted or closed), cannot_read,
  // out_of_memory.
  void read(std::span<const node> nodes, std::span<float> out, completion then) {
    THIMBLE_ASSERT(out.size() >= nodes.size() * dim());
    if (nodes.empty()) return then({});
    for (const node row : nodes)
      if (row >= set_.n) return then(fail(errc::missing_row, "the store has no such row", row));
    const auto values = out.first(nodes.size() * dim());
    auto* pending = detail::make_pending(reading{then, set_.element, values});
    if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
    // Narrow rows arrive at the end of their place and are widened from there.
    std::byte* end = reinterpret_cast<std::byte*>(values.data() + values.size());
    const auto outcome = detail::thimble_indexeddb_read(
        connection_.handle(), nodes.data(), static_cast<std::uint32_t>(nodes.size()),
        end - nodes.size() * set_.row_bytes(), static_cast<std::uint32_t>(set_.row_bytes()), &indexeddb_store::on_read,
        pending);
    if (outcome != 0) on_read(pending, outcome, 0);
  }

 private:
  struct opening {
    opened<indexeddb_store> then;
    std::array<std::byte, stored_set::encoded_bytes> header;
  };

  struct reading {
    completion then;
    element_type element;
    std::span<float> values;
  };

  indexeddb_store(detail::indexeddb_connection&& connection, const stored_set& set)
      : connection_(std::move(connection)), set_(set) {}

  static void on_opened(void* context, std::int32_t outcome, std::uint32_t value) {
    const auto done = detail::take_pending<opening>(context);
    if (outcome != 0) return done.then(std::unexpected(detail::indexeddb_error(outcome)));
    detail::indexeddb_connection connection(value);
    const auto set = stored_set::decode(done.header);
    if (!set) return done.then(std::unexpected(set.error()));
    if (!set->finished)
      return done.then(fail(errc::cannot_open,
                            "the import under this name was not finished: resume it, or start it again", set->rows));
    done.then(indexeddb_store(std::move(connection), *set));
  }

  static void on_read(void* context, std::int32_t outcome, std::uint32_t value) {
    const auto done = detail::take_pending<reading>(context);
    if (outcome != 0) return done.then(std::unexpected(detail::indexeddb_error(outcome, value)));
    detail::widen_from_end(done.element, done.values);
    done.then({});
  }

  detail::indexeddb_connection connection_;
  stored_set set_{};
};

static_assert(async_store<indexeddb_store>);

}  // namespace thimble::inline THIMBLE_FLAGS
