// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels stamped for NEON with the dot product of bytes (FEAT_DotProd).

#pragma once

#include <cstddef>
#include <cstdint>
#include <thimble/core/config.hpp>
#include <thimble/core/half.hpp>
#include <thimble/simd/code_layout.hpp>
#include <thimble/simd/kernel_set.hpp>

#if THIMBLE_NEON

#include <arm_neon.h>

// GCC's intrinsics ask for the architecture that brought them.
namespace thimble::inline THIMBLE_FLAGS::simd::neon_dotprod {

inline constexpr isa this_set = isa::neon_dotprod;

#if THIMBLE_KERNELS_ARE_HERE
THIMBLE_BEGIN_TARGET("arch=armv8.2-a+dotprod")
// clang-format off
#include <thimble/simd/ops_neon_dotprod.inl>
#include <thimble/simd/kernels.inl>
// clang-format on
THIMBLE_END_TARGET
#else
extern const kernel_set kernels;
#endif

}  // namespace thimble::inline THIMBLE_FLAGS::simd::neon_dotprod

#endif
