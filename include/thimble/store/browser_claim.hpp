// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The seam between browser_writer and its JavaScript half (browser_claim_library.js, linked by the CMake target
// thimble::browser): a claim is the right to import under a name, a Web Lock "thimble:<name>" that the browser lets go
// by itself when its page or worker ends.

#pragma once

#include <cstdint>
#include <optional>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/store/browser_calls.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

// claim answers 0 when `then` will be called later, or an outcome at once and `then` is never called. bytes: what the
// import takes, or 0 where nothing is imported; room: set beside no_space.
#if THIMBLE_EMSCRIPTEN
extern "C" {
std::int32_t thimble_browser_claim(const char* name, double bytes, double* room, browser_then then, void* context);
std::int32_t thimble_browser_persisted(std::uint32_t claim);
void thimble_browser_release(std::uint32_t claim);
}
#else
inline std::int32_t thimble_browser_claim(auto...) { return not_in_a_browser(); }
inline std::int32_t thimble_browser_persisted(std::uint32_t) { return 0; }
inline void thimble_browser_release(std::uint32_t) {}
#endif

class browser_claim {
 public:
  browser_claim() = default;

  // What claim() has answered with. Where nothing can be claimed (no navigator.storage) the claim is an empty one.
  // Errors: store_in_use, no_space (value: the bytes that there is room for).
  [[nodiscard]] static expected<browser_claim> of(std::int32_t outcome, std::uint32_t handle, double room) {
    switch (static_cast<browser_outcome>(outcome)) {
      case browser_outcome::ok:
        return browser_claim(handle);
      case browser_outcome::in_use:
        return fail(
            errc::store_in_use,
            "vectors of this name are being imported or read elsewhere: wait until that ends, then resume or open");
      case browser_outcome::no_space:
        return fail(errc::no_space, "the browser's storage quota leaves less room than these vectors take",
                    static_cast<std::uint64_t>(room));
      default:
        return browser_claim();
    }
  }

  // Whether the browser keeps what is stored when space is short; none while it has not answered.
  [[nodiscard]] std::optional<bool> persisted() const {
    const auto answer = thimble_browser_persisted(handle_.handle());
    if (answer == 0) return std::nullopt;
    return answer == 2;
  }

 private:
  explicit browser_claim(std::uint32_t handle) : handle_(handle) {}

  browser_handle<&thimble_browser_release> handle_;
};

}  // namespace thimble::inline THIMBLE_FLAGS::detail
