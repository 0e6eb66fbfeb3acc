// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A prepared query of the scalar quantizers as it lies in the caller's scratch: the kernel's description of it, the one
// part of the distance that depends on the query alone, the values as they are, and the values as the kernels read
// them, once a round: beside 8 bits a second round may take what the first one leaves.

#pragma once

#include <cstddef>
#include <cstdint>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

class integer_record {
 public:
  [[nodiscard]] static std::size_t bytes(unsigned bits, std::size_t dim, std::size_t rounds = 1) {
    return arranged_offset(dim) + rounds * simd::arranged_bytes(bits, dim);
  }

  integer_record(unsigned bits, std::size_t dim, std::byte* record) : bits_(bits), dim_(dim), record_(record) {}

  // To be filled before finish() and before add_remainder(): here, or by round().
  [[nodiscard]] std::int8_t* values() const { return reinterpret_cast<std::int8_t*>(record_ + header_bytes); }

  // The values of a query, zeros behind it to a whole block, which becomes what they leave of it. Answers their
  // step.
  [[nodiscard]] float round(const simd::kernel_set& kernels, float* query, float range) const {
    return kernels.round(query, round_up(dim_, simd::query_block), range, values());
  }

  // scale: of twice the centred dot product; scaled_rows: whether rows have a scale of their own (kernel_set.hpp).
  void finish(const simd::kernel_set& kernels, std::size_t factor_offset, float scale, float base,
              bool scaled_rows = false) const {
    std::byte* arranged = record_ + arranged_offset(dim_);
    const std::int32_t sum = kernels.arrange(bits_, values(), dim_, arranged);
    auto* header = new (record_) contents{
        .query = {.values = arranged,
                  .bases = nullptr,
                  .dim = dim_,
                  .factor_offset = factor_offset,
                  .sum = sum,
                  .scale = scale,
                  .scaled_rows = scaled_rows},
        .first_round = {},
        .base = base,
    };
    header->query.bases = &header->base;
    header->first_round = header->query;
  }

  // The second round, of 8 bits. scale: as that of finish().
  void add_remainder(const simd::kernel_set& kernels, float scale) const {
    std::byte* arranged = record_ + arranged_offset(dim_) + simd::arranged_bytes(bits_, dim_);
    auto& query = reinterpret_cast<contents*>(record_)->query;
    query.remainder_sum = kernels.arrange(bits_, values(), dim_, arranged);
    query.remainder_values = arranged;
    query.remainder_scale = scale;
  }

  [[nodiscard]] static const simd::integer_query& query(const std::byte* record) {
    return reinterpret_cast<const contents*>(record)->query;
  }
  // The same without the remainder.
  [[nodiscard]] static const simd::integer_query& first_round(const std::byte* record) {
    return reinterpret_cast<const contents*>(record)->first_round;
  }

 private:
  struct contents {
    simd::integer_query query;
    simd::integer_query first_round;
    float base;
  };
  static constexpr std::size_t header_bytes = 192;
  static_assert(sizeof(contents) <= header_bytes);

  [[nodiscard]] static std::size_t arranged_offset(std::size_t dim) {
    return header_bytes + round_up(dim, std::size_t{64});
  }

  unsigned bits_;
  std::size_t dim_;
  std::byte* record_;
};

}  // namespace thimble::inline THIMBLE_FLAGS::detail
