// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Radius searches through the index's door, against all distances.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <thimble/index/index.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/rabitq.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/search/radius_search.hpp>
#include <thimble/store/memory_store.hpp>
#include <vector>

#include "unit/support/environment.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/quantizers.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

constexpr std::size_t n_around = 600;
constexpr float infinite = std::numeric_limits<float>::infinity();

const test::float_vectors& rows_around() {
  static const test::float_vectors made = test::clustered_vectors(n_around, 24, 1);
  return made;
}

// All exact distances, nearest first, as the library measures them.
template <class Quantizer>
std::vector<neighbor> distances_around(const index<Quantizer>& of, std::span<const float> query) {
  auto store = memory_store<float>::create(rows_around().view());
  const auto all = of.search(
      query, {.k = n_around, .ef = n_around, .rerank = n_around, .exhaustive = true, .rerank_by = rerank_policy::fixed},
      *store);
  EXPECT_TRUE(succeeded(all));
  return {all->begin(), all->end()};
}

template <class Quantizer>
class radius : public ::testing::Test {
 protected:
  static const index<Quantizer>& built(metric m) {
    static const auto make = [](metric of) {
      return index<Quantizer>::build(rows_around().view(), test::on_asked_simd({.metric = of}));
    };
    static const expected<index<Quantizer>> all[] = {make(metric::l2), make(metric::inner_product),
                                                     make(metric::cosine)};
    return *all[static_cast<std::size_t>(m)];
  }
  static std::span<const float> query() { return rows_around().row(5); }
};
using radius_quantizers = ::testing::Types<sq8, rabitq<1>>;
TYPED_TEST_SUITE(radius, radius_quantizers, test::quantizer_names);

TYPED_TEST(radius, holds_what_is_within_by_estimate) {
  for (const metric m : {metric::l2, metric::inner_product, metric::cosine}) {
    const auto& made = this->built(m);
    const auto all = made.search(this->query(), {.k = n_around, .ef = n_around, .exhaustive = true});
    ASSERT_TRUE(succeeded(all));
    for (const std::size_t rank : {0u, 1u, 10u, 100u, 599u}) {
      const float distance = (*all)[rank].distance;
      const auto found = made.search_radius(this->query(), distance, {.ef = n_around});
      ASSERT_TRUE(succeeded(found));
      const auto within = std::ranges::count_if(*all, [&](const neighbor& hit) { return hit.distance <= distance; });
      EXPECT_EQ(found->size(), static_cast<std::size_t>(within));
      EXPECT_TRUE(std::equal(found->begin(), found->end(), all->begin()));
      EXPECT_FALSE(found->cut());
      EXPECT_EQ(found->vectors_read(), 0u);
    }
  }
}

TYPED_TEST(radius, holds_what_is_within_by_exact_distance_from_any_store) {
  auto in_place = memory_store<float>::create(rows_around().view());
  test::counting_store in_batches(rows_around().view());
  for (const metric m : {metric::l2, metric::inner_product, metric::cosine}) {
    const auto& made = this->built(m);
    const auto all = distances_around(made, this->query());
    std::size_t wanted = 0, missed = 0, read = 0;
    for (const std::size_t rank : {0u, 1u, 10u, 100u, 300u, 599u}) {
      const float distance = all[rank].distance;
      const auto found = made.search_radius(this->query(), distance, {}, *in_place);
      const auto again = made.search_radius(this->query(), distance, {}, in_batches);
      ASSERT_TRUE(succeeded(found) && succeeded(again));
      EXPECT_TRUE(std::ranges::equal(*found, *again));
      EXPECT_FALSE(found->cut());
      EXPECT_GE(found->vectors_read(), found->size());
      const auto within = std::ranges::count_if(all, [&](const neighbor& hit) { return hit.distance <= distance; });
      // Nothing that is not within, in order, with the distances that a search reports.
      EXPECT_TRUE(std::ranges::includes(
          all, *found, {}, [](const neighbor& hit) { return hit.distance; },
          [](const neighbor& hit) { return hit.distance; }));
      EXPECT_TRUE(std::ranges::all_of(*found, [&](const neighbor& hit) { return hit.distance <= distance; }));
      wanted += static_cast<std::size_t>(within);
      missed += static_cast<std::size_t>(within) - found->size();
      read += found->vectors_read();
    }
    EXPECT_LE(missed, wanted / 500) << name(m);
    this->RecordProperty(std::string(name(m)) + "_wanted", std::to_string(wanted));
    this->RecordProperty(std::string(name(m)) + "_missed", std::to_string(missed));
    this->RecordProperty(std::string(name(m)) + "_read", std::to_string(read));
  }
  for (const auto& batch : in_batches.batches()) {
    EXPECT_LE(batch.size(), 256u);
    EXPECT_TRUE(std::ranges::is_sorted(batch));
  }
}

