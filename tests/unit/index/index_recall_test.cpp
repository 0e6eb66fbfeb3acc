// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Results on real data against exact search: recall, and distances after the rerank.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <thimble/index/index.hpp>
#include <thimble/quant/float16.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/rabitq.hpp>
#include <thimble/quant/sq4.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/store/memory_store.hpp>
#include <type_traits>
#include <vector>

#include "unit/support/environment.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/quantizers.hpp"
#include "unit/support/truth.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::base_pictures;
using test::picture_truth;
using test::query_pictures;
using test::succeeded;

// Sanitized builds look at fewer queries.
std::size_t n_queries() { return test::slow ? 200 : query_pictures().size(); }

template <class Quantizer>
double recall_of(const index<Quantizer>& searched, const search_params& params) {
  auto store = memory_store<std::uint8_t>::create(base_pictures().all());
  const picture_truth& truth = picture_truth::of(n_queries());
  std::size_t found = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const auto hits = searched.search(query_pictures().row(i), params, *store);
    EXPECT_TRUE(succeeded(hits));
    if (!hits) return 0;
    EXPECT_EQ(hits->vectors_read(), params.rerank);
    found += test::n_common(*hits, truth[i]);
  }
  return static_cast<double>(found) / static_cast<double>(truth.size() * test::truth_k);
}

TEST(index_recall, on_the_bundled_pictures_is_what_the_readme_promises) {
  ASSERT_EQ(base_pictures().size(), 9000u);
  ASSERT_EQ(query_pictures().size(), 1000u);
  const build_options options = test::on_asked_simd({.threads = 2});
  const auto full = index<float32>::build(base_pictures().all(), options);
  ASSERT_TRUE(succeeded(full));
  const auto coded = index<sq8>::build(base_pictures().all(), options);
  ASSERT_TRUE(succeeded(coded));

  const double exact = recall_of(*full, {.k = 10, .ef = 64, .rerank = 0});
  const double estimated = recall_of(*coded, {.k = 10, .ef = 64, .rerank = 0});
  const double reranked = recall_of(*coded, {.k = 10, .ef = 64, .rerank = 50});
  EXPECT_GE(exact, .99);
  EXPECT_GE(estimated, .95);
  EXPECT_GE(reranked, .99);
  EXPECT_NEAR(reranked, exact, .005);
  RecordProperty("float32", std::to_string(exact));
  RecordProperty("sq8", std::to_string(estimated));
  RecordProperty("sq8_rerank_50", std::to_string(reranked));
}

// Every quantizer on fewer pictures, so that unoptimised builds are done in seconds: what its codes find by themselves,
// scanned and through the graph, and that 100 candidates hold all there is to find.
struct least_recall {
  double estimated;
  double reranked;
};

constexpr std::size_t n_some = 3000;
constexpr std::size_t n_some_queries = test::slow ? 40 : 100;

const std::vector<std::vector<label>>& truth_of_some() {
  static const std::vector<std::vector<label>> truth = [] {
    const auto rows = base_pictures().floats(n_some);
    std::vector<std::vector<label>> all;
    for (std::size_t i = 0; i < n_some_queries; ++i)
      all.push_back(test::exact_nearest(metric::l2, query_pictures().row(i), n_some, 10,
                                        [&](std::size_t x) { return rows.row(x); }));
    return all;
  }();
  return truth;
}

template <class Quantizer>
class index_recall_of : public ::testing::Test {
 protected:
  static constexpr least_recall wanted() {
    if (std::is_same_v<Quantizer, float32>) return {.estimated = .999, .reranked = .999};
    if (std::is_same_v<Quantizer, float16>) return {.estimated = .999, .reranked = .999};
    if (std::is_same_v<Quantizer, sq8>) return {.estimated = .98, .reranked = .995};
    if (std::is_same_v<Quantizer, sq4>) return {.estimated = .95, .reranked = .995};
    constexpr double of_bits[] = {.85, .9, .93, .94, .96, .97, .98, .98};
    return {.estimated = of_bits[Quantizer::file_id - rabitq<1>::file_id], .reranked = .99};
  }

