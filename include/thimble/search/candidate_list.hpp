// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The best ef nodes seen so far, nearest first: candidates and results in one sorted array of 64-bit keys
//
//     distance, as an unsigned number of the same order (32 bits) | node (31 bits) | expanded (1 bit)
//
// so that one comparison orders by distance, then by node. Beats two heaps by 1.3 .. 1.75 (ALGORITHMS.md section 8).

#pragma once

#include <algorithm>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Ordered as the floats are: negative numbers reversed, positive ones above them. -0 counts as 0; NaN has some place.
[[nodiscard]] constexpr std::uint32_t ordered_bits(float distance) {
  const auto bits = std::bit_cast<std::uint32_t>(distance + 0.0f);
  return bits ^ (static_cast<std::uint32_t>(static_cast<std::int32_t>(bits) >> 31) | 0x80000000u);
}

[[nodiscard]] constexpr float distance_of_bits(std::uint32_t ordered) {
  return std::bit_cast<float>(ordered ^ (ordered >> 31 != 0 ? 0x80000000u : 0xffffffffu));
}

struct candidate {
  std::uint64_t key;

  [[nodiscard]] static constexpr candidate of(float distance, node x) {
    return {std::uint64_t{ordered_bits(distance)} << 32 | std::uint64_t{x} << 1};
  }
  [[nodiscard]] constexpr node id() const { return static_cast<node>(key) >> 1; }
  [[nodiscard]] constexpr float distance() const { return distance_of_bits(static_cast<std::uint32_t>(key >> 32)); }
  [[nodiscard]] constexpr bool expanded() const { return (key & 1) != 0; }

  friend constexpr auto operator<=>(const candidate&, const candidate&) = default;
};

// Puts `fresh` among the first n of a sorted array with room for one more; where it went.
THIMBLE_ALWAYS_INLINE std::size_t insert_in_order(candidate* items, std::size_t n, candidate fresh) {
  // So many make room at once, in vector registers: .95 of a search with ef 100.
  constexpr std::size_t step = 8;
  std::size_t at = n;
  for (; at >= step && items[at - step] > fresh; at -= step) {
    candidate farther[step];
    std::memcpy(farther, items + at - step, sizeof farther);
    std::memcpy(items + at - step + 1, farther, sizeof farther);
  }
  for (; at > 0 && items[at - 1] > fresh; --at) items[at] = items[at - 1];
  items[at] = fresh;
  return at;
}

class candidate_list {
 public:
  // Room for ef candidates; keeps what it has where that is enough. Error: out_of_memory.
  [[nodiscard]] expected<void> reserve(std::size_t ef) {
    if (items_.size() >= ef) return {};
    auto items = aligned_buffer<candidate>::create(ef);
    if (!items) return std::unexpected(items.error());
    items_ = std::move(*items);
    return {};
  }

  // Empties the list, which from now on keeps the best ef (at most what was reserved, at least 1).
  void clear(std::size_t ef) {
    THIMBLE_ASSERT(ef >= 1 && ef <= items_.size());
    size_ = 0;
    next_ = 0;
    ef_ = ef;
  }

  // Keeps x if it is among the best ef, and says so; the farthest one leaves. x must not be in the list.
  THIMBLE_ALWAYS_INLINE bool insert(float distance, node x) {
    const candidate fresh = candidate::of(distance, x);
    if (size_ == ef_) {
      if (fresh >= items_[ef_ - 1]) return false;
      --size_;
    }
    const std::size_t position = insert_in_order(items_.data(), size_++, fresh);
    if (position < next_) next_ = position;
    return true;
  }

  // Lets go of those that are farther.
  THIMBLE_ALWAYS_INLINE void keep_within(float limit) {
    while (size_ > 0 && items_[size_ - 1].distance() > limit) --size_;
    next_ = std::min(next_, size_);
  }

  // The nearest candidate that was not expanded yet, marked as expanded; no_node when there is none.
  [[nodiscard]] node expand_next() {
    while (next_ < size_ && items_[next_].expanded()) ++next_;
    if (next_ == size_) return no_node;
    items_[next_].key |= 1;
    return items_[next_].id();
  }

  // The one that comes next if nothing nearer arrives; null when there is none.
  [[nodiscard]] const candidate* next() const { return unexpanded_from(next_); }

  // The one after that.
  [[nodiscard]] const candidate* next_after(const candidate* next) const {
    return unexpanded_from(static_cast<std::size_t>(next - items_.data()) + 1);
  }

  // What is farther is not kept; infinity while there is room.
  [[nodiscard]] float limit() const {
    return full() ? items_[ef_ - 1].distance() : std::numeric_limits<float>::infinity();
  }

  // Whether it holds as many as it keeps.
  [[nodiscard]] bool full() const { return size_ == ef_; }

  // Gives every candidate the id that label_of(its node) says; none is marked as expanded any more. The order is by
  // distance, then by the new id.
  template <class LabelOf>
  void relabel(LabelOf&& label_of) {
    for (std::size_t i = 0; i < size_; ++i)
      insert_in_order(items_.data(), i, {(items_[i].key >> 32 << 32) | std::uint64_t{label_of(items_[i].id())} << 1});
  }

  // Gives every candidate the distance that estimate(its nodes, how many of them, distances) says; none is marked as
  // expanded any more.
  template <class Estimate>
  void estimate_again(Estimate&& estimate) {
    constexpr std::size_t at_once = 64;
    node nodes[at_once];
    float distances[at_once];
    for (std::size_t first = 0; first < size_; first += at_once) {
      const std::size_t count = size_ - first < at_once ? size_ - first : at_once;
      for (std::size_t i = 0; i < count; ++i) nodes[i] = items_[first + i].id();
      estimate(nodes, count, distances);
      for (std::size_t i = 0; i < count; ++i)
        insert_in_order(items_.data(), first + i, candidate::of(distances[i], nodes[i]));
    }
  }

  // Nearest first.
  [[nodiscard]] std::span<const candidate> items() const { return items_.span().first(size_); }
  [[nodiscard]] std::size_t bytes() const { return items_.bytes(); }

 private:
  [[nodiscard]] const candidate* unexpanded_from(std::size_t i) const {
    while (i < size_ && items_[i].expanded()) ++i;
    return i == size_ ? nullptr : &items_[i];
  }

  aligned_buffer<candidate> items_;
  std::size_t size_ = 0;
  std::size_t ef_ = 0;
  std::size_t next_ = 0;  // everything before it is expanded
};

}  // namespace thimble::inline THIMBLE_FLAGS
