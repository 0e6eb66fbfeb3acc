// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// One set of kernels against what must come out, bit for bit. Each check says what is wrong, or nothing: so a program
// without GoogleTest, compiled for another processor, can run them too.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
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

// Every code there is, in turns.
inline std::string check_halves(const simd::kernel_set& kernels, std::size_t dim) {
  std::vector<std::int8_t> codes(dim), values(dim + 1, 99);
  for (std::size_t j = 0; j < dim; ++j) codes[j] = static_cast<std::int8_t>(static_cast<int>(j * 37 % 256) - 128);
  kernels.halve(codes.data(), dim, values.data());
  for (std::size_t j = 0; j < dim; ++j) {
    const int expected = std::min(63, static_cast<int>(std::ceil(codes[j] / 2.0)));
    if (values[j] != expected)
      return what(kernels, "halve", dim) + "value " + std::to_string(j) + " is " + std::to_string(values[j]);
  }
  return values[dim] == 99 ? "" : what(kernels, "halve", dim) + "wrote behind its values";
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

// What leads from a query to small integers. n: a multiple of 32.
inline std::string check_query_steps(const simd::kernel_set& kernels, std::size_t n) {
  const std::vector<float> values = uneven_floats(n, n);
  const std::vector<float> others = uneven_floats(n, n + 1);
  // A dim that is no multiple of 16: what follows becomes 0.
  const std::size_t dim = n - n % 31;
  const auto check = [&](const char* kernel, const std::vector<float>& out, auto&& expected) -> std::string {
    for (std::size_t i = 0; i < n; ++i)
      if (bits(out[i]) != bits(expected(i))) return what(kernels, kernel, n) + "value " + std::to_string(i);
    return out[n] == untouched ? "" : what(kernels, kernel, n) + "wrote behind its values";
  };
  const auto with_end = [](std::vector<float> of) {
    of.push_back(untouched);
    return of;
  };

  std::vector<float> out(n + 1, untouched);
  kernels.subtract(values.data(), others.data(), dim, out.data());
  std::fill(out.begin() + static_cast<std::ptrdiff_t>((dim + 15) / 16 * 16), out.end() - 1, 0.0f);
  std::string wrong = check("subtract", out, [&](std::size_t i) { return i < dim ? values[i] - others[i] : 0.0f; });
  if (!wrong.empty()) return wrong;

  out = with_end(values);
  kernels.multiply(out.data(), others.data(), dim);
  std::fill(out.begin() + static_cast<std::ptrdiff_t>((dim + 15) / 16 * 16), out.end() - 1, 0.0f);
  wrong = check("multiply", out, [&](std::size_t i) { return i < dim ? values[i] * others[i] : 0.0f; });
  if (!wrong.empty()) return wrong;

  std::vector<std::uint32_t> signs(n);
  for (std::size_t i = 0; i < n; ++i) signs[i] = others[i] > values[i] ? 0x80000000u : 0;
  out = with_end(values);
  kernels.flip(out.data(), signs.data(), n);
  wrong = check("flip", out, [&](std::size_t i) { return signs[i] != 0 ? -values[i] : values[i]; });
  if (!wrong.empty()) return wrong;

  out = with_end(values);
  kernels.mix_halves(out.data(), n, 0.7f);
  wrong = check("mix_halves", out, [&](std::size_t i) {
    const volatile float mixed = i < n / 2 ? values[i] + values[i + n / 2] : values[i - n / 2] - values[i];
    return mixed * 0.7f;
  });
  if (!wrong.empty()) return wrong;

  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::fabs(value));
  for (const float range : {63.0f, 127.0f}) {
    std::vector<std::int8_t> to(n + 1, 99);
    out = with_end(values);
    const float step = kernels.round(out.data(), n, range, to.data());
    if (bits(step) != bits(largest / range)) return what(kernels, "round", n) + "step";
    if (to[n] != 99) return what(kernels, "round", n) + "wrote behind its integers";
    const auto whole = [&](std::size_t i) {
      const volatile float scaled = values[i] * (range / largest);
      return std::nearbyint(scaled);
    };
    for (std::size_t i = 0; i < n; ++i)
      if (to[i] != static_cast<int>(whole(i))) return what(kernels, "round", n) + "integer " + std::to_string(i);
    wrong = check("round", out, [&](std::size_t i) {
      const volatile float taken = step * whole(i);
      return values[i] - taken;
    });
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace thimble::test
