// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Streams vectors into OPFS for opfs_store (its header tells file and limits): create or resume, append batches in
// order, finish. Only creating takes a callback; the rest is done when it returns. Memory: the caller's batch, and 256
// KB where floats become halfs. Room for all rows is taken at once, so that a quota that is too small is known before
// the first row.
//
// The header says "unfinished" until everything else is on disk, so an import that is killed leaves nothing that opens.
// Every 32 MB, and whenever checkpoint() is called, it also says how many rows are on disk by now: there resume() goes
// on. Nobody else can open the file meanwhile.

#pragma once

#include <algorithm>
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
#include <thimble/store/narrow.hpp>
#include <thimble/store/opfs_calls.hpp>
#include <thimble/store/store.hpp>
#include <thimble/store/stored_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Move-only; used in the worker that created it.
class opfs_writer {
 public:
  opfs_writer() = default;

  // Begins an import into the file `name` ("vectors/fashion"; folders are made) from its first row; vectors that were
  // there go. Errors: those of stored_set::create(), invalid_argument (name), store_unavailable, store_in_use,
  // no_space, cannot_write, unknown_format (a folder or another program's file has the name), out_of_memory.
  static void create(const char* name, const stored_layout& layout, opened<opfs_writer> then) {
    open(name, layout, false, then);
  }

  // Goes on with an unfinished import of the same layout at row rows(), of the same vectors: that is the caller's to
  // know. Begins from the first row where there is none. Errors: as of create().
  static void resume(const char* name, const stored_layout& layout, opened<opfs_writer> then) {
    open(name, layout, true, then);
  }

  // The next rows, whole ones, of the layout's element type; floats for float16 are rounded to nearest. After an error
  // the import is over, to be resumed or begun again. Errors: invalid_argument (another type), wrong_dim,
  // too_many_vectors, not_finite and too_large (beyond float16; both name the row), no_space, cannot_write,
  // store_unavailable.
  [[nodiscard]] expected<void> append(std::span<const float> rows) {
    if (set_.element == element_type::float16) return append_rows(rows, element_type::float16);
    return append_rows(rows, element_type::float32);
  }
  [[nodiscard]] expected<void> append(std::span<const half> rows) { return append_rows(rows, element_type::float16); }
  [[nodiscard]] expected<void> append(std::span<const std::uint8_t> rows) {
    return append_rows(rows, element_type::uint8);
  }

  // Whatever happens, resume() will not go back behind the rows that have come so far. Errors: as of append().
  [[nodiscard]] expected<void> checkpoint() {
    return attempt([&]() -> expected<void> {
      if (auto done = write_checkpoint(); !done) return done;
      return file_.flush();
    });
  }

  // After the last row: makes the set readable and closes the file. Errors: truncated (rows are missing; more can be
  // appended), others as of append().
  [[nodiscard]] expected<void> finish() {
    if (file_.is_open() && !rows_.complete())
      return fail(errc::truncated, "not all rows were appended: append them before finish", rows_.size());
    return attempt([&]() -> expected<void> {
      if (auto done = write_checkpoint(); !done) return done;
      set_.finished = true;
      if (auto done = write_header(); !done) return done;
      if (auto done = file_.flush(); !done) return done;
      file_ = {};
      return {};
    });
  }

  [[nodiscard]] std::size_t rows() const { return rows_.size(); }  // so far, those before a resume() among them
  [[nodiscard]] std::size_t dim() const { return set_.dim; }
  [[nodiscard]] const stored_set& set() const { return set_; }  // complete after finish()

 private:
  static constexpr std::uint64_t checkpoint_bytes = 32 << 20;
  static constexpr std::size_t halfs_at_once = 128 << 10;  // at least a row: max_dim is smaller

  struct opening {
    opened<opfs_writer> then;
    stored_set set;
    bool resume;
  };

  static void open(const char* name, const stored_layout& layout, bool resume, opened<opfs_writer> then) {
    if (const auto valid = detail::check_opfs_name(name); !valid) return then(std::unexpected(valid.error()));
    const auto set = stored_set::create(layout);
    if (!set) return then(std::unexpected(set.error()));
    auto* pending = detail::make_pending(opening{then, *set, resume});
    if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
    if (const auto outcome = detail::thimble_opfs_open(name, 1, &opfs_writer::on_opened, pending); outcome != 0)
      on_opened(pending, outcome, 0);
  }

  static void on_opened(void* context, std::int32_t outcome, std::uint32_t value) {
    const auto done = detail::take_pending<opening>(context);
    if (outcome != 0) return done.then(std::unexpected(detail::opfs_error(outcome)));
    opfs_writer writer;
    writer.file_ = detail::opfs_file(value);
    writer.set_ = done.set;
    if (auto begun = writer.begin(done.resume); !begun) return done.then(std::unexpected(begun.error()));
    done.then(std::move(writer));
  }

