// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The iterator through the index's door.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thimble/index/index.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/rabitq.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/search/search_iterator.hpp>
#include <type_traits>
#include <vector>

#include "unit/support/environment.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/quantizers.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

static_assert(std::is_nothrow_move_constructible_v<search_iterator> && !std::is_copy_constructible_v<search_iterator>);

constexpr std::size_t n_iterated = 600;

const test::float_vectors& iterated_rows() {
  static const test::float_vectors made = test::clustered_vectors(n_iterated, 24, 1);
  return made;
}

// All that an iterator gives, `step` at a time.
std::vector<neighbor> all_given(search_iterator& from, std::size_t step) {
  std::vector<neighbor> all;
  for (;;) {
    const auto some = from.next(step);
    EXPECT_TRUE(succeeded(some));
    if (!some || some->empty()) break;
    EXPECT_LE(some->size(), step);
    EXPECT_TRUE(some->size() == step || from.done());
    all.insert(all.end(), some->begin(), some->end());
  }
  EXPECT_TRUE(from.done());
  return all;
}

template <class Quantizer>
class iterated : public ::testing::Test {
 protected:
  static const index<Quantizer>& built(metric m = metric::l2) {
    static const auto make = [](metric of) {
      return index<Quantizer>::build(iterated_rows().view(), test::on_asked_simd({.metric = of}));
    };
    static const expected<index<Quantizer>> l2 = make(metric::l2), cosine = make(metric::cosine);
    return m == metric::l2 ? *l2 : *cosine;
  }
};
using iterated_quantizers = ::testing::Types<sq8, rabitq<1>>;
TYPED_TEST_SUITE(iterated, iterated_quantizers, test::quantizer_names);

