// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Rows that are kept as long as there is room, and which of them goes next: the clock (Corbato 1968), with a small
// count where the original has a mark. A hand passes over the slots; each use of a row spares it once more, up to 7
// times, and a new row is spared only once it was used again: of the rows that reranks ask for it finds up to .05 more
// than the original or LRU do (bench/README.md). Beside its values a row takes 14 bytes: its node, its count, and two
// entries of a hash table (linear probing, at most half full).

#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/random.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class row_clock {
 public:
  using slot = std::uint32_t;
  static constexpr slot no_slot = std::numeric_limits<slot>::max();

  // Of memory, all of it counted.
  [[nodiscard]] static constexpr std::uint64_t bytes_a_row(std::size_t dim) {
    return std::uint64_t{dim} * sizeof(float) + sizeof(node) + sizeof(std::uint16_t) + 2 * sizeof(slot);
  }

  // Room for so many rows, no more than max_nodes. Error: out_of_memory.
  [[nodiscard]] static expected<row_clock> create(std::size_t capacity, std::size_t dim) {
    THIMBLE_ASSERT(capacity <= max_nodes);
    auto rows = aligned_buffer<float>::create(saturated_product(capacity, dim));
    if (!rows) return std::unexpected(rows.error());
    auto nodes = aligned_buffer<node>::create(capacity);
    if (!nodes) return std::unexpected(nodes.error());
    auto marks = aligned_buffer<std::uint16_t>::create(capacity);
    if (!marks) return std::unexpected(marks.error());
    auto table = aligned_buffer<slot>::create(capacity, capacity);
    if (!table) return std::unexpected(table.error());
    row_clock made;
    made.rows_ = std::move(*rows);
    made.nodes_ = std::move(*nodes);
    made.marks_ = std::move(*marks);
    made.table_ = std::move(*table);
    made.dim_ = dim;
    return made;
  }

  [[nodiscard]] std::size_t capacity() const { return nodes_.size(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }
  [[nodiscard]] std::size_t bytes() const { return rows_.bytes() + nodes_.bytes() + marks_.bytes() + table_.bytes(); }

  // Where the row of x is, or no_slot. There must be room for one row at least.
  [[nodiscard]] slot find(node x) const {
    for (std::size_t at = home(x); table_[at] != 0; at = after(at))
      if (nodes_[table_[at] - 1] == x) return table_[at] - 1;
    return no_slot;
  }

  [[nodiscard]] std::span<float> row(slot s) { return rows_.span().subspan(std::size_t{s} * dim_, dim_); }

  // A pinned row stays where it is; as often unpinned as pinned. No: it is pinned 8,191 times.
  [[nodiscard]] bool pin(slot s) {
    if (marks_[s] > std::numeric_limits<std::uint16_t>::max() - one_pin) return false;
    marks_[s] = static_cast<std::uint16_t>(marks_[s] + one_pin);
    return true;
  }
  void unpin(slot s) {
    THIMBLE_ASSERT(marks_[s] >= one_pin);
    marks_[s] = static_cast<std::uint16_t>(marks_[s] - one_pin);
  }

  // It is spared once more when the hand comes by.
  void use(slot s) {
    if (marks_[s] % one_pin < most_uses) ++marks_[s];
  }

  // Room for the row of x, which is not here: the caller writes it. no_slot where all rows are pinned.
  [[nodiscard]] slot insert(node x) {
    const slot s = size_ < capacity() ? static_cast<slot>(size_++) : evict();
    if (s == no_slot) return s;
    nodes_[s] = x;
    marks_[s] = 0;
    std::size_t at = home(x);
    while (table_[at] != 0) at = after(at);
    table_[at] = s + 1;
    return s;
  }

 private:
  // A mark is a count of uses below a count of pins.
  static constexpr std::uint16_t most_uses = 7;
  static constexpr std::uint16_t one_pin = most_uses + 1;

  [[nodiscard]] std::size_t home(node x) const {
    return static_cast<std::size_t>((mix(x) >> 32) * std::uint64_t{table_.size()} >> 32);
  }
  [[nodiscard]] std::size_t after(std::size_t at) const { return at + 1 == table_.size() ? 0 : at + 1; }
  [[nodiscard]] std::size_t steps(std::size_t from, std::size_t to) const {
    return to >= from ? to - from : to + table_.size() - from;
  }

  // After most_uses rounds no row is spared. A round takes a use off each row: it was paid for when that was counted.
  [[nodiscard]] slot evict() {
    for (std::size_t i = 0; i < (most_uses + std::size_t{1}) * capacity(); ++i) {
      const slot s = hand_;
      hand_ = hand_ + 1 == capacity() ? 0 : hand_ + 1;
      if (marks_[s] >= one_pin) continue;
      if (marks_[s] == 0) {
        forget(nodes_[s]);
        ++evictions_;
        return s;
      }
      --marks_[s];
    }
    return no_slot;
  }

  // The entries behind it move up, so that none is cut off from its home.
  void forget(node x) {
    std::size_t hole = home(x);
    while (nodes_[table_[hole] - 1] != x) hole = after(hole);
    for (std::size_t at = after(hole); table_[at] != 0; at = after(at)) {
      if (steps(home(nodes_[table_[at] - 1]), at) < steps(hole, at)) continue;
      table_[hole] = table_[at];
      hole = at;
    }
    table_[hole] = 0;
  }

  aligned_buffer<float> rows_;
  aligned_buffer<node> nodes_;
  aligned_buffer<std::uint16_t> marks_;
  aligned_buffer<slot> table_;  // a slot + 1, 0 where there is none
  std::size_t dim_ = 0;
  std::size_t size_ = 0;
  slot hand_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
