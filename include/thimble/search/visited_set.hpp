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
    auto marks = aligned_buffer<std::uint8_t>::create(n);
    if (!marks) return std::unexpected(marks.error());
    marks_ = std::move(*marks);
    epoch_ = 0;
    return {};
  }

  // Forgets all nodes.
  void clear() {
    if (++epoch_ != 0) return;
    std::memset(marks_.data(), 0, marks_.size());
    epoch_ = 1;
  }

  // True the first time.
  [[nodiscard]] THIMBLE_ALWAYS_INLINE bool insert(node x) {
    const bool fresh = marks_[x] != epoch_;
    marks_[x] = epoch_;
    return fresh;
  }

  [[nodiscard]] std::size_t bytes() const { return marks_.bytes(); }

 private:
  aligned_buffer<std::uint8_t> marks_;
  std::uint8_t epoch_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