  static double recall(const index<Quantizer>& searched, const search_params& params) {
    auto store = memory_store<std::uint8_t>::create(base_pictures().first(n_some));
    std::size_t found = 0;
    for (std::size_t i = 0; i < n_some_queries; ++i) {
      const auto hits = searched.search(query_pictures().row(i), params, *store);
      EXPECT_TRUE(succeeded(hits));
      if (!hits) return 0;
      found += test::n_common(*hits, truth_of_some()[i]);
    }
    return static_cast<double>(found) / static_cast<double>(10 * n_some_queries);
  }
};

TYPED_TEST_SUITE(index_recall_of, test::all_quantizers, test::quantizer_names);

TYPED_TEST(index_recall_of, codes_on_real_data_is_what_their_bits_allow) {
  const auto built = index<TypeParam>::build(base_pictures().first(n_some),
                                             test::on_asked_simd({.ef_construction = 60, .threads = 2}));
  ASSERT_TRUE(succeeded(built));
  for (const bool exhaustive : {true, false}) {
    const double estimated = this->recall(*built, {.k = 10, .ef = 100, .rerank = 0, .exhaustive = exhaustive});
    const double reranked = this->recall(*built, {.k = 10, .ef = 100, .rerank = 100, .exhaustive = exhaustive});
    EXPECT_GE(estimated, this->wanted().estimated) << (exhaustive ? "exhaustive" : "graph");
    EXPECT_GE(reranked, this->wanted().reranked) << (exhaustive ? "exhaustive" : "graph");
    this->RecordProperty(exhaustive ? "exhaustive" : "graph", std::to_string(estimated));
  }

  // By bounds the same nearest from fewer rows.
  auto store = memory_store<std::uint8_t>::create(base_pictures().first(n_some));
  std::size_t same = 0, rows_read = 0;
  for (std::size_t i = 0; i < n_some_queries; ++i) {
    search_params params{.k = 10, .ef = 100, .rerank = 100};
    const auto by_bound = built->search(query_pictures().row(i), params, *store);
    params.rerank_by = rerank_policy::fixed;
    const auto fixed = built->search(query_pictures().row(i), params, *store);
    ASSERT_TRUE(succeeded(by_bound) && succeeded(fixed));
    same += std::ranges::equal(*by_bound, *fixed) ? 1 : 0;
    rows_read += by_bound->vectors_read();
  }
  EXPECT_GE(same, n_some_queries * 98 / 100);
  if constexpr (bounded_quantizer<TypeParam>) {
    constexpr std::size_t of_bits[] = {25, 18, 16, 16, 15, 14, 13, 13};
    EXPECT_LE(rows_read, n_some_queries * of_bits[TypeParam::file_id - rabitq<1>::file_id]);
  } else {
    EXPECT_EQ(rows_read, n_some_queries * 100);
  }
  this->RecordProperty("rows_read", std::to_string(static_cast<double>(rows_read) / n_some_queries));
}

TEST(index_recall, with_a_filter_is_as_good_however_few_pass) {
  const auto built = index<sq8>::build(base_pictures().all(), test::on_asked_simd({.threads = 2}));
  ASSERT_TRUE(succeeded(built));
  auto store = memory_store<std::uint8_t>::create(base_pictures().all());
  const auto rows = base_pictures().floats(base_pictures().size());
  for (const std::uint32_t per_mille : {900u, 500u, 300u, 100u, 10u, 1u}) {
    random_generator random(per_mille);
    std::vector<std::uint64_t> bits((rows.size() + 63) / 64);
    std::vector<label> allowed;
    for (std::size_t x = 0; x < rows.size(); ++x) {
      if (random.below(1000) >= per_mille) continue;
      bits[x / 64] |= std::uint64_t{1} << (x % 64);
      allowed.push_back(x);
    }
    std::size_t found = 0, wanted = 0;
    constexpr std::size_t n_filtered_queries = test::slow ? 10 : 40;
    for (std::size_t i = 0; i < n_filtered_queries; ++i) {
      const auto query = query_pictures().row(i);
      auto truth = test::exact_nearest(metric::l2, query, allowed.size(), 10,
                                       [&](std::size_t j) { return rows.row(static_cast<std::size_t>(allowed[j])); });
      for (label& id : truth) id = allowed[static_cast<std::size_t>(id)];
      const auto hits = built->search(query, {.filter = label_filter::allowed(bits)}, *store);
      ASSERT_TRUE(succeeded(hits));
      EXPECT_EQ(hits->size(), truth.size());
      found += test::n_common(*hits, truth);
      wanted += truth.size();
    }
    EXPECT_GE(static_cast<double>(found), .99 * static_cast<double>(wanted)) << per_mille << " of 1000 pass";
  }
}

