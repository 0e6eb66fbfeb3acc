// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Trivial values in a row, as many as there turn out to be: an aligned_buffer that doubles when it is full. Growing may
// fail, so room is made first; what needs it comes after and cannot fail.

#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <class T>
class growing_buffer {
 public:
  // Room for n more. Error: out_of_memory; all it holds stays.
  [[nodiscard]] expected<void> make_room(std::size_t n) {
    if (n <= items_.size() - size_) return {};
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    const std::size_t needed = n < most - size_ ? size_ + n : most;
    auto larger = aligned_buffer<T>::create(std::max({needed, 2 * items_.size(), least}));
    if (!larger) return std::unexpected(larger.error());
    std::ranges::copy(span(), larger->data());
    items_ = std::move(*larger);
    return {};
  }

  // There must be room.
  void push(const T& item) {
    THIMBLE_ASSERT(size_ < items_.size());
    items_[size_++] = item;
  }
  void pop() {
    THIMBLE_ASSERT(size_ > 0);
    --size_;
  }
  // Keeps the room.
  void clear() { size_ = 0; }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::span<T> span() { return items_.span().first(size_); }
  [[nodiscard]] std::span<const T> span() const { return items_.span().first(size_); }
  [[nodiscard]] std::size_t bytes() const { return items_.bytes(); }

 private:
  static constexpr std::size_t least = 64;

  aligned_buffer<T> items_;
  std::size_t size_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
