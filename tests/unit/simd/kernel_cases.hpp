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
#include <thimble/core/half.hpp>
#include <thimble/core/random.hpp>
#include <thimble/simd/code_layout.hpp>
#include <thimble/simd/kernel_set.hpp>
#include <vector>

namespace thimble::test {

// All tails, then the dims people use.
inline std::vector<std::size_t> all_kernel_dims() {
  std::vector<std::size_t> dims;
  for (std::size_t dim = 1; dim <= 130; ++dim) dims.push_back(dim);
  for (const std::size_t dim : {384u, 768u, 784u, 1536u, 4096u}) dims.push_back(dim);
  return dims;
}

// The last nodes first, then every other one from the front, some twice.
inline std::vector<node> shuffled_nodes(std::size_t n_rows, std::size_t n) {
  std::vector<node> nodes(n);
  for (std::size_t i = 0; i < n; ++i)
    nodes[i] = static_cast<node>((i % 2 == 0 ? n_rows - 1 - i / 2 % n_rows : i) % n_rows);
  return nodes;
}

// largest, smallest: every value of the query, beside rows of largest codes and rows of zeros. opposed: both alternate.
enum class fill { random, largest, smallest, opposed };

// Codes as a quantizer lays them out, at any distance from alignment, and a query for them. Bytes that belong to
// nothing are not zero.
struct code_case {
  static constexpr std::size_t n_rows = 7;

  unsigned bits;
  std::size_t dim;
  bool scaled_rows;
  std::size_t offset;
  std::size_t factor_offset = round_up(simd::packed_bytes(bits, dim), std::size_t{4});
  std::size_t stride = factor_offset + simd::factor_bytes(bits, scaled_rows);
  std::vector<std::byte> memory = std::vector<std::byte>(offset + n_rows * stride + simd::code_slack, std::byte{0xa5});
  std::vector<std::uint8_t> codes = std::vector<std::uint8_t>(n_rows * dim);
  std::vector<std::int8_t> values = std::vector<std::int8_t>(dim);
  std::int32_t value_sum = 0;
  float bases[256];
  float scale = -0x1.fffep-7f;
  // The second query beside 8 bits: the values backwards.
  float remainder_scale = 0x1.3p-14f;

  code_case(unsigned of_bits, std::size_t of_dim, bool with_scales, fill with, std::size_t misaligned = 0)
      : bits(of_bits), dim(of_dim), scaled_rows(with_scales), offset(misaligned) {
    random_generator random(of_dim * 8 + of_bits);
    for (float& base : bases) base = static_cast<float>(random.below(1000)) / 3 - 100;
    fill_query(with, random);
    for (std::size_t i = 0; i < n_rows; ++i) fill_row(i, with, random);
  }

  [[nodiscard]] simd::code_rows rows() const { return {.data = memory.data() + offset, .stride = stride}; }

  [[nodiscard]] bool has_remainder() const { return bits == 8 && scaled_rows; }
  [[nodiscard]] std::size_t query_bytes() const { return simd::arranged_bytes(bits, dim) * (has_remainder() ? 2 : 1); }

  // to: query_bytes() at a multiple of 64, which must outlive the query.
  [[nodiscard]] simd::integer_query query(const simd::kernel_set& kernels, std::byte* to) const {
    kernels.arrange(bits, values.data(), dim, to);
    simd::integer_query made{.values = to,
                             .bases = bases,
                             .dim = dim,
                             .factor_offset = factor_offset,
                             .sum = value_sum,
                             .scale = scale,
                             .scaled_rows = scaled_rows};
    if (!has_remainder()) return made;
    const std::vector<std::int8_t> backwards(values.rbegin(), values.rend());
    kernels.arrange(bits, backwards.data(), dim, to + simd::arranged_bytes(bits, dim));
    made.remainder_values = to + simd::arranged_bytes(bits, dim);
    made.remainder_sum = value_sum;
    made.remainder_scale = remainder_scale;
    return made;
  }

  // The factors of a row, as the kernels' contract has them.
  struct terms {
    float add;
    float base;
    std::int64_t t;
    std::int64_t remainder;
    float scale;
  };
  [[nodiscard]] terms terms_of(node row) const {
    const std::byte* factors = rows().data + row * stride + factor_offset;
    std::int64_t dot = 0, remainder_dot = 0;
    for (std::size_t j = 0; j < dim; ++j) {
      dot += std::int64_t{codes[row * dim + j]} * values[j];
      remainder_dot += std::int64_t{codes[row * dim + j]} * values[dim - 1 - j];
    }
    const std::int64_t centre = ((std::int64_t{1} << bits) - 1) * value_sum;
    const std::int64_t t = 2 * dot - centre;
    if (!scaled_rows) return {.add = load_as<float>(factors), .base = bases[0], .t = t, .remainder = 0, .scale = 1};
    const std::byte* from_scale = factors + simd::scale_offset(bits);
    return {.add = load_as<float>(factors),
            .base = bases[load_as<simd::row_details>(from_scale + sizeof(float)).centroid],
            .t = t,
            .remainder = has_remainder() ? 2 * remainder_dot - centre : 0,
            .scale = load_as<float>(from_scale)};
  }

