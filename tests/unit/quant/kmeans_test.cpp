// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <thimble/quant/kmeans.hpp>
#include <thimble/simd/dispatch.hpp>
#include <vector>

#include "unit/support/coded.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using rows_of_floats = matrix_view<float>;

struct clusters {
  std::vector<float> centroids;
  double energy;
};

constexpr double any_energy = std::numeric_limits<double>::infinity();

clusters found(const test::float_vectors& rows, std::size_t k, std::uint64_t seed = 1,
               simd::isa set = simd::isa::automatic, double wanted = any_energy) {
  const auto view = rows.view();
  auto sample = training_sample<rows_of_floats>::create(view);
  const auto means = detail::kmeans<rows_of_floats>::train(*sample, k, wanted, {**simd::kernels_for(set), seed});
  EXPECT_TRUE(test::succeeded(means));
  clusters made{.centroids = {}, .energy = means->energy()};
  for (std::size_t c = 0; c < k; ++c)
    made.centroids.insert(made.centroids.end(), means->centroid(c).begin(), means->centroid(c).end());
  return made;
}

// The mean squared distance from the rows to the nearest of some centres.
double energy_of(const test::float_vectors& rows, const std::vector<float>& centres) {
  double sum = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double nearest = 1e30;
    for (std::size_t c = 0; c < centres.size() / rows.dim; ++c)
      nearest = std::min(
          nearest, test::exact(metric::l2, rows.row(i), std::span(centres).subspan(c * rows.dim, rows.dim)).value);
    sum += nearest;
  }
  return sum;
}

TEST(kmeans, centroids_leave_less_than_the_mean_does) {
  const auto rows = test::clustered_vectors(600, 20, 3, 8);
  const double one = found(rows, 1).energy;
  const double eight = found(rows, 8).energy;
  const double many = found(rows, 64).energy;
  EXPECT_LT(eight, .6 * one);
  EXPECT_LT(many, eight);
  EXPECT_NEAR(energy_of(rows, found(rows, 8).centroids), eight, .01 * eight);
}

TEST(kmeans, one_centroid_is_the_mean) {
  const auto rows = test::random_vectors(300, 33, 3);
  const auto one = found(rows, 1);
  for (std::size_t j = 0; j < rows.dim; ++j) {
    double mean = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) mean += rows.row(i)[j] / 300;
    EXPECT_NEAR(one.centroids[j], mean, 1e-6);
  }
}

TEST(kmeans, as_many_centroids_as_rows_leave_nothing) {
  const auto rows = test::random_vectors(50, 7, 3);
  EXPECT_EQ(found(rows, 50).energy, 0);
}

TEST(kmeans, the_same_rows_and_seed_give_the_same_bits_on_every_instruction_set) {
  const auto rows = test::clustered_vectors(300, 65, 3);
  const auto oracle = found(rows, 9, 4, simd::isa::scalar);
  for (const auto set : simd::attainable()) {
    const auto again = found(rows, 9, 4, set);
    EXPECT_EQ(test::bits_of(again.centroids), test::bits_of(oracle.centroids)) << name(set);
    EXPECT_EQ(again.energy, oracle.energy) << name(set);
  }
  EXPECT_NE(found(rows, 9, 5).centroids, oracle.centroids);
}

// Three places, of which the first two parts of the rows know only one: a centroid starts without rows.
TEST(kmeans, an_empty_cluster_moves_to_where_it_is_needed) {
  test::float_vectors rows{.dim = 2, .values = {}};
  for (std::size_t i = 0; i < 99; ++i) {
    const float place = i < 66 ? 0.0f : i < 80 ? 5.0f : -9.0f;
    rows.values.insert(rows.values.end(), {place, 1.0f});
  }
  EXPECT_EQ(found(rows, 3).energy, 0);
}

TEST(kmeans, rows_that_are_all_the_same_are_no_trouble) {
  const test::float_vectors rows{.dim = 5, .values = std::vector<float>(5 * 40, 1.5f)};
  const auto same = found(rows, 4);
  EXPECT_EQ(same.energy, 0);
  for (const float value : same.centroids) EXPECT_EQ(value, 1.5f);
}

TEST(kmeans, ends_early_where_what_is_wanted_is_far) {
  const auto rows = test::random_vectors(600, 20, 3);
  const auto all = found(rows, 8);
  const auto wanting = [&](double share) { return found(rows, 8, 1, simd::isa::automatic, share * all.energy); };
  EXPECT_EQ(wanting(1).centroids, all.centroids);
  EXPECT_GT(wanting(.5).energy, all.energy);
}

TEST(kmeans, an_error_of_the_rows_stops_it) {
  const auto rows = test::random_vectors(50, 7, 3);
  const test::failing_rows broken(rows.view(), 30);
  auto sample = training_sample<test::failing_rows>::create(broken);
  const auto means =
      detail::kmeans<test::failing_rows>::train(*sample, 3, any_energy, {**simd::kernels_for(simd::isa::automatic), 1});
  EXPECT_EQ(test::code_of(means), errc::corrupt);
}

}  // namespace
}  // namespace thimble
