// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A candidate_list that loses nothing: a sorted window of the nearest ef candidates, and a heap of all that are
// farther, from which the window is refilled when its nearest is taken. What a walk needs that goes on later. Memory: 8
// bytes a candidate; the window costs what a candidate_list costs, each candidate beyond it one push into the heap.

#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/growing_buffer.hpp>
#include <thimble/core/types.hpp>
#include <thimble/search/candidate_list.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class candidate_queue {
 public:
  // Empty, with a window of ef, at least 1. Error: out_of_memory.
  [[nodiscard]] static expected<candidate_queue> create(std::size_t ef) {
    THIMBLE_ASSERT(ef >= 1);
    auto window = aligned_buffer<candidate>::create(ef);
    if (!window) return std::unexpected(window.error());
    candidate_queue queue;
    queue.window_ = std::move(*window);
    return queue;
  }

  // Room for n more. Error: out_of_memory; all it holds stays.
  [[nodiscard]] expected<void> make_room(std::size_t n) { return beyond_.make_room(n); }

  // There must be room, and x must not be in the queue.
  void insert(float distance, node x) {
    const candidate fresh = candidate::of(distance, x);
    if (size_ == window_.size()) {
      const candidate last = window_[size_ - 1];
      push_beyond(std::max(fresh, last));
      if (fresh >= last) return;
      --size_;
    }
    next_ = std::min(next_, insert_in_order(window_.data(), size_++, fresh));
  }

  // The nearest of the window that was not expanded yet, marked as expanded; no_node when there is none.
  [[nodiscard]] node expand_next() {
    const candidate* const nearest = next();
    if (nearest == nullptr) return no_node;
    window_[next_].key |= 1;
    return nearest->id();
  }

  // The one that comes next if nothing nearer arrives; null when there is none.
  [[nodiscard]] const candidate* next() {
    while (next_ < size_ && window_[next_].expanded()) ++next_;
    return next_ == size_ ? nullptr : &window_[next_];
  }

  // Takes the nearest out, which must be there, and lets the next one into the window.
  candidate take() {
    THIMBLE_ASSERT(size_ > 0);
    const candidate nearest = window_[0];
    std::ranges::copy(window().subspan(1), window_.data());
    --size_;
    next_ -= next_ > 0 ? 1 : 0;
    if (!beyond_.empty()) {
      std::ranges::pop_heap(beyond_.span(), std::greater());
      window_[size_++] = beyond_.span().back();
      beyond_.pop();
    }
    return nearest;
  }

  // Nearest first.
  [[nodiscard]] std::span<const candidate> window() const { return window_.span().first(size_); }
  [[nodiscard]] std::size_t bytes() const { return window_.bytes() + beyond_.bytes(); }

 private:
  void push_beyond(candidate c) {
    beyond_.push(c);
    std::ranges::push_heap(beyond_.span(), std::greater());
  }

  aligned_buffer<candidate> window_;
  std::size_t size_ = 0;
  std::size_t next_ = 0;              // everything before it is expanded
  growing_buffer<candidate> beyond_;  // the nearest on top
};

}  // namespace thimble::inline THIMBLE_FLAGS
