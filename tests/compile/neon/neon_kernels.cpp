// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The checks of tests/unit/simd for an aarch64 processor that is emulated: `neon_kernels NAME` runs them on every set
// of kernels, and fails when the best of those is not the one of that name. Fewer dims, for emulated floats are slow.

#include <cstdio>
#include <string>
#include <thimble/simd/dispatch.hpp>

#include "unit/simd/kernel_checks.hpp"

namespace {

using thimble::half;
using thimble::test::code_case;
using thimble::test::fill;
namespace simd = thimble::simd;
namespace test = thimble::test;

int failures = 0;

void expect_nothing(const std::string& wrong) {
  if (wrong.empty()) return;
  std::puts(wrong.c_str());
  ++failures;
}

void check_codes(const simd::kernel_set& kernels, unsigned bits) {
  for (std::size_t dim = 1; dim <= 130; ++dim) {
    expect_nothing(test::check_estimates(kernels, {bits, dim, dim % 2 == 0, fill::random}, 7));
    expect_nothing(test::check_halves(kernels, dim));
  }
  for (const fill with : {fill::random, fill::largest, fill::smallest, fill::opposed})
    for (const std::size_t dim : {64u, 784u, 4096u})
      expect_nothing(test::check_estimates(kernels, {bits, dim, true, with}, 7));
  for (std::size_t n = 0; n <= 9; ++n)
    expect_nothing(test::check_estimates(kernels, {bits, 100, true, fill::random, 1}, n));
}

void check_floats(const simd::kernel_set& kernels) {
  for (const std::size_t dim : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 31u, 32u, 33u, 66u, 130u, 784u}) {
    expect_nothing(test::check_sums<float>(kernels, dim, 7, 1));
    expect_nothing(test::check_sums<half>(kernels, dim, 7, 1));
  }
  for (const std::size_t n : {64u, 512u, 4096u}) {
    expect_nothing(test::check_hadamard(kernels, n));
    expect_nothing(test::check_query_steps(kernels, n));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || name(simd::best()) != argv[1]) {
    std::printf("the best set here is %s\n", name(simd::best()).data());
    return 1;
  }
  for (const simd::isa set : simd::attainable()) {
    const simd::kernel_set& kernels = **simd::kernels_for(set);
    for (unsigned bits = 1; bits <= simd::max_bits; ++bits) check_codes(kernels, bits);
    check_floats(kernels);
    std::printf("%s checked\n", name(set).data());
  }
  return failures == 0 ? 0 : 1;
}
