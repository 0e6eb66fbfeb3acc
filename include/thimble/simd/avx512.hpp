// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels stamped for AVX-512.

#pragma once

#include <cstddef>
#include <cstdint>
#include <thimble/core/config.hpp>
#include <thimble/core/half.hpp>
#include <thimble/simd/code_layout.hpp>
#include <thimble/simd/kernel_set.hpp>

#if THIMBLE_X86

#include <immintrin.h>

namespace thimble::inline THIMBLE_FLAGS::simd::avx512 {

inline constexpr isa this_set = isa::avx512;

#if THIMBLE_KERNELS_ARE_HERE
THIMBLE_BEGIN_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
// clang-format off
#include <thimble/simd/ops_avx512.inl>
#include <thimble/simd/kernels.inl>
// clang-format on
THIMBLE_END_TARGET
#else
extern const kernel_set kernels;
#endif

}  // namespace thimble::inline THIMBLE_FLAGS::simd::avx512

#endif
