// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What every quantizer promises, asked of each of them.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <string>
#include <thimble/quant/float16.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/quant/rabitq.hpp>
#include <thimble/quant/sq4.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/simd/dispatch.hpp>
#include <utility>

#include "unit/support/coded.hpp"
#include "unit/support/environment.hpp"
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

// Where every bit width is tried.
constexpr std::size_t few_dims[] = {1, 7, 64, 65, 200};

template <class Quantizer>
class quantizers : public ::testing::Test {};
TYPED_TEST_SUITE(quantizers, test::all_quantizers, test::quantizer_names);

TEST(quantizer_numbers, never_change) {
  EXPECT_EQ(float32::file_id, 1u);
  EXPECT_EQ(float16::file_id, 2u);
  EXPECT_EQ(sq8::file_id, 3u);
  EXPECT_EQ(sq4::file_id, 4u);
  EXPECT_EQ(rabitq<1>::file_id, 17u);
  EXPECT_EQ(rabitq<8>::file_id, 24u);
  EXPECT_EQ(rabitq<8>::name, "rabitq8");
}

TYPED_TEST(quantizers, sizes_fit_the_kernels) {
  for (const std::size_t dim : usual_dims) {
    const auto rows = test::random_vectors(5, dim, 1);
    const auto trained = TypeParam::train(rows.view(), metric::l2, coded<TypeParam>::options());
    ASSERT_TRUE(succeeded(trained));
    EXPECT_EQ(trained->code_bytes() % 4, 0u);
    EXPECT_GT(trained->code_bytes(), 0u);
    EXPECT_EQ(trained->query_bytes() % 64, 0u);
  }
}

TYPED_TEST(quantizers, training_twice_gives_the_same_bytes) {
  const auto rows = test::clustered_vectors(300, 65, 2);
  const auto a = TypeParam::train(rows.view(), metric::l2, coded<TypeParam>::options());
  const auto b = TypeParam::train(rows.view(), metric::l2, coded<TypeParam>::options());
  ASSERT_TRUE(succeeded(a));
  EXPECT_TRUE(std::ranges::equal(a->parameters(), b->parameters()));
}

TYPED_TEST(quantizers, no_instruction_set_changes_a_parameter_or_a_code) {
  const auto rows = test::clustered_vectors(100, 65, 2);
  const coded<TypeParam> oracle(rows, metric::l2);
  std::vector<std::byte> code(oracle.quantizer().code_bytes());
  auto scratch = aligned_buffer<std::byte>::create(oracle.quantizer().encode_scratch_bytes());
  for (const auto set : simd::attainable()) {
    const auto& kernels = oracle.kernels(set);
    const auto trained = TypeParam::train(rows.view(), metric::l2, {.kernels = kernels});
    ASSERT_TRUE(succeeded(trained));
    EXPECT_TRUE(std::ranges::equal(trained->parameters(), oracle.quantizer().parameters())) << name(set);
    for (node x = 0; x < rows.size(); ++x) {
      trained->encode(kernels, rows.row(x), scratch->data(), code.data());
      ASSERT_TRUE(std::equal(code.begin(), code.end(), oracle.code(x))) << name(set) << ", row " << x;
    }
  }
}

// What lay in a row or in the scratch before is gone: unused bits are the encoder's to clear.
TYPED_TEST(quantizers, a_code_depends_on_the_vector_alone) {
  for (const std::size_t dim : usual_dims) {
    const coded<TypeParam> data(test::random_vectors(2, dim, 3), metric::l2);
    std::vector<std::byte> dirty(data.quantizer().code_bytes(), std::byte{0xff});
    auto scratch = aligned_buffer<std::byte>::create(data.quantizer().encode_scratch_bytes());
    std::ranges::fill(scratch->span(), std::byte{0xff});
    data.quantizer().encode(data.kernels(), test::random_vectors(2, dim, 3).row(1), scratch->data(), dirty.data());
    EXPECT_TRUE(std::equal(dirty.begin(), dirty.end(), data.code(1))) << dim;
  }
}

TYPED_TEST(quantizers, loaded_parameters_encode_and_estimate_as_trained_ones) {
  for (const metric m : metrics) {
    const auto rows = test::clustered_vectors(50, 33, 2);
    const coded<TypeParam> a(rows, m);
    auto loaded = TypeParam::load(a.quantizer().parameters(), 33, m);
    ASSERT_TRUE(succeeded(loaded));
    EXPECT_TRUE(std::ranges::equal(loaded->parameters(), a.quantizer().parameters()));
    const coded<TypeParam> b(rows, std::move(*loaded));
    EXPECT_TRUE(std::ranges::equal(a.codes(), b.codes()));
    EXPECT_EQ(a.estimates(rows.row(3)), b.estimates(rows.row(3)));
    EXPECT_EQ(a.decoded(3, 33), b.decoded(3, 33));
  }
}

