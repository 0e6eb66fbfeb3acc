// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// SQ4: half a byte a dimension. Each dimension has a range of its own, cut where 16 levels serve it best
// (range_histogram.hpp), and each row a gain that makes up for what cutting and rounding took from it, as RaBitQ has
// one. The steps are folded into the query, so that the inner loop is one integer dot product (ALGORITHMS.md section
// 2):
//
//     y = x - mid ~ step_j v_j,  v = u - 7.5,  u in 0..15,   g = |y|^2 / <y, step v>
//     (q_j - mid_j) step_j ~ query_step s_j,   s in -127..127
//     l2:             |q-mid|^2        + |y|^2       - 2 g query_step <s, v>
//     inner product:  1 - <q,mid>      - <mid, y>    -   g query_step <s, v>
//
// The second term and the third's g are factors stored beside the code, the first is the query's base. Without g 100
// dims of word vectors lose .2 of their recall. Memory: dim / 2 + 12 bytes.

#pragma once

#include <algorithm>
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
#include <thimble/quant/integer_record.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/quant/range_histogram.hpp>
#include <thimble/quant/rounding.hpp>
#include <thimble/quant/training_sample.hpp>
#include <thimble/simd/code_layout.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class sq4 {
 public:
  static constexpr std::string_view name = "sq4";
  static constexpr std::uint32_t file_id = 4;

  // Reads a sample of at most 16,384 rows twice.
  template <row_source Rows>
  [[nodiscard]] static expected<sq4> train(const Rows& rows, metric m, const train_options& /*options*/) {
    auto quantizer = with_room(rows.dim(), m);
    if (!quantizer) return quantizer;
    auto sample = training_sample<Rows>::create(rows);
    if (!sample) return std::unexpected(sample.error());
    auto histogram = range_histogram::create(rows.dim());
    if (!histogram) return std::unexpected(histogram.error());
    if (auto done = sample->for_each([&](std::span<const float> row) { histogram->widen(row); }); !done)
      return std::unexpected(done.error());
    if (auto done = sample->for_each([&](std::span<const float> row) { histogram->add(row); }); !done)
      return std::unexpected(done.error());
    for (std::size_t j = 0; j < rows.dim(); ++j) {
      const value_range range = histogram->best_range(j, n_levels);
      quantizer->parameters_[j] = range.low + (range.high - range.low) / 2;
      quantizer->parameters_[rows.dim() + j] = rounded_step((range.high - range.low) / (n_levels - 1));
    }
    quantizer->measure_mids();
    return quantizer;
  }

  [[nodiscard]] std::span<const std::byte> parameters() const { return std::as_bytes(parameters_.span()); }

  [[nodiscard]] static expected<sq4> load(std::span<const std::byte> parameters, std::size_t dim, metric m) {
    if (parameters.size() != 2 * dim * sizeof(float))
      return fail(errc::corrupt, "the quantizer's section has a wrong size", parameters.size());
    auto quantizer = with_room(dim, m);
    if (!quantizer) return quantizer;
    std::memcpy(quantizer->parameters_.data(), parameters.data(), parameters.size());
    bool right = is_finite(quantizer->parameters_.span());
    for (std::size_t j = 0; j < dim && right; ++j) right = quantizer->step(j) == rounded_step(quantizer->step(j));
    if (!right) return fail(errc::corrupt, "the quantizer's parameters are out of range");
    quantizer->measure_mids();
    return quantizer;
  }

  [[nodiscard]] std::size_t code_bytes() const { return factor_offset() + simd::factor_bytes(bits, true); }
  [[nodiscard]] std::size_t encode_scratch_bytes() const { return dim_; }

  void encode(const simd::kernel_set& /*kernels*/, std::span<const float> vector, std::byte* scratch,
              std::byte* code) const {
    auto* u = reinterpret_cast<std::uint8_t*>(scratch);
    double norm2 = 0, product = 0, mid_product = 0;
    for (std::size_t j = 0; j < dim_; ++j) {
      const float y = vector[j] - mid(j);
      u[j] = static_cast<std::uint8_t>(round_to_int(std::clamp(static_cast<double>(y / step(j)), -7.5, 7.5) + 7.5));
      // Products of floats, and of a float with an 8-bit step and a level: exact in double.
      norm2 += static_cast<double>(y) * static_cast<double>(y);
      product += static_cast<double>(y) * ((u[j] - 7.5) * step(j));
      mid_product += static_cast<double>(y) * static_cast<double>(mid(j));
    }
    simd::pack(bits, u, dim_, code);
    std::memset(code + simd::packed_bytes(bits, dim_), 0, code_bytes() - simd::packed_bytes(bits, dim_));
    const double gain = product > 0 ? norm2 / product : 0;
    const bool l2 = metric_ == metric::l2;
    store_as(code + factor_offset(), static_cast<float>(l2 ? norm2 : -mid_product));
    store_as(code + gain_offset(), static_cast<float>(l2 ? -2 * gain : -gain));
  }

  // mid + g step v, as estimates have it: within 1 % of the nearest that another factor than g would give. (Products
  // are exact in double; a file may say a gain that no vector has.)
  void decode(const simd::kernel_set& /*kernels*/, const std::byte* code, std::byte* scratch,
              std::span<float> vector) const {
    auto* u = reinterpret_cast<std::uint8_t*>(scratch);
    simd::unpack(bits, code, dim_, u);
    const double gain = gain_of(code);
    for (std::size_t j = 0; j < dim_; ++j) {
      const double value = mid(j) + gain * ((u[j] - 7.5) * step(j));
      vector[j] = static_cast<float>(std::clamp<double>(value, -max_magnitude, max_magnitude));
    }
  }

  [[nodiscard]] bool valid(const std::byte* code) const {
    bool unused = simd::unused_fields_are_zero(bits, code, dim_);
    for (std::size_t i = simd::packed_bytes(bits, dim_); i < factor_offset(); ++i) unused &= code[i] == std::byte{};
    for (std::size_t i = gain_offset() + sizeof(float); i < code_bytes(); ++i) unused &= code[i] == std::byte{};
    return unused && std::isfinite(load_as<float>(code + factor_offset())) &&
           std::isfinite(load_as<float>(code + gain_offset()));
  }

  [[nodiscard]] std::size_t query_bytes() const {
    return detail::integer_record::bytes(bits, dim_) + round_up(dim_ * sizeof(float), std::size_t{64});
  }

  void prepare(const simd::kernel_set& kernels, std::span<const float> vector, std::byte* query) const {
    const float* mids = parameters_.data();
    float* scaled = scaled_values(query);
    kernels.subtract(vector.data(), mids, dim_, scaled);
    const float base =
        metric_ == metric::l2 ? kernels.dot(scaled, scaled, dim_) : 1 - kernels.dot(vector.data(), mids, dim_);
    kernels.multiply(scaled, mids + dim_, dim_);
    finish(kernels, query, base);
  }

  // The code stands for mid + g step v.
  void prepare_from_code(const simd::kernel_set& kernels, const std::byte* code, std::byte* query) const {
    float* scaled = scaled_values(query);
    const float gain = gain_of(code);
    auto* u = reinterpret_cast<std::uint8_t*>(detail::integer_record(bits, dim_, query).values());
    simd::unpack(bits, code, dim_, u);
    const float* steps = parameters_.data() + dim_;
    for (std::size_t j = 0, dim = dim_; j < dim; ++j)
      scaled[j] = (static_cast<float>(u[j]) - 7.5f) * (steps[j] * steps[j]) * gain;
    const auto add = static_cast<double>(load_as<float>(code + factor_offset()));
    std::fill(scaled + dim_, scaled + round_up(dim_, simd::query_block), 0.0f);
    finish(kernels, query, static_cast<float>(metric_ == metric::l2 ? add : 1 - mid_norm2_ + add));
  }

  void estimate(const simd::kernel_set& kernels, const std::byte* query, simd::code_rows codes, const node* nodes,
                std::size_t n, float* distances) const {
    kernels.estimate[bits](detail::integer_record::query(query), codes, nodes, n, distances);
  }

 private:
  static constexpr unsigned bits = 4;
  static constexpr unsigned n_levels = 16;

  sq4(std::size_t dim, metric m, aligned_buffer<float> parameters)
      : dim_(dim), metric_(m), parameters_(std::move(parameters)) {}

  // parameters: the middle of each dimension, then the step of each.
  [[nodiscard]] static expected<sq4> with_room(std::size_t dim, metric m) {
    auto parameters = aligned_buffer<float>::create(2 * dim);
    if (!parameters) return std::unexpected(parameters.error());
    return sq4(dim, m, std::move(*parameters));
  }

  [[nodiscard]] float mid(std::size_t j) const { return parameters_[j]; }
  [[nodiscard]] float step(std::size_t j) const { return parameters_[dim_ + j]; }
  [[nodiscard]] std::size_t factor_offset() const { return round_up(simd::packed_bytes(bits, dim_), std::size_t{4}); }
  [[nodiscard]] std::size_t gain_offset() const { return factor_offset() + simd::scale_offset(bits); }
  [[nodiscard]] float gain_of(const std::byte* code) const {
    const float scale = load_as<float>(code + gain_offset());
    return metric_ == metric::l2 ? scale / -2 : -scale;
  }
  [[nodiscard]] float* scaled_values(std::byte* query) const {
    return reinterpret_cast<float*>(query + detail::integer_record::bytes(bits, dim_));
  }

  // From the scaled values to the integer query.
  void finish(const simd::kernel_set& kernels, std::byte* query, float base) const {
    const detail::integer_record record(bits, dim_, query);
    const float query_step = record.round(kernels, scaled_values(query), 127);
    record.finish(kernels, factor_offset(), query_step / 2, base, true);
  }

  void measure_mids() {
    mid_norm2_ = 0;
    for (std::size_t j = 0; j < dim_; ++j) mid_norm2_ += static_cast<double>(mid(j)) * mid(j);
  }

  std::size_t dim_;
  metric metric_;
  aligned_buffer<float> parameters_;
  double mid_norm2_ = 0;
};

static_assert(symmetric_quantizer<sq4> && decoding_quantizer<sq4>);

}  // namespace thimble::inline THIMBLE_FLAGS
