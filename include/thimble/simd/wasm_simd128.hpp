// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels stamped for fixed-width WASM SIMD, in modules compiled with it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <thimble/core/config.hpp>
#include <thimble/core/half.hpp>
#include <thimble/simd/code_layout.hpp>
#include <thimble/simd/kernel_set.hpp>

#if THIMBLE_WASM_SIMD

#include <wasm_simd128.h>

namespace thimble::inline THIMBLE_FLAGS::simd::wasm_simd128 {

inline constexpr isa this_set = isa::wasm_simd128;

#if THIMBLE_KERNELS_ARE_HERE
// clang-format off
#include <thimble/simd/ops_wasm_simd128.inl>
#include <thimble/simd/kernels.inl>
// clang-format on
#else
extern const kernel_set kernels;
#endif

}  // namespace thimble::inline THIMBLE_FLAGS::simd::wasm_simd128

#endif
