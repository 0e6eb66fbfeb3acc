// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Which nodes a search has seen: a bit a node, beside the number of the search that set it, one for every 16 nodes, so
// that a new search clears nothing (but every 65,535th). As fast as a byte a node, in a quarter of the memory.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class visited_set {
  // The upper half is the search's number, the lower one its marks.
  using word = std::uint32_t;
  static constexpr unsigned nodes_a_word = 16;
  static constexpr word epoch_bits = 0xffff'0000u;

 public:
  // Room for n nodes; keeps what it has where that is enough. Error: out_of_memory.
  [[nodiscard]] expected<void> reserve(std::size_t n) {
    if (room() >= n) return {};
    auto larger = aligned_buffer<word>::create(bytes_for(n) / sizeof(word));
    if (!larger) return std::unexpected(larger.error());
    words_ = std::move(*larger);
    epoch_ = 0;
    return {};
  }

  // The marks of one search: apart from the set, they are known not to change where a mark is written (.91 to 1 of the
  // time of a build).
  class marks {
   public:
    // True the first time. Nodes that there is no room for count as seen: the graph has grown since.
    [[nodiscard]] THIMBLE_ALWAYS_INLINE bool insert(node x) const {
      if (x >= size_) [[unlikely]]
        return false;
      const word found = first_[x / nodes_a_word];
      const word before = (found & epoch_bits) == epoch_ ? found : epoch_;
      const word bit = word{1} << (x % nodes_a_word);
      first_[x / nodes_a_word] = before | bit;
      return (before & bit) == 0;
    }

   private:
    friend visited_set;
    marks(word* first, std::size_t size, word epoch) : first_(first), size_(size), epoch_(epoch) {}

    word* first_;
    std::size_t size_;
    word epoch_;
  };

  // Forgets all nodes.
  [[nodiscard]] marks begin() {
    clear();
    return {words_.data(), room(), epoch_};
  }

  void clear() {
    epoch_ += word{1} << nodes_a_word;
    if (epoch_ != 0) return;
    std::ranges::fill(words_.span(), word{0});
    epoch_ = word{1} << nodes_a_word;
  }

  [[nodiscard]] bool insert(node x) { return marks(words_.data(), room(), epoch_).insert(x); }

  [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t n) {
    return (n + nodes_a_word - 1) / nodes_a_word * sizeof(word);
  }
  [[nodiscard]] std::size_t bytes() const { return words_.bytes(); }

 private:
  [[nodiscard]] std::size_t room() const { return words_.size() * nodes_a_word; }

  aligned_buffer<word> words_;
  word epoch_ = 0;  // its upper half
};

}  // namespace thimble::inline THIMBLE_FLAGS