TYPED_TEST(quantizers, parameters_of_a_wrong_size_are_corrupt) {
  const auto trained =
      TypeParam::train(test::clustered_vectors(50, 33, 2).view(), metric::l2, coded<TypeParam>::options());
  ASSERT_TRUE(succeeded(trained));
  std::vector<std::byte> longer(trained->parameters().begin(), trained->parameters().end());
  longer.resize(longer.size() + 4);
  EXPECT_EQ(test::code_of(TypeParam::load(longer, 33, metric::l2)), errc::corrupt);
  if (trained->parameters().empty()) return;
  EXPECT_EQ(test::code_of(TypeParam::load({}, 33, metric::l2)), errc::corrupt);
  EXPECT_EQ(test::code_of(TypeParam::load(trained->parameters().first(1), 33, metric::l2)), errc::corrupt);
  const auto shorter = trained->parameters().first(trained->parameters().size() - 4);
  EXPECT_EQ(test::code_of(TypeParam::load(shorter, 33, metric::l2)), errc::corrupt);
  EXPECT_EQ(test::code_of(TypeParam::load(trained->parameters(), 100, metric::l2)), errc::corrupt);
  EXPECT_EQ(test::code_of(TypeParam::load(trained->parameters(), max_dim, metric::l2)), errc::corrupt);
}

// Any byte of a file may be anything: what still loads must go on working, finite or not.
TYPED_TEST(quantizers, hostile_parameters_are_refused_or_harmless) {
  const auto rows = test::clustered_vectors(40, 33, 2);
  const coded<TypeParam> good(rows, metric::l2);
  std::vector<std::byte> bytes(good.quantizer().parameters().begin(), good.quantizer().parameters().end());
  if (bytes.size() < 4) return;
  constexpr std::uint32_t words[] = {0,          1,          0x00000100, 0x3f7fffff, 0x7149f2ca, 0x7f7fffff, 0x7f800000,
                                     0x7fc00000, 0x7fffffff, 0x80000000, 0xbf800000, 0xff800000, 0xffffffff};
  random_generator random(3);
  int refused = 0;
  for (int round = 0; round < (test::slow ? 100 : 400); ++round) {
    const auto at = static_cast<std::size_t>(random.below(bytes.size() / 4)) * 4;
    const auto before = load_as<std::uint32_t>(bytes.data() + at);
    store_as(bytes.data() + at, words[random.below(std::size(words))]);
    auto loaded = TypeParam::load(bytes, 33, metric::l2);
    if (loaded) {
      const coded<TypeParam> data(rows, std::move(*loaded));
      EXPECT_EQ(data.estimates(rows.row(0)).size(), rows.size());
      EXPECT_EQ(data.decoded(0, 33).size(), 33u);
    } else {
      EXPECT_EQ(test::code_of(loaded), errc::corrupt);
      ++refused;
    }
    store_as(bytes.data() + at, before);
  }
  EXPECT_GT(refused, 0);
}

TYPED_TEST(quantizers, what_was_encoded_is_valid) {
  for (const std::size_t dim : usual_dims) {
    for (const metric m : metrics) {
      const coded<TypeParam> data(test::random_vectors(4, dim, dim), m);
      for (node x = 0; x < 4; ++x) EXPECT_TRUE(data.quantizer().valid(data.code(x))) << dim;
    }
  }
}

// Constant rows, zeros, one long value, the largest and the smallest: codes are valid, estimates are numbers.
TYPED_TEST(quantizers, extreme_rows_have_valid_codes_and_finite_estimates) {
  for (const float value : {0.0f, -0.0f, 1.0f, -3.5f, max_magnitude, -max_magnitude, 1e-15f, 1e-40f}) {
    for (const metric m : metrics) {
      test::float_vectors rows{.dim = 9, .values = std::vector<float>(6 * 9, value)};
      rows.row(4)[2] = max_magnitude;
      std::ranges::fill(rows.row(5), 0.0f);
      const coded<TypeParam> data(rows, m);
      for (node x = 0; x < rows.size(); ++x) EXPECT_TRUE(data.quantizer().valid(data.code(x))) << value;
      for (node x = 0; x < rows.size(); ++x)
        for (const float estimate : data.estimates(rows.row(x))) EXPECT_TRUE(std::isfinite(estimate)) << value;
      if constexpr (symmetric_quantizer<TypeParam>) {
        for (const float estimate : data.symmetric(4)) EXPECT_TRUE(std::isfinite(estimate)) << value;
      }
    }
  }
}

