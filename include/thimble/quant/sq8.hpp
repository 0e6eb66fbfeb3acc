// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// SQ8: one byte a dimension. Vectors are centred on the mean; one step serves all dimensions, so that an integer dot
// product is the whole inner loop (ALGORITHMS.md section 2):
//
//     x ~ mean + step v,  v = u - 127.5,  u in 0..255        codes, .1 % of the values clipped
//     q - mean ~ query_step s,            s in -64..63       query: 7 bits beside 8, so that no instruction saturates
//     l2:             |q-mean|^2 + |step v|^2          - 2 query_step step <s, v>
//     inner product:  1 - <q,mean> - <mean, step v>    -   query_step step <s, v>
//
// The second term is a factor stored beside the code, the first the query's base. Exhaustive recall@10 on real sets:
// .95 (100 dims) to .995 without a rerank.

#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/metric/vector_check.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/quant/value_histogram.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class sq8 {
 public:
  static constexpr std::string_view name = "sq8";
  static constexpr std::uint32_t file_id = 3;

  // Reads a sample of at most 16,384 rows twice.
  template <row_source Rows>
  [[nodiscard]] static expected<sq8> train(const Rows& rows, metric m) {
    const std::size_t dim = rows.dim();
    auto quantizer = with_room(dim, m);
    auto sums = aligned_buffer<double>::create(dim);
    auto scratch = aligned_buffer<float>::create(dim);
    auto histogram = value_histogram::create();
    if (!quantizer) return std::unexpected(quantizer.error());
    if (!sums) return std::unexpected(sums.error());
    if (!scratch) return std::unexpected(scratch.error());
    if (!histogram) return std::unexpected(histogram.error());

    const std::size_t sampled = std::min<std::size_t>(rows.size(), max_sample);
    const auto sample = [&](std::size_t i) {
      return rows.row(static_cast<std::size_t>(std::uint64_t{i} * rows.size() / sampled), scratch->span());
    };
    for (std::size_t i = 0; i < sampled; ++i) {
      const auto row = sample(i);
      if (!row) return std::unexpected(row.error());
      for (std::size_t j = 0; j < dim; ++j) (*sums)[j] += (*row)[j];
    }
    const std::span<float> mean = quantizer->mean();
    for (std::size_t j = 0; j < dim; ++j) mean[j] = static_cast<float>((*sums)[j] / static_cast<double>(sampled));
    for (std::size_t i = 0; i < sampled; ++i) {
      const auto row = sample(i);
      if (!row) return std::unexpected(row.error());
      for (std::size_t j = 0; j < dim; ++j) histogram->add((*row)[j] - mean[j]);
    }
    quantizer->set_step(histogram->magnitude_at(1 - clipped) / half_range);
    return quantizer;
  }

  [[nodiscard]] std::span<const std::byte> parameters() const { return std::as_bytes(parameters_.span()); }

  [[nodiscard]] static expected<sq8> load(std::span<const std::byte> parameters, std::size_t dim, metric m) {
    if (parameters.size() != (dim + 1) * sizeof(float))
      return fail(errc::corrupt, "the quantizer's section has a wrong size", parameters.size());
    auto quantizer = with_room(dim, m);
    if (!quantizer) return quantizer;
    std::memcpy(quantizer->parameters_.data(), parameters.data(), parameters.size());
    const float step = quantizer->parameters_[dim];
    if (!is_finite(quantizer->parameters_.span()) || step != rounded_step(step))
      return fail(errc::corrupt, "the quantizer's parameters are out of range");
    quantizer->set_step(step);
    return quantizer;
  }

  [[nodiscard]] std::size_t code_bytes() const { return factor_offset() + sizeof(simd::code_factors); }

  void encode(std::span<const float> vector, std::byte* code) const {
    auto* u = reinterpret_cast<std::uint8_t*>(code);
    const float* mean = parameters_.data();
    const float inverse = 1 / step_;
    for (std::size_t j = 0; j < dim_; ++j) {
      const float level = (vector[j] - mean[j]) * inverse + (half_range + 0.5f);
      u[j] = static_cast<std::uint8_t>(level < 0 ? 0.0f : level > 255 ? 255.0f : level);
    }
    std::memset(u + dim_, 0, factor_offset() - dim_);
    std::int32_t sum = 0;
    double add = 0;
    for (std::size_t j = 0; j < dim_; ++j) {
      sum += u[j];
      const double v = u[j] - static_cast<double>(half_range);
      add += metric_ == metric::l2 ? v * v * step_ : -v * mean[j];
    }
    store_as(code + factor_offset(), simd::code_factors{.add = static_cast<float>(add * step_), .sum = sum});
  }

  [[nodiscard]] bool valid(const std::byte* code) const {
    const auto factors = load_as<simd::code_factors>(code + factor_offset());
    std::int32_t sum = 0;
    for (std::size_t j = 0; j < dim_; ++j) sum += std::to_integer<std::int32_t>(code[j]);
    for (std::size_t j = dim_; j < factor_offset(); ++j)
      if (code[j] != std::byte{}) return false;
    return factors.sum == sum && std::isfinite(factors.add);
  }

  [[nodiscard]] std::size_t query_bytes() const { return query_header + padded_dim(); }

  // Every operation is one rounding that no compiler can fuse away: float differences, exact products in double.
  void prepare(const simd::kernel_set& /*kernels*/, std::span<const float> vector, std::byte* query) const {
    const float* mean = parameters_.data();
    float largest = 0;
    std::array<double, lanes> squares{};
    for (std::size_t j = 0; j < dim_; ++j) {
      const float centred = vector[j] - mean[j];
      largest = std::max(largest, std::fabs(centred));
      const double a = metric_ == metric::l2 ? centred : vector[j];
      const double b = metric_ == metric::l2 ? centred : mean[j];
      squares[j % lanes] += a * b;
    }
    double total = 0;
    for (const double partial : squares) total += partial;

    // query_step from the rounded product with step, so that the scale is short and the query's values fit it.
    const double scale = round_up_to_16_bits(static_cast<double>(largest) / 63 * step_);
    const float inverse = scale > 0 ? static_cast<float>(step_ / scale) : 0.0f;
    auto* values = reinterpret_cast<std::int8_t*>(query + query_header);
    std::int32_t sum = 0;
    for (std::size_t j = 0; j < dim_; ++j) {
      const float centred = vector[j] - mean[j];
      const std::int32_t s = round_to_int(static_cast<double>(centred) * static_cast<double>(inverse));
      values[j] = static_cast<std::int8_t>(std::clamp(s, -64, 63));
      sum += values[j];
    }
    finish_query(query, sum, scale, metric_ == metric::l2 ? total : 1 - total);
  }

  // s = v / 2 rounded: the code without its last bit.
  void prepare_from_code(const std::byte* code, std::byte* query) const {
    const auto* u = reinterpret_cast<const std::uint8_t*>(code);
    auto* values = reinterpret_cast<std::int8_t*>(query + query_header);
    for (std::size_t j = 0; j < dim_; ++j) {
      const int s = (u[j] + 1) / 2 - 64;
      values[j] = static_cast<std::int8_t>(s > 63 ? 63 : s);
    }
    std::int32_t sum = 0;
    for (std::size_t j = 0; j < dim_; ++j) sum += values[j];
    const auto add = static_cast<double>(load_as<simd::code_factors>(code + factor_offset()).add);
    finish_query(query, sum, 2.0 * step_ * step_, metric_ == metric::l2 ? add : 1 - mean_norm2_ + add);
  }

  void estimate(const simd::kernel_set& kernels, const std::byte* query, simd::code_rows codes, const node* nodes,
                std::size_t n, float* distances) const {
    kernels.estimate8(*reinterpret_cast<const simd::integer_query*>(query), codes, nodes, n, distances);
  }

 private:
  static constexpr std::size_t max_sample = 16'384;
  static constexpr std::size_t lanes = 8;
  static constexpr float half_range = 127.5f;
  static constexpr double clipped = 0.001;
  static constexpr std::size_t query_header = 64;
  static_assert(sizeof(simd::integer_query) <= query_header);

  sq8(std::size_t dim, metric m, aligned_buffer<float> parameters)
      : dim_(dim), metric_(m), parameters_(std::move(parameters)) {}

  // parameters: the mean of each dimension, then the step.
  [[nodiscard]] static expected<sq8> with_room(std::size_t dim, metric m) {
    auto parameters = aligned_buffer<float>::create(dim + 1);
    if (!parameters) return std::unexpected(parameters.error());
    return sq8(dim, m, std::move(*parameters));
  }

  [[nodiscard]] std::span<float> mean() { return parameters_.span().first(dim_); }
  [[nodiscard]] std::size_t factor_offset() const { return round_up(dim_, std::size_t{4}); }
  [[nodiscard]] std::size_t padded_dim() const { return round_up(dim_, simd::query_block); }

  void set_step(float step) {
    step_ = rounded_step(step);
    parameters_[dim_] = step_;
    mean_norm2_ = 0;
    for (std::size_t j = 0; j < dim_; ++j) {
      const double value = parameters_[j];
      mean_norm2_ += value * value;
    }
  }

  // Up to 8 significant bits, so that step^2 has 16. Within what keeps all products finite and normal.
  [[nodiscard]] static float rounded_step(float step) {
    const float bounded = std::clamp(step, 1e-15f, max_magnitude);
    return std::bit_cast<float>((std::bit_cast<std::uint32_t>(bounded) + 0xffffu) & 0xffff0000u);
  }

  [[nodiscard]] static double round_up_to_16_bits(double value) {
    constexpr std::uint64_t dropped = (std::uint64_t{1} << 37) - 1;
    return std::bit_cast<double>((std::bit_cast<std::uint64_t>(value) + dropped) & ~dropped);
  }

  // To nearest, ties to even, for |x| < 2^31: the sum rounds at the place of the ones.
  [[nodiscard]] static std::int32_t round_to_int(double x) {
    return static_cast<std::int32_t>(std::bit_cast<std::int64_t>(x + 0x1.8p52));
  }

  void finish_query(std::byte* query, std::int32_t sum, double scale, double base) const {
    std::memset(query + query_header + dim_, 0, padded_dim() - dim_);
    const double signed_scale = metric_ == metric::l2 ? -2 * scale : -scale;
    // <s, v> = <s, u> - 127.5 sum(s); 127.5 sum has at most 31 bits, times 16: exact.
    const double centre = signed_scale * (static_cast<double>(half_range) * sum);
    *reinterpret_cast<simd::integer_query*>(query) = {
        .values = reinterpret_cast<const std::int8_t*>(query + query_header),
        .padded_dim = padded_dim(),
        .factor_offset = factor_offset(),
        .sum = sum,
        .base = base - centre,
        .scale = signed_scale,
    };
  }

  std::size_t dim_;
  metric metric_;
  aligned_buffer<float> parameters_;
  float step_ = 1;
  double mean_norm2_ = 0;
};

static_assert(quantizer<sq8>);

}  // namespace thimble::inline THIMBLE_FLAGS
