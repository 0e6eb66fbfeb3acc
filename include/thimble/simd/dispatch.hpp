// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Which kernels run: asked once per index. Natively the processor answers (and the operating system, which must save
// the wide registers), whatever flags this file is compiled with; in WASM the module's own flags do.

#pragma once

#include <cstddef>
#include <span>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/simd/avx2.hpp>
#include <thimble/simd/avx512.hpp>
#include <thimble/simd/isa.hpp>
#include <thimble/simd/kernel_set.hpp>
#include <thimble/simd/neon.hpp>
#include <thimble/simd/neon_dotprod.hpp>
#include <thimble/simd/scalar.hpp>
#include <thimble/simd/wasm_relaxed.hpp>
#include <thimble/simd/wasm_simd128.hpp>

#if THIMBLE_AUXILIARY_VECTOR
#include <sys/auxv.h>
#endif

namespace thimble::inline THIMBLE_FLAGS::simd {

#if THIMBLE_NEON
// Whether the processor has the dot product of bytes.
[[nodiscard]] inline bool has_dotprod() {
#if THIMBLE_DOTPROD_IS_KNOWN
  return true;
#elif THIMBLE_AUXILIARY_VECTOR
  constexpr unsigned long hwcap_asimddp = 1ul << 20;  // part of Linux's interface, but not of every C library's headers
  return (::getauxval(AT_HWCAP) & hwcap_asimddp) != 0;
#else
  return false;
#endif
}
#endif

// The sets that run here, worst first; scalar is always among them. With relaxed SIMD it probes the engine: about 6 us.
[[nodiscard]] inline std::span<const isa> attainable() {
#if THIMBLE_X86
  // Each set needs the one before it.
  static constexpr isa sets[] = {isa::scalar, isa::avx2, isa::avx512};
  __builtin_cpu_init();  // does nothing after its first call; it asks cpuid and xgetbv
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("f16c")) return {sets, 1};
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512vnni");
  return {sets, wide ? 3u : 2u};
#elif THIMBLE_NEON
  static constexpr isa sets[] = {isa::scalar, isa::neon, isa::neon_dotprod};
  return {sets, has_dotprod() ? 3u : 2u};
#elif THIMBLE_WASM_SIMD
  static constexpr isa sets[] = {isa::scalar, isa::wasm_simd128, isa::wasm_relaxed};
#if THIMBLE_WASM_RELAXED
  if (wasm_relaxed::dot_is_exact()) return {sets, 3};
#endif
  return {sets, 2};
#else
  static constexpr isa sets[] = {isa::scalar};
  return sets;
#endif
}

[[nodiscard]] inline isa best() { return attainable().back(); }

// The kernels of a set, static storage; automatic is the best that runs here. errc::unsupported where the set cannot
// run.
[[nodiscard]] inline expected<const kernel_set*> kernels_for(isa requested) {
  const std::span<const isa> sets = attainable();
  if (requested == isa::automatic) requested = sets.back();
  bool runs = false;
  for (const isa set : sets) runs |= set == requested;
  if (runs) {
    switch (requested) {
      case isa::scalar:
        return &scalar::kernels;
#if THIMBLE_X86
      case isa::avx2:
        return &avx2::kernels;
      case isa::avx512:
        return &avx512::kernels;
#endif
#if THIMBLE_NEON
      case isa::neon:
        return &neon::kernels;
      case isa::neon_dotprod:
        return &neon_dotprod::kernels;
#endif
#if THIMBLE_WASM_SIMD
      case isa::wasm_simd128:
        return &wasm_simd128::kernels;
#endif
#if THIMBLE_WASM_RELAXED
      case isa::wasm_relaxed:
        return &wasm_relaxed::kernels;
#endif
      default:
        break;
    }
  }
  const auto number = static_cast<std::uint64_t>(requested);
  switch (requested) {
    case isa::avx2:
      return fail(errc::unsupported, "this processor lacks AVX2 or F16C: ask for isa::automatic", number);
    case isa::avx512:
      return fail(errc::unsupported, "this processor lacks AVX-512 with VNNI: ask for isa::automatic", number);
    case isa::wasm_simd128:
      return fail(errc::unsupported, "this module was compiled without -msimd128: ask for isa::automatic", number);
    case isa::wasm_relaxed:
      return fail(
          errc::unsupported,
          "relaxed SIMD was not compiled in (-mrelaxed-simd), or this engine's is not exact: ask for isa::automatic",
          number);
    case isa::neon:
      return fail(errc::unsupported, "this processor lacks NEON: ask for isa::automatic", number);
    case isa::neon_dotprod:
      return fail(errc::unsupported, "this processor lacks NEON's dot product: ask for isa::automatic", number);
    default:
      return fail(errc::invalid_argument, "no such instruction set", number);
  }
}

}  // namespace thimble::inline THIMBLE_FLAGS::simd