  // Through volatile no compiler fuses.
  [[nodiscard]] float expected_estimate(node row) const {
    const terms of = terms_of(row);
    const volatile float first = scale * static_cast<float>(of.t);
    const volatile float second = remainder_scale * static_cast<float>(of.remainder);
    const volatile float product = has_remainder() ? first + second : first;
    const volatile float scaled = product * of.scale;
    const volatile float start = of.add + of.base;
    return start + scaled;
  }

  // Whether the estimate is what reals give, but for a few roundings.
  [[nodiscard]] bool is_near(node row, float estimate) const {
    const terms of = terms_of(row);
    const double product = double{scale} * static_cast<double>(of.t) * double{of.scale};
    const double rest = double{remainder_scale} * static_cast<double>(of.remainder) * double{of.scale};
    const double difference = double{estimate} - (double{of.add} + double{of.base} + product + rest);
    const auto size = [](double x) { return x < 0 ? -x : x; };
    return size(difference) <= 1e-6 * (size(of.add) + size(of.base) + size(product) + size(rest));
  }

 private:
  void fill_query(fill with, random_generator& random) {
    const int largest = bits == 8 ? 63 : 127;
    const int smallest = bits == 8 ? -64 : -127;
    for (std::size_t j = 0; j < dim; ++j) {
      const auto spread = static_cast<unsigned>(largest - smallest + 1);
      const int value = with == fill::random     ? static_cast<int>(random.below(spread)) + smallest
                        : with == fill::largest  ? largest
                        : with == fill::smallest ? smallest
                        : j % 2 == 0             ? largest
                                                 : smallest;
      values[j] = static_cast<std::int8_t>(value);
      value_sum += value;
    }
  }

  void fill_row(std::size_t row, fill with, random_generator& random) {
    const unsigned largest = (1u << bits) - 1;
    std::uint8_t* of_row = codes.data() + row * dim;
    std::int32_t sum = 0;
    for (std::size_t j = 0; j < dim; ++j) {
      const bool is_largest = with == fill::opposed ? (j + row) % 2 == 1 : row % 3 != 2;
      of_row[j] = static_cast<std::uint8_t>(with == fill::random ? random.below(largest + 1) : is_largest * largest);
      sum += of_row[j] - 128;
    }
    std::byte* to = memory.data() + offset + row * stride;
    simd::pack(bits, of_row, dim, to);
    to += factor_offset;
    store_as(to, static_cast<float>(random.below(1000)) / 7);
    if (bits == 8) store_as(to + sizeof(float), sum);
    if (!scaled_rows) return;
    to += simd::scale_offset(bits);
    store_as(to, static_cast<float>(random.below(1000)) / 999);
    store_as(to + sizeof(float), simd::row_details{.norm = static_cast<std::uint16_t>(random.below(1u << 16)),
                                                   .tangent = static_cast<std::uint8_t>(random.below(256)),
                                                   .centroid = static_cast<std::uint8_t>(random.below(256))});
  }
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

// Halfs of all signs and magnitudes, subnormal ones too.
inline std::vector<half> uneven_halfs(std::size_t n, std::uint64_t seed) {
  random_generator random(seed);
  std::vector<half> values(n);
  for (half& value : values) value.bits = static_cast<std::uint16_t>(random.below(2) << 15 | random.below(31u << 10));
  return values;
}

// The canonical order of kernel_set.hpp. Through volatile no compiler fuses or reorders.
template <class Value>
float expected_sum(const float* a, const Value* b, std::size_t dim, bool l2) {
  float lanes[32] = {};
  for (std::size_t i = 0; i < dim; ++i) {
    const auto value = static_cast<float>(b[i]);
    const float difference = a[i] - value;
    const volatile float term = l2 ? difference * difference : a[i] * value;
    lanes[i % 32] += term;
  }
  for (std::size_t half = 16; half > 0; half /= 2)
    for (std::size_t j = 0; j < half; ++j) lanes[j] += lanes[j + half];
  return lanes[0];
}

// The order of kernel_set.hpp: neighbours first, halves last, then the factor.
inline std::vector<float> expected_hadamard(std::vector<float> values, float scale) {
  for (std::size_t h = 1; h < values.size(); h *= 2) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if ((i & h) != 0) continue;
      const float a = values[i];
      const float b = values[i + h];
      values[i] = a + b;
      values[i + h] = a - b;
    }
  }
  for (float& value : values) value *= scale;
  return values;
}

inline std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

}  // namespace thimble::test
