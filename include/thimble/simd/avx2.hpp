// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels stamped for AVX2. A whole region carries the target: neither compiler lets functions of a
// narrower target take vectors or inline intrinsics, and GCC and Clang spell the region differently.

#pragma once

#include <cstddef>
#include <cstdint>
#include <thimble/core/config.hpp>
#include <thimble/simd/kernel_set.hpp>

#if THIMBLE_X86

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

namespace thimble::inline THIMBLE_FLAGS::simd::avx2 {

inline constexpr isa this_set = isa::avx2;

// clang-format off
#include <thimble/simd/ops_avx2.inl>
#include <thimble/simd/kernels.inl>
// clang-format on

}  // namespace thimble::inline THIMBLE_FLAGS::simd::avx2

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
