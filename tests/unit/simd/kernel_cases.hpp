// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Rows and queries for the kernels, and what must come out, computed one value at a time in another way.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/random.hpp>
#include <thimble/simd/kernel_set.hpp>
#include <vector>

namespace thimble::test {

inline constexpr std::size_t kernel_dims[] = {384, 768, 784, 1536, 4096};

// All tails, then the dims people use.
inline std::vector<std::size_t> all_kernel_dims() {
  std::vector<std::size_t> dims;
  for (std::size_t dim = 1; dim <= 130; ++dim) dims.push_back(dim);
  dims.insert(dims.end(), std::begin(kernel_dims), std::end(kernel_dims));
  return dims;
}

// The last nodes first, then every other one from the front, some twice.
inline std::vector<node> shuffled_nodes(std::size_t n_rows, std::size_t n) {
  std::vector<node> nodes(n);
  for (std::size_t i = 0; i < n; ++i)
    nodes[i] = static_cast<node>((i % 2 == 0 ? n_rows - 1 - i / 2 % n_rows : i) % n_rows);
  return nodes;
}

enum class fill { random, largest, smallest, opposed };

// Codes of 8 bits as a quantizer lays them out, at any distance from alignment, and a query for them.
struct code_case {
  static constexpr std::size_t n_rows = 7;

  code_case(std::size_t of_dim, fill with, std::size_t misaligned = 0)
      : dim(of_dim),
        factor_offset(round_up(of_dim, std::size_t{4})),
        offset(misaligned),
        stride(factor_offset + sizeof(simd::code_factors)),
        memory(offset + n_rows * stride + simd::code_slack, std::byte{0xa5}),
        values(*aligned_buffer<std::int8_t>::create(round_up(of_dim, simd::query_block))) {
    random_generator random(of_dim);
    for (std::size_t i = 0; i < n_rows; ++i) {
      simd::code_factors factors{.add = static_cast<float>(random.below(1000)) / 7, .sum = 0};
      for (std::size_t j = 0; j < factor_offset; ++j) {
        const auto code = static_cast<std::uint8_t>(j >= dim                ? 0
                                                    : with == fill::random  ? random.below(256)
                                                    : with == fill::opposed ? (j + i) % 2 * 255
                                                    : i % 3 == 2            ? 0
                                                                            : 255);
        memory[offset + i * stride + j] = std::byte{code};
        factors.sum += code;
      }
      std::memcpy(memory.data() + offset + i * stride + factor_offset, &factors, sizeof factors);
    }
    for (std::size_t j = 0; j < dim; ++j) {
      values[j] = static_cast<std::int8_t>(with == fill::random     ? static_cast<int>(random.below(128)) - 64
                                           : with == fill::largest  ? 63
                                           : with == fill::smallest ? -64
                                           : j % 2 == 0             ? 63
                                                                    : -64);
      value_sum += values[j];
    }
  }

  [[nodiscard]] simd::code_rows rows() const { return {.data = memory.data() + offset, .stride = stride}; }

  [[nodiscard]] simd::integer_query query() const {
    return {.values = values.data(),
            .padded_dim = values.size(),
            .factor_offset = factor_offset,
            .sum = value_sum,
            .base = 1234.56789,
            .scale = -0x1.fffep-7};  // 16 significant bits
  }

  [[nodiscard]] float expected_estimate(node row) const {
    std::int64_t dot = 0;
    const std::byte* codes = rows().data + row * stride;
    for (std::size_t j = 0; j < dim; ++j) dot += std::to_integer<std::int64_t>(codes[j]) * values[j];
    const auto factors = load_as<simd::code_factors>(codes + factor_offset);
    const simd::integer_query q = query();
    return static_cast<float>(static_cast<double>(factors.add) + (q.base + q.scale * static_cast<double>(dot)));
  }

  std::size_t dim;
  std::size_t factor_offset;
  std::size_t offset;
  std::size_t stride;
  std::vector<std::byte> memory;
  aligned_buffer<std::int8_t> values;
  std::int32_t value_sum = 0;
};

// Floats of all signs and of magnitudes from 2^-12 to 2^12: sums in another order have other bits.
inline std::vector<float> uneven_floats(std::size_t n, std::uint64_t seed) {
  random_generator random(seed);
  std::vector<float> values(n);
  for (float& value : values) {
    const auto mantissa = static_cast<float>(static_cast<std::int64_t>(random.below(1u << 24)) - (1 << 23));
    const auto exponent = static_cast<std::uint32_t>(127 - 35 + random.below(24));
    value = mantissa * std::bit_cast<float>(exponent << 23);
  }
  return values;
}

// The canonical order of kernel_set.hpp. Through volatile no compiler fuses or reorders.
inline float expected_sum(const float* a, const float* b, std::size_t dim, bool l2) {
  float lanes[32] = {};
  for (std::size_t i = 0; i < dim; ++i) {
    const float difference = a[i] - b[i];
    const volatile float term = l2 ? difference * difference : a[i] * b[i];
    lanes[i % 32] += term;
  }
  for (std::size_t half = 16; half > 0; half /= 2)
    for (std::size_t j = 0; j < half; ++j) lanes[j] += lanes[j + half];
  return lanes[0];
}

inline std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

}  // namespace thimble::test
