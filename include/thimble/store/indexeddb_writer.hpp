// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Streams vectors into IndexedDB for indexeddb_store (its header tells layout and limits): create or resume, append
// batches in order, finish. A batch is one transaction, its rows and the count of rows go in together: an import that
// is killed leaves a set that does not open and that tells how many rows it has. There resume() goes on. Memory: the
// caller's batch, a copy of it in JavaScript until IndexedDB has it, and its halfs where floats become float16. Batches
// of a few MB are fastest. Of two imports under one name at the same time the later one wins and the earlier one fails.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/half.hpp>
#include <thimble/store/arriving_rows.hpp>
#include <thimble/store/indexeddb_calls.hpp>
#include <thimble/store/narrow.hpp>
#include <thimble/store/store.hpp>
#include <thimble/store/stored_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Move-only; used from the thread that created it. One call at a time, and it stays where it is until that has
// completed.
class indexeddb_writer {
 public:
  indexeddb_writer() = default;

  // Begins an import into the database `name` from its first row; what was there goes. Errors: those of
  // stored_set::create(), invalid_argument (name), store_unavailable, no_space, cannot_write, wrong_version,
  // unknown_format (another program's database), out_of_memory.
  static void create(const char* name, const stored_layout& layout, opened<indexeddb_writer> then) {
    open(name, layout, false, then);
  }

  // Goes on with an unfinished import of the same layout at row rows(), of the same vectors: that is the caller's to
  // know. Begins from the first row where there is none. Errors: as of create(), and corrupt (the unfinished import is
  // damaged: create()).
  static void resume(const char* name, const stored_layout& layout, opened<indexeddb_writer> then) {
    open(name, layout, true, then);
  }

  // The next rows, whole ones, of the layout's element type; floats for float16 are rounded to nearest. They must stay
  // until `then` is called. After an error the import is over, to be resumed or begun again. Errors: invalid_argument
  // (another type), wrong_dim, too_many_vectors, not_finite and too_large (beyond float16; both name the row),
  // no_space, cannot_write, store_mismatch (another import has begun), store_unavailable, out_of_memory.
  void append(std::span<const float> rows, completion then) {
    append_rows(rows, set_.element == element_type::float16 ? element_type::float16 : element_type::float32, then);
  }
  void append(std::span<const half> rows, completion then) { append_rows(rows, element_type::float16, then); }
  void append(std::span<const std::uint8_t> rows, completion then) { append_rows(rows, element_type::uint8, then); }

  // After the last row, and only once it and all before it are on disk: makes the set readable and closes the database.
  // Errors: truncated (rows are missing; more can be appended), others as of append().
  void finish(completion then) {
    THIMBLE_ASSERT(!busy_);
    if (is_over()) return then(over());
    if (!rows_.complete())
      return then(fail(errc::truncated, "not all rows were appended: append them before finish", rows_.size()));
    set_.finished = true;
    write(0, nullptr, 0, then);
  }

  [[nodiscard]] std::size_t rows() const { return rows_.size(); }  // so far, those before a resume() among them
  [[nodiscard]] std::size_t dim() const { return set_.dim; }
  [[nodiscard]] const stored_set& set() const { return set_; }  // complete after finish()

 private:
  struct opening {
    opened<indexeddb_writer> then;
    std::array<std::byte, stored_set::encoded_bytes> header;
  };

  indexeddb_writer(detail::indexeddb_connection&& connection, const stored_set& set)
      : connection_(std::move(connection)),
        set_(set),
        rows_(static_cast<std::size_t>(set.n), set.dim, static_cast<std::size_t>(set.rows), set.fingerprint) {}

  static void open(const char* name, const stored_layout& layout, bool resume, opened<indexeddb_writer> then) {
    if (const auto valid = detail::check_indexeddb_name(name); !valid) return then(std::unexpected(valid.error()));
    auto set = stored_set::create(layout);
    if (!set) return then(std::unexpected(set.error()));
    set->fingerprint = arriving_rows(layout.n, layout.dim).fingerprint();
    auto* pending = detail::make_pending(opening{then, set->encode()});
    if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
    if (const auto outcome = detail::thimble_indexeddb_create(name, resume ? 1 : 0, pending->header.data(),
                                                              &indexeddb_writer::on_opened, pending);
        outcome != 0)
      on_opened(pending, outcome, 0);
  }