TYPED_TEST(radius, reads_those_within_by_estimate_and_as_many_more_as_it_is_told) {
  auto store = memory_store<float>::create(rows_around().view());
  const auto& made = this->built(metric::l2);
  const auto estimates = made.search(this->query(), {.k = n_around, .ef = n_around, .exhaustive = true});
  ASSERT_TRUE(succeeded(estimates));
  const float distance = (*estimates)[30].distance;
  const auto read = [&](float epsilon, std::size_t rim, std::size_t max = n_around) {
    const auto found = made.search_radius(this->query(), distance,
                                          {.ef = n_around, .max = max, .epsilon = epsilon, .rim = rim}, *store);
    EXPECT_TRUE(succeeded(found));
    return found->vectors_read();
  };
  EXPECT_EQ(read(0, 0), 31u);
  if constexpr (bounded_quantizer<TypeParam>) {
    EXPECT_EQ(read(0, 20), 31u) << "the bounds say what may be within";
    EXPECT_GT(read(3, 0), 31u);
    EXPECT_EQ(read(1000, 0), n_around);
  } else {
    EXPECT_EQ(read(0, 20), 51u);
    EXPECT_EQ(read(3, 20), 51u);
    EXPECT_EQ(read(0, 20, 40), 40u);
    EXPECT_EQ(read(0, std::numeric_limits<std::size_t>::max()), n_around);
  }
}

TYPED_TEST(radius, of_nothing_is_empty_and_of_everything_is_all_that_the_links_lead_to) {
  auto store = memory_store<float>::create(rows_around().view());
  const auto& made = this->built(metric::l2);
  EXPECT_TRUE(made.search_radius(this->query(), -infinite)->empty());
  EXPECT_TRUE(made.search_radius(this->query(), -1e9f, {}, *store)->empty());
  EXPECT_EQ(made.search_radius(this->query(), infinite)->size(), n_around);
  EXPECT_EQ(made.search_radius(this->query(), infinite, {}, *store)->size(), n_around);
  EXPECT_EQ(made.search_radius(this->query(), infinite, {.ef = 0})->size(), n_around);
}

TYPED_TEST(radius, is_cut_where_more_are_within_than_are_kept) {
  auto store = memory_store<float>::create(rows_around().view());
  const auto& made = this->built(metric::l2);
  for (const std::size_t max : {std::size_t{0}, std::size_t{1}, std::size_t{50}, n_around - 1}) {
    const auto found = made.search_radius(this->query(), infinite, {.max = max});
    ASSERT_TRUE(succeeded(found));
    EXPECT_TRUE(found->cut());
    EXPECT_EQ(found->size(), max);
    const auto exact = made.search_radius(this->query(), infinite, {.max = max}, *store);
    ASSERT_TRUE(succeeded(exact));
    EXPECT_TRUE(exact->cut());
    EXPECT_EQ(exact->vectors_read(), max);
  }
  EXPECT_FALSE(made.search_radius(this->query(), infinite, {.max = n_around})->cut());
  // Those that are kept are the nearest, where the walk sees all of them.
  const auto found = made.search_radius(this->query(), infinite, {.ef = n_around, .max = 20});
  const auto nearest = made.search(this->query(), {.k = 20, .ef = n_around, .exhaustive = true});
  ASSERT_TRUE(succeeded(found) && succeeded(nearest));
  EXPECT_TRUE(std::ranges::equal(*found, *nearest));
}