TYPED_TEST(quantizers, estimates_have_the_same_bits_on_every_instruction_set) {
  for (const std::size_t dim :
       test::slow ? std::span<const std::size_t>(few_dims) : std::span<const std::size_t>(usual_dims)) {
    for (const metric m : metrics) {
      const auto rows = test::clustered_vectors(37, dim, dim);
      const auto query = test::random_vectors(1, dim, 5);
      const coded<TypeParam> data(rows, m);
      const auto oracle = test::bits_of(data.estimates(query.row(0), simd::isa::scalar));
      for (const auto set : simd::attainable())
        EXPECT_EQ(test::bits_of(data.estimates(query.row(0), set)), oracle) << name(set) << ", dim " << dim;
      if constexpr (symmetric_quantizer<TypeParam>) {
        const auto symmetric = test::bits_of(data.symmetric(5, simd::isa::scalar));
        for (const auto set : simd::attainable())
          EXPECT_EQ(test::bits_of(data.symmetric(5, set)), symmetric) << name(set) << ", dim " << dim;
      }
    }
  }
}

TYPED_TEST(quantizers, a_batch_gives_what_single_rows_give) {
  const auto rows = test::clustered_vectors(64, 100, 4);
  const coded<TypeParam> data(rows, metric::l2);
  const auto all = data.estimates(rows.row(0));
  const auto query = data.prepare(rows.row(0));
  for (std::size_t n = 0; n <= 9; ++n) {
    std::vector<node> nodes;
    for (std::size_t i = 0; i < n; ++i) nodes.push_back(static_cast<node>((i * 29 + 7) % 64));
    std::vector<float> out(n + 1, -7.0f);
    data.quantizer().estimate(data.kernels(), query.data(), data.rows(), nodes.data(), n, out.data());
    for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(out[i], all[nodes[i]]);
    EXPECT_EQ(out[n], -7.0f) << "more was written than asked for";
  }
}

// In scratch that another query was prepared in.
TYPED_TEST(quantizers, a_prepared_query_depends_on_the_vector_alone) {
  const auto rows = test::clustered_vectors(30, 65, 4);
  const coded<TypeParam> data(rows, metric::l2);
  auto query = data.prepare(rows.row(1));
  data.quantizer().prepare(data.kernels(), rows.row(0), query.data());
  std::vector<node> nodes(rows.size());
  std::iota(nodes.begin(), nodes.end(), node{0});
  std::vector<float> out(rows.size());
  data.quantizer().estimate(data.kernels(), query.data(), data.rows(), nodes.data(), nodes.size(), out.data());
  EXPECT_EQ(out, data.estimates(rows.row(0)));
}

// As a share of what the vectors are from their mean, or without one from zero, a bit more than measured.
TYPED_TEST(quantizers, vectors_are_decoded_the_nearer_the_more_bits) {
  constexpr std::pair<std::uint32_t, double> bounds[] = {
      {float32::file_id, 0},      {float16::file_id, 4e-4},   {sq8::file_id, .01},        {sq4::file_id, .11},
      {rabitq<1>::file_id, .64},  {rabitq<2>::file_id, .37},  {rabitq<3>::file_id, .21},  {rabitq<4>::file_id, .12},
      {rabitq<5>::file_id, .062}, {rabitq<6>::file_id, .033}, {rabitq<7>::file_id, .017}, {rabitq<8>::file_id, .009}};
  const double bound = std::ranges::find(bounds, TypeParam::file_id, &std::pair<std::uint32_t, double>::first)->second;
  for (const metric m : metrics) {
    for (const auto& rows : {test::base_pictures().floats(300), test::random_vectors(300, 100, 3),
                             test::clustered_vectors(300, 128, 3, 4), test::random_vectors(300, 768, 3)}) {
      const coded<TypeParam> data(rows, m);
      std::vector<double> mean(rows.dim);
      for (std::size_t i = 0; i < rows.values.size(); ++i)
        mean[i % rows.dim] += rows.values[i] / static_cast<double>(rows.size());
      double error = 0, size = 0;
      for (node x = 0; x < rows.size(); ++x) {
        const auto vector = data.decoded(x, rows.dim);
        for (std::size_t j = 0; j < rows.dim; ++j) {
          error += std::pow(double{rows.row(x)[j]} - double{vector[j]}, 2);
          size += std::pow(rows.row(x)[j] - mean[j], 2);
        }
      }
      EXPECT_LE(std::sqrt(error / size), bound) << name(m) << ", dim " << rows.dim;
    }
  }
}

