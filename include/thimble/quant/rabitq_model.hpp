// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What RaBitQ learns, whatever the number of bits: the mean, the rotation and, where they pay, centroids around which
// residuals are shorter. As bytes in a file: uint64 seed of the rotation, uint32 number of centroids, uint32 0, the
// mean (dim floats), the rotated centroids relative to the mean (padded dim floats each; none of a single one, which is
// the mean).

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/metric/vector_check.hpp>
#include <thimble/quant/kmeans.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/quant/rotation.hpp>
#include <thimble/quant/training_sample.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

class rabitq_model {
 public:
  static constexpr std::size_t most_centroids = 256;

  // Up to so many centroids where they pay; 1: the mean alone. Errors: empty_input, out_of_memory, what rows answer.
  template <row_source Rows>
  [[nodiscard]] static expected<rabitq_model> train(const Rows& rows, std::size_t n_centroids,
                                                    const train_options& options) {
    if (rows.size() == 0) return fail(errc::empty_input, "there are no vectors to learn from");
    auto sample = training_sample<Rows>::create(rows);
    if (!sample) return std::unexpected(sample.error());
    auto model = create(rows.dim(), options.seed, 1);
    if (!model) return model;
    if (auto done = sample->mean({model->mean_data(), rows.dim()}); !done) return std::unexpected(done.error());
    const std::size_t k = std::min(n_centroids, sample->size() / rows_a_centroid);
    if (k > 1) {
      // Few rows are a cheap trial: of them the same number of centroids leaves less.
      auto few = training_sample<Rows>::create(rows, k * rows_a_centroid);
      if (!few) return std::unexpected(few.error());
      if (auto done = model->add_centroids(*few, *sample, k, options); !done) return std::unexpected(done.error());
    }
    model->measure();
    return model;
  }

  [[nodiscard]] static expected<rabitq_model> load(std::span<const std::byte> parameters, std::size_t dim,
                                                   std::size_t most) {
    if (dim == 0 || dim > max_dim || parameters.size() < mean_offset)
      return fail(errc::corrupt, "the quantizer's section has a wrong size", parameters.size());
    const auto n_centroids = load_as<std::uint32_t>(parameters.data() + count_offset);
    if (n_centroids == 0 || n_centroids > most || load_as<std::uint32_t>(parameters.data() + count_offset + 4) != 0)
      return fail(errc::corrupt, "the quantizer's parameters are out of range", n_centroids);
    if (parameters.size() != bytes(dim, n_centroids))
      return fail(errc::corrupt, "the quantizer's section has a wrong size", parameters.size());
    auto model = create(dim, load_as<std::uint64_t>(parameters.data()), n_centroids);
    if (!model) return model;
    std::memcpy(model->parameters_.data(), parameters.data(), parameters.size());
    if (!is_finite({model->mean_data(), (parameters.size() - mean_offset) / sizeof(float)}))
      return fail(errc::corrupt, "the quantizer's parameters are out of range");
    model->measure();
    return model;
  }

  [[nodiscard]] std::span<const std::byte> parameters() const { return parameters_.span(); }
  [[nodiscard]] std::size_t dim() const { return dim_; }
  [[nodiscard]] std::size_t padded_dim() const { return rotation_.padded_dim(); }
  [[nodiscard]] std::size_t n_centroids() const { return ids_.size(); }
  [[nodiscard]] const float* mean() const { return reinterpret_cast<const float*>(parameters_.data() + mean_offset); }

  // Where there are several: rotated, relative to the mean; as rows of a kernel, with their numbers.
  [[nodiscard]] const float* centroid(std::size_t c) const { return mean() + dim_ + c * padded_dim(); }
  [[nodiscard]] simd::code_rows centroids() const {
    return {reinterpret_cast<const std::byte*>(centroid(0)), padded_dim() * sizeof(float)};
  }
  [[nodiscard]] const node* ids() const { return ids_.data(); }
  [[nodiscard]] double centroid_length(std::size_t c) const { return lengths_[c]; }
  [[nodiscard]] double mean_length2() const { return mean_length2_; }

  // out = vector - mean, padded with zeros.
  void centre(const simd::kernel_set& kernels, std::span<const float> vector, float* out) const {
    kernels.subtract(vector.data(), mean(), dim_, out);
    std::fill(out + round_up(dim_, simd::query_block), out + padded_dim(), 0.0f);
  }

  void rotate(const simd::kernel_set& kernels, float* values) const { rotation_.apply(kernels, values); }

  // The inverse of both: vector = the mean + the values, which are rotated back in place.
  void restore(const simd::kernel_set& kernels, float* values, std::span<float> vector) const {
    rotation_.apply_inverse(kernels, values);
    const float* centre = mean();
    for (std::size_t j = 0; j < dim_; ++j) vector[j] = centre[j] + values[j];
  }