TEST(index_recall, the_scan_in_integers_and_hnswlib_agree_on_the_truth) {
  const picture_truth& truth = picture_truth::of(n_queries());
  for (std::size_t i = 0; i < 30; ++i) {
    const std::vector<label> scanned = test::scan_pictures(i);
    const auto query = query_pictures().row(i);
    for (std::size_t rank = 0; rank < test::truth_k; ++rank) {
      // Another id at the same rank is right where both are equally far, up to the rounding of a float sum.
      const double a = test::exact(metric::l2, query, base_pictures().row(scanned[rank])).value;
      const double b = test::exact(metric::l2, query, base_pictures().row(truth[i][rank])).value;
      EXPECT_NEAR(a, b, 1e-6 * a) << "query " << i << ", rank " << rank;
    }
  }
}

// Rows and queries of a metric's own kind: some negative, some long, some short.
struct metric_case {
  thimble::metric metric;
  bool pictures;
  // Inner products of vectors of very different lengths are hard for any such graph: hnswlib's finds .884 of the
  // pictures at these parameters.
  double least_recall = .98;
};

void PrintTo(const metric_case& c, std::ostream* out) {
  *out << name(c.metric) << (c.pictures ? "_pictures" : "_signed");
}

class index_metrics : public ::testing::TestWithParam<metric_case> {
 protected:
  static constexpr std::size_t n = 2000;
  static constexpr std::size_t n_queries = 50;

  void SetUp() override {
    if (GetParam().pictures) {
      base_ = base_pictures().floats(n);
      queries_ = query_pictures().floats(n_queries);
      return;
    }
    // One set, cut in two: queries come from the same clusters. Rows differ in length up to a factor of 3.
    base_ = test::clustered_vectors(n + n_queries, 96, 7);
    for (std::size_t i = 0; i < base_.size(); ++i)
      for (float& value : base_.row(i)) value *= 1 + static_cast<float>(i % 5) / 2;
    const auto cut = base_.values.begin() + static_cast<std::ptrdiff_t>(n * base_.dim);
    queries_ = {.dim = base_.dim, .values = {cut, base_.values.end()}};
    base_.values.erase(cut, base_.values.end());
  }

  template <class Quantizer>
  void expect_right_hits() {
    const auto metric = GetParam().metric;
    const auto built =
        index<Quantizer>::build(base_.view(), test::on_asked_simd({.metric = metric, .ef_construction = 100}));
    ASSERT_TRUE(succeeded(built));
    auto store = memory_store<float>::create(base_.view());
    std::size_t found = 0;
    for (std::size_t i = 0; i < n_queries; ++i) {
      const auto query = queries_.row(i);
      const auto hits = built->search(query, {.k = 10, .ef = 100, .rerank = 60}, *store);
      ASSERT_TRUE(succeeded(hits));
      ASSERT_EQ(hits->size(), 10u);
      const auto truth = test::exact_nearest(metric, query, n, 10, [&](std::size_t x) { return base_.row(x); });
      found += test::n_common(*hits, truth);
      for (std::size_t rank = 0; rank < hits->size(); ++rank) {
        const auto exact = test::exact(metric, query, base_.row((*hits)[rank].id));
        EXPECT_NEAR((*hits)[rank].distance, exact.value, 1e-5 * exact.terms);
        EXPECT_LE((*hits)[rank > 0 ? rank - 1 : 0].distance, (*hits)[rank].distance);
      }
    }
    EXPECT_GE(static_cast<double>(found) / static_cast<double>(10 * n_queries), GetParam().least_recall);
  }

