// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <queue>
#include <thimble/quant/rabitq_encoder.hpp>
#include <utility>
#include <vector>

#include "unit/support/environment.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

template <class Bits>
class rabitq_encoders : public ::testing::Test {};
template <unsigned Bits>
using bits = std::integral_constant<unsigned, Bits>;
using all_bits = ::testing::Types<bits<1>, bits<2>, bits<3>, bits<4>, bits<5>, bits<6>, bits<7>, bits<8>>;
TYPED_TEST_SUITE(rabitq_encoders, all_bits);

double norm_of(const std::vector<float>& r) {
  return std::sqrt(std::transform_reduce(r.begin(), r.end(), 0.0, std::plus{}, [](double x) { return x * x; }));
}

template <unsigned Bits>
std::vector<std::uint8_t> encoded(const std::vector<float>& r) {
  std::vector<std::int16_t> scratch(r.size());
  std::vector<std::uint8_t> u(r.size());
  detail::rabitq_encoder<Bits>::encode(r.data(), r.size(), norm_of(r), scratch.data(), u.data());
  return u;
}

double cosine(unsigned n_bits, const std::vector<float>& r, const std::vector<std::uint8_t>& u) {
  double product = 0, norm2 = 0;
  for (std::size_t j = 0; j < r.size(); ++j) {
    const double z = u[j] - ((1 << n_bits) - 1) / 2.0;
    product += r[j] * z;
    norm2 += z * z;
  }
  return product / (norm_of(r) * std::sqrt(norm2));
}

// The largest cosine that any code has: all thresholds of t in their order, each adds one to one k.
double best_cosine(unsigned n_bits, const std::vector<float>& r) {
  const int top = (1 << (n_bits - 1)) - 1;
  using threshold = std::pair<double, std::size_t>;
  std::priority_queue<threshold, std::vector<threshold>, std::greater<>> next;
  std::vector<int> k(r.size());
  double product = 0, norm2 = static_cast<double>(r.size()) / 4;
  for (std::size_t j = 0; j < r.size(); ++j) {
    product += std::fabs(double{r[j]}) / 2;
    if (top > 0 && r[j] != 0) next.emplace(1 / std::fabs(double{r[j]}), j);
  }
  double best = product / std::sqrt(norm2);
  while (!next.empty()) {
    const std::size_t j = next.top().second;
    next.pop();
    product += std::fabs(double{r[j]});
    norm2 += 2.0 * ++k[j];
    best = std::max(best, product / std::sqrt(norm2));
    if (k[j] < top) next.emplace((k[j] + 1) / std::fabs(double{r[j]}), j);
  }
  return best / norm_of(r);
}

std::vector<float> normal_vector(std::size_t dim, std::uint64_t seed) {
  random_generator random(seed);
  std::vector<float> made(dim);
  for (float& value : made) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random.uniform();
    value = static_cast<float>(sum);
  }
  return made;
}

TYPED_TEST(rabitq_encoders, the_cosine_is_within_3e_4_of_the_best_codes) {
  constexpr unsigned n_bits = TypeParam::value;
  for (const std::size_t dim : {std::size_t{64}, std::size_t{128}, std::size_t{768}, std::size_t{1536}}) {
    const std::size_t n = std::max<std::size_t>(4, (test::slow ? 10'000 : 60'000) / dim / (n_bits > 6 ? 4 : 1));
    double loss = 0, most = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const auto r = normal_vector(dim, i);
      const double lost = best_cosine(n_bits, r) - cosine(n_bits, r, encoded<n_bits>(r));
      EXPECT_GE(lost, -1e-9) << "no code is better than the best one";
      loss += lost / static_cast<double>(n);
      most = std::max(most, lost);
    }
    EXPECT_LE(loss, 3e-4) << "dim " << dim;
    EXPECT_LE(most, 5e-3) << "dim " << dim;
  }
}

TYPED_TEST(rabitq_encoders, the_angle_is_within_5_percent_of_the_best_codes) {
  constexpr unsigned n_bits = TypeParam::value;
  for (const std::size_t dim : {std::size_t{64}, std::size_t{128}, std::size_t{768}, std::size_t{1536}}) {
    const std::size_t n = std::max<std::size_t>(4, (test::slow ? 10'000 : 60'000) / dim / (n_bits > 6 ? 4 : 1));
    double squares = 0, best_squares = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const auto r = normal_vector(dim, i);
      squares += 1 / std::pow(cosine(n_bits, r, encoded<n_bits>(r)), 2) - 1;
      best_squares += 1 / std::pow(best_cosine(n_bits, r), 2) - 1;
    }
    EXPECT_LE(std::sqrt(squares / best_squares), 1.05) << "dim " << dim;
  }
}

TYPED_TEST(rabitq_encoders, the_most_significant_bit_is_the_sign) {
  constexpr unsigned n_bits = TypeParam::value;
  const auto r = normal_vector(768, 3);
  const auto u = encoded<n_bits>(r);
  for (std::size_t j = 0; j < r.size(); ++j) {
    EXPECT_EQ(u[j] >> (n_bits - 1), r[j] < 0 ? 0 : 1);
    EXPECT_LT(u[j], 1u << n_bits);
  }
}

TYPED_TEST(rabitq_encoders, the_other_direction_has_the_complement) {
  constexpr unsigned n_bits = TypeParam::value;
  auto r = normal_vector(128, 3);
  const auto u = encoded<n_bits>(r);
  for (float& value : r) value = -value;
  const auto opposite = encoded<n_bits>(r);
  for (std::size_t j = 0; j < r.size(); ++j) EXPECT_EQ(u[j] + opposite[j], (1 << n_bits) - 1);
}

TYPED_TEST(rabitq_encoders, only_the_direction_matters) {
  constexpr unsigned n_bits = TypeParam::value;
  const auto r = normal_vector(128, 3);
  for (const float scale : {0x1p-60f, 0x1p-20f, 0x1p20f, 0x1p40f}) {
    auto scaled = r;
    for (float& value : scaled) value *= scale;
    EXPECT_EQ(encoded<n_bits>(scaled), encoded<n_bits>(r)) << scale;
  }
}

TYPED_TEST(rabitq_encoders, degenerate_vectors_have_codes_in_range) {
  constexpr unsigned n_bits = TypeParam::value;
  std::vector<std::vector<float>> vectors(6, std::vector<float>(4096));
  vectors[1][77] = 1e17f;
  vectors[2][77] = -1e-45f;
  for (float& value : vectors[3]) value = -1e-38f;
  for (float& value : vectors[4]) value = 5e17f;
  for (std::size_t j = 0; j < 4096; ++j) vectors[5][j] = j % 64 == 0 ? -1e10f : 1e-10f;
  for (const auto& r : vectors)
    for (const std::uint8_t u : encoded<n_bits>(r)) EXPECT_LT(u, 1u << n_bits);
}

}  // namespace
}  // namespace thimble
