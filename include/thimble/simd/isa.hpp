// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Instruction sets with kernels of their own. Which one runs is decided once per index, by what the processor has and
// what the caller allows; in WASM it is decided when the module is compiled.

#pragma once

#include <cstdint>
#include <string_view>
#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS::simd {

enum class isa : std::uint8_t {
  automatic,     // a request, never an answer: the best that runs here
  scalar,        // plain C++, the oracle of the others
  avx2,          // AVX2
  avx512,        // AVX-512 F, BW, DQ, VL and VNNI
  wasm_simd128,  // fixed-width WASM SIMD
  wasm_relaxed,  // relaxed SIMD with a dot product whose behaviour was probed
};

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
  }
  return "unknown";
}

}  // namespace thimble::inline THIMBLE_FLAGS::simd
