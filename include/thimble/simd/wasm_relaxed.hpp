// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels stamped for relaxed WASM SIMD, in modules compiled with it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <thimble/core/config.hpp>
#include <thimble/core/half.hpp>
#include <thimble/simd/code_layout.hpp>
#include <thimble/simd/kernel_set.hpp>

#if THIMBLE_WASM_RELAXED

#include <wasm_simd128.h>

namespace thimble::inline THIMBLE_FLAGS::simd::wasm_relaxed {

inline constexpr isa this_set = isa::wasm_relaxed;

#if THIMBLE_KERNELS_ARE_HERE
// clang-format off
#include <thimble/simd/ops_wasm_relaxed.inl>
#include <thimble/simd/kernels.inl>
// clang-format on
#else
extern const kernel_set kernels;
bool dot_is_exact();
#endif

}  // namespace thimble::inline THIMBLE_FLAGS::simd::wasm_relaxed

#endif
