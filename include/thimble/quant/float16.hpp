// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Vectors rounded to halfs: 2 bytes a dimension; queries stay floats. Values beyond 65,504 are cut there.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/half.hpp>
#include <thimble/quant/quantizer.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class float16 {
 public:
  static constexpr std::string_view name = "float16";
  static constexpr std::uint32_t file_id = 2;

  template <row_source Rows>
  [[nodiscard]] static expected<float16> train(const Rows& rows, metric m, const train_options& /*options*/) {
    return float16(rows.dim(), m);
  }

  [[nodiscard]] std::span<const std::byte> parameters() const { return {}; }

  [[nodiscard]] static expected<float16> load(std::span<const std::byte> parameters, std::size_t dim, metric m) {
    if (!parameters.empty()) return fail(errc::corrupt, "the quantizer's section has a wrong size", parameters.size());
    return float16(dim, m);
  }

  [[nodiscard]] std::size_t code_bytes() const { return round_up(dim_ * sizeof(half), std::size_t{4}); }
  [[nodiscard]] static std::size_t encode_scratch_bytes() { return 0; }

  void encode(const simd::kernel_set& /*kernels*/, std::span<const float> vector, std::byte* /*scratch*/,
              std::byte* code) const {
    constexpr float largest = 65'504;
    for (std::size_t j = 0; j < dim_; ++j)
      store_as(code + j * sizeof(half), half::nearest(std::clamp(vector[j], -largest, largest)));
    std::memset(code + dim_ * sizeof(half), 0, code_bytes() - dim_ * sizeof(half));
  }

  // The halfs.
  void decode(const simd::kernel_set& /*kernels*/, const std::byte* code, std::byte* /*scratch*/,
              std::span<float> vector) const {
    for (std::size_t j = 0; j < dim_; ++j) vector[j] = static_cast<float>(load_as<half>(code + j * sizeof(half)));
  }

  // Halfs are finite, and what fills the row up is zero.
  [[nodiscard]] bool valid(const std::byte* code) const {
    for (std::size_t j = 0; j < code_bytes() / sizeof(half); ++j) {
      const half value = load_as<half>(code + j * sizeof(half));
      if ((value.bits & 0x7c00u) == 0x7c00u || (j >= dim_ && value.bits != 0)) return false;
    }
    return true;
  }

  [[nodiscard]] std::size_t query_bytes() const { return round_up(dim_ * sizeof(float), std::size_t{64}); }

  void prepare(const simd::kernel_set& /*kernels*/, std::span<const float> vector, std::byte* query) const {
    std::memcpy(query, vector.data(), dim_ * sizeof(float));
  }

  void prepare_from_code(const simd::kernel_set& /*kernels*/, const std::byte* code, std::byte* query) const {
    for (std::size_t j = 0; j < dim_; ++j)
      store_as(query + j * sizeof(float), static_cast<float>(load_as<half>(code + j * sizeof(half))));
  }

  void estimate(const simd::kernel_set& kernels, const std::byte* query, simd::code_rows codes, const node* nodes,
                std::size_t n, float* distances) const {
    const auto* values = reinterpret_cast<const float*>(query);
    if (metric_ == metric::l2) return kernels.l2_half_rows(values, dim_, codes, nodes, n, distances);
    kernels.dot_half_rows(values, dim_, codes, nodes, n, distances);
    for (std::size_t i = 0; i < n; ++i) distances[i] = 1 - distances[i];
  }

 private:
  float16(std::size_t dim, metric m) : dim_(dim), metric_(m) {}

  std::size_t dim_;
  metric metric_;
};

static_assert(symmetric_quantizer<float16> && decoding_quantizer<float16>);

}  // namespace thimble::inline THIMBLE_FLAGS
