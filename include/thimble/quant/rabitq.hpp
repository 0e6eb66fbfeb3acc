// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// RaBitQ with 1 to 8 bits a dimension (Gao and Long, SIGMOD 2024, arXiv 2405.12497; Gao et al., SIGMOD 2025, arXiv
// 2409.09913). Rows and queries are centred on the mean m and rotated: x' = R (x - m), q' = R (q - m). With a centroid
// c' (0 where there is but one), the residuals r = x' - c' and y = q' - c', z the direction of r's code
// (rabitq_encoder.hpp) and the gain g = |r|^2 / <r, z>, <r, y> ~ g <z, y>: without bias, for the code's error is a
// random direction across r. <z, y> = <z, q'> - <z, c'>, so that one query serves all centroids:
//
//   l2              |y|^2                    +  (|r|^2 + 2 g <z, c'>)                  -  2 g <z, q'>
//   inner product   (1 - <q, m> - <q', c'>)  +  (g <z, c'> - <m, x - m> - <r, c'>)     -    g <z, q'>
//                   bases[c] of the query       add of the row                           scale of the row
//
// q' ~ step s with integers s. Memory: B / 8 bytes for each of the padded dims, and 12 (16 with 8 bits). Exhaustive
// recall@10 of the codes alone on five real sets (100 to 784 dims), 1 to 8 bits: .49 to .83, .73 to .91, .85 to .95,
// .90 to .96, .94 to .98, .97 to .99, .984 to .995, .985 to .994 (the query has 7 bits beside 8).

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/quant/rabitq_encoder.hpp>
#include <thimble/quant/rabitq_factors.hpp>
#include <thimble/quant/rabitq_model.hpp>
#include <thimble/quant/rabitq_query.hpp>
#include <thimble/simd/code_layout.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <unsigned Bits>
  requires(Bits >= 1 && Bits <= 8)
class rabitq {
  static constexpr std::string_view names = "rabitq1rabitq2rabitq3rabitq4rabitq5rabitq6rabitq7rabitq8";

 public:
  static constexpr std::string_view name = names.substr((Bits - 1) * 7, 7);
  static constexpr std::uint32_t file_id = 16 + Bits;

  // Reads a sample of at most 16,384 rows: once, and eleven times with fewer than 4 bits, which look for centroids.
  // Errors: empty_input, out_of_memory, what the rows answer.
  template <row_source Rows>
  [[nodiscard]] static expected<rabitq> train(const Rows& rows, metric m, const train_options& options) {
    return with(detail::rabitq_model::train(rows, has_centroids ? 32 : 1, options), m);
  }

  [[nodiscard]] std::span<const std::byte> parameters() const { return model_.parameters(); }

  [[nodiscard]] static expected<rabitq> load(std::span<const std::byte> parameters, std::size_t dim, metric m) {
    return with(detail::rabitq_model::load(parameters, dim, has_centroids ? detail::rabitq_model::most_centroids : 1),
                m);
  }

  [[nodiscard]] std::size_t code_bytes() const { return factor_offset() + simd::factor_bytes(Bits, true); }

  [[nodiscard]] std::size_t encode_scratch_bytes() const {
    return d() * (2 * sizeof(float) + sizeof(std::int16_t) + 1) +
           round_up(model_.n_centroids() * sizeof(float), std::size_t{64});
  }

