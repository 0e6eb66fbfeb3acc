// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Searches of several queries at once, through index::begin_group; those of one are index_test.cpp's and others'.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <thimble/index/any_index.hpp>
#include <thimble/index/index.hpp>
#include <vector>

#include "unit/support/environment.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

class group_search : public ::testing::Test {
 protected:
  static constexpr std::size_t n = 400, n_queries = 40, dim = 24;

  static const test::float_vectors& base() {
    static const test::float_vectors made = test::clustered_vectors(n, dim, 1);
    return made;
  }
  static const test::float_vectors& queries() {
    static const test::float_vectors made = test::clustered_vectors(n_queries, dim, 2);
    return made;
  }
  static any_index built(quantizer_kind kind, metric m) {
    auto made = any_index::build(kind, base().view(), test::on_asked_simd({.metric = m}));
    EXPECT_TRUE(succeeded(made));
    return std::move(*made);
  }

  // Groups of every size that there is.
  static void expect_what_single_searches_find(const any_index& index, const search_params& params) {
    std::array<search_scratch, walks_at_once> scratches;
    search_scratch alone;
    std::size_t first = 0;
    for (std::size_t size = 1; first + size <= n_queries; size = size % walks_at_once + 1) {
      std::vector<std::span<const float>> group;
      for (std::size_t i = 0; i < size; ++i) group.push_back(queries().row(first + i));
      ASSERT_TRUE(succeeded(index.begin_group(group, params, std::span(scratches).first(size))));
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_TRUE(succeeded(index.begin(group[i], params, alone)));
        EXPECT_TRUE(std::ranges::equal(scratches[i].rerank().needs(), alone.rerank().needs()));
        if (!alone.rerank().done()) continue;
        EXPECT_TRUE(std::ranges::equal(scratches[i].rerank().results(), alone.rerank().results()));
      }
      first += size;
    }
  }
};

TEST_F(group_search, finds_what_single_searches_find) {
  const auto odd = [](label id) { return id % 2 == 1; };
  for (const quantizer_kind kind : {kind_of<sq8>, kind_of<rabitq<1>>, kind_of<rabitq<8>>, kind_of<float32>}) {
    for (const metric m : {metric::l2, metric::cosine}) {
      const any_index index = built(kind, m);
      for (const std::size_t rerank : {0u, 15u}) {
        expect_what_single_searches_find(index, {.ef = 20, .rerank = rerank});
        expect_what_single_searches_find(index, {.ef = 20, .gamma = .2f, .rerank = rerank});
        expect_what_single_searches_find(index, {.rerank = rerank, .exhaustive = true});
        expect_what_single_searches_find(index, {.rerank = rerank, .filter = label_filter::where(odd)});
        expect_what_single_searches_find(index, {.k = n, .ef = n, .rerank = rerank});
      }
    }
  }
}

TEST_F(group_search, names_the_query_that_is_wrong) {
  const any_index index = built(kind_of<sq8>, metric::cosine);
  auto broken = queries();
  broken.row(walks_at_once - 1)[3] = std::numeric_limits<float>::infinity();
  std::vector<std::span<const float>> group;
  for (std::size_t i = 0; i < walks_at_once; ++i) group.push_back(broken.row(i));
  std::array<search_scratch, walks_at_once> scratches;
  for (const bool exhaustive : {false, true}) {
    const auto begun = index.begin_group(group, {.exhaustive = exhaustive}, scratches);
    ASSERT_EQ(code_of(begun), errc::not_finite);
    EXPECT_EQ(begun.error().value, walks_at_once - 1);
  }
  std::ranges::fill(broken.row(walks_at_once - 1), 0.0f);
  const auto zero = index.begin_group(group, {}, scratches);
  ASSERT_EQ(code_of(zero), errc::zero_vector);
  EXPECT_EQ(zero.error().value, walks_at_once - 1);
  EXPECT_EQ(code_of(index.begin_group(group, {.k = 0}, scratches)), errc::invalid_k);
  group[0] = group[0].first(dim - 1);
  EXPECT_EQ(code_of(index.begin_group(group, {}, scratches)), errc::wrong_dim);
}

}  // namespace
}  // namespace thimble
