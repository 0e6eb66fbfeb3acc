// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels stamped for AVX-512. A whole region carries the target: neither compiler lets functions of a
// narrower target take vectors or inline intrinsics, and GCC and Clang spell the region differently.

#pragma once

#include <cstddef>
#include <cstdint>
#include <thimble/core/config.hpp>
#include <thimble/simd/kernel_set.hpp>

#if THIMBLE_X86

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"))), \
                             apply_to = function)
#else
// GCC 12's headers build undefined registers from themselves and warn of it where they are inlined.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#endif

namespace thimble::inline THIMBLE_FLAGS::simd::avx512 {

inline constexpr isa this_set = isa::avx512;

// clang-format off
#include <thimble/simd/ops_avx512.inl>
#include <thimble/simd/kernels.inl>
// clang-format on

}  // namespace thimble::inline THIMBLE_FLAGS::simd::avx512

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#pragma GCC diagnostic pop
#endif

#endif