TYPED_TEST(radius, holds_only_what_passes_the_filter) {
  auto store = memory_store<float>::create(rows_around().view());
  const auto thirds = [](label id) { return id % 3 == 0; };
  const auto& made = this->built(metric::l2);
  const auto all = made.search_radius(this->query(), infinite, {.filter = label_filter::where(thirds)}, *store);
  ASSERT_TRUE(succeeded(all));
  EXPECT_EQ(all->size(), n_around / 3);
  EXPECT_EQ(all->vectors_read(), n_around / 3) << "no row of the others is read";
  EXPECT_TRUE(std::ranges::all_of(*all, [&](const neighbor& hit) { return thirds(hit.id); }));
  EXPECT_FALSE(
      made.search_radius(this->query(), infinite, {.max = n_around / 3, .filter = label_filter::where(thirds)})->cut())
      << "those that do not pass do not count";
}

TYPED_TEST(radius, names_what_is_wrong) {
  const auto& made = this->built(metric::l2);
  auto store = memory_store<float>::create(rows_around().view());
  EXPECT_EQ(code_of(made.search_radius(this->query(), std::numeric_limits<float>::quiet_NaN())),
            errc::invalid_argument);
  for (const float epsilon : {-1.0f, 1001.0f, std::numeric_limits<float>::quiet_NaN()})
    EXPECT_EQ(code_of(made.search_radius(this->query(), 1, {.epsilon = epsilon}, *store)), errc::invalid_argument);
  EXPECT_EQ(code_of(made.search_radius(std::vector<float>(23), 1)), errc::wrong_dim);
  EXPECT_EQ(code_of(made.search_radius(std::vector<float>(24, 1e20f), 1)), errc::not_finite);
  EXPECT_EQ(code_of(this->built(metric::cosine).search_radius(std::vector<float>(24), 1)), errc::zero_vector);
  const auto others = test::clustered_vectors(n_around, 24, 2);
  auto other_store = memory_store<float>::create(others.view());
  EXPECT_EQ(code_of(made.search_radius(this->query(), 1, {}, *other_store)), errc::store_mismatch);
  test::failing_store failing(rows_around().view(), errc::missing_row);
  EXPECT_EQ(code_of(made.search_radius(this->query(), infinite, {}, failing)), errc::missing_row);
  test::failing_row_store failing_rows(rows_around().view(), errc::cannot_read);
  EXPECT_EQ(code_of(made.search_radius(this->query(), infinite, {}, failing_rows)), errc::cannot_read);
}

TEST(radius_search, on_pictures_finds_what_is_within) {
  constexpr std::size_t n = 3000, n_queries = test::slow ? 20 : 60;
  const auto rows = test::base_pictures().floats(n);
  auto store = memory_store<float>::create(rows.view());
  const auto with = [&]<class Quantizer>(double least) {
    const auto built = index<Quantizer>::build(rows.view(), test::on_asked_simd({.ef_construction = 60, .threads = 2}));
    ASSERT_TRUE(succeeded(built));
    std::size_t wanted = 0, found = 0, read = 0;
    for (std::size_t i = 0; i < n_queries; ++i) {
      const auto query = test::query_pictures().row(i);
      // Sums of squares of integers below 2^24 are exact in float.
      std::vector<float> distances;
      for (std::size_t x = 0; x < n; ++x)
        distances.push_back(static_cast<float>(test::exact(metric::l2, query, rows.row(x)).value));
      std::ranges::sort(distances);
      const std::size_t rank = i % 3 == 0 ? 5 : i % 3 == 1 ? 50 : 400;
      const auto hits = built->search_radius(query, distances[rank], {}, *store);
      ASSERT_TRUE(succeeded(hits));
      for (const neighbor& hit : *hits) EXPECT_LE(hit.distance, distances[rank]);
      wanted += rank + 1;
      found += hits->size();
      read += hits->vectors_read();
    }
    EXPECT_GE(static_cast<double>(found), least * static_cast<double>(wanted)) << Quantizer::name;
    this->RecordProperty(std::string(Quantizer::name),
                         std::to_string(found) + " of " + std::to_string(wanted) + ", read " + std::to_string(read));
  };
  with.operator()<float32>(.995);
  with.operator()<sq8>(.995);
  with.operator()<rabitq<1>>(.995);
  with.operator()<rabitq<4>>(.995);
}

}  // namespace
}  // namespace thimble
