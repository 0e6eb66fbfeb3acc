// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Codes, parameters and queries of RaBitQ. How good its estimates are is in rabitq_estimate_test.cpp.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <thimble/quant/rabitq.hpp>
#include <thimble/simd/dispatch.hpp>
#include <vector>

#include "unit/support/coded.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/quantizers.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::coded;
using test::metrics;
using test::succeeded;
using test::usual_dims;

template <class Quantizer>
constexpr unsigned bits_of_quantizer = Quantizer::file_id - 16;

template <class Quantizer>
expected<Quantizer> trained(const test::float_vectors& rows, metric m = metric::l2, std::uint64_t seed = 1) {
  return Quantizer::train(rows.view(), m, {.kernels = **simd::kernels_for(simd::isa::automatic), .seed = seed});
}

template <class Quantizer>
std::uint32_t n_centroids(const Quantizer& quantizer) {
  return load_as<std::uint32_t>(quantizer.parameters().data() + 8);
}

template <class Quantizer>
std::byte* factors_at(coded<Quantizer>& data, node x, std::size_t dim) {
  return data.code(x) + simd::packed_bytes(bits_of_quantizer<Quantizer>, rotation::padded(dim));
}

template <class Quantizer>
class rabitqs : public ::testing::Test {};
TYPED_TEST_SUITE(rabitqs, test::some_rabitqs, test::quantizer_names);

TYPED_TEST(rabitqs, has_a_name_and_a_number_for_its_bits) {
  constexpr unsigned n_bits = bits_of_quantizer<TypeParam>;
  EXPECT_EQ(TypeParam::name, "rabitq" + std::to_string(n_bits));
  EXPECT_EQ(TypeParam::file_id, 16 + n_bits);
}

TYPED_TEST(rabitqs, takes_its_bits_for_each_padded_dim_and_a_few_factors) {
  constexpr unsigned n_bits = bits_of_quantizer<TypeParam>;
  for (const std::size_t dim : usual_dims) {
    const auto quantizer = trained<TypeParam>(test::random_vectors(5, dim, 1));
    ASSERT_TRUE(succeeded(quantizer));
    EXPECT_EQ(quantizer->code_bytes(), (dim + 63) / 64 * 64 * n_bits / 8 + (n_bits == 8 ? 16 : 12));
    EXPECT_EQ(quantizer->query_bytes() % 64, 0u);
  }
}

TYPED_TEST(rabitqs, training_twice_gives_the_same_bytes_and_another_seed_another_rotation) {
  const auto rows = test::clustered_vectors(300, 65, 2);
  const auto a = trained<TypeParam>(rows);
  const auto b = trained<TypeParam>(rows);
  EXPECT_TRUE(std::ranges::equal(a->parameters(), b->parameters()));
  const coded<TypeParam> codes(rows, metric::l2, 1), others(rows, metric::l2, 2);
  EXPECT_FALSE(std::ranges::equal(codes.codes(), others.codes()));
}

TYPED_TEST(rabitqs, centroids_are_taken_where_they_pay) {
  const auto clusters = trained<TypeParam>(test::clustered_vectors(800, 64, 3, 8));
  const auto noise = trained<TypeParam>(test::random_vectors(800, 64, 3));
  const auto few = trained<TypeParam>(test::clustered_vectors(60, 64, 3, 2));
  EXPECT_EQ(n_centroids(*clusters), bits_of_quantizer<TypeParam> < 4 ? 12u : 1u);
  EXPECT_EQ(n_centroids(*noise), 1u);
  EXPECT_EQ(n_centroids(*few), 1u);
}

TYPED_TEST(rabitqs, loaded_parameters_encode_estimate_and_bound_as_trained_ones) {
  for (const metric m : metrics) {
    for (const auto& rows : {test::clustered_vectors(400, 33, 2, 4), test::random_vectors(400, 33, 2)}) {
      const coded<TypeParam> a(rows, m, 77);
      auto loaded = TypeParam::load(a.quantizer().parameters(), 33, m);
      ASSERT_TRUE(succeeded(loaded));
      const coded<TypeParam> b(rows, std::move(*loaded));
      EXPECT_TRUE(std::ranges::equal(a.codes(), b.codes()));
      EXPECT_EQ(a.estimates(rows.row(3)), b.estimates(rows.row(3)));
      const auto query = a.prepare(rows.row(5));
      const auto other_query = b.prepare(rows.row(5));
      for (node x = 0; x < 20; ++x)
        EXPECT_EQ(a.quantizer().standard_error(query.data(), a.code(x), 1.0f),
                  b.quantizer().standard_error(other_query.data(), b.code(x), 1.0f));
    }
  }
}

