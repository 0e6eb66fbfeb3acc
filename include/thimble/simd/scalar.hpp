// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels in plain C++, on every machine.

#pragma once

#include <cstddef>
#include <cstdint>
#include <thimble/core/config.hpp>
#include <thimble/core/half.hpp>
#include <thimble/simd/code_layout.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS::simd::scalar {

inline constexpr isa this_set = isa::scalar;

#if THIMBLE_KERNELS_ARE_HERE
// clang-format off
#include <thimble/simd/ops_scalar.inl>
#include <thimble/simd/kernels.inl>
// clang-format on
#else
extern const kernel_set kernels;
#endif

}  // namespace thimble::inline THIMBLE_FLAGS::simd::scalar
