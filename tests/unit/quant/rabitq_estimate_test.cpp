// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// How far RaBitQ's estimates are from the exact distances, and whether it knows: without bias, no worse than theory,
// lower bounds that hold and are no wider than they must be.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <thimble/quant/rabitq.hpp>
#include <thimble/simd/dispatch.hpp>
#include <vector>

#include "unit/support/coded.hpp"
#include "unit/support/environment.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/quantizers.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::coded;
using test::dot;
using test::metrics;

template <class Quantizer>
class rabitq_estimates : public ::testing::Test {};
TYPED_TEST_SUITE(rabitq_estimates, test::some_rabitqs, test::quantizer_names);

std::vector<float> normal_vector(std::size_t dim, random_generator& random) {
  std::vector<float> made(dim);
  for (float& value : made) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random.uniform();
    value = static_cast<float>(sum);
  }
  return made;
}

// A vector of a's length and of this cosine with it.
std::vector<float> at_cosine(double rho, const std::vector<float>& a, random_generator& random) {
  auto b = normal_vector(a.size(), random);
  const double a2 = dot(a, a), along = dot(a, b) / a2;
  for (std::size_t j = 0; j < a.size(); ++j) b[j] = static_cast<float>(b[j] - along * a[j]);
  const double across = std::sqrt((1 - rho * rho) * a2 / dot(b, b));
  for (std::size_t j = 0; j < a.size(); ++j) b[j] = static_cast<float>(rho * a[j] + across * b[j]);
  return b;
}

// Rows in pairs (x, -x): their mean is 0, so that x is what is quantized.
test::float_vectors with_opposite(const std::vector<float>& x) {
  test::float_vectors rows{.dim = x.size(), .values = x};
  for (const float value : x) rows.values.push_back(-value);
  return rows;
}

struct errors {
  std::size_t n = 0, held = 0;
  double sum = 0, squares = 0, half_widths = 0;

  void add(double estimate, double exact, double standard_error) {
    const double error = estimate - exact;
    ++n;
    held += estimate - 3 * standard_error <= exact ? 1 : 0;
    sum += error;
    squares += error * error;
    half_widths += 3 * standard_error;
  }
  [[nodiscard]] double mean() const { return sum / static_cast<double>(n); }
  [[nodiscard]] double rms() const { return std::sqrt(squares / static_cast<double>(n)); }
  [[nodiscard]] double deviation_of_the_mean() const { return rms() / std::sqrt(static_cast<double>(n)); }
};

template <class Quantizer>
void add_errors(errors& all, const coded<Quantizer>& data, const test::float_vectors& rows, metric m,
                std::span<const float> query) {
  const auto prepared = data.prepare(query);
  const auto estimates = data.estimates(query);
  for (node x = 0; x < rows.size(); ++x)
    all.add(estimates[x], test::exact(m, query, rows.row(x)).value,
            data.quantizer().standard_error(prepared.data(), data.code(x), estimates[x]));
}

void expect_good_bounds(const errors& all, const std::string& what) {
  EXPECT_GE(static_cast<double>(all.held), .99 * static_cast<double>(all.n)) << what;
  EXPECT_LE(all.half_widths / static_cast<double>(all.n), 3.3 * all.rms()) << what;
}

// ------------------------------------------------------------------------------------------------------- bias

constexpr std::size_t n_seeds = test::slow ? 1000 : 1500;

TYPED_TEST(rabitq_estimates, are_right_on_average_over_rotations) {
  for (const metric m : metrics) {
    for (const double rho : {.0, .6}) {
      random_generator random(7);
      const auto x = normal_vector(60, random);
      auto rows = with_opposite(x);
      auto query = at_cosine(rho, x, random);
      // A mean, so that its terms are tested too.
      for (std::size_t j = 0; j < 60; ++j) {
        rows.values[j] += 1 + .1f * static_cast<float>(j);
        rows.values[60 + j] += 1 + .1f * static_cast<float>(j);
        query[j] += .5f + .1f * static_cast<float>(j);
      }
      const double exact = test::exact(m, query, rows.row(0)).value;
      errors all;
      for (std::uint64_t seed = 0; seed < n_seeds; ++seed)
        all.add(coded<TypeParam>(rows, m, seed).estimates(query)[0], exact, 0);
      EXPECT_LE(std::fabs(all.mean()), 3 * all.deviation_of_the_mean()) << name(m) << ", rho " << rho;
    }
  }
}

TYPED_TEST(rabitq_estimates, are_right_on_average_with_several_centroids) {
  if (TypeParam::file_id >= 16 + 4) return;  // has one
  const auto rows = test::clustered_vectors(200, 60, 5, 3);
  const auto one_more = test::clustered_vectors(201, 60, 5, 3);
  const auto query = one_more.row(200);
  for (const metric m : metrics) {
    std::array<errors, 4> all;
    for (std::uint64_t seed = 5000; seed < 6000; ++seed) {
      auto trained = TypeParam::train(rows.view(), m, {**simd::kernels_for(simd::isa::automatic), seed});
      ASSERT_TRUE(test::succeeded(trained));
      ASSERT_GT(load_as<std::uint32_t>(trained->parameters().data() + 8), 1u);
      const test::float_vectors first{.dim = 60, .values = {rows.values.begin(), rows.values.begin() + 4 * 60}};
      const auto estimates = coded<TypeParam>(first, std::move(*trained)).estimates(query);
      for (std::size_t i = 0; i < 4; ++i) all[i].add(estimates[i], test::exact(m, query, rows.row(i)).value, 0);
    }
    for (const errors& of_row : all) EXPECT_LE(std::fabs(of_row.mean()), 3 * of_row.deviation_of_the_mean()) << name(m);
  }
}

