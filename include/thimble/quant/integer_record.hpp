// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A prepared query of the scalar quantizers as it lies in the caller's scratch: the kernel's description of it, the one
// part of the distance that depends on the query alone, the values as the kernels read them, and the values as they
// are.

#pragma once

#include <cstddef>
#include <cstdint>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

class integer_record {
 public:
  [[nodiscard]] static std::size_t bytes(unsigned bits, std::size_t dim) {
    return header_bytes + simd::arranged_bytes(bits, dim) + round_up(dim, std::size_t{64});
  }

  integer_record(unsigned bits, std::size_t dim, std::byte* record) : bits_(bits), dim_(dim), record_(record) {}

  // To be filled before finish().
  [[nodiscard]] std::int8_t* values() {
    return reinterpret_cast<std::int8_t*>(record_ + header_bytes + simd::arranged_bytes(bits_, dim_));
  }

  // scale: of twice the centred dot product; scaled_rows: whether rows have a scale of their own (kernel_set.hpp).
  void finish(const simd::kernel_set& kernels, std::size_t factor_offset, float scale, float base,
              bool scaled_rows = false) {
    kernels.arrange(bits_, values(), dim_, record_ + header_bytes);
    std::int32_t sum = 0;
    for (std::size_t j = 0; j < dim_; ++j) sum += values()[j];
    auto* header = new (record_) contents{
        .query = {.values = record_ + header_bytes,
                  .bases = nullptr,
                  .dim = dim_,
                  .factor_offset = factor_offset,
                  .sum = sum,
                  .scale = scale,
                  .scaled_rows = scaled_rows},
        .base = base,
    };
    header->query.bases = &header->base;
  }

  [[nodiscard]] static const simd::integer_query& query(const std::byte* record) {
    return reinterpret_cast<const contents*>(record)->query;
  }

 private:
  struct contents {
    simd::integer_query query;
    float base;
  };
  static constexpr std::size_t header_bytes = 128;
  static_assert(sizeof(contents) <= header_bytes);

  unsigned bits_;
  std::size_t dim_;
  std::byte* record_;
};

}  // namespace thimble::inline THIMBLE_FLAGS::detail
