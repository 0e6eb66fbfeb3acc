// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Full-precision vectors in the best place that a browser has for them: OPFS, else IndexedDB, else the program's memory
// for this session. where() tells which it is, reason() why it is no better one. The places' own stores have the
// details (opfs_store.hpp, indexeddb_store.hpp); browser_writer.hpp puts vectors there. Link thimble::browser.
//
// Tabs: any number may have one finished set open. Chromium gives each a handle that only reads. Elsewhere (Firefox,
// Safari) one tab has the OPFS file and its worker reads for the others, which are through_another_tab(): such a read
// takes two messages and copies of the rows, and lasts as long as that worker is busy or suspended. When that tab
// closes its store or dies, another one takes over and reads what was not answered. An import does not disturb readers
// in OPFS (store_in_use); in IndexedDB it ends the old set's (store_mismatch). One that is under way does not open,
// store_in_use or cannot_open.
//
// Limits: OPFS is for dedicated workers only, so what a worker imported a window does not find, and the other way round
// the worker finds in IndexedDB only what it does not have in OPFS: import and open from the same kind of place. What
// is in memory only the writer's finish() hands over. Outside browsers nothing opens: unsupported.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/store/browser_calls.hpp>
#include <thimble/store/indexeddb_store.hpp>
#include <thimble/store/kept_rows.hpp>
#include <thimble/store/opfs_calls.hpp>
#include <thimble/store/shared_opfs_store.hpp>
#include <thimble/store/store.hpp>
#include <thimble/store/stored_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Best first.
enum class browser_place : std::uint8_t { opfs, indexeddb, memory };

namespace detail {

// What each place answered that was not taken: nothing for the one that was, and for those that were not asked.
struct place_errors {
  std::optional<error> opfs;
  std::optional<error> indexeddb;

  [[nodiscard]] std::optional<error> of(browser_place place) const {
    if (place == browser_place::memory) return std::nullopt;
    return place == browser_place::opfs ? opfs : indexeddb;
  }
};

// Whether a place is not there at all.
[[nodiscard]] constexpr bool no_such_place(const error& e) {
  return e.code == errc::store_unavailable || e.code == errc::unsupported;
}

}  // namespace detail

// Move-only; used from the thread that opened it. It must not be moved or destroyed while a read is under way.
class browser_store {
 public:
  browser_store() = default;

  // The finished set of vectors under `name`, one that OPFS takes ("vectors/fashion"): that in OPFS, else that in
  // IndexedDB. Errors: invalid_argument, cannot_open (no finished import; value: the rows of an unfinished one),
  // out_of_memory, and others of the two stores' open(): of the place where something was found.
  static void open(const char* name, opened<browser_store> then) {
    if (const auto valid = detail::check_opfs_name(name); !valid) return then(std::unexpected(valid.error()));
    auto kept = detail::keep_name(name);
    if (!kept) return then(std::unexpected(kept.error()));
    auto* pending = detail::make_pending(opening{then, std::move(*kept), {}});
    if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
    detail::shared_opfs_store::open(pending->name.data(), {pending, &browser_store::on_opfs});
  }

  [[nodiscard]] browser_place where() const { return where_; }
  // Why a better place than where() was not taken: store_unavailable, or for open() what it found there.
  [[nodiscard]] std::optional<error> reason(browser_place better) const { return errors_.of(better); }
  // Whether another tab has the file and reads for this one. That ends when this one takes over from it.
  [[nodiscard]] bool through_another_tab() const { return where_ == browser_place::opfs && opfs_.elsewhere(); }

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(set().n); }
  [[nodiscard]] std::size_t dim() const { return set().dim; }
  [[nodiscard]] std::uint64_t fingerprint() const { return set().fingerprint; }
  // Whether rows are as they were imported: not so where they are stored as float16.
  [[nodiscard]] bool exact() const { return set().exact(); }
  [[nodiscard]] const stored_set& set() const {
    switch (where_) {
      case browser_place::opfs:
        return opfs_.set();
      case browser_place::indexeddb:
        return indexeddb_.set();
      default:
        return kept_.set();
    }
  }

  [[nodiscard]] std::size_t rows_at_once() const {
    return where_ == browser_place::indexeddb || through_another_tab() ? all_rows_at_once : few_rows_at_once;
  }

  // Row nodes[i] goes to out[i * dim ..]; nodes ascend. Several reads may be under way. then is called before read()
  // returns where rows are in memory, or in OPFS and not through_another_tab(). out may be written to even if the read
  // fails. Errors: those of the place's own store; missing_row from memory; through another tab also store_mismatch
  // (another import has taken the set's place), cannot_open (it was removed), and store_in_use (that tab does not
  // answer for 30 seconds, or something else has the file for 2, or 2 for each tab that waits for it: the next read
  // tries again).
  void read(std::span<const node> nodes, std::span<float> out, completion then) {
    if (where_ == browser_place::indexeddb) return indexeddb_.read(nodes, out, then);
    if (where_ == browser_place::opfs) return opfs_.read(nodes, out, then);
    THIMBLE_ASSERT(out.size() >= nodes.size() * dim());
    for (const node row : nodes)
      if (row >= size()) return then(fail(errc::missing_row, "the store has no such row", row));
    kept_.read(nodes, out);
    then({});
  }

 private:
  friend class browser_writer;

  struct opening {
    opened<browser_store> then;
    aligned_buffer<char> name;
    detail::place_errors errors;
  };

  static void on_opfs(void* context, expected<detail::shared_opfs_store>&& outcome) {
    auto& pending = *static_cast<opening*>(context);
    if (outcome) return end(context, std::move(*outcome));
    pending.errors.opfs = outcome.error();
    indexeddb_store::open(pending.name.data(), {context, &browser_store::on_indexeddb});
  }

  static void on_indexeddb(void* context, expected<indexeddb_store>&& outcome) {
    if (outcome) return end(context, std::move(*outcome));
    const auto done = detail::take_pending<opening>(context);
    const error& before = *done.errors.opfs;
    done.then(std::unexpected(tells(before) > tells(outcome.error()) ? before : outcome.error()));
  }

  template <class Store>
  static void end(void* context, Store found) {
    const auto done = detail::take_pending<opening>(context);
    browser_store store(std::move(found));
    store.errors_ = done.errors;
    done.then(std::move(store));
  }

  // How much an error of open() says: nothing is there, an unfinished import is, or something that does not open.
  static int tells(const error& e) {
    if (detail::no_such_place(e)) return 0;
    if (e.code == errc::cannot_open) return e.value == 0 ? 1 : 2;
    return 3;
  }

  explicit browser_store(detail::shared_opfs_store&& store) : where_(browser_place::opfs), opfs_(std::move(store)) {}
  explicit browser_store(indexeddb_store&& store) : where_(browser_place::indexeddb), indexeddb_(std::move(store)) {}
  explicit browser_store(detail::kept_rows&& rows) : kept_(std::move(rows)) {}

  browser_place where_ = browser_place::memory;
  detail::place_errors errors_;
  detail::shared_opfs_store opfs_;
  indexeddb_store indexeddb_;
  detail::kept_rows kept_;
};

static_assert(async_store<browser_store>);

}  // namespace thimble::inline THIMBLE_FLAGS
