// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Up to 64 nodes and the links among them, as bits: who leads to whom without leaving them. For one thread.

#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <thimble/core/config.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/graph.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

class neighborhood {
 public:
  static constexpr std::size_t most = 64;
  // Bit i is the i-th node.
  using bits = std::uint64_t;

  // Adds x if there is room and it is not there yet; its bit.
  bits add(node x) {
    const std::size_t slot = slot_of(x);
    if (slots_[slot] == 0 && n_ < most) {
      nodes_[n_++] = x;
      slots_[slot] = static_cast<std::uint8_t>(n_);
    }
    return bit_in(slot);
  }

  // That of x, or none.
  [[nodiscard]] bits bit_of(node x) const { return bit_in(slot_of(x)); }

  // The first of these; there is one at least.
  [[nodiscard]] node first_of(bits of) const { return nodes_[static_cast<std::size_t>(std::countr_zero(of))]; }

  // Calls visit(node) for each of these.
  template <class Visit>
  void for_each(bits of, Visit&& visit) const {
    for (; of != 0; of &= of - 1) visit(first_of(of));
  }

  // To whom of them x, one of them, links on this level. Links are read when they are first asked for.
  template <graph Graph>
  [[nodiscard]] bits links_of(const Graph& g, unsigned level, node x) {
    const bits self = bit_of(x);
    return self == 0 ? 0 : links_at(g, level, static_cast<std::size_t>(std::countr_zero(self)));
  }

  // These and all that they lead to; it may end when it has `wanted`.
  template <graph Graph>
  [[nodiscard]] bits reached_from(const Graph& g, unsigned level, bits start, bits wanted) {
    bits reached = start;
    for (bits open = start; open != 0 && (wanted & ~reached) != 0;) {
      const bits found = links_at(g, level, static_cast<std::size_t>(std::countr_zero(open))) & ~reached;
      reached |= found;
      open = (open & (open - 1)) | found;
    }
    return reached;
  }

  // Those of x have changed since.
  void forget_links(node x) { read_ &= ~bit_of(x); }

 private:
  static constexpr unsigned slot_bits = 8;

  template <graph Graph>
  [[nodiscard]] bits links_at(const Graph& g, unsigned level, std::size_t i) {
    if ((read_ >> i & 1) == 0) {
      read_ |= bits{1} << i;
      links_[i] = 0;
      g.for_each_link(nodes_[i], level, [&](node y) { links_[i] |= bit_of(y); });
    }
    return links_[i];
  }

  [[nodiscard]] bits bit_in(std::size_t slot) const { return slots_[slot] == 0 ? 0 : bits{1} << (slots_[slot] - 1); }

  // Where x is, or would be put: a table four times as large as it gets full, searched from a scattered place on.
  [[nodiscard]] std::size_t slot_of(node x) const {
    std::size_t slot = x * std::uint32_t{0x9e3779b1} >> (32 - slot_bits);
    while (slots_[slot] != 0 && nodes_[slots_[slot] - 1] != x) slot = (slot + 1) % slots_.size();
    return slot;
  }

  std::array<node, most> nodes_;
  std::array<bits, most> links_;
  bits read_ = 0;                                                  // whose links are in there
  std::array<std::uint8_t, std::size_t{1} << slot_bits> slots_{};  // 1 + the place of a node; 0: none
  std::size_t n_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS::detail
