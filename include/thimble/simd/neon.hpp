// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels stamped for NEON, which every aarch64 processor has.

#pragma once

#include <cstddef>
#include <cstdint>
#include <thimble/core/config.hpp>
#include <thimble/core/half.hpp>
#include <thimble/simd/code_layout.hpp>
#include <thimble/simd/kernel_set.hpp>

#if THIMBLE_NEON

#include <arm_neon.h>

namespace thimble::inline THIMBLE_FLAGS::simd::neon {

inline constexpr isa this_set = isa::neon;

#if THIMBLE_KERNELS_ARE_HERE
// clang-format off
#include <thimble/simd/ops_neon.inl>
#include <thimble/simd/kernels.inl>
// clang-format on
#else
extern const kernel_set kernels;
#endif

}  // namespace thimble::inline THIMBLE_FLAGS::simd::neon

#endif
