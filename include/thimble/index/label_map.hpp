// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// label -> node, for indexes that change: a hash table of nodes alone. The label of a node is asked of its owner, who
// keeps it anyway: every function that needs it takes label_of(node) -> label. Open addressing, at most 3/4 full; what
// is erased leaves no mark, the entries behind it move up (Knuth, volume 3, section 6.4, algorithm R).
// Memory: 4 bytes a place, 5.3 .. 10.7 a label. Not thread-safe.

#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/random.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class label_map {
 public:
  // Room for n labels, by doubling; on failure the map is as it was. Error: out_of_memory.
  template <class LabelOf>
  [[nodiscard]] expected<void> reserve(std::size_t n, const LabelOf& label_of) {
    std::size_t wanted = places_.empty() ? smallest : places_.size();
    while (wanted / 4 * 3 < n) wanted *= 2;
    if (wanted == places_.size()) return {};
    auto larger = aligned_buffer<node>::create(wanted);
    if (!larger) return std::unexpected(larger.error());
    std::swap(places_, *larger);
    for (node& place : places_.span()) place = no_node;
    for (const node x : larger->span())
      if (x != no_node) places_[place_of(label_of(x), label_of)] = x;
    return {};
  }

  // no_node where there is none.
  template <class LabelOf>
  [[nodiscard]] node find(label id, const LabelOf& label_of) const {
    return places_.empty() ? no_node : places_[place_of(id, label_of)];
  }

  // The label of x is new, and there is room for it.
  template <class LabelOf>
  void insert(node x, const LabelOf& label_of) {
    THIMBLE_ASSERT(size_ < places_.size() / 4 * 3);
    node& place = places_[place_of(label_of(x), label_of)];
    THIMBLE_ASSERT(place == no_node);
    place = x;
    ++size_;
  }

  // y stands for the label from now on, instead of the node that did. The label is there.
  template <class LabelOf>
  void replace(label id, node y, const LabelOf& label_of) {
    node& place = places_[place_of(id, label_of)];
    THIMBLE_ASSERT(place != no_node);
    place = y;
  }

  // The label is there.
  template <class LabelOf>
  void erase(label id, const LabelOf& label_of) {
    std::size_t hole = place_of(id, label_of);
    THIMBLE_ASSERT(places_[hole] != no_node);
    for (std::size_t at = next(hole); places_[at] != no_node; at = next(at)) {
      // An entry may fill the hole unless its search begins behind it.
      const std::size_t begin = home_of(label_of(places_[at]));
      if (((at - begin) & mask()) < ((at - hole) & mask())) continue;
      places_[hole] = places_[at];
      hole = at;
    }
    places_[hole] = no_node;
    --size_;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return places_.bytes(); }

 private:
  static constexpr std::size_t smallest = 64;

  [[nodiscard]] std::size_t mask() const { return places_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & mask(); }
  [[nodiscard]] std::size_t home_of(label id) const { return static_cast<std::size_t>(mix(id)) & mask(); }

  // Where the label is, or would be.
  template <class LabelOf>
  [[nodiscard]] std::size_t place_of(label id, const LabelOf& label_of) const {
    std::size_t at = home_of(id);
    while (places_[at] != no_node && label_of(places_[at]) != id) at = next(at);
    return at;
  }

  aligned_buffer<node> places_;
  std::size_t size_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