  void encode(const simd::kernel_set& kernels, std::span<const float> vector, std::byte* scratch,
              std::byte* code) const {
    auto* r = reinterpret_cast<float*>(scratch);
    auto* z = r + d();
    auto* magnitudes = reinterpret_cast<std::int16_t*>(z + d());
    auto* u = reinterpret_cast<std::uint8_t*>(magnitudes + d());
    auto* distances = reinterpret_cast<float*>(u + d());

    model_.centre(kernels, vector, r);
    const double mean_product = metric_ == metric::l2 ? 0 : kernels.dot(model_.mean(), r, model_.dim());
    model_.rotate(kernels, r);
    const std::size_t c = subtract_nearest_centroid(kernels, r, distances);

    const double norm2 = kernels.dot(r, r, d());
    const double norm = std::sqrt(norm2);
    detail::rabitq_encoder<Bits>::encode(r, d(), norm, magnitudes, u);
    for (std::size_t j = 0; j < d(); ++j) z[j] = static_cast<float>(u[j]) - static_cast<float>(range) / 2;
    simd::pack(Bits, u, d(), code);

    const double product = kernels.dot(r, z, d());
    const double gain = product > 0 ? norm2 / product : 0;
    double residual_product = 0, shift = 0;  // <r, c'>, g <z, c'>
    if (model_.n_centroids() > 1) {
      residual_product = kernels.dot(r, model_.centroid(c), d());
      shift = gain * kernels.dot(z, model_.centroid(c), d());
      THIMBLE_HIDE(shift);
    }
    const bool l2 = metric_ == metric::l2;
    const double add = l2 ? norm2 + 2 * shift : shift - mean_product - residual_product;
    float scale = product > 0 ? static_cast<float>(l2 ? -2 * gain : -gain) : 0.0f;
    if (keeps_cosine() && scale != 0 && model_.centroid_length(c) > 0)
      scale = detail::with_cosine(scale, residual_product / (norm * model_.centroid_length(c)));

    // The factors hold no larger tangent than that: then it is the norm that makes bounds wide enough.
    const double tangent = product > 0 ? tangent_of(norm2 / product, kernels.dot(z, z, d()) / product) : 0;
    const double beyond = std::max(1.0, tangent / static_cast<double>(tangents::largest));
    detail::rabitq_factors{.add = static_cast<float>(add),
                           .sum = Bits == 8 ? sum_of(code) : 0,
                           .scale = scale,
                           .details = {.norm = detail::upper_half(norm * beyond),
                                       .tangent = tangents::of(tangent / beyond),
                                       .centroid = static_cast<std::uint8_t>(c)}}
        .store(Bits, code + factor_offset());
  }

  // x ~ m + R^-1 (c' + k z), k = <r, z> / |z|^2 = g cos^2 of the angle between r and z: of all multiples of z the
  // nearest to r, which misses it by |r| sin. (Estimates take g z. That is longer, so that products with it have no
  // bias, and misses r by |r| tan.) cos^2 is from the row's tangent: sin is about .60, .35, .19, .11, .057, .030, .015,
  // .0075 with 1 to 8 bits.
  void decode(const simd::kernel_set& kernels, const std::byte* code, std::byte* scratch,
              std::span<float> vector) const {
    auto* r = reinterpret_cast<float*>(scratch);
    auto* u = reinterpret_cast<std::uint8_t*>(r + d());
    simd::unpack(Bits, code, d(), u);
    const auto factors = factors_of(code);
    const double tangent = tangents::value(factors.details.tangent);
    const double gain = std::min(gain_of(factors), largest_gain);
    const auto k = static_cast<float>(gain / (1 + tangent * tangent));
    // The product is exact: fused with the sum or not, the same.
    for (std::size_t j = 0; j < d(); ++j) r[j] = static_cast<float>(double{k} * (u[j] - range / 2.0));
    if (model_.n_centroids() > 1) {
      const float* centroid = model_.centroid(factors.details.centroid);
      for (std::size_t j = 0; j < d(); ++j) r[j] += centroid[j];
    }
    model_.restore(kernels, r, vector);
  }

  // Every field of a code has a meaning, for the padded dim is a multiple of 64.
  [[nodiscard]] bool valid(const std::byte* code) const {
    const auto factors = factors_of(code);
    return factors.in_range() && factors.details.centroid < model_.n_centroids() &&
           (Bits != 8 || factors.sum == sum_of(code));
  }

  [[nodiscard]] std::size_t query_bytes() const { return layout().bytes(); }

