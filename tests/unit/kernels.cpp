// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels of all files of this program, compiled once (core/config.hpp).

#define THIMBLE_KERNELS_HERE
#include <thimble/simd/dispatch.hpp>
