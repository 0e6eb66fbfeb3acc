// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The file for newer processors. Its functions are called only there; its copies of the library's must not be taken by
// the other file.

#include <cstdint>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/sq8.hpp>

#include "digest.hpp"

std::uint64_t wide_sq8() { return digest_of_searches<thimble::sq8>(); }
std::uint64_t wide_float32() { return digest_of_searches<thimble::float32>(); }
