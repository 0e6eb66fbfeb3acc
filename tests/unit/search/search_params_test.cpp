// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <thimble/core/executor.hpp>
#include <thimble/index/batch_search.hpp>
#include <thimble/index/index.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/search/search_params.hpp>
#include <thimble/store/memory_store.hpp>
#include <vector>

#include "unit/support/environment.hpp"
#include "unit/support/files.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::succeeded;

TEST(search_params, candidates_are_ef_but_at_least_k_and_at_most_all) {
  constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(candidates_wanted({.k = 10, .ef = 70}, 64, 1000), 70u);
  EXPECT_EQ(candidates_wanted({.k = 10, .ef = 1}, 64, 1000), 10u);
  EXPECT_EQ(candidates_wanted({.k = 10}, 64, 1000), 64u);
  EXPECT_EQ(candidates_wanted({.k = 10, .ef = 64}, 64, 7), 7u);
  EXPECT_EQ(candidates_wanted({.k = huge, .ef = huge}, 64, 7), 7u);
}

TEST(gamma, through_the_index_stops_early_where_it_may_and_changes_nothing_where_it_is_large) {
  const auto rows = test::base_pictures().floats(1500);
  auto store = memory_store<float>::create(rows.view());
  for (const metric m : {metric::l2, metric::inner_product, metric::cosine}) {
    const auto built = index<sq8>::build(rows.view(), test::on_asked_simd({.metric = m, .ef_construction = 60}));
    ASSERT_TRUE(succeeded(built));
    std::size_t n_other = 0;
    for (std::size_t i = 0; i < 30; ++i) {
      const auto query = test::query_pictures().row(i);
      const auto with = [&](std::optional<float> gamma, label_filter filter = {}) {
        const auto hits = built->search(query, {.k = 100, .ef = 400, .gamma = gamma, .rerank = 0, .filter = filter});
        EXPECT_TRUE(succeeded(hits));
        EXPECT_EQ(hits->size(), 100u);
        return std::vector<neighbor>(hits->begin(), hits->end());
      };
      const auto without = with({});
      EXPECT_EQ(with(1e9f), without);
      EXPECT_EQ(with(std::numeric_limits<float>::max()), without);
      n_other += with(0) == without ? 0 : 1;
      const auto most = [](label id) { return id % 10 != 0; };
      EXPECT_EQ(with(0, label_filter::where(most)), with({}, label_filter::where(most)));
      // Unsigned bytes: every inner product is large, every distance below 0.
      if (m == metric::inner_product) {
        EXPECT_EQ(with(0), without);
      }
      const auto reranked = built->search(query, {.gamma = .5f}, *store);
      ASSERT_TRUE(succeeded(reranked));
      EXPECT_EQ(reranked->size(), 10u);
    }
    if (m != metric::inner_product) {
      EXPECT_GT(n_other, 0u) << name(m);
    }
  }
}

TEST(gamma, of_an_index_is_that_of_searches_which_name_no_ef) {
  const auto rows = test::clustered_vectors(1500, 16, 1), queries = test::clustered_vectors(8, 16, 2);
  auto built = index<sq8>::build(rows.view(), test::on_asked_simd({.m = 8, .ef_construction = 40}));
  ASSERT_TRUE(succeeded(built));
  EXPECT_EQ(built->default_gamma(), std::nullopt);
  ASSERT_TRUE(succeeded(built->set_default_ef(40, .01f)));
  const auto opened = test::opened<index<sq8>>(test::saved(*built));
  ASSERT_TRUE(succeeded(opened));
  EXPECT_EQ(opened->default_ef(), 40u);
  EXPECT_EQ(opened->default_gamma(), .01f);
  const auto most = [](label id) { return id % 10 != 0; };
  for (const bool filtered : {false, true}) {
    std::size_t n_other = 0;
    for (std::size_t i = 0; i < queries.size(); ++i) {
      const auto with = [&](std::size_t ef, std::optional<float> gamma) {
        search_params params{.k = 5, .ef = ef, .gamma = gamma, .rerank = 0};
        if (filtered) params.filter = label_filter::where(most);
        const auto hits = opened->search(queries.row(i), params);
        EXPECT_TRUE(succeeded(hits));
        return std::vector<neighbor>(hits->begin(), hits->end());
      };
      EXPECT_EQ(with(0, {}), with(40, .01f));
      EXPECT_EQ(with(0, 1e9f), with(40, {})) << "a gamma that is given counts";
      n_other += with(0, {}) == with(40, {}) ? 0 : 1;
    }
    EXPECT_GT(n_other, 0u) << filtered;
  }
  inline_executor here;
  const auto all = search_batch(*opened, queries.view(), {.k = 5, .rerank = 0}, {}, here);
  ASSERT_TRUE(succeeded(all));
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const auto alone = opened->search(queries.row(i), {.k = 5, .rerank = 0});
    ASSERT_TRUE(succeeded(alone));
    EXPECT_TRUE(std::ranges::equal(all->ids(i), *alone, {}, {}, &neighbor::id));
  }

  EXPECT_EQ(test::code_of(built->set_default_ef(100, -.1f)), errc::invalid_argument);
  EXPECT_EQ(built->default_gamma(), .01f);
  ASSERT_TRUE(succeeded(built->set_default_ef(100)));
  EXPECT_EQ(built->default_gamma(), std::nullopt);
}

TEST(gamma, that_is_no_number_or_negative_is_refused) {
  const auto rows = test::clustered_vectors(100, 8, 1);
  const auto built = index<sq8>::build(rows.view());
  ASSERT_TRUE(succeeded(built));
  for (const float wrong : {-.1f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    EXPECT_EQ(test::code_of(built->search(rows.row(0), {.gamma = wrong})), errc::invalid_argument);
  EXPECT_TRUE(succeeded(built->search(rows.row(0), {.gamma = 0.0f})));
}

}  // namespace
}  // namespace thimble
