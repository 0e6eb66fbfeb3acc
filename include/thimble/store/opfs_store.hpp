// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Full-precision vectors in the browser's private file system (OPFS), in one file, read by a synchronous access handle
// straight into the caller's memory: the fastest store a browser has. Opening takes a callback, reading blocks for as
// long as a file does, so that an index searches with it as with memory, without Asyncify or JSPI, and a rerank by
// bounds asks for a few rows at a time. Nothing stays in memory. Link thimble::opfs. (opfs_writer.hpp puts vectors
// there.)
//
// Limits: dedicated workers only, and the store is used in the worker that opened it. While an import has the file open
// nobody else can; readers may share it where the browser knows handles that only read (Chromium), elsewhere a second
// tab gets store_in_use (browser_store reads through the first one). Private windows of Firefox and Safari have no
// OPFS; Safari gives an origin 252 handles. The browser may evict all of an origin's files together unless
// navigator.storage.persist() was granted. float16 rows are rounded (to nearest): half the bytes, but distances are no
// longer the exact ones; exact() says so.
//
// The file: a block of 4096 bytes that begins with a stored_set, then n rows of row_bytes() each.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/store/opfs_calls.hpp>
#include <thimble/store/store.hpp>
#include <thimble/store/stored_set.hpp>
#include <thimble/store/widen.hpp>

namespace thimble::inline THIMBLE_FLAGS {

namespace detail {
class shared_opfs_store;
}

// Move-only. The file stays open until it is destroyed.
class opfs_store {
 public:
  opfs_store() = default;

  // The set of vectors in the file `name`: names with slashes between them, "vectors/fashion". Errors:
  // invalid_argument, cannot_open (no finished import; value: the rows of an unfinished one), store_unavailable,
  // store_in_use, unknown_format, wrong_version, truncated, corrupt, unsupported, cannot_read, out_of_memory.
  static void open(const char* name, opened<opfs_store> then) {
    if (const auto valid = detail::check_opfs_name(name); !valid) return then(std::unexpected(valid.error()));
    auto* pending = detail::make_pending(then);
    if (pending == nullptr) return then(std::unexpected(detail::no_memory_for_request()));
    if (const auto outcome = detail::thimble_opfs_open(name, 0, &opfs_store::on_opened, pending); outcome != 0)
      on_opened(pending, outcome, 0);
  }

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(set_.n); }
  [[nodiscard]] std::size_t dim() const { return set_.dim; }
  [[nodiscard]] std::uint64_t fingerprint() const { return set_.fingerprint; }
  // Whether rows are as they were imported: not so where they are stored as float16.
  [[nodiscard]] bool exact() const { return set_.exact(); }
  [[nodiscard]] const stored_set& set() const { return set_; }
  [[nodiscard]] static constexpr std::size_t rows_at_once() { return few_rows_at_once; }

  // Row nodes[i] goes to out[i * dim ..]; nodes ascend, each below size(). Neighbours in the file come by one call. out
  // may be written to even if the read fails. Errors: truncated (value: the row), store_unavailable (the file was
  // closed), cannot_read.
  [[nodiscard]] expected<void> read(std::span<const node> nodes, std::span<float> out) const {
    THIMBLE_ASSERT(out.size() >= nodes.size() * dim());
    // Narrow rows arrive at the end of their place and are widened from there.
    const auto values = out.first(nodes.size() * dim());
    std::byte* end = reinterpret_cast<std::byte*>(values.data() + values.size());
    if (auto there = file_.read_rows(set_, nodes, end - nodes.size() * set_.row_bytes()); !there) return there;
    detail::widen_from_end(set_.element, values);
    return {};
  }

 private:
  friend class detail::shared_opfs_store;

  opfs_store(detail::opfs_file&& file, const stored_set& set) : file_(std::move(file)), set_(set) {}

  static void on_opened(void* context, std::int32_t outcome, std::uint32_t value) {
    const auto then = detail::take_pending<opened<opfs_store>>(context);
    if (outcome != 0) return then(std::unexpected(detail::opfs_error(outcome)));
    then(of_file(detail::opfs_file(value)));
  }

  [[nodiscard]] static expected<opfs_store> of_file(detail::opfs_file&& file) {
    const auto size = file.size();
    if (!size) return std::unexpected(size.error());
    // An import that ended before its first write.
    if (*size == 0) return unfinished(0);
    const auto set = file.read_header();
    if (!set) return std::unexpected(set.error());
    if (!set->finished) return unfinished(set->rows);
    const std::uint64_t wanted = detail::opfs_file::bytes_of(*set, set->n);
    if (*size < wanted)
      return fail(errc::truncated, "the file is shorter than its header says: import the vectors again", *size);
    if (*size > wanted)
      return fail(errc::corrupt, "the file is longer than its header says: import the vectors again", *size);
    return opfs_store(std::move(file), *set);
  }

  [[nodiscard]] static std::unexpected<error> unfinished(std::uint64_t rows) {
    return fail(errc::cannot_open, "the import under this name was not finished: resume it, or start it again", rows);
  }

  detail::opfs_file file_;
  stored_set set_{};
};

static_assert(batch_store<opfs_store> && batch_store<const opfs_store> && !async_store<opfs_store>);

}  // namespace thimble::inline THIMBLE_FLAGS
