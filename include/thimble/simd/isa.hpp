// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Instruction sets with kernels of their own. Which one runs is decided once per index, by what the processor has and
// what the caller allows; in WASM it is decided when the module is compiled.

#pragma once

#include <cstdint>
#include <string_view>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>

namespace thimble::inline THIMBLE_FLAGS::simd {

enum class isa : std::uint8_t {
  automatic,     // a request, never an answer: the best that runs here
  scalar,        // plain C++, the oracle of the others
  avx2,          // AVX2 and F16C
  avx512,        // AVX-512 F, BW, DQ, VL and VNNI
  wasm_simd128,  // fixed-width WASM SIMD
  wasm_relaxed,  // relaxed SIMD with a dot product whose behaviour was probed
  neon,          // NEON, on every aarch64 processor
  neon_dotprod,  // and the dot product of bytes
};

inline constexpr isa all_isas[] = {isa::automatic,    isa::scalar,       isa::avx2, isa::avx512,
                                   isa::wasm_simd128, isa::wasm_relaxed, isa::neon, isa::neon_dotprod};

[[nodiscard]] constexpr std::string_view name(isa set) {
  switch (set) {
    case isa::automatic:
      return "auto";
    case isa::scalar:
      return "scalar";
    case isa::avx2:
      return "avx2";
    case isa::avx512:
      return "avx512";
    case isa::wasm_simd128:
      return "simd128";
    case isa::wasm_relaxed:
      return "relaxed";
    case isa::neon:
      return "neon";
    case isa::neon_dotprod:
      return "dotprod";
  }
  return "unknown";
}

// The inverse of name(), for options in text. errc::invalid_argument when no set has that name; whether the set runs
// here is for kernels_for() to say.
[[nodiscard]] constexpr expected<isa> parse_isa(std::string_view text) {
  for (const isa set : all_isas)
    if (name(set) == text) return set;
  return fail(errc::invalid_argument,
              "the instruction set must be auto, scalar, avx2, avx512, simd128, relaxed, neon or dotprod");
}

}  // namespace thimble::inline THIMBLE_FLAGS::simd
