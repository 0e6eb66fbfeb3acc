// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Which nodes a search has seen: one byte a node holding the number of the search that saw it, so that a new search
// clears nothing (but every 255th).

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class visited_set {
 public:
  // Room for n nodes; keeps what it has where that is enough. Error: out_of_memory.
  [[nodiscard]] expected<void> reserve(std::size_t n) {
    if (marks_.size() >= n) return {};
    auto larger = aligned_buffer<std::uint8_t>::create(n);
    if (!larger) return std::unexpected(larger.error());
    marks_ = std::move(*larger);
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
      const bool fresh = first_[x] != epoch_;
      first_[x] = epoch_;
      return fresh;
    }

   private:
    friend visited_set;
    marks(std::uint8_t* first, std::size_t size, std::uint8_t epoch) : first_(first), size_(size), epoch_(epoch) {}

    std::uint8_t* first_;
    std::size_t size_;
    std::uint8_t epoch_;
  };

  // Forgets all nodes.
  [[nodiscard]] marks begin() {
    clear();
    return {marks_.data(), marks_.size(), epoch_};
  }

  void clear() {
    if (++epoch_ != 0) return;
    std::memset(marks_.data(), 0, marks_.size());
    epoch_ = 1;
  }

  [[nodiscard]] bool insert(node x) { return marks(marks_.data(), marks_.size(), epoch_).insert(x); }

  [[nodiscard]] std::size_t bytes() const { return marks_.bytes(); }

 private:
  aligned_buffer<std::uint8_t> marks_;
  std::uint8_t epoch_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
