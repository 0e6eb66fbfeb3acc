// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/store/cache_store.hpp>
#include <thimble/store/recompute_store.hpp>

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "unit/support/same_hits.hpp"
#include "unit/support/stores.hpp"

namespace thimble {
namespace {

namespace recompute_store_cases {

using test::code_of;
using test::succeeded;

// Makes the rows of the small index again; counts how often, and how many.
struct remembered {
  std::size_t* calls;
  std::size_t* made;

  expected<void> operator()(std::span<const node> rows, std::span<float> out) const {
    ++*calls;
    *made += rows.size();
    EXPECT_EQ(out.size(), rows.size() * test::searched_dim);
    EXPECT_TRUE(std::ranges::is_sorted(rows));
    auto to = out.begin();
    for (const node x : rows) to = std::ranges::copy(test::searched_rows().row(x), to).out;
    return {};
  }
};

class recompute_store_of : public ::testing::Test {
 protected:
  remembered make() { return {&calls_, &made_}; }
  std::size_t calls_ = 0;
  std::size_t made_ = 0;
};

TEST_F(recompute_store_of, vectors_made_again_gives_the_hits_of_memory) {
  auto store = recompute_store<remembered>::create(make(), test::n_searched_rows, test::searched_dim);
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ(calls_, 1u) << "the fingerprint is one batch";
  EXPECT_EQ(made_, 64u);
  EXPECT_EQ(store->size(), test::n_searched_rows);
  EXPECT_EQ(store->dim(), test::searched_dim);
  test::expect_hits_of_memory(*store);
}

TEST_F(recompute_store_of, a_fingerprint_that_is_known_needs_none_of_them) {
  auto store = recompute_store<remembered>::create(make(), test::n_searched_rows, test::searched_dim,
                                                   test::searched_index().fingerprint());
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ(calls_, 0u);
  test::expect_hits_of_memory(*store);
}

TEST_F(recompute_store_of, under_a_cache_each_row_is_made_once) {
  auto store = recompute_store<remembered>::create(make(), test::n_searched_rows, test::searched_dim,
                                                   test::searched_index().fingerprint());
  ASSERT_TRUE(succeeded(store));
  auto cache = cache_store<recompute_store<remembered>>::create(*store, 1 << 20);
  ASSERT_TRUE(succeeded(cache));
  test::expect_hits_of_memory(*cache);
  EXPECT_LE(made_, test::n_searched_rows);
  EXPECT_EQ(made_, cache->counters().misses);
  EXPECT_GT(cache->counters().hits, cache->counters().misses);
  const std::size_t before = made_;
  test::expect_hits_of_memory(*cache);
  EXPECT_EQ(made_, before) << "all of it was there";
}

TEST_F(recompute_store_of, nothing_is_no_call) {
  auto store = recompute_store<remembered>::create(make(), 10, test::searched_dim, 1);
  ASSERT_TRUE(succeeded(store));
  EXPECT_TRUE(succeeded(store->read({}, {})));
  EXPECT_EQ(calls_, 0u);
}

template <class Function>
expected<void> outcome_of(Function make, std::vector<node> nodes) {
  auto store = recompute_store<Function>::create(make, 100, 3, 1);
  if (!store) return std::unexpected(store.error());
  std::vector<float> out(nodes.size() * 3);
  return store->read(nodes, out);
}

TEST(recompute_store, a_value_that_is_no_number_is_named_with_its_row) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -1e30f}) {
    const auto make = [bad](std::span<const node> rows, std::span<float> out) -> expected<void> {
      std::ranges::fill(out, 1.0f);
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i] == 60) out[i * 3 + 2] = bad;
      return {};
    };
    EXPECT_TRUE(succeeded(outcome_of(make, {1, 59, 61})));
    const auto failed = outcome_of(make, {1, 60, 61});
    EXPECT_EQ(code_of(failed), errc::not_finite);
    EXPECT_EQ(failed.error().value, 60u);
  }
}

TEST(recompute_store, a_row_that_was_left_out_is_not_served) {
  const auto make = [](std::span<const node> rows, std::span<float> out) -> expected<void> {
    std::ranges::fill(out.first((rows.size() - 1) * 3), 1.0f);
    return {};
  };
  const auto failed = outcome_of(make, {1, 2, 3});
  EXPECT_EQ(code_of(failed), errc::not_finite);
  EXPECT_EQ(failed.error().value, 3u);
}

TEST(recompute_store, an_error_of_the_function_comes_back) {
  const auto make = [](std::span<const node>, std::span<float>) -> expected<void> {
    return fail(errc::store_unavailable, "the model is not there", 9);
  };
  const auto failed = outcome_of(make, {1});
  EXPECT_EQ(code_of(failed), errc::store_unavailable);
  EXPECT_EQ(failed.error().value, 9u);
  EXPECT_EQ(code_of(recompute_store<decltype(make)>::create(make, 100, 3)), errc::store_unavailable);
}

TEST(recompute_store, sizes_that_no_index_has) {
  const auto make = [](std::span<const node>, std::span<float>) -> expected<void> { return {}; };
  using store_type = recompute_store<decltype(make)>;
  EXPECT_EQ(code_of(store_type::create(make, 10, 0, 1)), errc::invalid_argument);
  EXPECT_EQ(code_of(store_type::create(make, 10, max_dim + 1, 1)), errc::too_large);
  if constexpr (sizeof(std::size_t) > 4) {
    EXPECT_EQ(code_of(store_type::create(make, static_cast<std::size_t>(max_nodes + 1), 3, 1)), errc::too_many_vectors);
  }
  static_assert(batch_store<store_type> && !concurrent_store<store_type>);
}

TEST(recompute_store, takes_a_function_that_only_moves) {
  auto count = std::make_unique<int>(0);
  auto make = [count = std::move(count)](std::span<const node>, std::span<float> out) -> expected<void> {
    std::ranges::fill(out, static_cast<float>(++*count));
    return {};
  };
  auto store = recompute_store<decltype(make)>::create(std::move(make), 10, 2, 1);
  ASSERT_TRUE(succeeded(store));
  std::vector<float> out(2);
  ASSERT_TRUE(succeeded(store->read(std::vector<node>{4}, out)));
  EXPECT_EQ(out[1], 1);
}

}  // namespace recompute_store_cases

}  // namespace
}  // namespace thimble
