// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A query prepared for RaBitQ codes as it lies in the caller's memory, each part from a 64-byte boundary on: the
// kernel's description of it, the terms of the centroids and the query's distances from them, the values s as the
// kernels read them; and scratch of prepare(): the rotated query and s as they are.

#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

// dim is the padded one, a multiple of 64.
struct rabitq_query_layout {
  unsigned bits;
  std::size_t dim;
  std::size_t n_centroids;

  // Beside 8 bits a second round of values takes what the first one leaves.
  [[nodiscard]] std::size_t rounds() const { return bits == 8 ? 2 : 1; }

  static constexpr std::size_t bases = 192;
  [[nodiscard]] std::size_t lengths() const { return bases + n_centroids * sizeof(float); }
  [[nodiscard]] std::size_t arranged() const {
    return round_up(bases + 2 * n_centroids * sizeof(float), std::size_t{64});
  }
  [[nodiscard]] std::size_t rotated() const { return arranged() + rounds() * simd::arranged_bytes(bits, dim); }
  [[nodiscard]] std::size_t values() const { return rotated() + dim * sizeof(float); }
  [[nodiscard]] std::size_t bytes() const { return values() + dim; }
};

// Reads what rabitq_query has written.
class prepared_rabitq_query {
 public:
  explicit prepared_rabitq_query(const std::byte* record) : record_(record) {}

  [[nodiscard]] const simd::integer_query& query() const { return contents().query; }
  // The same without the remainder.
  [[nodiscard]] const simd::integer_query& first_round() const { return contents().first_round; }
  [[nodiscard]] double base(std::size_t c) const { return static_cast<double>(query().bases[c]); }
  // |q' - c'|
  [[nodiscard]] double length(std::size_t c) const {
    return static_cast<double>(query().bases[contents().n_centroids + c]);
  }
  // One standard deviation of what rounding took from a value of q'.
  [[nodiscard]] double rounding() const { return static_cast<double>(contents().rounding); }

 protected:
  struct header {
    simd::integer_query query;
    simd::integer_query first_round;
    std::uint32_t n_centroids;
    float rounding;
  };
  static_assert(sizeof(header) <= rabitq_query_layout::bases);

 private:
  [[nodiscard]] const header& contents() const { return *reinterpret_cast<const header*>(record_); }

  const std::byte* record_;
};

class rabitq_query : public prepared_rabitq_query {
 public:
  rabitq_query(const rabitq_query_layout& layout, std::byte* record)
      : prepared_rabitq_query(record), layout_(layout), record_(record) {}

  // To be filled before finish().
  [[nodiscard]] float* bases() const { return reinterpret_cast<float*>(record_ + rabitq_query_layout::bases); }
  [[nodiscard]] float* lengths() const { return reinterpret_cast<float*>(record_ + layout_.lengths()); }
  [[nodiscard]] float* rotated() const { return reinterpret_cast<float*>(record_ + layout_.rotated()); }
  [[nodiscard]] std::int8_t* values() const { return reinterpret_cast<std::int8_t*>(record_ + layout_.values()); }

  // Describes the query by its values. step: what 1 in them stands for.
  void finish(const simd::kernel_set& kernels, std::size_t factor_offset, float step) const {
    const std::int32_t sum = arrange(kernels, 0);
    auto* made = new (record_) header{
        .query = {.values = record_ + layout_.arranged(),
                  .bases = bases(),
                  .dim = layout_.dim,
                  .factor_offset = factor_offset,
                  .sum = sum,
                  .scale = step / 2,  // t is twice the centred dot product
                  .scaled_rows = true},
        .first_round = {},
        .n_centroids = static_cast<std::uint32_t>(layout_.n_centroids),
        .rounding = step * deviation,
    };
    made->first_round = made->query;
  }

  // The same from the rotated query.
  void round_and_finish(const simd::kernel_set& kernels, std::size_t factor_offset) const {
    finish(kernels, factor_offset, kernels.round(rotated(), layout_.dim, layout_.bits == 8 ? 63 : 127, values()));
    if (layout_.rounds() == 1) return;
    const float rest = kernels.round(rotated(), layout_.dim, 63, values());
    auto& whole = *reinterpret_cast<header*>(record_);
    whole.query.remainder_sum = arrange(kernels, 1);
    whole.query.remainder_values = record_ + layout_.arranged() + simd::arranged_bytes(layout_.bits, layout_.dim);
    whole.query.remainder_scale = rest / 2;
    whole.rounding = rest * deviation;
  }

 private:
  static constexpr float deviation = 0.28867513f;  // 1 / sqrt(12): of a uniform error in -1/2..1/2

  // For the kernels; answers the sum of the values.
  [[nodiscard]] std::int32_t arrange(const simd::kernel_set& kernels, std::size_t round) const {
    return kernels.arrange(layout_.bits, values(), layout_.dim,
                           record_ + layout_.arranged() + round * simd::arranged_bytes(layout_.bits, layout_.dim));
  }

  rabitq_query_layout layout_;
  std::byte* record_;
};

}  // namespace thimble::inline THIMBLE_FLAGS::detail
