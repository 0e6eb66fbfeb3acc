// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Keeps rows of another store in memory, as many as a budget in bytes holds, everything counted; which of them go is
// the clock's to say (store/row_clock.hpp). What a batch finds here is copied, all the rest of it is one batch of the
// store below. Worth it where that costs more than a copy: files that are not in the page cache, vectors that are
// computed, a database. A row takes 4 bytes a dimension, however narrow the values below are.
//
//     auto file = thimble::file_store::open("base.fbin");
//     auto cached = thimble::cache_store<thimble::file_store>::create(*file, 64 << 20);
//     auto hits = index->search(query, {.k = 10}, *cached);

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/object_pool.hpp>
#include <thimble/core/types.hpp>
#include <thimble/store/row_clock.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Rows since the cache was made.
struct cache_counters {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;     // asked of the store below
  std::uint64_t evictions = 0;  // let go for others
};

namespace detail {

#if THIMBLE_THREADS
using cache_mutex = std::mutex;
#else
struct cache_mutex {
  void lock() {}
  void unlock() {}
};
#endif

}  // namespace detail

// Any number of threads read at once. None waits for another's read of the store below, if that is a concurrent_store;
// of any other store one thread reads at a time. Two that miss the same row at once both read it.
template <store Store>
class cache_store {
 public:
  static constexpr bool concurrent = true;

  // The store below stays where it is while the cache lives. The memory is taken at once, no more of it than all rows
  // need. Errors: invalid_argument (the budget does not hold one row; value: the least that does), out_of_memory.
  [[nodiscard]] static expected<cache_store> create(Store& below, std::size_t budget_bytes) {
    const std::uint64_t row_bytes = row_clock::bytes_a_row(below.dim());
    const std::uint64_t fixed = sizeof(cache_store) + sizeof(state);
    if (budget_bytes < fixed + row_bytes)
      return fail(errc::invalid_argument, "the budget does not hold one row: give the cache more bytes",
                  fixed + row_bytes);
    const auto capacity = std::min<std::uint64_t>((budget_bytes - fixed) / row_bytes, below.size());
    auto rows = row_clock::create(static_cast<std::size_t>(capacity), below.dim());
    if (!rows) return std::unexpected(rows.error());
    auto made = make_owned<state>();
    if (!made) return std::unexpected(made.error());
    (**made).rows = std::move(*rows);
    return cache_store(below, std::move(*made));
  }

  [[nodiscard]] std::size_t size() const { return below_->size(); }
  [[nodiscard]] std::size_t dim() const { return below_->dim(); }
  [[nodiscard]] std::uint64_t fingerprint() const { return below_->fingerprint(); }

  // Row nodes[i] goes to out[i * dim ..]; nodes ascend. Allocates only for a batch of more than 512 rows, while it is
  // read. Errors: those of the store below, of which nothing is kept then, and out_of_memory.
  [[nodiscard]] expected<void> read(std::span<const node> nodes, std::span<float> out) {
    THIMBLE_ASSERT(out.size() >= nodes.size() * dim());
    std::array<std::uint32_t, 2 * most_on_stack> on_stack;
    std::span<std::uint32_t> room = on_stack;
    aligned_buffer<std::uint32_t> larger;
    if (nodes.size() > most_on_stack) {
      auto made = aligned_buffer<std::uint32_t>::create(nodes.size(), nodes.size());
      if (!made) return std::unexpected(made.error());
      larger = std::move(*made);
      room = larger.span();
    }
    const std::span<row_clock::slot> slots = room.first(nodes.size());
    const std::span<node> missing = room.subspan(nodes.size(), pin_hits(nodes, slots, room.subspan(nodes.size())));

    // What is missing comes to the end of out, and from there, in order, to its place: never onto what waits there.
    const std::span<float> fresh = out.subspan((nodes.size() - missing.size()) * dim(), missing.size() * dim());
    if (!missing.empty())
      if (auto done = read_below(missing, fresh); !done) {
        unpin(slots);
        return done;
      }
    const float* next = fresh.data();
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const bool hit = slots[i] != row_clock::no_slot;
      const float* from = hit ? state_->rows.row(slots[i]).data() : std::exchange(next, next + dim());
      std::memmove(out.data() + i * dim(), from, dim() * sizeof(float));
    }
    keep(nodes, slots, out);
    return {};
  }

  // Rows that there is room for.
  [[nodiscard]] std::size_t capacity() const { return state_->rows.capacity(); }

  // Bytes of memory, the store below not counted: no more than the budget.
  [[nodiscard]] std::size_t bytes() const { return sizeof(cache_store) + sizeof(state) + state_->rows.bytes(); }

  [[nodiscard]] cache_counters counters() const {
    const std::lock_guard lock(state_->guard);
    return {.hits = state_->hits, .misses = state_->misses, .evictions = state_->rows.evictions()};
  }

 private:
  static constexpr std::size_t most_on_stack = 512;

  struct state {
    detail::cache_mutex guard;  // of all but the values of pinned rows
    detail::cache_mutex below;  // held while the store below is read, where one thread may do that at a time
    row_clock rows;
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
  };

  cache_store(Store& below, owned<state> made) : below_(&below), state_(std::move(made)) {}

  // The slot of each node, or no_slot; and those nodes, whose number it returns.
  [[nodiscard]] std::size_t pin_hits(std::span<const node> nodes, std::span<row_clock::slot> slots,
                                     std::span<node> missing) {
    const std::lock_guard lock(state_->guard);
    std::size_t n_missing = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      slots[i] = state_->rows.find(nodes[i]);
      if (slots[i] == row_clock::no_slot)
        missing[n_missing++] = nodes[i];
      else
        state_->rows.pin(slots[i]);
    }
    state_->hits += nodes.size() - n_missing;
    state_->misses += n_missing;
    return n_missing;
  }

  void unpin(std::span<const row_clock::slot> slots) {
    const std::lock_guard lock(state_->guard);
    for (const row_clock::slot s : slots)
      if (s != row_clock::no_slot) state_->rows.unpin(s);
  }

  // After the copies: the rows found are used once more, those read stay for the next batch.
  void keep(std::span<const node> nodes, std::span<const row_clock::slot> slots, std::span<const float> out) {
    const std::lock_guard lock(state_->guard);
    row_clock& rows = state_->rows;
    for (const row_clock::slot s : slots) {
      if (s == row_clock::no_slot) continue;
      rows.unpin(s);
      rows.use(s);
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      // Another thread may have been faster.
      if (slots[i] != row_clock::no_slot || rows.find(nodes[i]) != row_clock::no_slot) continue;
      if (const row_clock::slot s = rows.insert(nodes[i]); s != row_clock::no_slot)
        std::ranges::copy(out.subspan(i * dim(), dim()), rows.row(s).begin());
    }
  }

  [[nodiscard]] expected<void> read_below(std::span<const node> nodes, std::span<float> out) {
    if constexpr (row_store<Store>) {
      if (auto there = check_rows(*below_); !there) return there;
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        const std::span<float> place = out.subspan(i * dim(), dim());
        const auto row = below_->row(nodes[i], place);
        if (!row) return std::unexpected(row.error());
        if (row->data() != place.data()) std::ranges::copy(*row, place.begin());
      }
      return {};
    } else if constexpr (concurrent_store<Store>) {
      return below_->read(nodes, out);
    } else {
      const std::lock_guard lock(state_->below);
      return below_->read(nodes, out);
    }
  }

  Store* below_;
  owned<state> state_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
