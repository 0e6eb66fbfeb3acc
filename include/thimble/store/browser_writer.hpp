// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Streams vectors into the best place that a browser has for them (browser_store.hpp tells which): create or resume,
// append batches in order, finish, which hands over the store. The places' own writers have the details
// (opfs_writer.hpp, indexeddb_writer.hpp). Only a place that is not there or refused makes it go on to the next one;
// one that is full or in use is an error.
//
// One import a name at a time in all tabs: it holds the Web Lock "thimble:<name>" until it has finished or failed or
// its page ends, however it ends; another tab's is refused (store_in_use) and can resume() then. Where the browser has
// no locks (outside secure contexts, old Safari) an OPFS file is its writer's alone anyhow, and in IndexedDB the later
// import wins and the earlier one fails (store_mismatch): rows are never mixed.
//
// Before anything is written it compares navigator.storage.estimate() with what the set takes. That is as good as the
// estimate: Chromium tells every page of 10 GB more than it uses. A quota that turns out to be smaller is no_space as
// well, from create() in OPFS, which takes its room at once, and from append() in IndexedDB. It also asks
// navigator.storage.persist(). A worker must not ask: there persisted() says what the page has reached, which should
// ask before.
//
// Outside browsers rows are kept in memory.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/half.hpp>
#include <thimble/store/browser_calls.hpp>
#include <thimble/store/browser_claim.hpp>
#include <thimble/store/browser_store.hpp>
#include <thimble/store/indexeddb_store.hpp>
#include <thimble/store/indexeddb_writer.hpp>
#include <thimble/store/kept_rows.hpp>
#include <thimble/store/opfs_calls.hpp>
#include <thimble/store/opfs_writer.hpp>
#include <thimble/store/shared_opfs_store.hpp>
#include <thimble/store/store.hpp>
#include <thimble/store/stored_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Move-only; used from the thread that created it. One call at a time, and it stays where it is until that has
// completed, which may be before the call returns.
class browser_writer {
 public:
  browser_writer() = default;

  // Begins an import under `name`, one that OPFS takes ("vectors/fashion"), from its first row; what was there in the
  // same place goes. Errors: those of stored_set::create(), invalid_argument (name), store_in_use (an import elsewhere;
  // the old set is open elsewhere), no_space (value: the bytes that there is room for), cannot_write, unknown_format
  // and wrong_version (another program's), out_of_memory.
  static void create(const char* name, const stored_layout& layout, opened<browser_writer> then) {
    open(name, layout, false, then);
  }

  // Goes on with an unfinished import of the same layout at row rows(), of the same vectors: that is the caller's to
  // know. Begins from the first row where there is none in this place. Errors: as of create(), and corrupt.
  static void resume(const char* name, const stored_layout& layout, opened<browser_writer> then) {
    open(name, layout, true, then);
  }

  [[nodiscard]] browser_place where() const { return where_; }
  // Why a better place than where() was not taken.
  [[nodiscard]] std::optional<error> reason(browser_place better) const { return errors_.of(better); }
  // Whether the browser has promised to keep what is stored, not to evict it when space is short. None while it has not
  // answered, which may take as long as a user does, and where it was not asked; after the import what it had said.
  [[nodiscard]] std::optional<bool> persisted() const { return open_ ? claim_.persisted() : persisted_; }

  // The next rows, whole ones, of the layout's element type; floats for float16 are rounded to nearest. They must stay
  // until `then` is called. After an error the import is over, to be resumed or begun again. Errors: invalid_argument
  // (another type), wrong_dim, too_many_vectors, not_finite and too_large (beyond float16; both name the row),
  // no_space, cannot_write, store_mismatch, store_unavailable, out_of_memory.
  void append(std::span<const float> rows, completion then) { append_rows(rows, then); }
  void append(std::span<const half> rows, completion then) { append_rows(rows, then); }
  void append(std::span<const std::uint8_t> rows, completion then) { append_rows(rows, then); }

  // After the last row: makes the set readable, lets others import under its name, and gives its store. Errors:
  // truncated (rows are missing; more can be appended), others as of append(), and those of browser_store::open(),
  // after which the set is whole nevertheless.
  void finish(opened<browser_store> then) {
    if (!open_) return then(over());
    if (rows() != set().n)
      return then(fail(errc::truncated, "not all rows were appended: append them before finish", rows()));
    finished_ = then;
    switch (where_) {
      case browser_place::opfs:
        return on_finished(this, opfs_.finish());
      case browser_place::indexeddb:
        return indexeddb_.finish({this, &browser_writer::on_finished});
      default:
        kept_.finish();
        return on_finished(this, {});
    }
  }