TYPED_TEST(rabitqs, what_was_encoded_is_valid) {
  for (const std::size_t dim : usual_dims) {
    for (const metric m : metrics) {
      const coded<TypeParam> data(test::random_vectors(4, dim, dim), m);
      for (node x = 0; x < 4; ++x) EXPECT_TRUE(data.quantizer().valid(data.code(x))) << dim;
    }
  }
}

TYPED_TEST(rabitqs, codes_estimates_and_errors_have_the_same_bits_on_every_instruction_set) {
  for (const std::size_t dim : usual_dims) {
    for (const metric m : metrics) {
      const auto rows = test::clustered_vectors(dim < 1000 ? 260 : 37, dim, dim, 4);
      const auto query = test::random_vectors(1, dim, 5);
      const coded<TypeParam> data(rows, m);
      const TypeParam& quantizer = data.quantizer();
      const auto oracle = data.estimates(query.row(0), simd::isa::scalar);
      const auto oracle_query = data.prepare(query.row(0), simd::isa::scalar);
      for (const auto set : simd::attainable()) {
        const auto again = TypeParam::train(rows.view(), m, {**simd::kernels_for(set), 1});
        EXPECT_TRUE(std::ranges::equal(again->parameters(), quantizer.parameters())) << name(set) << ", dim " << dim;
        std::vector<std::byte> code(quantizer.code_bytes());
        auto scratch = *aligned_buffer<std::byte>::create(quantizer.encode_scratch_bytes());
        const auto prepared = data.prepare(query.row(0), set);
        EXPECT_EQ(test::bits_of(data.estimates(query.row(0), set)), test::bits_of(oracle)) << name(set) << " " << dim;
        for (node x = 0; x < 37; ++x) {
          quantizer.encode(**simd::kernels_for(set), rows.row(x), scratch.data(), code.data());
          EXPECT_EQ(std::memcmp(code.data(), data.code(x), code.size()), 0) << name(set) << ", dim " << dim;
          EXPECT_EQ(quantizer.standard_error(prepared.data(), code.data(), oracle[x]),
                    quantizer.standard_error(oracle_query.data(), code.data(), oracle[x]));
        }
        if constexpr (symmetric_quantizer<TypeParam>) {
          EXPECT_EQ(test::bits_of(data.symmetric(5, set)), test::bits_of(data.symmetric(5, simd::isa::scalar)))
              << name(set) << ", dim " << dim;
        }
      }
    }
  }
}

TYPED_TEST(rabitqs, what_lay_in_the_scratch_does_not_matter) {
  const auto rows = test::clustered_vectors(300, 100, 4, 4);
  const coded<TypeParam> data(rows, metric::l2);
  const TypeParam& quantizer = data.quantizer();
  auto scratch = *aligned_buffer<std::byte>::create(quantizer.encode_scratch_bytes());
  auto query = *aligned_buffer<std::byte>::create(quantizer.query_bytes());
  std::ranges::fill(scratch.span(), std::byte{0xff});
  std::ranges::fill(query.span(), std::byte{0xff});
  std::vector<std::byte> code(quantizer.code_bytes(), std::byte{0xff});
  quantizer.encode(data.kernels(), rows.row(3), scratch.data(), code.data());
  EXPECT_EQ(std::memcmp(code.data(), data.code(3), code.size()), 0);
  quantizer.prepare(data.kernels(), rows.row(7), query.data());
  std::vector<float> out(rows.size());
  std::vector<node> nodes(rows.size());
  for (node x = 0; x < rows.size(); ++x) nodes[x] = x;
  quantizer.estimate(data.kernels(), query.data(), data.rows(), nodes.data(), nodes.size(), out.data());
  EXPECT_EQ(out, data.estimates(rows.row(7)));
}

TYPED_TEST(rabitqs, vectors_that_are_all_the_same_have_exact_distances) {
  for (const float value : {0.0f, -0.0f, 1.0f, -3.5f, 1e15f, -1e15f, 1e-15f, 1e-40f}) {
    for (const metric m : metrics) {
      const test::float_vectors rows{.dim = 9, .values = std::vector<float>(5 * 9, value)};
      coded<TypeParam> data(rows, m);
      const double exact = test::exact(m, rows.row(0), rows.row(1)).value;
      for (const float estimate : data.estimates(rows.row(0)))
        EXPECT_NEAR(estimate, exact, 1e-5 * std::max(1.0, std::fabs(exact))) << value;
      EXPECT_TRUE(data.quantizer().valid(data.code(0)));
      const auto factors = detail::rabitq_factors::load(bits_of_quantizer<TypeParam>, factors_at(data, 0, 9));
      EXPECT_EQ(factors.scale, 0);
      const auto query = data.prepare(rows.row(0));
      EXPECT_EQ(data.quantizer().standard_error(query.data(), data.code(0), 0), 0);
    }
  }
}

