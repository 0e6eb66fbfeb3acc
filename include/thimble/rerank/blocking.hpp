// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Drives a rerank from a store that answers at once: rows in place where they lie in memory, one batch read otherwise.

#pragma once

#include <algorithm>
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

namespace detail {

// Asks for the rows that are needed next, ahead of their use.
template <row_store Store>
THIMBLE_ALWAYS_INLINE void ask_for_rows(const reranker& r, const Store& from, bool absent) {
  if (absent) request_rows(from, r.needs());
  if constexpr (requires { from.prefetch(node{}); })
    for (const node x : r.needs()) from.prefetch(x);
}

// The same for what will be needed after that, and says whether it did: not where a disk would have to be waited for,
// or for many rows. Searches with 1 bit take .93 to .98 of the time.
template <row_store Store>
THIMBLE_ALWAYS_INLINE bool ask_for_likely_rows(const reranker& r, const Store& from, bool absent) {
  const std::span<const candidate> likely = r.likely();
  if (absent || likely.size() > few_rows_at_once) return false;
  if constexpr (requires { from.prefetch(node{}); })
    for (const candidate c : likely) from.prefetch(c.id());
  return true;
}

template <row_store Store>
[[nodiscard]] expected<void> take_rows(reranker& r, const Store& from, std::span<float> room) {
  const std::span<const node> needed = r.needs();
  for (std::size_t i = 0; i < needed.size(); ++i) {
    const auto row = from.row(needed[i], room.first(from.dim()));
    if (!row) return std::unexpected(row.error());
    r.accept(i, *row);
  }
  r.advance();
  return {};
}

}  // namespace detail

// rows: rerank_room floats. Error: what the store answers; the reranker is then not done and may be started again.
template <store Store>
[[nodiscard]] expected<void> rerank_from(reranker& r, Store& from, std::span<float> rows) {
  if constexpr (row_store<Store>) {
    if (r.done()) return {};
    if (auto there = check_rows(from); !there) return there;
    // One row tells for all: asking may cost a system call.
    const bool absent = is_absent(from, r.needs().front());
    for (bool asked = false; !r.done();) {
      if (!asked) detail::ask_for_rows(r, from, absent);
      asked = detail::ask_for_likely_rows(r, from, absent);
      if (auto taken = detail::take_rows(r, from, rows); !taken) return taken;
    }
  } else {
    while (!r.done()) {
      const std::span<const node> needed = r.needs();
      const std::size_t dim = from.dim();
      if (auto read = from.read(needed, rows.first(needed.size() * dim)); !read) return read;
      for (std::size_t i = 0; i < needed.size(); ++i) r.accept(i, rows.subspan(i * dim, dim));
      r.advance();
    }
  }
  return {};
}

// Several at once, from rows in place: while those of one are on their way, others are measured. room: dim floats.
template <row_store Store>
[[nodiscard]] expected<void> rerank_group_from(std::span<reranker* const> group, const Store& from,
                                               std::span<float> room) {
  const auto open = std::ranges::find_if(group, [](const reranker* r) { return !r->done(); });
  if (open == group.end()) return {};
  if (auto there = check_rows(from); !there) return there;
  const bool absent = is_absent(from, (*open)->needs().front());
  for (const reranker* r : group) detail::ask_for_rows(*r, from, absent);
  for (bool any = true; any;) {
    any = false;
    for (reranker* r : group) {
      if (r->done()) continue;
      if (auto taken = detail::take_rows(*r, from, room); !taken) return taken;
      detail::ask_for_rows(*r, from, absent);
      any = true;
    }
  }
  return {};
}

}  // namespace thimble::inline THIMBLE_FLAGS