  test::float_vectors base_;
  test::float_vectors queries_;
};

TEST_P(index_metrics, float32_finds_the_nearest_with_exact_distances) { expect_right_hits<float32>(); }
TEST_P(index_metrics, sq8_with_rerank_finds_the_nearest_with_exact_distances) { expect_right_hits<sq8>(); }
TEST_P(index_metrics, float16_with_rerank_finds_the_nearest_with_exact_distances) { expect_right_hits<float16>(); }
TEST_P(index_metrics, sq4_with_rerank_finds_the_nearest_with_exact_distances) { expect_right_hits<sq4>(); }
TEST_P(index_metrics, rabitq2_with_rerank_finds_the_nearest_with_exact_distances) { expect_right_hits<rabitq<2>>(); }
TEST_P(index_metrics, rabitq5_with_rerank_finds_the_nearest_with_exact_distances) { expect_right_hits<rabitq<5>>(); }

INSTANTIATE_TEST_SUITE_P(all, index_metrics,
                         ::testing::Values(metric_case{metric::l2, true}, metric_case{metric::inner_product, true, .85},
                                           metric_case{metric::cosine, true}, metric_case{metric::l2, false},
                                           metric_case{metric::inner_product, false},
                                           metric_case{metric::cosine, false}),
                         ::testing::PrintToStringParamName());

TEST(index_recall, cosine_does_not_depend_on_the_length_of_rows_or_queries) {
  const auto rows = test::clustered_vectors(500, 40, 3);
  auto stretched = rows;
  for (std::size_t i = 0; i < stretched.size(); ++i)
    for (float& value : stretched.row(i)) value *= static_cast<float>(1 << (i % 10));
  const build_options options{.metric = metric::cosine, .ef_construction = 60};
  const auto a = index<sq8>::build(rows.view(), options);
  const auto b = index<sq8>::build(stretched.view(), options);
  ASSERT_TRUE(succeeded(a));
  ASSERT_TRUE(succeeded(b));
  // Powers of two change no bit of the quotient.
  for (std::size_t i = 0; i < 20; ++i) {
    std::vector<float> query(rows.row(i).begin(), rows.row(i).end());
    const auto first = a->search(query);
    for (float& value : query) value *= 1024;
    const auto second = b->search(query);
    ASSERT_TRUE(succeeded(first));
    ASSERT_TRUE(succeeded(second));
    ASSERT_EQ(first->size(), second->size());
    for (std::size_t rank = 0; rank < first->size(); ++rank) EXPECT_EQ((*first)[rank], (*second)[rank]);
  }
}

TEST(index_recall, a_zero_row_is_an_ordinary_row_for_l2_and_inner_product) {
  auto rows = test::random_vectors(300, 20, 5);
  std::ranges::fill(rows.row(17), 0.0f);
  auto store = memory_store<float>::create(rows.view());
  const std::vector<float> zero(rows.dim, 0.0f);
  const auto near = index<sq8>::build(rows.view(), {.metric = metric::l2});
  ASSERT_TRUE(succeeded(near));
  const auto nearest = near->search(zero, {.k = 1}, *store);
  ASSERT_TRUE(succeeded(nearest));
  EXPECT_EQ((*nearest)[0], (neighbor{.id = 17, .distance = 0}));
  const auto product = index<sq8>::build(rows.view(), {.metric = metric::inner_product});
  ASSERT_TRUE(succeeded(product));
  const auto hits = product->search(zero, {.k = 300, .rerank = 300}, *store);
  ASSERT_TRUE(succeeded(hits));
  EXPECT_EQ(hits->size(), 300u);
  for (const neighbor& hit : *hits) EXPECT_EQ(hit.distance, 1.0f);
}

}  // namespace
}  // namespace thimble