  static void on_opened(void* context, std::int32_t outcome, std::uint32_t value) {
    const auto done = detail::take_pending<opening>(context);
    if (outcome != 0) return done.then(std::unexpected(detail::indexeddb_error(outcome)));
    detail::indexeddb_connection connection(value);
    const auto set = stored_set::decode(done.header);
    if (!set) return done.then(std::unexpected(set.error()));
    done.then(indexeddb_writer(std::move(connection), *set));
  }

  template <class T>
  void append_rows(std::span<const T> rows, element_type element, completion then) {
    THIMBLE_ASSERT(!busy_);
    if (is_over()) return then(over());
    const std::size_t first = rows_.size();
    auto bytes = take_rows(rows, element);
    if (!bytes) {
      connection_ = {};
      return then(std::unexpected(bytes.error()));
    }
    if (rows.empty()) return then({});
    write(first, bytes->data(), rows_.size() - first, then);
  }

  // The rows as they are stored.
  template <class T>
  [[nodiscard]] expected<std::span<const std::byte>> take_rows(std::span<const T> rows, element_type element) {
    if (element != set_.element) return fail(errc::invalid_argument, "the import was created for another element type");
    const std::size_t first = rows_.size();
    if (const auto valid = rows_.add(rows); !valid) return std::unexpected(valid.error());
    if constexpr (std::is_same_v<T, float>) {
      if (set_.element == element_type::float16) {
        if (halfs_.size() < rows.size()) {
          halfs_ = {};
          auto larger = aligned_buffer<half>::create(rows.size());
          if (!larger) return std::unexpected(larger.error());
          halfs_ = std::move(*larger);
        }
        if (const auto done = detail::round_rows(rows, halfs_.span(), dim(), first); !done)
          return std::unexpected(done.error());
        return std::as_bytes(std::as_const(halfs_).span().first(rows.size()));
      }
    }
    return std::as_bytes(rows);
  }

  void write(std::size_t first, const void* rows, std::size_t count, completion then) {
    set_.rows = rows_.size();
    set_.fingerprint = rows_.fingerprint();
    const auto header = set_.encode();
    then_ = then;
    busy_ = true;
    const auto outcome =
        detail::thimble_indexeddb_write(connection_.handle(), static_cast<std::uint32_t>(first), rows,
                                        static_cast<std::uint32_t>(count), static_cast<std::uint32_t>(set_.row_bytes()),
                                        header.data(), set_.finished ? 1 : 0, &indexeddb_writer::on_written, this);
    if (outcome != 0) on_written(this, outcome, 0);
  }

  static void on_written(void* context, std::int32_t outcome, std::uint32_t /*value*/) {
    auto& writer = *static_cast<indexeddb_writer*>(context);
    const completion then = writer.then_;
    writer.busy_ = false;
    if (outcome != 0 || writer.set_.finished) writer.connection_ = {};
    if (outcome != 0) writer.set_.finished = false;
    then(outcome == 0 ? expected<void>() : std::unexpected(detail::indexeddb_error(outcome)));
  }

  [[nodiscard]] bool is_over() const { return connection_.handle() == 0; }
  static std::unexpected<error> over() {
    return fail(errc::cannot_write, "the import is over: it has failed or was finished before");
  }

  detail::indexeddb_connection connection_;
  stored_set set_{};
  arriving_rows rows_;
  aligned_buffer<half> halfs_;
  completion then_{};
  bool busy_ = false;
};

// Deletes the database, its set finished or not; nothing there is no error. Stores and imports that have it open end.
// Errors: as of create().
inline void indexeddb_remove(const char* name, completion then) {
  if (const auto valid = detail::check_indexeddb_name(name); !valid) return then(std::unexpected(valid.error()));
  auto* pending = detail::make_pending(then);
  if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
  const auto removed = [](void* context, std::int32_t outcome, std::uint32_t) {
    const auto done = detail::take_pending<completion>(context);
    done(outcome == 0 ? expected<void>() : std::unexpected(detail::indexeddb_error(outcome)));
  };
  if (const auto outcome = detail::thimble_indexeddb_remove(name, removed, pending); outcome != 0)
    removed(pending, outcome, 0);
}

}  // namespace thimble::inline THIMBLE_FLAGS
