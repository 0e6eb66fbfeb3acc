// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A module that holds one set of kernels, the best that its flags allow, under their names.

#include <thimble/simd/dispatch.hpp>

namespace simd = thimble::simd;

extern "C" const simd::kernel_set* thimble_kernels() {
#if THIMBLE_WASM_RELAXED
  return &simd::wasm_relaxed::kernels;
#elif THIMBLE_WASM_SIMD
  return &simd::wasm_simd128::kernels;
#else
  return &simd::scalar::kernels;
#endif
}
