// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Full-precision vectors in a file, any format of io/vector_format.hpp, read where they are asked for (preadv): for
// files that may be cut short while they are open, which is an error here where a mapping faults, and for originals
// that lie on a disk. Exact: every type of value is a float too. No memory beside the object itself. POSIX only.
//
// A batch asks the page cache first. What is not there is asked of the disk all at once (POSIX_FADV_WILLNEED), so that
// the reads that follow wait together and not one after another: 100 rows of 3 KB from 1.5 GB that are not cached take
// a third of the time of plain reads and a fifth of a mapping's (thimble_bench_stores). In the page cache a mapping is
// faster: no call, no copy. Where the system takes no such advice rows are read in turn.

#pragma once

#include <thimble/core/config.hpp>

#if THIMBLE_POSIX

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/io/regular_file.hpp>
#include <thimble/io/vector_format.hpp>
#include <thimble/store/fingerprint.hpp>
#include <thimble/store/store.hpp>
#include <thimble/store/widen.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class file_store {
 public:
  static constexpr bool concurrent = true;

  // The format goes by the name's ending. Reads the header and the 64 rows of the fingerprint. Errors: those of
  // vector_format_of, regular_file::open and parse_vector_header; truncated, corrupt, cannot_read, out_of_memory.
  [[nodiscard]] static expected<file_store> open(const char* path) {
    const auto format = vector_format_of(path);
    if (!format) return std::unexpected(format.error());
    auto file = regular_file::open(path);
    if (!file) return std::unexpected(file.error());
    file->reads_are_random();
    std::array<std::byte, vector_header_bytes> head;
    iovec piece{head.data(), head.size()};
    const auto head_bytes = file->read(0, {&piece, 1});
    if (!head_bytes) return std::unexpected(head_bytes.error());
    const auto layout = parse_vector_header(
        std::span<const std::byte>(head).first(static_cast<std::size_t>(*head_bytes)), file->size(), *format);
    if (!layout) return std::unexpected(layout.error());

    file_store store(std::move(*file), *layout);
    const auto identity =
        thimble::fingerprint(store.size(), store.dim(),
                             [&](std::span<const node> nodes, std::span<float> out) { return store.read(nodes, out); });
    if (!identity) return std::unexpected(identity.error());
    store.fingerprint_ = *identity;
    return store;
  }

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(layout_.n); }
  [[nodiscard]] std::size_t dim() const { return layout_.dim; }
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }
  [[nodiscard]] const vector_layout& layout() const { return layout_; }

  // Row nodes[i] goes to out[i * dim ..]; nodes ascend. Rows up to 4 KB apart come by one call. Any number of threads
  // at once (for search_batch: a store_factory that always gives this one). out may be written to even if the read
  // fails. Errors: truncated (the file became shorter; value: the first row that is gone), corrupt (a row of .fvecs or
  // .bvecs that says another dim; value: the row), cannot_read (value: errno).
  [[nodiscard]] expected<void> read(std::span<const node> nodes, std::span<float> out) const {
    THIMBLE_ASSERT(out.size() >= nodes.size() * dim());
    std::size_t at = 0;
    for (bool cached = true; cached && at < nodes.size();) {
      const run next = run_from(nodes.subspan(at));
      auto there = read_run(nodes.subspan(at, next.rows), next, out.subspan(at * dim()), only_cached);
      if (!there) return std::unexpected(there.error());
      cached = *there;
      if (cached) at += next.rows;
    }
    for (std::size_t i = at; i < nodes.size();) {
      const run next = run_from(nodes.subspan(i));
      file_.will_need(next.offset, next.bytes);
      i += next.rows;
    }
    while (at < nodes.size()) {
      const run next = run_from(nodes.subspan(at));
      auto there = read_run(nodes.subspan(at, next.rows), next, out.subspan(at * dim()), from_disk);
      if (!there) return std::unexpected(there.error());
      at += next.rows;
    }
    return {};
  }

 private:
  // Reading 4 KB that nobody wants costs what one more call costs (1 us for two calls or one, cached).
  static constexpr std::size_t largest_gap = 4096;
  static constexpr std::size_t most_rows_in_run = 64;

  // Rows that are near each other in the file, with their prefixes and what is between them.
  struct run {
    std::size_t rows;
    std::uint64_t offset;
    std::uint64_t bytes;
  };

  enum source : std::uint8_t { only_cached, from_disk };

  file_store(regular_file file, const vector_layout& layout) : file_(std::move(file)), layout_(layout) {}

  [[nodiscard]] std::uint64_t gap_bytes(node from, node to) const {
    return (to - from - std::uint64_t{1}) * layout_.stride_bytes;
  }

  // The longest one at the beginning of the nodes.
  [[nodiscard]] run run_from(std::span<const node> nodes) const {
    THIMBLE_ASSERT(nodes[0] < size());
    std::size_t rows = 1;
    while (rows < std::min(nodes.size(), most_rows_in_run) && nodes[rows] > nodes[rows - 1] &&
           gap_bytes(nodes[rows - 1], nodes[rows]) <= largest_gap)
      ++rows;
    const std::uint64_t stride = layout_.stride_bytes;
    return {.rows = rows,
            .offset = layout_.offset - layout_.row_prefix_bytes + nodes[0] * stride,
            .bytes = (nodes[rows - 1] - nodes[0] + std::uint64_t{1}) * stride};
  }

  // Whether all was there: not so only where no more than the page cache was asked.
  [[nodiscard]] expected<bool> read_run(std::span<const node> nodes, const run& where, std::span<float> out,
                                        source from) const {
    const std::size_t row_bytes = dim() * element_bytes(layout_.type);
    std::array<iovec, 3 * most_rows_in_run> pieces;
    std::array<std::uint32_t, most_rows_in_run> prefixes;
    std::array<std::byte, largest_gap> gap;
    std::size_t n_pieces = 0;
    const auto add = [&](void* to, std::size_t bytes) {
      if (bytes != 0) pieces[n_pieces++] = {.iov_base = to, .iov_len = bytes};
    };
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (i != 0) add(gap.data(), static_cast<std::size_t>(gap_bytes(nodes[i - 1], nodes[i])));
      add(&prefixes[i], layout_.row_prefix_bytes);
      // Narrow values go to the end of their place and are widened from there.
      add(reinterpret_cast<std::byte*>(out.data() + (i + 1) * dim()) - row_bytes, row_bytes);
    }
    if (from == only_cached) {
      if (file_.read_cached(where.offset, {pieces.data(), n_pieces}) != where.bytes) return false;
    } else {
      const auto got = file_.read(where.offset, {pieces.data(), n_pieces});
      if (!got) return std::unexpected(got.error());
      if (*got != where.bytes)
        return fail(errc::truncated, "the file became shorter while it was in use: copy it again, then open it again",
                    nodes[0] + *got / layout_.stride_bytes);
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (layout_.row_prefix_bytes != 0 && prefixes[i] != layout_.dim)
        return fail(errc::corrupt, "rows of different dims", nodes[i]);
      detail::widen_from_end(layout_.type, out.subspan(i * dim(), dim()));
    }
    return true;
  }

  regular_file file_;
  vector_layout layout_;
  std::uint64_t fingerprint_ = 0;
};

static_assert(batch_store<file_store>);
static_assert(batch_store<const file_store> && concurrent_store<file_store>);

}  // namespace thimble::inline THIMBLE_FLAGS

#endif  // THIMBLE_POSIX