  // 1 us at dim 768 with AVX-512, 2 with 32 centroids.
  void prepare(const simd::kernel_set& kernels, std::span<const float> vector, std::byte* query) const {
    const detail::rabitq_query prepared(layout(), query);
    float* q = prepared.rotated();
    model_.centre(kernels, vector, q);
    const float norm2 = kernels.dot(q, q, model_.dim());
    const float base = metric_ == metric::l2 ? norm2 : 1 - kernels.dot(vector.data(), model_.mean(), model_.dim());
    model_.rotate(kernels, q);

    const std::size_t n = model_.n_centroids();
    float* bases = prepared.bases();
    float* lengths = prepared.lengths();
    if (n == 1) {
      bases[0] = base;
      lengths[0] = norm2;
    } else {
      kernels.l2_rows(q, d(), model_.centroids(), model_.ids(), n, lengths);
      if (metric_ == metric::l2) {
        std::memcpy(bases, lengths, n * sizeof(float));
      } else {
        kernels.dot_rows(q, d(), model_.centroids(), model_.ids(), n, bases);
        for (std::size_t c = 0; c < n; ++c) bases[c] = base - bases[c];
      }
    }
    for (std::size_t c = 0; c < n; ++c) lengths[c] = std::sqrt(lengths[c]);
    prepared.round_and_finish(kernels, factor_offset());
  }

  // The code stands for the vector g z; s = 2 z, with 8 bits z / 2 rounded.
  void prepare_from_code(const simd::kernel_set& kernels, const std::byte* code, std::byte* query) const
    requires(Bits >= 4)
  {
    const detail::rabitq_query prepared(layout(), query);
    std::int8_t* s = prepared.values();
    if constexpr (Bits == 8) {
      kernels.halve(reinterpret_cast<const std::int8_t*>(code), d(), s);
    } else {
      simd::unpack(Bits, code, d(), reinterpret_cast<std::uint8_t*>(s));
      for (std::size_t j = 0, dim = d(); j < dim; ++j) s[j] = static_cast<std::int8_t>(2 * s[j] - range);
    }
    const auto factors = factors_of(code);
    const bool l2 = metric_ == metric::l2;
    prepared.bases()[0] =
        l2 ? factors.add : static_cast<float>(1 - model_.mean_length2() + static_cast<double>(factors.add));
    prepared.lengths()[0] = detail::from_upper_half(factors.details.norm);
    const float gain = gain_of(factors);
    prepared.finish(kernels, factor_offset(), Bits == 8 ? 2 * gain : gain / 2);
  }

  void estimate(const simd::kernel_set& kernels, const std::byte* query, simd::code_rows codes, const node* nodes,
                std::size_t n, float* distances) const {
    kernels.estimate[Bits](detail::prepared_rabitq_query(query).query(), codes, nodes, n, distances);
  }

  // By the first round of the query's values alone.
  void scout(const simd::kernel_set& kernels, const std::byte* query, simd::code_rows codes, const node* nodes,
             std::size_t n, float* distances) const
    requires(Bits == 8)
  {
    kernels.estimate[Bits](detail::prepared_rabitq_query(query).first_round(), codes, nodes, n, distances);
  }

  // Two independent errors. The code's: what y has across r meets a random direction across r that is as long as the
  // tangent of the angle between r and z. The query's: each s is off by up to 1/2, a variance of 1/12, times |g z|^2.
  // For l2 (half of it for inner product):
  //
  //   2 |r| |y| tan sqrt((1 - rho^2) / (D - 1)),   2 |r| / cos step / sqrt(12)
  //
  // rho, the cosine between r and y, is the estimate's own: too small where the estimate is too large, which widens a
  // lower bound that needs it, and too large where it is too small, where the bound holds anyway. <r, y> follows from
  // the distance exactly with one centroid; with several from the rounded |r| (l2) or the rounded cosine between r and
  // c' (inner product).
  [[nodiscard]] float standard_error(const std::byte* query, const std::byte* code, float distance) const {
    const auto factors = factors_of(code);
    const detail::prepared_rabitq_query prepared(query);
    const std::size_t c = factors.details.centroid;
    const double norm = detail::from_upper_half(factors.details.norm);
    const double tangent = tangents::value(factors.details.tangent);
    const double reach = norm * prepared.length(c);
    double product = prepared.base(c) - static_cast<double>(distance);  // to become <r, y>
    if (metric_ == metric::l2) {
      product += model_.n_centroids() == 1 ? static_cast<double>(factors.add) : square(norm * typical_rounding);
      product /= 2;
    } else {
      product += static_cast<double>(factors.add);
      if (keeps_cosine()) product -= rounded(norm * model_.centroid_length(c) * detail::cosine_in(factors.scale));
    }
    const double cosine = reach > 0 ? std::clamp(product / reach, -1.0, 1.0) : 0;
    const double across = (1 - square(cosine)) / static_cast<double>(d() - 1);
    const double of_code = rounded(square(reach * tangent) * across);
    const double of_query = rounded(square(prepared.rounding() * norm) * (1 + square(tangent)));
    const double error = std::sqrt(of_code + of_query);
    return static_cast<float>(metric_ == metric::l2 ? 2 * error : error);
  }

