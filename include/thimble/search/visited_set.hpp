// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Which nodes a search has seen: a byte a node, the number of the search that saw it last, so that a new search clears
// nothing (but every 255th). (A bit a node in words with the search's number takes a quarter of that, and 1.0 to 1.04
// times as long a search: neighbours have numbers that are near, and each waits for the word that the last one wrote.)

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
  using mark = std::uint8_t;

 public:
  // Room for n nodes; keeps what it has where that is enough. Error: out_of_memory.
  [[nodiscard]] expected<void> reserve(std::size_t n) {
    if (room() >= n) return {};
    auto larger = aligned_buffer<mark>::create(bytes_for(n));
    if (!larger) return std::unexpected(larger.error());
    marks_ = std::move(*larger);
    search_ = 0;
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
      const mark before = first_[x];
      first_[x] = search_;
      return before != search_;
    }

   private:
    friend visited_set;
    marks(mark* first, std::size_t size, mark search) : first_(first), size_(size), search_(search) {}

    mark* first_;
    std::size_t size_;
    mark search_;
  };

  // Forgets all nodes.
  [[nodiscard]] marks begin() {
    clear();
    return {marks_.data(), room(), search_};
  }

  void clear() {
    if (++search_ != 0) return;
    std::ranges::fill(marks_.span(), mark{0});
    search_ = 1;
  }

  [[nodiscard]] bool insert(node x) { return marks(marks_.data(), room(), search_).insert(x); }

  [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t n) { return n; }
  [[nodiscard]] std::size_t bytes() const { return marks_.bytes(); }

 private:
  [[nodiscard]] std::size_t room() const { return marks_.size(); }

  aligned_buffer<mark> marks_;  // of each node, the last search that saw it
  mark search_ = 0;             // 1..255
};

}  // namespace thimble::inline THIMBLE_FLAGS