TYPED_TEST(quantizers, decoded_vectors_have_the_same_bits_on_every_instruction_set) {
  for (const std::size_t dim : usual_dims) {
    for (const metric m : metrics) {
      const coded<TypeParam> data(test::clustered_vectors(dim < 1000 ? 260 : 20, dim, dim, 4), m);
      for (node x = 0; x < 20; ++x) {
        const auto oracle = test::bits_of(data.decoded(x, dim, simd::isa::scalar));
        for (const auto set : simd::attainable())
          EXPECT_EQ(test::bits_of(data.decoded(x, dim, set)), oracle) << name(set) << ", dim " << dim;
      }
    }
  }
}

TYPED_TEST(quantizers, a_decoded_vector_depends_on_the_code_alone) {
  const auto rows = test::clustered_vectors(300, 65, 2, 4);
  const coded<TypeParam> data(rows, metric::l2);
  auto scratch = aligned_buffer<std::byte>::create(data.quantizer().encode_scratch_bytes());
  std::ranges::fill(scratch->span(), std::byte{0xff});
  std::vector<float> vector(65, -7.0f);
  data.quantizer().decode(data.kernels(), data.code(3), scratch->data(), vector);
  EXPECT_EQ(test::bits_of(vector), test::bits_of(data.decoded(3, 65)));
}

// Of extreme rows, and of whatever a file may say in place of a code.
TYPED_TEST(quantizers, decoded_vectors_are_finite) {
  const auto expect_finite = [](const coded<TypeParam>& data, node x, std::size_t dim) {
    for (const float value : data.decoded(x, dim)) ASSERT_TRUE(std::isfinite(value));
  };
  constexpr std::uint32_t words[] = {0,          1,          0x3f800000, 0x60ad78ec, 0x7cf0bdc2,
                                     0x7f7fffff, 0x7f800000, 0x7fc00000, 0x80000000, 0xbf800000,
                                     0xe0ad78ec, 0xfcf0bdc2, 0xff7fffff, 0xffffffff};
  random_generator random(5);
  std::size_t n_valid = 0;
  for (const metric m : metrics) {
    for (const float value : {0.0f, -0.0f, 1.0f, max_magnitude, -max_magnitude, 1e-15f, 1e-40f}) {
      test::float_vectors rows{.dim = 9, .values = std::vector<float>(4 * 9, value)};
      rows.row(2)[2] = max_magnitude;
      std::ranges::fill(rows.row(3), 0.0f);
      coded<TypeParam> data(rows, m);
      for (node x = 0; x < rows.size(); ++x) expect_finite(data, x, rows.dim);
      const std::vector<std::byte> good(data.code(2), data.code(2) + data.quantizer().code_bytes());
      for (int round = 0; round < (test::slow ? 50 : 400); ++round) {
        std::ranges::copy(good, data.code(2));
        // Half of them in the last words, which are factors.
        const std::size_t n_words = good.size() / 4,
                          range = round % 2 == 0 ? n_words : std::min<std::size_t>(n_words, 3);
        const auto at = n_words - 1 - static_cast<std::size_t>(random.below(range));
        store_as(data.code(2) + at * 4, words[random.below(std::size(words))]);
        if (!data.quantizer().valid(data.code(2))) continue;
        ++n_valid;
        expect_finite(data, 2, rows.dim);
      }
    }
  }
  EXPECT_GT(n_valid, 0u);
}

TYPED_TEST(quantizers, an_error_of_the_rows_stops_the_training) {
  const auto rows = test::random_vectors(10, 4, 1);
  const test::failing_rows broken(rows.view(), 3);
  const auto trained = TypeParam::train(broken, metric::l2, coded<TypeParam>::options());
  const bool has_nothing_to_learn = std::is_same_v<TypeParam, float32> || std::is_same_v<TypeParam, float16>;
  EXPECT_EQ(test::code_of(trained), has_nothing_to_learn ? std::nullopt : std::optional(errc::corrupt));
}

}  // namespace
}  // namespace thimble
