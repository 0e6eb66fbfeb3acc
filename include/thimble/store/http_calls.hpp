// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The seam between the HTTP store and what sends its requests: fetch(), in http_library.js, linked by the CMake target
// thimble::http. Outside Emscripten the same calls exist and answer "not here". Tests put a server of their own here.

#pragma once

#include <cstddef>
#include <cstdint>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/store/browser_calls.hpp>
#include <thimble/store/http_answer.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

[[nodiscard]] constexpr error http_error(std::int32_t outcome) {
  switch (static_cast<browser_outcome>(outcome)) {
    case browser_outcome::unavailable:
      return {errc::store_unavailable, "there is no fetch() here"};
    case browser_outcome::not_found:
      return {errc::invalid_argument, "not an address of http: absolute ones are, and those relative to the page's"};
    default:
      return {errc::unsupported, "the HTTP store works in browsers and Node only"};
  }
}

// GET of bytes offset .. offset + bytes - 1. Everything stays where it is until the answer is there.
struct http_get {
  const char* url;
  const char* if_range;  // the value of the header If-Range, or null
  std::uint64_t offset;  // below 2^53
  std::uint32_t bytes;
  std::uint32_t silence_ms;  // no byte for so long: given up, status 0
  std::byte* body;           // room for `bytes`
  http_answer* answer;       // all of it is written
};

#if THIMBLE_EMSCRIPTEN
extern "C" {
std::int32_t thimble_http_get(const char* url, const char* if_range, double offset, std::uint32_t bytes,
                              std::uint32_t silence_ms, void* body, void* answer, browser_then then, void* context);
std::int32_t thimble_http_wait(std::uint32_t ms, browser_then then, void* context);
void thimble_http_abort(void* context);
}
#else
inline std::int32_t thimble_http_get(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_http_wait(auto...) { return not_in_a_browser(); }
inline void thimble_http_abort(void*) {}
#endif

// get and wait answer 0 when `then` will be called later, never before they return, or an outcome at once. Of an answer
// other than 206 no body is read, of a 206 no more than was asked for.
struct fetch_calls {
  [[nodiscard]] static std::int32_t get(const http_get& what, browser_then then, void* context) {
    return thimble_http_get(what.url, what.if_range, static_cast<double>(what.offset), what.bytes, what.silence_ms,
                            what.body, what.answer, then, context);
  }

  // Calls `then` in `ms` milliseconds or a little later.
  [[nodiscard]] static std::int32_t wait(std::uint32_t ms, browser_then then, void* context) {
    return thimble_http_wait(ms, then, context);
  }

  // Ends what is under way for this context: its `then` is called soon, not before this returns.
  static void cancel(void* context) { thimble_http_abort(context); }
};

}  // namespace thimble::inline THIMBLE_FLAGS::detail