TYPED_TEST(rabitqs, the_largest_and_smallest_values_give_finite_estimates_and_errors) {
  for (const float scale : {1e-38f, 1e-20f, 1e-10f, 1e10f, 1e15f}) {
    for (const metric m : metrics) {
      auto rows = test::clustered_vectors(300, 50, 4, 4);
      for (float& value : rows.values) value *= scale;
      const coded<TypeParam> data(rows, m);
      const auto estimates = data.estimates(rows.row(0));
      const auto query = data.prepare(rows.row(0));
      for (node x = 0; x < rows.size(); ++x) {
        EXPECT_TRUE(data.quantizer().valid(data.code(x)));
        EXPECT_TRUE(std::isfinite(estimates[x])) << scale;
        EXPECT_TRUE(std::isfinite(data.quantizer().standard_error(query.data(), data.code(x), estimates[x]))) << scale;
      }
      if constexpr (symmetric_quantizer<TypeParam>) {
        for (const float estimate : data.symmetric(0)) EXPECT_TRUE(std::isfinite(estimate)) << scale;
      }
    }
  }
}

TYPED_TEST(rabitqs, a_query_far_outside_the_data_keeps_its_direction) {
  const auto rows = test::random_vectors(200, 32, 4);
  const coded<TypeParam> data(rows, metric::l2);
  std::vector<float> query(32, 0.0f);
  query[5] = 1000;
  const auto estimates = data.estimates(query);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double exact = test::exact(metric::l2, query, rows.row(i)).value;
    EXPECT_NEAR(estimates[i], exact, .005 * exact);
  }
}

// From the mean, where there are no centroids: a vector that is longer or shorter by 3 % is farther from the row.
TYPED_TEST(rabitqs, decoded_vectors_have_the_best_length) {
  for (const metric m : metrics) {
    const auto rows = test::random_vectors(100, 768, 3);
    const coded<TypeParam> data(rows, m);
    ASSERT_EQ(n_centroids(data.quantizer()), 1u);
    const auto* mean = reinterpret_cast<const float*>(data.quantizer().parameters().data() + 16);
    double errors[3] = {};
    for (node x = 0; x < rows.size(); ++x) {
      const auto vector = data.decoded(x, 768);
      for (std::size_t j = 0; j < 768; ++j)
        for (int i = 0; i < 3; ++i)
          errors[i] += std::pow(double{rows.row(x)[j]} - mean[j] - (.97 + .03 * i) * (double{vector[j]} - mean[j]), 2);
    }
    EXPECT_LT(errors[1], errors[0]) << name(m);
    EXPECT_LT(errors[1], errors[2]) << name(m);
  }
}

TYPED_TEST(rabitqs, no_rows_are_refused_and_an_error_of_the_rows_stops_the_training) {
  EXPECT_EQ(test::code_of(trained<TypeParam>({.dim = 0, .values = {}})), errc::empty_input);
  const auto rows = test::random_vectors(300, 4, 1);
  const test::failing_rows broken(rows.view(), 3);
  EXPECT_EQ(test::code_of(TypeParam::train(broken, metric::l2, {**simd::kernels_for(simd::isa::automatic), 1})),
            errc::corrupt);
}

// Distances between two codes, as a graph is built from them, against exact ones.
TYPED_TEST(rabitqs, estimates_from_codes_are_close_to_exact_ones) {
  if constexpr (symmetric_quantizer<TypeParam>) {
    constexpr double bounds[] = {0, 0, 0, 0, .03, .015, .008, .004, .004};
    const auto rows = test::base_pictures().floats(600);
    for (const metric m : metrics) {
      const coded<TypeParam> data(rows, m);
      for (node x = 0; x < 10; ++x) {
        double squared_error = 0, squared_distance = 0;
        const auto estimates = data.symmetric(x);
        for (std::size_t i = 0; i < rows.size(); ++i) {
          if (i == x) continue;
          const auto exact = test::exact(m, rows.row(x), rows.row(i));
          squared_error += std::pow(estimates[i] - exact.value, 2);
          squared_distance += exact.terms * exact.terms;
        }
        EXPECT_LE(std::sqrt(squared_error / squared_distance), bounds[bits_of_quantizer<TypeParam>]) << name(m);
      }
    }
  } else {
    EXPECT_LT(bits_of_quantizer<TypeParam>, 4u);
  }
}