  [[nodiscard]] std::size_t rows() const {  // so far, those before a resume() among them
    switch (where_) {
      case browser_place::opfs:
        return opfs_.rows();
      case browser_place::indexeddb:
        return indexeddb_.rows();
      default:
        return kept_.rows();
    }
  }
  [[nodiscard]] std::size_t dim() const { return set().dim; }
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

 private:
  struct opening;

  static void open(const char* name, const stored_layout& layout, bool resume, opened<browser_writer> then);
  static void on_claimed(void* context, std::int32_t outcome, std::uint32_t value);
  static void on_opfs(void* context, expected<opfs_writer>&& outcome);
  static void on_indexeddb(void* context, expected<indexeddb_writer>&& outcome);
  static void begin(void* context, browser_place where);
  static void refuse(void* context, const error& why);

  template <class T>
  void append_rows(std::span<const T> rows, completion then) {
    if (!open_) return then(over());
    appended_ = then;
    switch (where_) {
      case browser_place::opfs:
        return on_appended(this, opfs_.append(rows));
      case browser_place::indexeddb:
        return indexeddb_.append(rows, {this, &browser_writer::on_appended});
      default:
        return on_appended(this, kept_.append(rows));
    }
  }

  static void on_appended(void* context, expected<void> outcome) {
    auto& writer = *static_cast<browser_writer*>(context);
    const completion then = writer.appended_;
    if (!outcome) writer.close();
    then(outcome);
  }

  // The claim is let go after the store is open, so that it is this set's.
  static void on_finished(void* context, expected<void> outcome) {
    auto& writer = *static_cast<browser_writer*>(context);
    if (!outcome) return writer.hand_over(std::unexpected(outcome.error()));
    switch (writer.where_) {
      case browser_place::opfs:
        return detail::shared_opfs_store::open(writer.name_.data(),
                                               {context, &browser_writer::on_opened<detail::shared_opfs_store>});
      case browser_place::indexeddb:
        return indexeddb_store::open(writer.name_.data(), {context, &browser_writer::on_opened<indexeddb_store>});
      default:
        return writer.hand_over(browser_store(std::move(writer.kept_)));
    }
  }

  template <class Store>
  static void on_opened(void* context, expected<Store>&& outcome) {
    auto& writer = *static_cast<browser_writer*>(context);
    if (!outcome) return writer.hand_over(std::unexpected(outcome.error()));
    writer.hand_over(browser_store(std::move(*outcome)));
  }

  void hand_over(expected<browser_store>&& store) {
    if (store) store->errors_ = errors_;
    const auto then = finished_;
    close();
    then(std::move(store));
  }

  void close() {
    persisted_ = persisted();
    open_ = false;
    claim_ = {};
  }

  static std::unexpected<error> over() {
    return fail(errc::cannot_write, "the import is over: it has failed or was finished before");
  }

  // Before the places: it is let go after they were closed.
  detail::browser_claim claim_;
  aligned_buffer<char> name_;
  browser_place where_ = browser_place::memory;
  detail::place_errors errors_;
  opfs_writer opfs_;
  indexeddb_writer indexeddb_;
  detail::kept_rows kept_;
  completion appended_{};
  opened<browser_store> finished_{};
  std::optional<bool> persisted_;
  bool open_ = false;
};

// What a writer that is being opened needs to know.
struct browser_writer::opening {
  opened<browser_writer> then;
  stored_layout layout;
  bool resume;
  browser_writer writer;
  double room;
};

inline void browser_writer::open(const char* name, const stored_layout& layout, bool resume,
                                 opened<browser_writer> then) {
  if (const auto valid = detail::check_opfs_name(name); !valid) return then(std::unexpected(valid.error()));
  const auto set = stored_set::create(layout);
  if (!set) return then(std::unexpected(set.error()));
  auto kept = detail::keep_name(name);
  if (!kept) return then(std::unexpected(kept.error()));
  auto* pending = detail::make_pending(opening{then, layout, resume, {}, 0});
  if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
  pending->writer.name_ = std::move(*kept);
  const double bytes = static_cast<double>(set->n) * static_cast<double>(set->row_bytes());
  if (const auto outcome =
          detail::thimble_browser_claim(name, bytes, &pending->room, &browser_writer::on_claimed, pending);
      outcome != 0)
    on_claimed(pending, outcome, 0);
}

