// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The program, for any x86-64.

#include <cstdint>
#include <cstdio>

#include "digest.hpp"

std::uint64_t wide_sq8();
std::uint64_t wide_float32();

int main() {
  const std::uint64_t sq8 = digest_of_searches<thimble::sq8>();
  const std::uint64_t float32 = digest_of_searches<thimble::float32>();
  if (sq8 == 0 || float32 == 0) {
    std::puts("building or searching failed");
    return 1;
  }
  if (!__builtin_cpu_supports("x86-64-v4") || !__builtin_cpu_supports("avx512vnni")) {
    std::puts("this processor runs the narrow file only");
    return 0;
  }
  if (sq8 != wide_sq8() || float32 != wide_float32()) {
    std::puts("the two files find different hits");
    return 1;
  }
  std::puts("both files find the same hits");
  return 0;
}