// ------------------------------------------------------------------------------------------------ hostile bytes

TYPED_TEST(rabitqs, parameters_of_a_wrong_size_are_corrupt) {
  for (const auto& rows : {test::clustered_vectors(400, 33, 2, 4), test::random_vectors(400, 33, 2)}) {
    const auto quantizer = trained<TypeParam>(rows);
    std::vector<std::byte> bytes(quantizer->parameters().begin(), quantizer->parameters().end());
    for (const std::size_t size : {0u, 1u, 8u, 12u, 15u, 16u, 17u})
      EXPECT_EQ(test::code_of(TypeParam::load(std::span(bytes).first(size), 33, metric::l2)), errc::corrupt) << size;
    EXPECT_EQ(test::code_of(TypeParam::load(std::span(bytes).first(bytes.size() - 4), 33, metric::l2)), errc::corrupt);
    for (const std::size_t dim : {std::size_t{0}, std::size_t{32}, std::size_t{34}, std::size_t{65'536},
                                  std::numeric_limits<std::size_t>::max()})
      EXPECT_EQ(test::code_of(TypeParam::load(bytes, dim, metric::l2)), errc::corrupt) << dim;
    bytes.resize(bytes.size() + 4);
    EXPECT_EQ(test::code_of(TypeParam::load(bytes, 33, metric::l2)), errc::corrupt);
  }
}

TYPED_TEST(rabitqs, parameters_that_are_not_finite_or_count_too_many_centroids_are_corrupt) {
  const auto quantizer = trained<TypeParam>(test::clustered_vectors(400, 33, 2, 4));
  const std::vector<std::byte> good(quantizer->parameters().begin(), quantizer->parameters().end());
  const auto outcome = [&](std::size_t at, auto value) {
    auto bytes = good;
    store_as(bytes.data() + at, value);
    return test::code_of(TypeParam::load(bytes, 33, metric::l2));
  };
  EXPECT_EQ(outcome(0, std::uint64_t{12345}), std::nullopt) << "any seed is a seed";
  for (const std::uint32_t count : {0u, 2u, 7u, 257u, 0x80000000u, 0xffffffffu})
    EXPECT_EQ(outcome(8, count), errc::corrupt) << count;
  EXPECT_EQ(outcome(12, 1u), errc::corrupt);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -1e20f})
    for (std::size_t at = 16; at < good.size(); at += 4) EXPECT_EQ(outcome(at, bad), errc::corrupt) << at;
}

TYPED_TEST(rabitqs, only_coarse_codes_have_centroids_in_a_file) {
  const std::size_t size = 16 + 4 * (64 + 2 * 64);
  std::vector<std::byte> bytes(size);
  store_as(bytes.data() + 8, 2u);
  EXPECT_EQ(test::code_of(TypeParam::load(bytes, 64, metric::l2)),
            bits_of_quantizer<TypeParam> < 4 ? std::nullopt : std::optional(errc::corrupt));
}

TYPED_TEST(rabitqs, random_parameters_and_codes_do_no_harm) {
  random_generator random(3);
  const auto rows = test::clustered_vectors(300, 70, 3, 4);
  const auto quantizer = trained<TypeParam>(rows);
  const std::vector<std::byte> good(quantizer->parameters().begin(), quantizer->parameters().end());
  for (int i = 0; i < 200; ++i) {
    auto bytes = good;
    for (int k = 0; k < 3; ++k)
      bytes[random.below(i % 2 == 0 ? 24 : bytes.size())] = static_cast<std::byte>(random.next());
    auto loaded = TypeParam::load(bytes, 70, metric::l2);
    if (!loaded) continue;
    coded<TypeParam> data({.dim = 70, .values = {rows.values.begin(), rows.values.begin() + 10 * 70}},
                          std::move(*loaded));
    for (node x = 0; x < 10; ++x)
      for (int k = 0; k < 2; ++k)
        data.code(x)[data.quantizer().code_bytes() - 1 - random.below(16)] = static_cast<std::byte>(random.next());
    const auto estimates = data.estimates(rows.row(20));
    const auto query = data.prepare(rows.row(20));
    for (node x = 0; x < 10; ++x) {
      if (!data.quantizer().valid(data.code(x))) continue;
      EXPECT_FALSE(std::isnan(estimates[x]));
      EXPECT_GE(data.quantizer().standard_error(query.data(), data.code(x), estimates[x]), 0);
    }
  }
}