inline void browser_writer::on_claimed(void* context, std::int32_t outcome, std::uint32_t value) {
  auto& pending = *static_cast<opening*>(context);
  auto& writer = pending.writer;
  auto claim = detail::browser_claim::of(outcome, value, pending.room);
  if (!claim) return refuse(context, claim.error());
  writer.claim_ = std::move(*claim);
  const opened<opfs_writer> then{context, &browser_writer::on_opfs};
  if (pending.resume)
    opfs_writer::resume(writer.name_.data(), pending.layout, then);
  else
    opfs_writer::create(writer.name_.data(), pending.layout, then);
}

inline void browser_writer::on_opfs(void* context, expected<opfs_writer>&& outcome) {
  auto& pending = *static_cast<opening*>(context);
  auto& writer = pending.writer;
  if (outcome) {
    writer.opfs_ = std::move(*outcome);
    return begin(context, browser_place::opfs);
  }
  if (!detail::no_such_place(outcome.error())) return refuse(context, outcome.error());
  writer.errors_.opfs = outcome.error();
  const opened<indexeddb_writer> then{context, &browser_writer::on_indexeddb};
  if (pending.resume)
    indexeddb_writer::resume(writer.name_.data(), pending.layout, then);
  else
    indexeddb_writer::create(writer.name_.data(), pending.layout, then);
}

inline void browser_writer::on_indexeddb(void* context, expected<indexeddb_writer>&& outcome) {
  auto& pending = *static_cast<opening*>(context);
  auto& writer = pending.writer;
  if (outcome) {
    writer.indexeddb_ = std::move(*outcome);
    return begin(context, browser_place::indexeddb);
  }
  if (!detail::no_such_place(outcome.error())) return refuse(context, outcome.error());
  writer.errors_.indexeddb = outcome.error();
  auto kept = detail::kept_rows::create(pending.layout);
  if (!kept) return refuse(context, kept.error());
  writer.kept_ = std::move(*kept);
  begin(context, browser_place::memory);
}

inline void browser_writer::begin(void* context, browser_place where) {
  auto done = detail::take_pending<opening>(context);
  done.writer.where_ = where;
  done.writer.open_ = true;
  done.then(std::move(done.writer));
}

// The claim is let go before it is told.
inline void browser_writer::refuse(void* context, const error& why) {
  auto done = detail::take_pending<opening>(context);
  done.writer.close();
  done.then(std::unexpected(why));
}

namespace detail {

struct browser_removal {
  completion then;
  aligned_buffer<char> name;
  browser_claim claim;
  bool in_opfs;  // there is an OPFS, whose file is gone

  static void on_claimed(void* context, std::int32_t outcome, std::uint32_t value) {
    auto& pending = *static_cast<browser_removal*>(context);
    auto held = browser_claim::of(outcome, value, 0);
    if (!held) return end(context, std::unexpected(held.error()));
    pending.claim = std::move(*held);
    opfs_remove(pending.name.data(), {context, &browser_removal::on_opfs});
  }

  static void on_opfs(void* context, expected<void> outcome) {
    auto& pending = *static_cast<browser_removal*>(context);
    if (!outcome && !no_such_place(outcome.error())) return end(context, outcome);
    pending.in_opfs = outcome.has_value();
    indexeddb_remove(pending.name.data(), {context, &browser_removal::on_indexeddb});
  }

  static void on_indexeddb(void* context, expected<void> outcome) {
    const auto& pending = *static_cast<browser_removal*>(context);
    if (!outcome && pending.in_opfs && no_such_place(outcome.error())) return end(context, {});
    end(context, outcome);
  }

  static void end(void* context, expected<void> outcome) {
    auto done = take_pending<browser_removal>(context);
    done.claim = {};
    done.then(outcome);
  }
};

}  // namespace detail

// Deletes the set under `name`, finished or not, from OPFS and from IndexedDB, as far as they are there; nothing there
// is no error. Who has it open in IndexedDB loses it. Errors: invalid_argument, store_in_use (an import is under way,
// or it is open elsewhere), store_unavailable (neither is there), unknown_format and wrong_version (another program's),
// cannot_write, out_of_memory; unsupported outside browsers.
inline void browser_remove(const char* name, completion then) {
  if (const auto valid = detail::check_opfs_name(name); !valid) return then(std::unexpected(valid.error()));
  auto kept = detail::keep_name(name);
  if (!kept) return then(std::unexpected(kept.error()));
  auto* pending = detail::make_pending(detail::browser_removal{then, std::move(*kept), {}, false});
  if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
  if (const auto outcome =
          detail::thimble_browser_claim(name, 0.0, nullptr, &detail::browser_removal::on_claimed, pending);
      outcome != 0)
    detail::browser_removal::on_claimed(pending, outcome, 0);
}

}  // namespace thimble::inline THIMBLE_FLAGS
