// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Full-precision vectors in the browser's IndexedDB, in the very layout of Emscripten's IDBFS, read without it: IDBFS
// mirrors a whole mount in memory, this store reads the rows that a rerank asks for, in one read-only transaction, and
// copies them straight into the caller's memory. (idbfs_writer.hpp puts them there; files that IDBFS wrote do as well.)
// Median of 50 rows of 3 KB in Chromium: 6.6 ms; nothing stays in memory. Link thimble::idbfs; -sASYNCIFY is not
// needed.
//
// Layout: database = mount point, version 21; object store FILE_DATA, index on timestamp; key = absolute path; record =
// {timestamp, mode, contents}. Row i is the file <mount>/<name>/%010u, or row i % r of file i / r where the manifest
// beside the files says r rows per file.
//
// Two traps of IDBFS itself: FS.syncfs(false) of a program that did not FS.syncfs(true) before deletes every record of
// the mount that it does not know, these vectors too (reads then answer missing_row, opening cannot_open); and IDBFS
// keeps its connections open, which blocks indexedDB.deleteDatabase until that page is gone. This store closes its own
// when asked.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/store/idbfs_calls.hpp>
#include <thimble/store/idbfs_manifest.hpp>
#include <thimble/store/store.hpp>
#include <thimble/store/widen.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Move-only; used from the thread that opened it. It must not be destroyed while a read is under way.
class idbfs_store {
 public:
  idbfs_store() = default;

  // The set of vectors in folder `name` of the mount point, both as in FS.mount: "/vectors", "fashion". Does not create
  // a database. Errors: invalid_argument, cannot_open (no finished import), store_unavailable, unknown_format,
  // wrong_version, truncated, corrupt, unsupported, cannot_read, out_of_memory.
  static void open(const char* mount, const char* name, opened<idbfs_store> then) {
    if (const auto valid = detail::check_idbfs_names(mount, name); !valid) return then(std::unexpected(valid.error()));
    opening* pending = detail::make_pending(opening{then, {}});
    if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
    const auto outcome = detail::thimble_idbfs_open(mount, name, pending->manifest, idbfs_manifest::encoded_bytes,
                                                    &idbfs_store::on_opened, pending);
    if (outcome != 0) on_opened(pending, outcome, 0);
  }

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(manifest_.n); }
  [[nodiscard]] std::size_t dim() const { return manifest_.dim; }
  [[nodiscard]] std::uint64_t fingerprint() const { return manifest_.fingerprint; }
  [[nodiscard]] const idbfs_manifest& manifest() const { return manifest_; }

  // Row nodes[i] goes to out[i * dim ..]; nodes ascend. One read-only transaction, all its gets in flight at once. out
  // may be written to even if the read fails, but not after `then` was called. Errors: missing_row and corrupt (both
  // name the row), store_unavailable (the database was deleted or closed), cannot_read, out_of_memory.
  void read(std::span<const node> nodes, std::span<float> out, completion then) {
    THIMBLE_ASSERT(out.size() >= nodes.size() * dim());
    if (nodes.empty()) return then({});
    for (const node row : nodes)
      if (row >= manifest_.n) return then(fail(errc::missing_row, "the store has no such row", row));
    reading* pending = detail::make_pending(
        reading{then, out.data(), nodes.size(), manifest_.dim, manifest_.element == idbfs_element::uint8});
    if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
    // Narrow rows arrive at the end of their place and are widened from there.
    const std::size_t stride = dim() * sizeof(float);
    const auto outcome = detail::thimble_idbfs_read(
        connection_.handle(), nodes.data(), static_cast<std::uint32_t>(nodes.size()),
        reinterpret_cast<std::byte*>(out.data()) + (stride - manifest_.row_bytes()), static_cast<std::uint32_t>(stride),
        static_cast<std::uint32_t>(manifest_.row_bytes()), manifest_.rows_per_file,
        static_cast<std::uint32_t>(manifest_.n), &idbfs_store::on_read, pending);
    if (outcome != 0) on_read(pending, outcome, 0);
  }

 private:
  struct opening {
    opened<idbfs_store> then;
    std::byte manifest[idbfs_manifest::encoded_bytes];
  };

  struct reading {
    completion then;
    float* out;
    std::size_t rows;
    std::size_t dim;
    bool narrow;
  };

  idbfs_store(detail::idbfs_connection&& connection, const idbfs_manifest& manifest)
      : connection_(std::move(connection)), manifest_(manifest) {}

  static void on_opened(void* context, std::int32_t outcome, std::uint32_t value) {
    const auto done = detail::take_pending<opening>(context);
    if (outcome != 0) return done.then(std::unexpected(detail::idbfs_error(outcome, value)));
    detail::idbfs_connection connection(value);
    const auto manifest = idbfs_manifest::decode(done.manifest);
    if (!manifest) return done.then(std::unexpected(manifest.error()));
    done.then(idbfs_store(std::move(connection), *manifest));
  }

  static void on_read(void* context, std::int32_t outcome, std::uint32_t value) {
    const auto done = detail::take_pending<reading>(context);
    if (outcome != 0) return done.then(std::unexpected(detail::idbfs_error(outcome, value)));
    if (done.narrow)
      for (std::size_t i = 0; i < done.rows; ++i)
        detail::widen_from_end(element_type::uint8, {done.out + i * done.dim, done.dim});
    done.then({});
  }

  detail::idbfs_connection connection_;
  idbfs_manifest manifest_{};
};

static_assert(async_store<idbfs_store>);

}  // namespace thimble::inline THIMBLE_FLAGS
