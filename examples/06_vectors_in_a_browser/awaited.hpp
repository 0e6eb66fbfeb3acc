// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What thimble answers later, awaited by a coroutine: its callbacks are a context and a function, which is what a
// coroutine needs to go on.

#pragma once

#include <coroutine>
#include <cstdlib>
#include <optional>
#include <thimble/core/error.hpp>
#include <thimble/store/store.hpp>
#include <type_traits>
#include <utility>

// A coroutine that runs by itself; nobody waits for its end.
struct job {
  struct promise_type {
    job get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::abort(); }
  };
};

// co_await awaited<T>(start) calls start(then), and is the expected<T> that `then` was called with: before start
// returned, or later. T is what opens, or void for reads and writes.
template <class T, class Start>
class awaiting {
 public:
  using then = std::conditional_t<std::is_void_v<T>, thimble::completion, thimble::opened<T>>;

  explicit awaiting(Start start) : start_(std::move(start)) {}

  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> waits) {
    start_(then{this, &awaiting::arrived});
    if (outcome_) return false;
    waits_ = waits;
    return true;
  }
  thimble::expected<T> await_resume() { return std::move(*outcome_); }

 private:
  using arriving = std::conditional_t<std::is_void_v<T>, thimble::expected<void>, thimble::expected<T>&&>;

  static void arrived(void* at, arriving outcome) {
    auto& self = *static_cast<awaiting*>(at);
    self.outcome_.emplace(std::move(outcome));
    if (self.waits_) self.waits_.resume();
  }

  Start start_;
  std::optional<thimble::expected<T>> outcome_;
  std::coroutine_handle<> waits_;
};

template <class T, class Start>
[[nodiscard]] awaiting<T, Start> awaited(Start start) {
  return awaiting<T, Start>(std::move(start));
}