  [[nodiscard]] expected<void> begin(bool resume) {
    if (set_.element == element_type::float16) {
      auto halfs = aligned_buffer<half>::create(halfs_at_once);
      if (!halfs) return std::unexpected(halfs.error());
      halfs_ = std::move(*halfs);
    }
    const auto n = static_cast<std::size_t>(set_.n);
    const auto before = file_.read_header();
    // Somebody's file is not ours to overwrite.
    if (!before && before.error().code == errc::unknown_format) return std::unexpected(before.error());
    if (resume && before && can_go_on(*before)) {
      set_ = *before;
      rows_ = arriving_rows(n, dim(), static_cast<std::size_t>(set_.rows), set_.fingerprint);
    } else {
      rows_ = arriving_rows(n, dim());
      set_.fingerprint = rows_.fingerprint();
      // First, so that nobody takes old rows for new ones.
      if (auto done = write_header(); !done) return done;
      if (auto done = file_.flush(); !done) return done;
      if (auto done = file_.resize(detail::opfs_file::header_bytes); !done) return done;
    }
    return file_.resize(detail::opfs_file::bytes_of(set_, set_.n));
  }

  // Whether that is an unfinished import of this layout, with the rows that it tells of.
  [[nodiscard]] bool can_go_on(const stored_set& before) const {
    const auto size = file_.size();
    return !before.finished && before.n == set_.n && before.dim == set_.dim && before.element == set_.element && size &&
           *size >= detail::opfs_file::bytes_of(before, before.rows);
  }

  // After an error the import is over and the file is free for another one.
  template <class Step>
  [[nodiscard]] expected<void> attempt(Step&& step) {
    if (!file_.is_open()) return fail(errc::cannot_write, "the import is over: it has failed or was finished before");
    expected<void> done = step();
    if (!done) file_ = {};
    return done;
  }

  template <class T>
  [[nodiscard]] expected<void> append_rows(std::span<const T> rows, element_type element) {
    return attempt([&]() -> expected<void> {
      if (element != set_.element)
        return fail(errc::invalid_argument, "the import was created for another element type");
      const std::size_t first = rows_.size();
      if (auto valid = rows_.add(rows); !valid) return valid;
      if (auto done = write_rows(rows, first); !done) return done;
      if ((rows_.size() - set_.rows) * set_.row_bytes() >= checkpoint_bytes) return write_checkpoint();
      return {};
    });
  }

  template <class T>
  [[nodiscard]] expected<void> write_rows(std::span<const T> rows, std::size_t first) {
    if constexpr (std::is_same_v<T, float>) {
      if (set_.element == element_type::float16) return write_rounded(rows, first);
    }
    return file_.write(detail::opfs_file::bytes_of(set_, first), std::as_bytes(rows));
  }

  [[nodiscard]] expected<void> write_rounded(std::span<const float> values, std::size_t first) {
    const std::size_t most = halfs_at_once / dim() * dim();
    for (std::size_t at = 0; at < values.size(); at += most) {
      const auto halfs = halfs_.span().first(std::min(most, values.size() - at));
      if (auto done = detail::round_rows(values.subspan(at, halfs.size()), halfs, dim(), first + at / dim()); !done)
        return done;
      if (auto done = file_.write(detail::opfs_file::bytes_of(set_, first + at / dim()), std::as_bytes(halfs)); !done)
        return done;
    }
    return {};
  }

  // Rows first, then the header that tells of them.
  [[nodiscard]] expected<void> write_checkpoint() {
    if (auto done = file_.flush(); !done) return done;
    set_.rows = rows_.size();
    set_.fingerprint = rows_.fingerprint();
    return write_header();
  }

  [[nodiscard]] expected<void> write_header() const { return file_.write(0, set_.encode()); }

  detail::opfs_file file_;
  stored_set set_{};
  arriving_rows rows_;
  aligned_buffer<half> halfs_;
};

// Deletes the file, finished or not; nothing there is no error. Errors: invalid_argument, store_unavailable,
// store_in_use, unknown_format (a folder has the name), out_of_memory.
inline void opfs_remove(const char* name, completion then) {
  if (const auto valid = detail::check_opfs_name(name); !valid) return then(std::unexpected(valid.error()));
  auto* pending = detail::make_pending(then);
  if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
  const auto removed = [](void* context, std::int32_t outcome, std::uint32_t) {
    const auto done = detail::take_pending<completion>(context);
    if (outcome == 0) return done({});
    done(std::unexpected(detail::opfs_error(outcome)));
  };
  if (const auto outcome = detail::thimble_opfs_remove(name, removed, pending); outcome != 0)
    removed(pending, outcome, 0);
}

}  // namespace thimble::inline THIMBLE_FLAGS
