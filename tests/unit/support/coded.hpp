// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Rows with their codes, and estimates among them: a quantizer without an index around it.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/simd/dispatch.hpp>
#include <utility>
#include <vector>

#include "unit/support/environment.hpp"
#include "unit/support/vectors.hpp"

namespace thimble::test {

inline std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

template <quantizer Quantizer>
class coded {
 public:
  coded(const float_vectors& rows, metric m, std::uint64_t seed = 1)
      : coded(rows, std::move(*Quantizer::train(rows.view(), m, options(seed)))) {}

  // Not inlined, as zeros() below: GCC 12 warns of sizes that it invents.
  __attribute__((noinline)) coded(const float_vectors& rows, Quantizer trained)
      : quantizer_(std::move(trained)), n_(rows.size()) {
    codes_ = zeros(n_ * quantizer_.code_bytes() + simd::code_slack);
    auto scratch = zeros(quantizer_.encode_scratch_bytes());
    for (std::size_t i = 0; i < n_; ++i)
      quantizer_.encode(kernels(), rows.row(i), scratch.data(), codes_.data() + i * quantizer_.code_bytes());
  }

  [[nodiscard]] const Quantizer& quantizer() const { return quantizer_; }
  [[nodiscard]] std::span<const std::byte> codes() const { return codes_.span(); }
  [[nodiscard]] const std::byte* code(node x) const { return codes_.data() + x * quantizer_.code_bytes(); }
  [[nodiscard]] std::byte* code(node x) { return codes_.data() + x * quantizer_.code_bytes(); }
  [[nodiscard]] simd::code_rows rows() const { return {codes_.data(), quantizer_.code_bytes()}; }
  [[nodiscard]] static const simd::kernel_set& kernels(simd::isa set = simd::isa::automatic) {
    return **simd::kernels_for(set == simd::isa::automatic ? asked_simd() : set);
  }

  [[nodiscard]] static train_options options(std::uint64_t seed = 1) { return {.kernels = kernels(), .seed = seed}; }

  [[nodiscard]] aligned_buffer<std::byte> prepare(std::span<const float> vector,
                                                  simd::isa set = simd::isa::automatic) const {
    auto query = zeros(quantizer_.query_bytes());
    quantizer_.prepare(kernels(set), vector, query.data());
    return query;
  }

  [[nodiscard]] std::vector<float> estimates(std::span<const float> vector,
                                             simd::isa set = simd::isa::automatic) const {
    return estimates_with(prepare(vector, set), set);
  }

  // From the code of x to all codes, as the build measures.
  [[nodiscard]] std::vector<float> symmetric(node x, simd::isa set = simd::isa::automatic) const
    requires symmetric_quantizer<Quantizer>
  {
    auto query = zeros(quantizer_.query_bytes());
    quantizer_.prepare_from_code(kernels(set), code(x), query.data());
    return estimates_with(query, set);
  }

  // The vector that the code of x tells of.
  [[nodiscard]] std::vector<float> decoded(node x, std::size_t dim, simd::isa set = simd::isa::automatic) const
    requires decoding_quantizer<Quantizer>
  {
    auto scratch = zeros(quantizer_.encode_scratch_bytes());
    std::vector<float> vector(dim);
    quantizer_.decode(kernels(set), code(x), scratch.data(), vector);
    return vector;
  }

 private:
  // Not inlined: GCC 12 would follow the way of an empty buffer and warn of copies into it.
  [[nodiscard]] __attribute__((noinline)) static aligned_buffer<std::byte> zeros(std::size_t bytes) {
    return std::move(*aligned_buffer<std::byte>::create(bytes));
  }

  [[nodiscard]] std::vector<float> estimates_with(const aligned_buffer<std::byte>& query, simd::isa set) const {
    std::vector<node> nodes(n_);
    std::iota(nodes.begin(), nodes.end(), node{0});
    std::vector<float> out(n_);
    quantizer_.estimate(kernels(set), query.data(), rows(), nodes.data(), n_, out.data());
    return out;
  }

  Quantizer quantizer_;
  std::size_t n_;
  aligned_buffer<std::byte> codes_;
};

}  // namespace thimble::test
