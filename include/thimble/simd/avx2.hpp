// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels stamped for AVX2 and F16C.

#pragma once

#include <cstddef>
#include <cstdint>
#include <thimble/core/config.hpp>
#include <thimble/core/half.hpp>
#include <thimble/simd/code_layout.hpp>
#include <thimble/simd/kernel_set.hpp>

#if THIMBLE_X86

#include <immintrin.h>

namespace thimble::inline THIMBLE_FLAGS::simd::avx2 {

inline constexpr isa this_set = isa::avx2;

#if THIMBLE_KERNELS_ARE_HERE
THIMBLE_BEGIN_TARGET("avx2,f16c")
// clang-format off
#include <thimble/simd/ops_avx2.inl>
#include <thimble/simd/kernels.inl>
// clang-format on
THIMBLE_END_TARGET
#else
extern const kernel_set kernels;
#endif

}  // namespace thimble::inline THIMBLE_FLAGS::simd::avx2

#endif
