// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Where full-precision vectors live: the last stage reads a few of them by node. Three kinds, from fast to far:
// a row_source (core/matrix_view.hpp) hands out rows in place, a store blocks while it reads a batch, an async_store
// completes later. Anything that models one of them can be searched with.

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <class S>
concept store_base = requires(const S& s) {
  // Number of rows, and values per row.
  { s.size() } -> std::convertible_to<std::size_t>;
  { s.dim() } -> std::convertible_to<std::size_t>;
  // Identity of the vectors (store/fingerprint.hpp): an index refuses the vectors of another.
  { s.fingerprint() } -> std::convertible_to<std::uint64_t>;
};

// Rows in memory or mapped: read in place, one after another, no copy.
template <class S>
concept row_store = store_base<S> && row_source<S>;

// Whether the rows of a row_store are still there, where that may change: from.check() -> expected<void>. A search asks
// once before it reads. Error: the store's.
template <row_store S>
[[nodiscard]] expected<void> check_rows(const S& from) {
  if constexpr (requires {
                  { from.check() } -> std::same_as<expected<void>>;
                })
    return from.check();
  else
    return {};
}

// Whether reading a row would wait for a disk, where the store knows: from.is_absent(row) -> bool. request_rows() then
// asks for many at once and does not wait: from.request(row).
template <row_store S>
[[nodiscard]] bool is_absent(const S& from, node x) {
  if constexpr (requires {
                  { from.is_absent(x) } -> std::same_as<bool>;
                })
    return from.is_absent(x);
  else
    return false;
}
template <row_store S>
void request_rows(const S& from, std::span<const node> rows) {
  if constexpr (requires { from.request(rows.front()); })
    for (const node x : rows) from.request(x);
}

// Reads block. Row nodes[i] goes to out[i * dim .. (i+1) * dim); nodes ascend, each below size().
template <class S>
concept batch_store = store_base<S> && requires(S& s, std::span<const node> nodes, std::span<float> out) {
  { s.read(nodes, out) } -> std::same_as<expected<void>>;
};

// What an async_store calls exactly once, when a batch has arrived or failed: on the thread that runs its events.
struct completion {
  void* context;
  void (*call)(void* context, expected<void> outcome);

  void operator()(expected<void> outcome) const { call(context, outcome); }
};

// What something that opens later (a store, a writer) calls exactly once, with itself or what went wrong: later, or
// before the call that opens it returns, when the request could not even be made.
template <class T>
struct opened {
  void* context;
  void (*call)(void* context, expected<T>&& outcome);

  void operator()(expected<T>&& outcome) const { call(context, std::move(outcome)); }
};

// Reads complete later; nodes and out stay valid until then.
template <class S>
concept async_store =
    store_base<S> && requires(S& s, std::span<const node> nodes, std::span<float> out, completion then) {
      { s.read(nodes, out, then) } -> std::same_as<void>;
    };

template <class S>
concept store = row_store<S> || batch_store<S>;

inline constexpr std::size_t few_rows_at_once = 4;
inline constexpr std::size_t all_rows_at_once = std::numeric_limits<std::size_t>::max();

// How many rows a rerank that may stop early asks for at a time: a few where they lie in place and cost next to
// nothing, all that may matter where each batch has a latency. A store whose batches have none, or which knows only
// when it is open whether they have, says so itself: from.rows_at_once() -> std::size_t, at least 1.
template <store_base S>
[[nodiscard]] constexpr std::size_t rows_at_once(const S& from) {
  if constexpr (requires {
                  { from.rows_at_once() } -> std::convertible_to<std::size_t>;
                })
    return from.rows_at_once();
  else
    return row_store<S> ? few_rows_at_once : all_rows_at_once;
}

// Whether any number of threads may read from one store at once. Rows in place promise it (core/matrix_view.hpp); a
// batch_store that can says so itself: static constexpr bool concurrent = true.
template <store_base S>
inline constexpr bool concurrent_store = row_store<S>;
template <store_base S>
  requires requires {
    requires bool { S::concurrent };
  }
inline constexpr bool concurrent_store<S> = true;

}  // namespace thimble::inline THIMBLE_FLAGS
