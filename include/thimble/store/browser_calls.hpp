// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What the seams between the browser stores and their JavaScript halves share (browser_library.js is the other side):
// what JavaScript answers, what a request remembers until then, and what JavaScript holds for C++. Each store's own
// calls are in its *_calls.hpp. Outside Emscripten the same calls exist and answer "not here", so that callers need no
// #if.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

// What JavaScript answers; browser_library.js has the same numbers. Each store says what they mean to it.
enum class browser_outcome : std::int32_t {
  ok = 0,
  unavailable = 1,   // the browser has no such storage, refuses it or has closed it
  not_found = 2,     // nothing under this name
  bad_manifest = 3,  // a manifest of another size
  missing_row = 4,   // value: the row
  bad_row = 5,       // a row of another type or size; value: the row
  no_space = 6,      // the quota is full
  cannot_read = 7,
  cannot_write = 8,
  replaced = 9,        // another import into the same place has begun
  newer_version = 10,  // made by a newer version of the same program
  foreign = 11,        // made by another program
  in_use = 12,         // another tab or worker has it open
  not_here = 13,       // no browser
};

// Called once with the outcome and a value (a handle, a row). value means something only beside some outcomes.
using browser_then = void (*)(void* context, std::int32_t outcome, std::uint32_t value);

// What the calls are outside Emscripten.
inline std::int32_t not_in_a_browser() { return static_cast<std::int32_t>(browser_outcome::not_here); }

// Something that JavaScript holds for C++: a connection, an open file. Close lets it go.
template <void (*Close)(std::uint32_t handle)>
class browser_handle {
 public:
  browser_handle() = default;
  explicit browser_handle(std::uint32_t handle) : handle_(handle) {}
  browser_handle(browser_handle&& other) noexcept : handle_(std::exchange(other.handle_, 0)) {}
  browser_handle& operator=(browser_handle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~browser_handle() {
    if (handle_ != 0) Close(handle_);
  }

  [[nodiscard]] std::uint32_t handle() const { return handle_; }

 private:
  std::uint32_t handle_ = 0;
};

// What one call has to remember until JavaScript answers; null when memory is short.
template <class Pending>
[[nodiscard]] Pending* make_pending(Pending value) {
  void* memory = THIMBLE_ALLOCATE(sizeof(Pending), alignof(std::max_align_t));
  return memory == nullptr ? nullptr : new (memory) Pending(std::move(value));
}

// Takes it back and frees the memory.
template <class Pending>
[[nodiscard]] Pending take_pending(void* context) {
  auto* pending = static_cast<Pending*>(context);
  Pending value = std::move(*pending);
  pending->~Pending();
  THIMBLE_DEALLOCATE(pending, sizeof(Pending), alignof(std::max_align_t));
  return value;
}

// A copy of a name that is asked for more than once, with its end.
[[nodiscard]] inline expected<aligned_buffer<char>> keep_name(const char* name) {
  const std::size_t length = std::strlen(name) + 1;
  auto kept = aligned_buffer<char>::create(length);
  if (kept) std::memcpy(kept->data(), name, length);
  return kept;
}

[[nodiscard]] constexpr error no_memory_for_request() {
  return {errc::out_of_memory, "not enough memory for one more request"};
}

}  // namespace thimble::inline THIMBLE_FLAGS::detail
