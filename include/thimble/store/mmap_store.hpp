// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Full-precision vectors in a file, any format of io/vector_format.hpp, mapped: a build streams from it and a rerank
// reads a few rows in place. Exact: every type of value is a float too. Takes no private memory; pages in the page
// cache count in the process's resident size until the kernel wants them back.
//
// The file must not be cut short while it is mapped: reading lost pages raises SIGBUS, which no library can turn into
// an error. Searches look at the size again before they read (check(), a system call of less than half a microsecond),
// so what remains is a file that is cut during a rerank, a disk that fails, and rows that a program reads by itself.
// Replace files by rename, which leaves mappings whole; what others may cut is for store/file_store.hpp.

#pragma once

#include <thimble/core/config.hpp>

#if THIMBLE_FILES

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/atomic.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/random.hpp>
#include <thimble/core/row_stream.hpp>
#include <thimble/io/mapped_file.hpp>
#include <thimble/io/vector_format.hpp>
#include <thimble/io/vector_rows.hpp>
#include <thimble/store/fingerprint.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct mmap_store_options {
  // A rerank reads far-apart rows. (A build, which reads them all in order, says so itself.)
  file_access access = file_access::random;
};

class mmap_store {
 public:
  // The format goes by the name's ending. Reads the header and the 64 rows of the fingerprint. Errors: those of
  // vector_format_of, mapped_file::open and parse_vector_header.
  [[nodiscard]] static expected<mmap_store> open(const char* path, const mmap_store_options& options = {}) {
    const auto format = vector_format_of(path);
    if (!format) return std::unexpected(format.error());
    auto file = mapped_file::open(path, options.access);
    if (!file) return std::unexpected(file.error());
    const auto head = file->bytes().first(std::min(file->size(), vector_header_bytes));
    const auto layout = parse_vector_header(head, file->size(), *format);
    if (!layout) return std::unexpected(layout.error());

    mmap_store store;
    store.access_ = options.access;
    store.rows_ = vector_rows(file->bytes().data(), *layout);
    store.file_ = std::move(*file);
    auto scratch = aligned_buffer<float>::create(store.dim());
    if (!scratch) return std::unexpected(scratch.error());
    const auto identity = thimble::fingerprint(store.rows_, scratch->span());
    if (!identity) return std::unexpected(identity.error());
    store.fingerprint_ = *identity;
    return store;
  }

  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] std::size_t dim() const { return rows_.dim(); }
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }
  [[nodiscard]] const vector_layout& layout() const { return rows_.layout(); }

  // In place for float32 at a multiple of 4 bytes (every format but odd npy files), else converted into scratch.
  // Error: corrupt, for a row of .fvecs or .bvecs that says another dim.
  [[nodiscard]] expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    return rows_.row(i, scratch);
  }

  // Brings a row nearer that is read soon.
  THIMBLE_ALWAYS_INLINE void prefetch(std::size_t i) const { rows_.prefetch(i); }

  // Whether reading this row, or others now, would probably wait for the disk. Asking the system takes 3 % of a short
  // search: it is asked for one row of 16, and for each while rows were absent lately. request() asks the disk for a
  // row and does not wait, so that many are on their way at once.
  [[nodiscard]] bool is_absent(std::size_t i) const {
    const std::uint8_t doubt = detail::load_acquire(doubt_);
    if (doubt == 0 && mix(i) % 16 != 0) return false;
    const bool absent = !file_.is_cached(rows_.row_bytes(i).data());
    const auto next = absent ? most_doubt : static_cast<std::uint8_t>(doubt > 0 ? doubt - 1 : 0);
    if (next != doubt) detail::store_release(doubt_, next);
    return next > 0;
  }
  void request(std::size_t i) const { file_.request(rows_.row_bytes(i)); }

  // Whether the file is still as long as it was at open. Error: truncated.
  [[nodiscard]] expected<void> check() const {
    const auto now = file_.current_size();
    if (!now) return std::unexpected(now.error());
    if (*now < file_.size()) return fail(errc::truncated, "the file became shorter while it was in use", *now);
    return {};
  }

  // In between the kernel reads far ahead, for one who reads all rows in order. From any thread; who reads other rows
  // meanwhile is only slower.
  void begin_stream() const { file_.advise(file_access::sequential); }
  void end_stream() const { file_.advise(access_); }

 private:
  mmap_store() = default;

  static constexpr std::uint8_t most_doubt = 64;

  mapped_file file_;
  file_access access_ = file_access::random;
  vector_rows rows_;
  std::uint64_t fingerprint_ = 0;
  mutable std::uint8_t doubt_ = 1;  // how many rows are to be found cached until no more are expected on the disk
};

static_assert(row_store<mmap_store> && streamed_row_source<mmap_store>);

}  // namespace thimble::inline THIMBLE_FLAGS

#endif  // THIMBLE_FILES