// ---------------------------------------------------------------------------------------------------- variance

// tan^2 of the angle between a random direction in 768 dims and its best code.
constexpr double best_tan2[] = {0, .5705, .1345, .0385, .01145, .00331, .000885, .000227, .0000548};

TYPED_TEST(rabitq_estimates, are_as_precise_as_theory_has_it) {
  constexpr std::size_t dim = 768, n = 400;
  for (const metric m : metrics) {
    for (const double rho : {.0, .9}) {
      random_generator random(9);
      double variance = 0;
      errors all;
      for (std::uint64_t seed = 0; seed < n; ++seed) {
        const auto x = normal_vector(dim, random);
        const auto query = at_cosine(rho, x, random);
        const coded<TypeParam> data(with_opposite(x), m, seed);
        const auto prepared = data.prepare(query);
        all.add(data.estimates(query)[0], test::exact(m, query, x).value, 0);
        const double tan2 = best_tan2[TypeParam::file_id - 16], x2 = dot(x, x);
        const double rounding = detail::prepared_rabitq_query(prepared.data()).rounding();
        const double of_code = x2 * x2 * tan2 * (1 - rho * rho) / (dim - 1);
        variance += (m == metric::l2 ? 4 : 1) * (of_code + rounding * rounding * x2 * (1 + tan2)) / n;
      }
      // A standard deviation from n errors is off by 1 / sqrt(2 n) itself: two of those more.
      EXPECT_LE(all.rms(), (1.05 + 2 / std::sqrt(2.0 * n)) * std::sqrt(variance)) << name(m) << ", rho " << rho;
      EXPECT_GE(all.rms(), .9 * std::sqrt(variance)) << "better than theory: the test is wrong";
    }
  }
}

// ----------------------------------------------------------------------------------------------------- bounds

TYPED_TEST(rabitq_estimates, bounds_hold_for_random_vectors_of_any_cosine) {
  for (const metric m : metrics) {
    for (const double rho : {.0, .3, .9}) {
      for (const std::size_t dim : {std::size_t{64}, std::size_t{300}, std::size_t{768}}) {
        random_generator random(9);
        errors all;
        for (std::uint64_t seed = 0; seed < 120; ++seed) {
          const auto x = normal_vector(dim, random);
          const coded<TypeParam> data(with_opposite(x), m, seed);
          for (int i = 0; i < 8; ++i) add_errors(all, data, {.dim = dim, .values = x}, m, at_cosine(rho, x, random));
        }
        expect_good_bounds(all, std::string(name(m)) + ", rho " + std::to_string(rho));
      }
    }
  }
}

TYPED_TEST(rabitq_estimates, bounds_hold_for_clustered_vectors) {
  for (const metric m : metrics) {
    for (const std::size_t dim : {std::size_t{65}, std::size_t{200}}) {
      const auto vectors = test::clustered_vectors(1100, dim, 5, 12);
      const test::float_vectors rows{
          .dim = dim,
          .values = {vectors.values.begin(), vectors.values.begin() + static_cast<std::ptrdiff_t>(1000 * dim)}};
      const coded<TypeParam> data(rows, m);
      errors all;
      for (std::size_t i = 1000; i < 1020; ++i) add_errors(all, data, rows, m, vectors.row(i));
      expect_good_bounds(all, std::string(name(m)) + ", dim " + std::to_string(dim));
    }
  }
}

TYPED_TEST(rabitq_estimates, bounds_hold_for_pictures) {
  const auto rows = test::base_pictures().floats(1200);
  for (const metric m : metrics) {
    const coded<TypeParam> data(rows, m);
    errors all;
    for (std::size_t i = 0; i < 6; ++i) add_errors(all, data, rows, m, test::query_pictures().row(i));
    expect_good_bounds(all, std::string(name(m)));
  }
}

test::float_vectors shared_vectors(const std::string& path, std::size_t most) {
  const auto bytes = test::read_bytes(std::string(THIMBLE_SHARED_DATA "/") + path);
  if (bytes.size() < 8) return {};
  const std::size_t dim = load_as<std::uint32_t>(bytes.data() + 4);
  test::float_vectors made{.dim = dim, .values = std::vector<float>(std::min(most * dim, (bytes.size() - 8) / 4))};
  std::memcpy(made.values.data(), bytes.data() + 8, made.values.size() * sizeof(float));
  return made;
}

TYPED_TEST(rabitq_estimates, bounds_hold_for_embeddings) {
  for (const std::string folder : {"bge-768", "word2vec-100"}) {
    const auto rows = shared_vectors(folder + "/base.fbin", 1000);
    const auto queries = shared_vectors(folder + "/query.fbin", 6);
    if (rows.size() == 0 || queries.size() == 0) GTEST_SKIP() << "no shared data";
    for (const metric m : metrics) {
      const coded<TypeParam> data(rows, m);
      errors all;
      for (std::size_t i = 0; i < queries.size(); ++i) add_errors(all, data, rows, m, queries.row(i));
      expect_good_bounds(all, folder + ", " + std::string(name(m)));
    }
  }
}

}  // namespace
}  // namespace thimble
