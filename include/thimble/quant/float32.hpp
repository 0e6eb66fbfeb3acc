// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The identity quantizer: codes are the vectors. 4 bytes a dimension; estimates are exact distances.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/metric/vector_check.hpp>
#include <thimble/quant/quantizer.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class float32 {
 public:
  static constexpr std::string_view name = "float32";
  static constexpr std::uint32_t file_id = 1;

  template <row_source Rows>
  [[nodiscard]] static expected<float32> train(const Rows& rows, metric m, const train_options& /*options*/) {
    return float32(rows.dim(), m);
  }

  [[nodiscard]] std::span<const std::byte> parameters() const { return {}; }

  [[nodiscard]] static expected<float32> load(std::span<const std::byte> parameters, std::size_t dim, metric m) {
    if (!parameters.empty()) return fail(errc::corrupt, "the quantizer's section has a wrong size", parameters.size());
    return float32(dim, m);
  }

  [[nodiscard]] std::size_t code_bytes() const { return dim_ * sizeof(float); }

  [[nodiscard]] static std::size_t encode_scratch_bytes() { return 0; }

  void encode(const simd::kernel_set& /*kernels*/, std::span<const float> vector, std::byte* /*scratch*/,
              std::byte* code) const {
    std::memcpy(code, vector.data(), code_bytes());
  }

  // The values themselves.
  void decode(const simd::kernel_set& /*kernels*/, const std::byte* code, std::byte* /*scratch*/,
              std::span<float> vector) const {
    std::memcpy(vector.data(), code, code_bytes());
  }

  [[nodiscard]] bool valid(const std::byte* code) const {
    return is_finite({reinterpret_cast<const float*>(code), dim_});
  }

  [[nodiscard]] std::size_t query_bytes() const { return round_up(code_bytes(), std::size_t{64}); }

  void prepare(const simd::kernel_set& /*kernels*/, std::span<const float> vector, std::byte* query) const {
    std::memcpy(query, vector.data(), code_bytes());
  }

  void prepare_from_code(const simd::kernel_set& /*kernels*/, const std::byte* code, std::byte* query) const {
    std::memcpy(query, code, code_bytes());
  }

  void estimate(const simd::kernel_set& kernels, const std::byte* query, simd::code_rows codes, const node* nodes,
                std::size_t n, float* distances) const {
    const auto* values = reinterpret_cast<const float*>(query);
    if (metric_ == metric::l2) return kernels.l2_rows(values, dim_, codes, nodes, n, distances);
    kernels.dot_rows(values, dim_, codes, nodes, n, distances);
    for (std::size_t i = 0; i < n; ++i) distances[i] = 1 - distances[i];
  }

 private:
  float32(std::size_t dim, metric m) : dim_(dim), metric_(m) {}

  std::size_t dim_;
  metric metric_;
};

static_assert(symmetric_quantizer<float32> && decoding_quantizer<float32>);

}  // namespace thimble::inline THIMBLE_FLAGS
