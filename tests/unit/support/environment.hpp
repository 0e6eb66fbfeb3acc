// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Where the tests run, as far as it decides how much they try.

#pragma once

#include <thimble/core/config.hpp>

#if defined(__has_feature)
#define THIMBLE_TEST_HAS_FEATURE(x) __has_feature(x)
#else
#define THIMBLE_TEST_HAS_FEATURE(x) 0
#endif

namespace thimble::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || THIMBLE_TEST_HAS_FEATURE(address_sanitizer) || \
    THIMBLE_TEST_HAS_FEATURE(thread_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

// Under sanitizers and in WASM loops run shorter: the claim is the same, the sample smaller.
inline constexpr bool slow = sanitized || THIMBLE_EMSCRIPTEN;

}  // namespace thimble::test
