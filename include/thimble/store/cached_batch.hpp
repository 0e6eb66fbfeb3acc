// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What a cache of any store does (store/cache_store.hpp): the rows that it keeps, and a batch on its way through them,
// from begin() until what was missing has come or will not, however long the store below takes for that.

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
#include <thimble/core/types.hpp>
#include <thimble/store/row_clock.hpp>

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

// Safe on any number of threads.
class cached_rows {
 public:
  explicit cached_rows(row_clock&& rows) : rows_(std::move(rows)) {}

  [[nodiscard]] std::size_t capacity() const { return rows_.capacity(); }
  [[nodiscard]] std::size_t bytes() const { return rows_.bytes(); }
  [[nodiscard]] cache_counters counters() const {
    const std::lock_guard lock(guard_);
    return {.hits = hits_, .misses = misses_, .evictions = rows_.evictions()};
  }

  // The slot of each node, pinned, or no_slot; and those nodes, whose number it returns.
  [[nodiscard]] std::size_t pin_hits(std::span<const node> nodes, std::span<row_clock::slot> slots,
                                     std::span<node> missing) {
    const std::lock_guard lock(guard_);
    std::size_t n_missing = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      slots[i] = rows_.find(nodes[i]);
      if (slots[i] != row_clock::no_slot && rows_.pin(slots[i])) continue;
      slots[i] = row_clock::no_slot;
      missing[n_missing++] = nodes[i];
    }
    hits_ += nodes.size() - n_missing;
    misses_ += n_missing;
    return n_missing;
  }

  void unpin(std::span<const row_clock::slot> slots) {
    const std::lock_guard lock(guard_);
    for (const row_clock::slot s : slots)
      if (s != row_clock::no_slot) rows_.unpin(s);
  }

  // Of a pinned slot.
  [[nodiscard]] std::span<const float> row(row_clock::slot s) { return rows_.row(s); }

  // The rows found are unpinned and used once more, those read stay for the next batch.
  void keep(std::span<const node> nodes, std::span<const row_clock::slot> slots, std::span<const float> out) {
    const std::lock_guard lock(guard_);
    for (const row_clock::slot s : slots) {
      if (s == row_clock::no_slot) continue;
      rows_.unpin(s);
      rows_.use(s);
    }
    const std::size_t dim = nodes.empty() ? 0 : out.size() / nodes.size();
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      // Another batch may have been faster.
      if (slots[i] != row_clock::no_slot || rows_.find(nodes[i]) != row_clock::no_slot) continue;
      if (const row_clock::slot s = rows_.insert(nodes[i]); s != row_clock::no_slot)
        std::ranges::copy(out.subspan(i * dim, dim), rows_.row(s).begin());
    }
  }

 private:
  mutable cache_mutex guard_;  // of all but the values of pinned rows
  row_clock rows_;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
};

// Stays where it is. It takes 4 KB, and allocates only for more than 512 rows: 8 bytes each.
class cached_batch {
 public:
  explicit cached_batch(cached_rows& rows) : rows_(rows) {}
  cached_batch(const cached_batch&) = delete;
  cached_batch& operator=(const cached_batch&) = delete;

  // Row nodes[i] is to go to out[i * dim ..]; finish() or give_up() follows. Error: out_of_memory.
  [[nodiscard]] expected<void> begin(std::span<const node> nodes, std::size_t dim, std::span<float> out) {
    THIMBLE_ASSERT(out.size() >= nodes.size() * dim);
    std::span<std::uint32_t> room = few_;
    if (nodes.size() > most_in_place) {
      auto made = aligned_buffer<std::uint32_t>::create(nodes.size(), nodes.size());
      if (!made) return std::unexpected(made.error());
      more_ = std::move(*made);
      room = more_.span();
    }
    nodes_ = nodes;
    dim_ = dim;
    out_ = out.first(nodes.size() * dim);
    slots_ = room.first(nodes.size());
    missing_ = room.subspan(nodes.size());
    missing_ = missing_.first(rows_.pin_hits(nodes, slots_, missing_));
    return {};
  }

  // What is to be read, and where to: the end of out. From there, in order, it comes to its place, never onto what
  // waits there.
  [[nodiscard]] std::span<const node> missing() const { return missing_; }
  [[nodiscard]] std::span<float> fresh() const { return out_.last(missing_.size() * dim_); }

  // Once that is there.
  void finish() {
    const float* next = fresh().data();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const bool hit = slots_[i] != row_clock::no_slot;
      const float* from = hit ? rows_.row(slots_[i]).data() : std::exchange(next, next + dim_);
      std::memmove(out_.data() + i * dim_, from, dim_ * sizeof(float));
    }
    rows_.keep(nodes_, slots_, out_);
  }

  // Nothing of it is kept.
  void give_up() { rows_.unpin(slots_); }

 private:
  static constexpr std::size_t most_in_place = 512;

  cached_rows& rows_;
  std::span<const node> nodes_;
  std::size_t dim_ = 0;
  std::span<float> out_;
  std::span<row_clock::slot> slots_;
  std::span<node> missing_;
  std::array<std::uint32_t, 2 * most_in_place> few_;
  aligned_buffer<std::uint32_t> more_;
};

}  // namespace detail

}  // namespace thimble::inline THIMBLE_FLAGS
