// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Where the tests run, as far as it decides how much they try, and with which instruction set.

#pragma once

#include <cstdio>
#include <cstdlib>
#include <thimble/core/config.hpp>
#include <thimble/index/options.hpp>
#include <thimble/simd/dispatch.hpp>

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

// Ends a test program that cannot run here: CTest counts it as skipped (SKIP_RETURN_CODE).
inline constexpr int skipped_program = 77;

// The instruction set that the environment variable THIMBLE_SIMD names for this run; without it the best. The library
// reads no environment: tests pass this on.
inline simd::isa asked_simd() {
  static const simd::isa asked = [] {
    const char* text = std::getenv("THIMBLE_SIMD");
    if (text == nullptr) return simd::isa::automatic;
    const auto set = simd::parse_isa(text);
    if (set && simd::kernels_for(*set)) return *set;
    std::fprintf(stderr, "THIMBLE_SIMD=%s does not run here\n", text);
    std::exit(skipped_program);
  }();
  return asked;
}

// Options with that instruction set.
inline build_options on_asked_simd(build_options options) {
  options.simd = asked_simd();
  return options;
}

}  // namespace thimble::test