 private:
  // Centroids pay when they leave less than this share of the sample's squared distances. Fewer than so many rows each
  // would only fit the sample.
  static constexpr double worth = 0.8;
  static constexpr std::size_t rows_a_centroid = 64;
  static constexpr std::size_t count_offset = sizeof(std::uint64_t);
  static constexpr std::size_t mean_offset = 16;

  rabitq_model(std::size_t dim, rotation rotate, aligned_buffer<node> ids, aligned_buffer<double> lengths,
               aligned_buffer<std::byte> parameters)
      : dim_(dim),
        rotation_(std::move(rotate)),
        ids_(std::move(ids)),
        lengths_(std::move(lengths)),
        parameters_(std::move(parameters)) {}

  // At most 256 x 65,536 floats behind the mean: 64 MiB.
  [[nodiscard]] static std::size_t bytes(std::size_t dim, std::size_t n_centroids) {
    return mean_offset + (dim + (n_centroids > 1 ? n_centroids * rotation::padded(dim) : 0)) * sizeof(float);
  }

  [[nodiscard]] static expected<rabitq_model> create(std::size_t dim, std::uint64_t seed, std::size_t n_centroids) {
    auto rotate = rotation::create(dim, seed);
    if (!rotate) return std::unexpected(rotate.error());
    auto parameters = aligned_buffer<std::byte>::create(bytes(dim, n_centroids));
    if (!parameters) return std::unexpected(parameters.error());
    auto ids = aligned_buffer<node>::create(n_centroids);
    if (!ids) return std::unexpected(ids.error());
    for (std::size_t c = 0; c < n_centroids; ++c) (*ids)[c] = static_cast<node>(c);
    auto lengths = aligned_buffer<double>::create(n_centroids);
    if (!lengths) return std::unexpected(lengths.error());
    store_as(parameters->data(), seed);
    store_as(parameters->data() + count_offset, static_cast<std::uint32_t>(n_centroids));
    return rabitq_model(dim, std::move(*rotate), std::move(*ids), std::move(*lengths), std::move(*parameters));
  }

  // k centroids of the sample, or none where they leave too much of its energy around the mean.
  template <row_source Rows>
  [[nodiscard]] expected<std::optional<kmeans<Rows>>> worthwhile(training_sample<Rows>& sample, std::size_t k,
                                                                 const train_options& options) const {
    double energy = 0;
    auto summed =
        sample.for_each([&](std::span<const float> row) { energy += options.kernels.l2(row.data(), mean(), dim_); });
    if (!summed) return std::unexpected(summed.error());
    const double wanted = worth * energy;
    auto clusters = kmeans<Rows>::train(sample, k, wanted, options);
    if (!clusters) return std::unexpected(clusters.error());
    if (!(clusters->energy() < wanted)) return std::nullopt;
    return std::optional(std::move(*clusters));
  }

  template <row_source Rows>
  [[nodiscard]] expected<void> add_centroids(training_sample<Rows>& trial, training_sample<Rows>& sample, std::size_t k,
                                             const train_options& options) {
    const auto tried = worthwhile(trial, k, options);
    if (!tried) return std::unexpected(tried.error());
    if (!tried->has_value()) return {};
    const auto clusters = worthwhile(sample, k, options);
    if (!clusters) return std::unexpected(clusters.error());
    if (!clusters->has_value()) return {};
    auto with_centroids = create(dim_, options.seed, k);
    if (!with_centroids) return std::unexpected(with_centroids.error());
    std::memcpy(with_centroids->mean_data(), mean(), dim_ * sizeof(float));
    for (std::size_t c = 0; c < k; ++c) {
      float* rotated = with_centroids->mean_data() + dim_ + c * padded_dim();
      centre(options.kernels, (*clusters)->centroid(c), rotated);
      rotate(options.kernels, rotated);
      // Vectors of the largest size have rotated ones that no file may say.
      if (!is_finite({rotated, padded_dim()})) return {};
    }
    *this = std::move(*with_centroids);
    return {};
  }

  void measure() {
    mean_length2_ = length2(mean(), dim_);
    for (std::size_t c = 0; c < n_centroids() && n_centroids() > 1; ++c)
      lengths_[c] = std::sqrt(length2(centroid(c), padded_dim()));
  }

  [[nodiscard]] static double length2(const float* values, std::size_t n) {
    double sum = 0;
    for (std::size_t j = 0; j < n; ++j) sum += static_cast<double>(values[j]) * static_cast<double>(values[j]);
    return sum;
  }

  [[nodiscard]] float* mean_data() { return reinterpret_cast<float*>(parameters_.data() + mean_offset); }

  std::size_t dim_;
  rotation rotation_;
  aligned_buffer<node> ids_;
  aligned_buffer<double> lengths_;  // of the centroids; 0 of a single one
  aligned_buffer<std::byte> parameters_;
  double mean_length2_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS::detail
