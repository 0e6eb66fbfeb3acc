// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Streams vectors into IndexedDB for idbfs_store (its header tells the layout): create, append batches in order,
// finish. One transaction per batch; memory: the caller's batch, and a copy of it in JavaScript until IndexedDB has it.
// create() removes what was in the folder, and the manifest is written last, after everything else is on disk: an
// import that is killed leaves a folder that does not open, and the next one starts clean. Of two imports into one
// folder at the same time the later one wins and the earlier one fails. About 17 MB/s with a row per file (3 KB rows,
// Chromium).

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/store/arriving_rows.hpp>
#include <thimble/store/idbfs_calls.hpp>
#include <thimble/store/idbfs_manifest.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct idbfs_layout {
  std::size_t n = 0;    // rows to come
  std::size_t dim = 0;  // values in each
  idbfs_element element = idbfs_element::float32;
  std::uint32_t rows_per_file = 1;  // more imports faster and reads slower: random candidates share few files
};

// Move-only; used from the thread that created it. One call at a time, and it stays where it is until that has
// completed.
class idbfs_writer {
 public:
  idbfs_writer() = default;

  // Makes the database and the folder `name` in it when they are absent, and empties the folder. Errors: those of
  // idbfs_manifest::validate(), invalid_argument (names), store_unavailable, no_space, cannot_write, wrong_version,
  // unknown_format, out_of_memory.
  static void create(const char* mount, const char* name, const idbfs_layout& layout, opened<idbfs_writer> then) {
    if (const auto valid = detail::check_idbfs_names(mount, name); !valid) return then(std::unexpected(valid.error()));
    if (layout.dim > max_dim)
      return then(fail(errc::too_large, "more values in a vector than thimble can index", layout.dim));
    const idbfs_manifest manifest{.n = layout.n,
                                  .dim = static_cast<std::uint32_t>(layout.dim),
                                  .rows_per_file = layout.rows_per_file,
                                  .element = layout.element};
    if (const auto valid = manifest.validate(); !valid) return then(std::unexpected(valid.error()));
    creating* pending = detail::make_pending(creating{then, manifest});
    if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
    const auto outcome = detail::thimble_idbfs_create(mount, name, &idbfs_writer::on_created, pending);
    if (outcome != 0) on_created(pending, outcome, 0);
  }

  // The next rows, whole ones, of the element type given to create(); all but the last call bring a multiple of
  // rows_per_file. They must stay until `then` is called. After an error nothing more can be appended. Errors:
  // invalid_argument, wrong_dim, not_finite (names the row), too_many_vectors, no_space, cannot_write,
  // store_unavailable.
  void append(std::span<const float> rows, completion then) { append_rows(rows, idbfs_element::float32, then); }
  void append(std::span<const std::uint8_t> rows, completion then) { append_rows(rows, idbfs_element::uint8, then); }

  // After the last row: makes the set readable. Errors: truncated (rows are missing), no_space, cannot_write, ...
  void finish(completion then) {
    THIMBLE_ASSERT(!busy_);
    if (failed_) return then(fail(errc::cannot_write, "the import has failed before: start it again"));
    if (!rows_.complete())
      return then(fail(errc::truncated, "not all rows were appended: append them before finish", rows_.size()));
    manifest_.fingerprint = rows_.fingerprint();
    const auto bytes = manifest_.encode();
    start(then);
    settle_at_once(detail::thimble_idbfs_finish(
        connection_.handle(), bytes.data(), static_cast<std::uint32_t>(bytes.size()), &idbfs_writer::on_written, this));
  }

  [[nodiscard]] std::size_t size() const { return rows_.size(); }  // rows so far
  [[nodiscard]] std::size_t dim() const { return manifest_.dim; }
  [[nodiscard]] const idbfs_manifest& manifest() const { return manifest_; }  // complete after finish()

 private:
  struct creating {
    opened<idbfs_writer> then;
    idbfs_manifest manifest;
  };

  idbfs_writer(detail::idbfs_connection&& connection, const idbfs_manifest& manifest)
      : connection_(std::move(connection)),
        manifest_(manifest),
        rows_(static_cast<std::size_t>(manifest.n), manifest.dim) {}

  static void on_created(void* context, std::int32_t outcome, std::uint32_t value) {
    const auto done = detail::take_pending<creating>(context);
    if (outcome != 0) return done.then(std::unexpected(detail::idbfs_error(outcome, value)));
    done.then(idbfs_writer(detail::idbfs_connection(value), done.manifest));
  }

  static void on_written(void* context, std::int32_t outcome, std::uint32_t value) {
    auto& writer = *static_cast<idbfs_writer*>(context);
    const completion then = writer.then_;
    writer.busy_ = false;
    if (outcome == 0) return then({});
    writer.failed_ = true;
    then(std::unexpected(detail::idbfs_error(outcome, value)));
  }

  void start(completion then) {
    then_ = then;
    busy_ = true;
  }
  void settle_at_once(std::int32_t outcome) {
    if (outcome != 0) on_written(this, outcome, 0);
  }

  template <class T>
  void append_rows(std::span<const T> rows, idbfs_element element, completion then) {
    THIMBLE_ASSERT(!busy_);
    if (failed_) return then(fail(errc::cannot_write, "the import has failed before: start it again"));
    const auto first_file = static_cast<std::uint32_t>(rows_.size() / manifest_.rows_per_file);
    if (const auto valid = take_rows(rows, element); !valid) {
      failed_ = true;
      return then(std::unexpected(valid.error()));
    }
    if (rows.empty()) return then({});
    const std::size_t file_bytes = manifest_.row_bytes() * manifest_.rows_per_file;
    start(then);
    settle_at_once(detail::thimble_idbfs_append(
        connection_.handle(), first_file, rows.data(), static_cast<std::uint32_t>(rows.size_bytes()),
        static_cast<std::uint32_t>(file_bytes), &idbfs_writer::on_written, this));
  }

  template <class T>
  [[nodiscard]] expected<void> take_rows(std::span<const T> rows, idbfs_element element) {
    if (element != manifest_.element)
      return fail(errc::invalid_argument, "the import was created for another element type");
    const auto count = rows_.count(rows.size());
    if (!count) return std::unexpected(count.error());
    if (rows_.size() + *count < manifest_.n && *count % manifest_.rows_per_file != 0)
      return fail(errc::invalid_argument, "append takes whole files of rows until the last one", *count);
    return rows_.add(rows);
  }

  detail::idbfs_connection connection_;
  idbfs_manifest manifest_{};
  arriving_rows rows_;
  completion then_{};
  bool busy_ = false;
  bool failed_ = false;
};

// Deletes the set of vectors in folder `name`, finished or not; nothing there is no error. Errors: as of create().
inline void idbfs_remove(const char* mount, const char* name, completion then) {
  if (const auto valid = detail::check_idbfs_names(mount, name); !valid) return then(std::unexpected(valid.error()));
  completion* pending = detail::make_pending(then);
  if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
  const auto removed = [](void* context, std::int32_t outcome, std::uint32_t value) {
    const auto done = detail::take_pending<completion>(context);
    if (outcome == 0) return done({});
    done(std::unexpected(detail::idbfs_error(outcome, value)));
  };
  if (const auto outcome = detail::thimble_idbfs_remove(mount, name, removed, pending); outcome != 0)
    removed(pending, outcome, 0);
}

}  // namespace thimble::inline THIMBLE_FLAGS
