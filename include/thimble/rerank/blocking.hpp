// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Drives a rerank from a store that answers at once: rows in place where they lie in memory, one batch read otherwise.

#pragma once

#include <cstddef>
#include <span>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/rerank/reranker.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Floats of room that a rerank of at most this many rows needs from its caller.
template <store Store>
[[nodiscard]] constexpr std::size_t rerank_room(const Store& /*from*/, std::size_t rows, std::size_t dim) {
  return row_store<Store> ? dim : saturated_product(rows, dim);
}

// rows: rerank_room floats. Error: what the store answers; the reranker is then not done and may be started again.
template <store Store>
[[nodiscard]] expected<void> rerank_from(reranker& r, Store& from, std::span<float> rows) {
  [[maybe_unused]] bool absent = false;
  if constexpr (row_store<Store>) {
    if (r.done()) return {};
    if (auto there = check_rows(from); !there) return there;
    // One row tells for all: asking may cost a system call.
    absent = is_absent(from, r.needs().front());
  }
  while (!r.done()) {
    const std::span<const node> needed = r.needs();
    if constexpr (row_store<Store>) {
      if (absent) request_rows(from, needed);
      if constexpr (requires { from.prefetch(node{}); })
        for (const node x : needed) from.prefetch(x);
      for (std::size_t i = 0; i < needed.size(); ++i) {
        const auto row = from.row(needed[i], rows.first(from.dim()));
        if (!row) return std::unexpected(row.error());
        r.accept(i, *row);
      }
    } else {
      const std::size_t dim = from.dim();
      if (auto read = from.read(needed, rows.first(needed.size() * dim)); !read) return read;
      for (std::size_t i = 0; i < needed.size(); ++i) r.accept(i, rows.subspan(i * dim, dim));
    }
    r.advance();
  }
  return {};
}

}  // namespace thimble::inline THIMBLE_FLAGS
