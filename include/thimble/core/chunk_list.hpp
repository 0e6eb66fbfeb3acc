// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Memory that grows while others read it: chunks that never move, found through a table of pointers. One thread at a
// time appends; any number read at once, without a lock: one load of the table, one index. A full table is copied into
// one of twice the size and kept, for somebody may be reading it: all tables together take less than two of the last.

#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <memory>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/atomic.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/object_array.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Chunk: an aligned_buffer of T, or an object_array where T is no plain value.
template <class T, class Chunk = aligned_buffer<T>>
class chunk_list {
 public:
  // Takes a chunk, which is not empty. One thread at a time. Error: out_of_memory, and the list is as it was.
  [[nodiscard]] expected<void> append(Chunk chunk) {
    THIMBLE_ASSERT(chunk.size() > 0);
    if (size_ == room(n_tables_))
      if (auto done = double_table(); !done) return done;
    tables_[n_tables_ - 1][size_] = std::addressof(chunk[0]);
    chunks_[size_] = std::move(chunk);
    detail::store_release(size_, size_ + 1);
    return {};
  }

  [[nodiscard]] std::size_t size() const { return detail::load_acquire(size_); }

  // The first value of chunk i. Whoever learnt that there is a chunk i (from size(), from a link that was stored with
  // release after it) finds it, in this table and in all later ones.
  [[nodiscard]] THIMBLE_ALWAYS_INLINE T* operator[](std::size_t i) const { return table()[i]; }

  // The first values of all chunks. It stays valid, but a later chunk is found in a later table only.
  [[nodiscard]] THIMBLE_ALWAYS_INLINE T* const* table() const { return detail::load_acquire(table_); }

  // Bytes beside the chunks: what owns them, and the tables.
  [[nodiscard]] std::size_t overhead_bytes() const {
    const std::size_t n = size();
    if (n == 0) return 0;
    const std::size_t last = n <= first_room ? first_room : std::bit_ceil(n);
    return last * sizeof(Chunk) + (2 * last - first_room) * sizeof(T*);
  }

 private:
  static constexpr std::size_t first_room = 8;
  static constexpr std::size_t max_tables = 24;

  [[nodiscard]] static std::size_t room(std::size_t tables) { return tables == 0 ? 0 : first_room << (tables - 1); }

  [[nodiscard]] expected<void> double_table() {
    if (n_tables_ == max_tables) return fail(errc::out_of_memory, "a list has no room for more chunks", size_);
    auto table = aligned_buffer<T*>::create(room(n_tables_ + 1));
    if (!table) return std::unexpected(table.error());
    auto chunks = object_array<Chunk>::create(room(n_tables_ + 1));
    if (!chunks) return std::unexpected(chunks.error());
    for (std::size_t i = 0; i < size_; ++i) {
      (*table)[i] = table_[i];
      (*chunks)[i] = std::move(chunks_[i]);
    }
    chunks_ = std::move(*chunks);
    tables_[n_tables_++] = std::move(*table);
    detail::store_release(table_, tables_[n_tables_ - 1].data());
    return {};
  }

  object_array<Chunk> chunks_;  // read by nobody but append
  std::array<aligned_buffer<T*>, max_tables> tables_;
  std::size_t n_tables_ = 0;
  T** table_ = nullptr;  // the last one
  std::size_t size_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