TYPED_TEST(iterated, results_are_all_labels_once_each_and_the_same_in_any_portions) {
  for (const metric m : {metric::l2, metric::cosine}) {
    for (const std::size_t ef : {0u, 1u, 64u, 10'000u}) {
      std::vector<neighbor> first;
      for (const std::size_t step : {std::size_t{1}, std::size_t{7}, n_iterated, 10 * n_iterated}) {
        auto from = this->built(m).iterate(iterated_rows().row(3), {.ef = ef});
        ASSERT_TRUE(succeeded(from));
        EXPECT_FALSE(from->done());
        const auto all = all_given(*from, step);
        if (first.empty()) first = all;
        EXPECT_EQ(all, first);
      }
      std::set<label> labels;
      for (const neighbor& hit : first) labels.insert(hit.id);
      EXPECT_EQ(labels.size(), first.size());
      EXPECT_EQ(labels.size(), n_iterated) << "the links of so few lead to all of them";
      if (ef >= n_iterated) {
        EXPECT_TRUE(std::ranges::is_sorted(first, {}, &neighbor::distance));
      }
    }
  }
}

TYPED_TEST(iterated, results_are_by_the_estimates_of_a_search) {
  for (const metric m : {metric::l2, metric::cosine}) {
    const auto searched =
        this->built(m).search(iterated_rows().row(3), {.k = n_iterated, .ef = n_iterated, .exhaustive = true});
    ASSERT_TRUE(succeeded(searched));
    auto from = this->built(m).iterate(iterated_rows().row(3), {.ef = n_iterated});
    ASSERT_TRUE(succeeded(from));
    auto all = all_given(*from, 50);
    // Ties may be in another order.
    std::ranges::sort(all, [](const neighbor& a, const neighbor& b) {
      return a.distance != b.distance ? a.distance < b.distance : a.id < b.id;
    });
    EXPECT_TRUE(std::ranges::equal(all, *searched));
  }
}

TYPED_TEST(iterated, results_pass_the_filter) {
  const auto sevenths = [](label id) { return id % 7 == 2; };
  const auto none = [](label /*id*/) { return false; };
  auto from = this->built().iterate(iterated_rows().row(3), {.filter = label_filter::where(sevenths)});
  ASSERT_TRUE(succeeded(from));
  const auto all = all_given(*from, 10);
  EXPECT_TRUE(std::ranges::all_of(all, [&](const neighbor& hit) { return sevenths(hit.id); }));
  EXPECT_EQ(all.size(), (n_iterated - 3) / 7 + 1);
  auto nothing = this->built().iterate(iterated_rows().row(3), {.filter = label_filter::where(none)});
  ASSERT_TRUE(succeeded(nothing));
  EXPECT_TRUE(all_given(*nothing, 10).empty());
}

TYPED_TEST(iterated, iterators_and_searches_do_not_meet) {
  const auto& made = this->built();
  auto first = made.iterate(iterated_rows().row(3));
  auto second = made.iterate(iterated_rows().row(4));
  ASSERT_TRUE(succeeded(first) && succeeded(second));
  std::vector<neighbor> one, two;
  for (int i = 0; i < 20; ++i) {
    const auto a = first->next(3), b = second->next(5);
    ASSERT_TRUE(succeeded(a) && succeeded(b));
    one.insert(one.end(), a->begin(), a->end());
    two.insert(two.end(), b->begin(), b->end());
    ASSERT_TRUE(succeeded(made.search(iterated_rows().row(static_cast<std::size_t>(i)))));
  }
  search_iterator moved = std::move(*first);
  const auto more = moved.next(3);
  one.insert(one.end(), more->begin(), more->end());
  const auto alone = [&](std::size_t row, std::size_t n) {
    auto from = made.iterate(iterated_rows().row(row));
    const auto all = from->next(n);
    return std::vector<neighbor>(all->begin(), all->end());
  };
  EXPECT_EQ(one, alone(3, 63));
  EXPECT_EQ(two, alone(4, 100));
}

TYPED_TEST(iterated, queries_that_cannot_be_searched_are_named) {
  const auto iterate = [&](const std::vector<float>& q, metric m = metric::l2) {
    return code_of(this->built(m).iterate(q));
  };
  EXPECT_EQ(iterate({}), errc::wrong_dim);
  EXPECT_EQ(iterate(std::vector<float>(25)), errc::wrong_dim);
  EXPECT_EQ(iterate(std::vector<float>(24, 1e20f)), errc::not_finite);
  EXPECT_EQ(iterate(std::vector<float>(24)), std::nullopt);
  EXPECT_EQ(iterate(std::vector<float>(24), metric::cosine), errc::zero_vector);
}

TEST(search_iterator, on_pictures_finds_what_searches_of_its_ef_find) {
  constexpr std::size_t n = 3000, k = 10, n_queries = test::slow ? 30 : 100;
  const auto rows = test::base_pictures().floats(n);
  const auto built = index<sq8>::build(rows.view(), test::on_asked_simd({.ef_construction = 60, .threads = 2}));
  ASSERT_TRUE(succeeded(built));
  for (const std::size_t ef : {10u, 32u, 64u}) {
    std::size_t by_search = 0, by_iterator = 0, n_steps_back = 0;
    for (std::size_t i = 0; i < n_queries; ++i) {
      const auto query = test::query_pictures().row(i);
      const auto truth = test::exact_nearest(metric::l2, query, n, k, [&](std::size_t x) { return rows.row(x); });
      const auto hits = built->search(query, {.k = k, .ef = ef});
      auto from = built->iterate(query, {.ef = ef});
      ASSERT_TRUE(succeeded(hits) && succeeded(from));
      by_search += test::n_common(*hits, truth);
      const auto first = from->next(k);
      ASSERT_TRUE(succeeded(first));
      by_iterator += test::n_common(*first, truth);
      for (std::size_t rank = 1; rank < k; ++rank)
        n_steps_back += (*first)[rank].distance < (*first)[rank - 1].distance ? 1 : 0;
    }
    EXPECT_GE(by_iterator, by_search);
    EXPECT_LE(n_steps_back, n_queries * k / 100);
    this->RecordProperty("search_ef_" + std::to_string(ef), std::to_string(by_search));
    this->RecordProperty("iterator_ef_" + std::to_string(ef), std::to_string(by_iterator));
    this->RecordProperty("steps_back_ef_" + std::to_string(ef), std::to_string(n_steps_back));
  }
}

}  // namespace
}  // namespace thimble
