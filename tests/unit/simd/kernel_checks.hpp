// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// One set of kernels against what must come out, bit for bit. Each check says what is wrong, or nothing: so a program
// without GoogleTest, compiled for another processor, can run them too.

#pragma once

#include <string>
#include <thimble/simd/isa.hpp>
#include <vector>

#include "unit/simd/kernel_cases.hpp"

namespace thimble::test {

// A canary behind the results: whoever writes too many is found out.
inline constexpr float untouched = -98765.0f;

inline std::string what(const simd::kernel_set& kernels, const char* kernel, std::size_t dim) {
  return std::string(name(kernels.set)) + ", " + kernel + ", dim " + std::to_string(dim) + ": ";
}

inline std::string check_estimates(const simd::kernel_set& kernels, const code_case& of, std::size_t n) {
  const std::string where = what(kernels, ("estimate of " + std::to_string(of.bits) + " bits").c_str(), of.dim);
  auto arranged = aligned_buffer<std::byte>::create(of.query_bytes());
  if (!arranged) return where + arranged.error().message;
  const simd::integer_query query = of.query(kernels, arranged->data());
  const std::vector<node> nodes = shuffled_nodes(code_case::n_rows, n);
  std::vector<float> out(n + 1, untouched);
  kernels.estimate[of.bits](query, of.rows(), nodes.data(), n, out.data());
  for (std::size_t i = 0; i < n; ++i) {
    const float expected = of.expected_estimate(nodes[i]);
    const std::string result = "result " + std::to_string(i) + " of " + std::to_string(n);
    if (bits(out[i]) != bits(expected))
      return where + result + " is " + std::to_string(out[i]) + ", not " + std::to_string(expected);
    if (!of.is_near(nodes[i], out[i])) return where + result + " is not near the real distance";
  }
  return out[n] == untouched ? "" : where + "wrote behind its results";
}

// value: what rows are made of; misaligned: how many values the query and the rows begin behind an aligned address.
template <class Value>
std::string check_sums(const simd::kernel_set& kernels, std::size_t dim, std::size_t n, std::size_t misaligned = 0) {
  constexpr bool halfs = sizeof(Value) == sizeof(half);
  constexpr std::size_t n_rows = 5;
  const std::size_t row_values = dim + 3;
  const std::vector<float> query = uneven_floats(dim + misaligned, dim);
  std::vector<Value> values;
  if constexpr (halfs) {
    values = uneven_halfs(n_rows * row_values + misaligned, dim + 1);
  } else {
    values = uneven_floats(n_rows * row_values + misaligned, dim + 1);
  }
  const float* q = query.data() + misaligned;
  const simd::code_rows rows{.data = reinterpret_cast<const std::byte*>(values.data() + misaligned),
                             .stride = row_values * sizeof(Value)};
  const std::vector<node> nodes = shuffled_nodes(n_rows, n);
  for (const bool l2 : {true, false}) {
    const std::string where =
        what(kernels, l2 ? (halfs ? "l2 of halfs" : "l2") : (halfs ? "dot of halfs" : "dot"), dim);
    const auto kernel =
        halfs ? (l2 ? kernels.l2_half_rows : kernels.dot_half_rows) : (l2 ? kernels.l2_rows : kernels.dot_rows);
    std::vector<float> out(n + 1, untouched);
    kernel(q, dim, rows, nodes.data(), n, out.data());
    for (std::size_t i = 0; i < n; ++i) {
      const Value* row = values.data() + misaligned + nodes[i] * row_values;
      const float expected = expected_sum(q, row, dim, l2);
      if (bits(out[i]) != bits(expected)) return where + "result " + std::to_string(i) + " of " + std::to_string(n);
      if constexpr (!halfs) {
        if (bits((l2 ? kernels.l2 : kernels.dot)(q, row, dim)) != bits(expected)) return where + "one pair";
      }
    }
    if (out[n] != untouched) return where + "wrote behind its results";
  }
  return "";
}

inline std::string check_hadamard(const simd::kernel_set& kernels, std::size_t n) {
  const float scale = 0.8f;
  const std::vector<float> values = uneven_floats(n, n);
  const std::vector<float> expected = expected_hadamard(values, scale);
  std::vector<float> out = values;
  out.push_back(untouched);
  kernels.hadamard(out.data(), n, scale);
  for (std::size_t i = 0; i < n; ++i)
    if (bits(out[i]) != bits(expected[i])) return what(kernels, "hadamard", n) + "value " + std::to_string(i);
  return out[n] == untouched ? "" : what(kernels, "hadamard", n) + "wrote behind its values";
}

}  // namespace thimble::test