 private:
  using tangents = detail::tiny_tangent<Bits>;

  // Coarse codes only: finer ones build graphs by themselves, and a code as a query knows its own centroid only.
  static constexpr bool has_centroids = Bits < 4;
  static constexpr std::int32_t range = (1 << Bits) - 1;
  // g is below 2 |r|, since |z_i| >= 1/2: no vector of a valid size has a larger one, and a file that says so gives
  // finite vectors.
  static constexpr float largest_gain = 1e20f;
  // The upper half of a float, rounded up, is so much too large on average.
  static constexpr double typical_rounding = 1 - 0.0028;

  rabitq(detail::rabitq_model model, metric m) : model_(std::move(model)), metric_(m) {}

  [[nodiscard]] static expected<rabitq> with(expected<detail::rabitq_model> model, metric m) {
    if (!model) return std::unexpected(model.error());
    return rabitq(std::move(*model), m);
  }

  // The padded dim.
  [[nodiscard]] std::size_t d() const { return model_.padded_dim(); }
  [[nodiscard]] std::size_t factor_offset() const { return simd::packed_bytes(Bits, d()); }
  [[nodiscard]] detail::rabitq_query_layout layout() const {
    return {.bits = Bits, .dim = d(), .n_centroids = model_.n_centroids()};
  }
  [[nodiscard]] detail::rabitq_factors factors_of(const std::byte* code) const {
    return detail::rabitq_factors::load(Bits, code + factor_offset());
  }

  // g of a row.
  [[nodiscard]] float gain_of(const detail::rabitq_factors& factors) const {
    return metric_ == metric::l2 ? factors.scale / -2 : -factors.scale;
  }

  // Whether the scale of a row holds the cosine between r and c' in its last bits.
  [[nodiscard]] bool keeps_cosine() const { return metric_ != metric::l2 && model_.n_centroids() > 1; }

  // Of the values c of 8-bit codes.
  [[nodiscard]] std::int32_t sum_of(const std::byte* code) const {
    std::int32_t sum = 0;
    for (std::size_t j = 0; j < d(); ++j) sum += static_cast<std::int8_t>(code[j]);
    return sum;
  }

  // A product that is not fused with what it is added to.
  [[nodiscard]] static double rounded(double product) {
    THIMBLE_HIDE(product);
    return product;
  }
  [[nodiscard]] static double square(double x) { return rounded(x * x); }

  [[nodiscard]] static double tangent_of(double norm2_by_product, double code_norm2_by_product) {
    return std::sqrt(std::max(0.0, rounded(norm2_by_product * code_norm2_by_product) - 1));
  }

  // r -= the nearest centroid, whose number it answers.
  [[nodiscard]] std::size_t subtract_nearest_centroid(const simd::kernel_set& kernels, float* r,
                                                      float* distances) const {
    const std::size_t n = model_.n_centroids();
    if (n == 1) return 0;
    kernels.l2_rows(r, d(), model_.centroids(), model_.ids(), n, distances);
    const auto nearest = static_cast<std::size_t>(std::min_element(distances, distances + n) - distances);
    const float* centroid = model_.centroid(nearest);
    for (std::size_t j = 0; j < d(); ++j) r[j] -= centroid[j];
    return nearest;
  }

  detail::rabitq_model model_;
  metric metric_;
};

static_assert(bounded_quantizer<rabitq<1>> && !symmetric_quantizer<rabitq<3>>);
static_assert(bounded_quantizer<rabitq<4>> && symmetric_quantizer<rabitq<4>> && symmetric_quantizer<rabitq<8>>);
static_assert(decoding_quantizer<rabitq<1>> && decoding_quantizer<rabitq<8>>);
static_assert(scouting_quantizer<rabitq<8>> && !scouting_quantizer<rabitq<7>>);

}  // namespace thimble::inline THIMBLE_FLAGS