TYPED_TEST(rabitqs, a_code_with_impossible_factors_is_not_valid) {
  constexpr unsigned n_bits = bits_of_quantizer<TypeParam>;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  coded<TypeParam> data(test::random_vectors(3, 70, 1), metric::l2);
  const auto good = detail::rabitq_factors::load(n_bits, factors_at(data, 0, 70));
  const auto valid = [&](const detail::rabitq_factors& changed) {
    changed.store(n_bits, factors_at(data, 0, 70));
    return data.quantizer().valid(data.code(0));
  };
  EXPECT_TRUE(valid(good));
  for (const float bad : {nan, -nan, infinity, -infinity, 1e38f, -1e38f}) {
    auto changed = good;
    changed.add = bad;
    EXPECT_FALSE(valid(changed)) << bad;
    changed = good;
    changed.scale = bad;
    EXPECT_FALSE(valid(changed)) << bad;
  }
  auto changed = good;
  changed.scale = -good.scale;
  EXPECT_FALSE(valid(changed)) << "the scale's sign is the metric's";
  for (const int norm : {0x7f80, 0x7fc0, 0x8000, 0xbf80, 0xffff}) {
    changed = good;
    changed.details.norm = static_cast<std::uint16_t>(norm);
    EXPECT_FALSE(valid(changed)) << norm;
  }
  for (const int centroid : {1, 255}) {
    changed = good;
    changed.details.centroid = static_cast<std::uint8_t>(centroid);
    EXPECT_FALSE(valid(changed));
  }
  if (n_bits == 8) {
    changed = good;
    ++changed.sum;
    EXPECT_FALSE(valid(changed));
  }
}

// --------------------------------------------------------------------------------------------- rounded factors

TYPED_TEST(rabitqs, tangents_round_up_by_a_32nd_at_most) {
  constexpr unsigned n_bits = bits_of_quantizer<TypeParam>;
  using tangents = detail::tiny_tangent<n_bits>;
  EXPECT_EQ(tangents::of(0), 0);
  EXPECT_EQ(tangents::value(0), 0);
  EXPECT_EQ(tangents::of(1e-30), 1);
  EXPECT_EQ(tangents::of(double{tangents::largest}), 255);
  for (int byte = 1; byte < 256; ++byte) {
    const auto code = static_cast<std::uint8_t>(byte);
    const double value = tangents::value(code);
    EXPECT_EQ(tangents::of(value), code);
    EXPECT_EQ(tangents::of(value * (1 - 1e-9)), code);
    EXPECT_EQ(tangents::of(value * (1 + 1e-9)), std::min(byte + 1, 255));
    if (byte == 1) continue;
    EXPECT_LE(value / tangents::value(static_cast<std::uint8_t>(byte - 1)), 1 + 1 / 32.0 + 1e-6);
  }
}

TYPED_TEST(rabitqs, tangents_of_any_dim_are_within_their_range) {
  constexpr unsigned n_bits = bits_of_quantizer<TypeParam>;
  for (const std::size_t dim : usual_dims) {
    coded<TypeParam> data(test::random_vectors(200, dim, 1), metric::l2);
    for (node x = 0; x < 200; ++x) {
      const auto factors = detail::rabitq_factors::load(n_bits, factors_at(data, x, dim));
      EXPECT_LT(factors.details.tangent, 255) << "dim " << dim;
      EXPECT_GT(factors.details.tangent, 1) << "dim " << dim;
    }
  }
}

TEST(rabitq_factors, norms_round_up_by_a_128th_at_most) {
  for (double value = 1e-30; value < 1e18; value *= 1.37) {
    const double up = detail::from_upper_half(detail::upper_half(value));
    EXPECT_GE(up, value);
    EXPECT_LE(up, value * (1 + 1 / 127.0));
  }
  EXPECT_EQ(detail::upper_half(0), 0);
  EXPECT_EQ(detail::from_upper_half(detail::upper_half(1.0)), 1);
}

TEST(rabitq_factors, a_cosine_in_a_scale_changes_it_by_2_to_the_minus_15th_at_most) {
  for (double cosine = -1; cosine <= 1; cosine += .01) {
    const float with = detail::with_cosine(-3.7f, cosine);
    EXPECT_NEAR(with, -3.7f, 3.7 * 0x1p-15);
    EXPECT_NEAR(detail::cosine_in(with), cosine, .004);
  }
}

}  // namespace
}  // namespace thimble
