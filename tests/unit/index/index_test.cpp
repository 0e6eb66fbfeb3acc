// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The front door: what goes in and out of it, and the named error of each mistake.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <thimble/index/index.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/rabitq.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/store/memory_store.hpp>

#include "unit/support/environment.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/quantizers.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::clustered_vectors;
using test::code_of;
using test::succeeded;

constexpr std::size_t n_rows = 400;
constexpr std::size_t dim = 24;

const test::float_vectors& rows() {
  static const test::float_vectors made = clustered_vectors(n_rows, dim, 1);
  return made;
}

const std::vector<float>& query() {
  static const std::vector<float> made = clustered_vectors(1, dim, 2).values;
  return made;
}

template <class Quantizer>
class any_quantizer : public ::testing::Test {
 protected:
  using index_type = index<Quantizer>;

  static const index_type& built() {
    static const expected<index_type> made = index_type::build(rows().view(), test::on_asked_simd({}));
    return *made;
  }
};

// Bits a dimension.
template <class Quantizer>
std::size_t bits_of() {
  if (std::is_same_v<Quantizer, float32>) return 32;
  if (std::is_same_v<Quantizer, sq8>) return 8;
  return Quantizer::file_id - 16;
}

// One of each kind: no codes, codes that build a graph, codes that do not and have bounds.
using some_quantizers = ::testing::Types<float32, sq8, rabitq<1>>;
TYPED_TEST_SUITE(any_quantizer, some_quantizers, test::quantizer_names);

// ----------------------------------------------------------------------------------------------------- building

TYPED_TEST(any_quantizer, an_index_tells_what_it_was_built_with) {
  const auto made = index<TypeParam>::build(
      rows().view(),
      {.metric = metric::inner_product, .m = 5, .ef_construction = 33, .seed = 77, .simd = simd::isa::scalar});
  ASSERT_TRUE(succeeded(made));
  EXPECT_EQ(made->size(), n_rows);
  EXPECT_EQ(made->dim(), dim);
  EXPECT_EQ(made->metric(), metric::inner_product);
  EXPECT_EQ(made->m(), 5u);
  EXPECT_EQ(made->ef_construction(), 33u);
  EXPECT_EQ(made->seed(), 77u);
  EXPECT_EQ(made->simd(), simd::isa::scalar);
  EXPECT_EQ(made->quantizer_name(), TypeParam::name);
  EXPECT_EQ(made->fingerprint(), memory_store<float>::create(rows().view())->fingerprint());
}

TYPED_TEST(any_quantizer, memory_counts_every_part) {
  const auto& made = this->built();
  const memory_usage used = made.memory();
  EXPECT_GE(used.codes, n_rows * dim * bits_of<TypeParam>() / 8);
  EXPECT_LE(used.codes, n_rows * (64 * bits_of<TypeParam>() / 8 + 20)) << "rabitq rounds the dim up to 64";
  EXPECT_LT(used.links, n_rows * 2 * 16 * sizeof(node) / 3) << "packed";
  EXPECT_GT(used.links, n_rows * 5);
  EXPECT_GE(used.labels, n_rows * 2 * 9 / 8) << "a number below 400 and its inverse";
  EXPECT_LE(used.labels, n_rows * 3);
  EXPECT_EQ(used.levels, n_rows);
  EXPECT_EQ(used.visited, n_rows);
  EXPECT_GT(used.upper_links, 0u);
  EXPECT_EQ(used.total(),
            used.codes + used.links + used.upper_links + used.levels + used.labels + used.visited + used.other);
  EXPECT_DOUBLE_EQ(made.bytes_per_vector(), static_cast<double>(used.total()) / n_rows);
}

TYPED_TEST(any_quantizer, an_input_without_vectors_or_dimensions_is_named) {
  const auto build = [](const matrix_view<float>& v) { return code_of(index<TypeParam>::build(v)); };
  EXPECT_EQ(build({}), errc::empty_input);
  EXPECT_EQ(build({rows().values.data(), 0, dim}), errc::empty_input);
  EXPECT_EQ(build({rows().values.data(), 5, 0}), errc::wrong_dim);
}

TYPED_TEST(any_quantizer, too_many_vectors_or_dimensions_are_refused_before_anything_is_read) {
  // The views lie: nothing behind the first value exists.
  const float value = 0;
  const auto build = [](const matrix_view<float>& v) { return code_of(index<TypeParam>::build(v)); };
  EXPECT_EQ(build({&value, 5, std::size_t{max_dim} + 1}), errc::too_large);
  EXPECT_EQ(build({&value, static_cast<std::size_t>(max_nodes + 1), 1}), errc::too_many_vectors);
}

TYPED_TEST(any_quantizer, options_out_of_range_are_named) {
  const auto build = [](const build_options& options) {
    return code_of(index<TypeParam>::build(rows().view(), options));
  };
  EXPECT_EQ(build({.m = 0}), errc::invalid_argument);
  EXPECT_EQ(build({.m = 1}), errc::invalid_argument);
  EXPECT_EQ(build({.m = 65}), errc::invalid_argument);
  EXPECT_EQ(build({.m = 16, .ef_construction = 15}), errc::invalid_argument);
  EXPECT_EQ(build({.ef_construction = 0}), errc::invalid_argument);
  EXPECT_EQ(build({.ef_construction = 100'001}), errc::invalid_argument);
  EXPECT_EQ(build({.m = 2, .ef_construction = 2}), std::nullopt);
  EXPECT_EQ(build({.m = 64, .ef_construction = 64}), std::nullopt);
}

TYPED_TEST(any_quantizer, a_value_that_is_no_number_or_too_large_is_named_with_its_row) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity(), 1e20f, -1e20f}) {
    for (const metric m : {metric::l2, metric::inner_product, metric::cosine}) {
      auto broken = rows();
      broken.row(123)[7] = bad;
      const auto made = index<TypeParam>::build(broken.view(), {.metric = m});
      ASSERT_EQ(code_of(made), errc::not_finite);
      EXPECT_EQ(made.error().value, 123u);
    }
  }
}

TYPED_TEST(any_quantizer, a_zero_vector_has_no_cosine) {
  auto broken = rows();
  std::ranges::fill(broken.row(321), 0.0f);
  const auto made = index<TypeParam>::build(broken.view(), {.metric = metric::cosine});
  ASSERT_EQ(code_of(made), errc::zero_vector);
  EXPECT_EQ(made.error().value, 321u);
  EXPECT_TRUE(succeeded(index<TypeParam>::build(broken.view(), {.metric = metric::l2})));
}

TYPED_TEST(any_quantizer, an_error_of_the_rows_comes_back) {
  const test::failing_rows broken(rows().view(), 250);
  EXPECT_EQ(code_of(index<TypeParam>::build(broken)), errc::corrupt);
}

TYPED_TEST(any_quantizer, an_instruction_set_that_does_not_run_here_is_named) {
  using enum simd::isa;
  for (const auto set : {avx2, avx512, wasm_simd128, wasm_relaxed}) {
    const bool runs = std::ranges::count(simd::attainable(), set) != 0;
    const auto made = index<TypeParam>::build(rows().view(), {.simd = set});
    EXPECT_EQ(code_of(made), runs ? std::nullopt : std::optional(errc::unsupported));
    if (made) {
      EXPECT_EQ(made->simd(), set);
    }
  }
}

TYPED_TEST(any_quantizer, one_two_and_three_vectors_are_enough) {
  for (const std::size_t few : {1u, 2u, 3u}) {
    const auto made = index<TypeParam>::build(matrix_view<float>(rows().values.data(), few, dim));
    ASSERT_TRUE(succeeded(made));
    const auto hits = made->search(query(), {.k = 10});
    ASSERT_TRUE(succeeded(hits));
    EXPECT_EQ(hits->size(), few);
  }
}

TYPED_TEST(any_quantizer, equal_vectors_are_all_found) {
  const test::float_vectors same{.dim = dim, .values = std::vector<float>(200 * dim, 0.25f)};
  const auto made = index<TypeParam>::build(same.view(), {.m = 4, .ef_construction = 20});
  ASSERT_TRUE(succeeded(made));
  const auto hits = made->search(query(), {.k = 200});
  ASSERT_TRUE(succeeded(hits));
  std::vector<label> ids;
  for (const neighbor& hit : *hits) ids.push_back(hit.id);
  std::ranges::sort(ids);
  ASSERT_EQ(ids.size(), 200u);
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], i);
}

// ------------------------------------------------------------------------------------------------ vectors by label

TYPED_TEST(any_quantizer, a_vector_is_got_by_its_label) {
  // 24 values are padded to 64 by rabitq, whose codes tell the more of each.
  const double bound = bits_of<TypeParam>() == 1 ? .5 : bits_of<TypeParam>() <= 5 ? .1 : .01;
  for (const metric m : {metric::l2, metric::inner_product, metric::cosine}) {
    const auto made = index<TypeParam>::build(rows().view(), test::on_asked_simd({.metric = m}));
    ASSERT_TRUE(succeeded(made));
    double error = 0, size = 0;
    for (std::size_t i = 0; i < n_rows; ++i) {
      std::vector<float> got(dim);
      ASSERT_TRUE(succeeded(made->get(i, got)));
      const double norm = m == metric::cosine ? std::sqrt(test::dot(rows().row(i), rows().row(i))) : 1;
      for (std::size_t j = 0; j < dim; ++j) {
        const double value = double{rows().row(i)[j]} / norm;
        error += std::pow(got[j] - value, 2);
        size += value * value;
        if (std::is_same_v<TypeParam, float32>) {
          ASSERT_NEAR(got[j], value, m == metric::cosine ? 1e-6 : 0);
        }
      }
    }
    EXPECT_LE(std::sqrt(error / size), bound) << name(m);
  }
}

TYPED_TEST(any_quantizer, a_vector_that_cannot_be_got_is_named) {
  const auto& made = this->built();
  std::vector<float> room(dim + 1, -7.0f);
  for (const label id : {label{n_rows}, label{n_rows + 1}, label{no_node}, label{1} << 32, ~label{0}}) {
    const auto got = made.get(id, std::span(room).first(dim));
    ASSERT_EQ(code_of(got), errc::unknown_label);
    EXPECT_EQ(got.error().value, id);
  }
  for (const std::size_t wrong : {std::size_t{0}, dim - 1, dim + 1})
    EXPECT_EQ(code_of(made.get(0, std::span(room).first(wrong))), errc::wrong_dim);
  EXPECT_EQ(room, std::vector<float>(dim + 1, -7.0f)) << "nothing was written";
  EXPECT_TRUE(succeeded(made.get(n_rows - 1, std::span(room).first(dim))));
  EXPECT_EQ(room.back(), -7.0f);
}

// ---------------------------------------------------------------------------------------------------- searching

TYPED_TEST(any_quantizer, a_query_that_cannot_be_searched_is_named) {
  const auto& made = this->built();
  const auto search = [&](std::vector<float> q, search_params params = {}) { return code_of(made.search(q, params)); };
  EXPECT_EQ(search(query(), {.k = 0}), errc::invalid_k);
  EXPECT_EQ(search({}), errc::wrong_dim);
  EXPECT_EQ(search(std::vector<float>(dim - 1)), errc::wrong_dim);
  EXPECT_EQ(search(std::vector<float>(dim + 1)), errc::wrong_dim);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e20f}) {
    auto q = query();
    q.back() = bad;
    EXPECT_EQ(search(q), errc::not_finite);
  }
  EXPECT_EQ(search(std::vector<float>(dim)), std::nullopt);
  const auto cosine = index<TypeParam>::build(rows().view(), {.metric = metric::cosine});
  EXPECT_EQ(code_of(cosine->search(std::vector<float>(dim))), errc::zero_vector);
}

TYPED_TEST(any_quantizer, as_many_hits_as_asked_for_or_as_there_are) {
  const auto& made = this->built();
  for (const std::size_t k : {std::size_t{1}, std::size_t{10}, n_rows - 1, n_rows, n_rows + 1, 10 * n_rows,
                              std::numeric_limits<std::size_t>::max()}) {
    for (const std::size_t ef : {std::size_t{0}, std::size_t{1}, std::size_t{64}, 2 * n_rows}) {
      const auto hits = made.search(query(), {.k = k, .ef = ef});
      ASSERT_TRUE(succeeded(hits));
      EXPECT_EQ(hits->size(), std::min(k, n_rows));
      EXPECT_TRUE(std::ranges::is_sorted(*hits, {}, &neighbor::distance));
    }
  }
}

TYPED_TEST(any_quantizer, an_exhaustive_search_keeps_the_best_estimates_of_all) {
  const auto& made = this->built();
  // All of them, best first: what any smaller number of candidates must be the beginning of.
  const auto all = made.search(query(), {.k = n_rows, .ef = n_rows, .exhaustive = true});
  ASSERT_TRUE(succeeded(all));
  ASSERT_EQ(all->size(), n_rows);
  EXPECT_TRUE(std::ranges::is_sorted(*all, {}, &neighbor::distance));
  for (const std::size_t ef : {1u, 10u, 64u, 399u}) {
    const auto best = made.search(query(), {.k = ef, .ef = ef, .exhaustive = true});
    ASSERT_TRUE(succeeded(best));
    ASSERT_EQ(best->size(), ef);
    EXPECT_TRUE(std::equal(best->begin(), best->end(), all->begin())) << ef;
  }
  // No graph search finds a better one.
  const auto found = made.search(query(), {.k = 10, .ef = 20});
  for (std::size_t i = 0; i < 10; ++i) EXPECT_GE((*found)[i].distance, (*all)[i].distance);
}

TYPED_TEST(any_quantizer, an_exhaustive_search_reranks_the_best_of_its_candidates) {
  const auto& made = this->built();
  auto store = memory_store<float>::create(rows().view());
  search_params params{.k = 10, .ef = n_rows, .rerank = n_rows, .exhaustive = true, .rerank_by = rerank_policy::fixed};
  const auto hits = made.search(query(), params, *store);
  ASSERT_TRUE(succeeded(hits));
  EXPECT_EQ(hits->vectors_read(), n_rows);
  const auto truth = test::exact_nearest(metric::l2, query(), n_rows, 10, [](std::size_t x) { return rows().row(x); });
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ((*hits)[i].id, truth[i]) << "all were measured: nothing can be missed";
  params.ef = 40;
  params.rerank = 30;
  EXPECT_EQ(made.search(query(), params, *store)->vectors_read(), 30u);
}

TYPED_TEST(any_quantizer, ef_below_k_counts_as_k) {
  const auto& made = this->built();
  const auto small = made.search(query(), {.k = 30, .ef = 1});
  const auto equal = made.search(query(), {.k = 30, .ef = 30});
  ASSERT_TRUE(succeeded(small));
  EXPECT_TRUE(std::ranges::equal(*small, *equal));
}

TYPED_TEST(any_quantizer, a_fixed_rerank_reads_what_it_was_told_in_one_batch) {
  const auto& made = this->built();
  auto store = memory_store<float>::create(rows().view());
  const auto search = [&](std::size_t rerank) {
    return made.search(query(), {.k = 10, .ef = 40, .rerank = rerank, .rerank_by = rerank_policy::fixed}, *store);
  };
  for (const auto& [rerank, read] : {std::pair{0u, 0u}, {1u, 1u}, {10u, 10u}, {40u, 40u}, {41u, 40u}, {1000u, 40u}}) {
    const auto hits = search(rerank);
    ASSERT_TRUE(succeeded(hits));
    EXPECT_EQ(hits->size(), 10u);
    EXPECT_EQ(hits->vectors_read(), read);
    EXPECT_EQ(hits->batches(), read == 0 ? 0u : 1u);
    EXPECT_TRUE(std::ranges::is_sorted(*hits, {}, &neighbor::distance));
  }
  // Without a rerank the distances are the estimates, whether a store is there or not.
  EXPECT_TRUE(std::ranges::equal(*search(0), *made.search(query(), {.k = 10, .ef = 40, .rerank = 50})));
}

TYPED_TEST(any_quantizer, a_rerank_by_bound_reads_as_its_epsilon_says_and_by_batches_as_the_store_says) {
  const auto& made = this->built();
  auto in_place = memory_store<float>::create(rows().view());
  test::counting_store far(rows().view());
  const auto hits_with = [&](float epsilon) {
    return made.search(query(), {.k = 10, .ef = 100, .rerank = 80, .epsilon = epsilon}, *in_place);
  };
  if constexpr (!bounded_quantizer<TypeParam>) {
    EXPECT_EQ(hits_with(0)->vectors_read(), 80u) << "no bounds to go by";
    EXPECT_EQ(hits_with(0)->batches(), 1u);
  } else {
    std::size_t before = 10;
    for (const float epsilon : {0.f, .5f, 1.f, 2.f, 3.f, 1000.f}) {
      const auto hits = hits_with(epsilon);
      ASSERT_TRUE(succeeded(hits));
      EXPECT_GE(hits->vectors_read(), before) << epsilon;
      before = hits->vectors_read();
      const auto in_batches = made.search(query(), {.k = 10, .ef = 100, .rerank = 80, .epsilon = epsilon}, far);
      ASSERT_TRUE(succeeded(in_batches));
      EXPECT_LE(in_batches->batches(), 2u);
    }
    EXPECT_EQ(before, 80u) << "with bounds that say nothing all are read";
  }
  for (const float wrong : {-1.f, 1001.f, std::numeric_limits<float>::quiet_NaN()})
    EXPECT_EQ(code_of(hits_with(wrong)), errc::invalid_argument);
}

TYPED_TEST(any_quantizer, a_rerank_smaller_than_k_keeps_estimates_behind_it) {
  auto store = memory_store<float>::create(rows().view());
  const auto hits = this->built().search(query(), {.k = 10, .ef = 40, .rerank = 3}, *store);
  ASSERT_TRUE(succeeded(hits));
  EXPECT_EQ(hits->size(), 10u);
  EXPECT_EQ(hits->vectors_read(), 3u);
}

TYPED_TEST(any_quantizer, with_a_filter_the_nearest_of_those_that_pass_are_found) {
  const auto& made = this->built();
  auto store = memory_store<float>::create(rows().view());
  for (const label divisor : {2u, 5u, 40u, 130u, 1000u}) {
    const auto some = [&](label id) { return id % divisor == 1; };
    std::vector<std::uint64_t> bits((n_rows + 63) / 64);
    std::size_t n_passing = 0;
    for (std::size_t x = 0; x < n_rows; ++x) {
      bits[x / 64] |= std::uint64_t{some(x)} << (x % 64);
      n_passing += some(x) ? 1 : 0;
    }
    search_params params{.k = 10, .ef = n_rows, .rerank = n_rows, .rerank_by = rerank_policy::fixed};
    params.filter = label_filter::where(some);
    const auto by_predicate = made.search(query(), params, *store);
    params.filter = label_filter::allowed(bits);
    const auto by_bits = made.search(query(), params, *store);
    ASSERT_TRUE(succeeded(by_predicate) && succeeded(by_bits));
    EXPECT_EQ(by_bits->size(), std::min<std::size_t>(10, n_passing));
    EXPECT_TRUE(std::ranges::equal(*by_predicate, *by_bits));

    std::vector<neighbor> truth;
    for (std::size_t x = 0; x < n_rows; ++x)
      if (some(x)) truth.push_back({x, static_cast<float>(test::exact(metric::l2, query(), rows().row(x)).value)});
    std::ranges::sort(truth, {}, &neighbor::distance);
    for (std::size_t i = 0; i < by_bits->size(); ++i) EXPECT_EQ((*by_bits)[i].id, truth[i].id) << divisor;
  }
}

TYPED_TEST(any_quantizer, a_filter_holds_for_small_searches_and_scans_too) {
  const auto& made = this->built();
  const auto odd = [](label id) { return id % 2 == 1; };
  const auto none = [](label /*id*/) { return false; };
  for (const bool exhaustive : {false, true}) {
    const auto hits =
        made.search(query(), {.k = 10, .ef = 10, .exhaustive = exhaustive, .filter = label_filter::where(odd)});
    ASSERT_TRUE(succeeded(hits));
    EXPECT_EQ(hits->size(), 10u);
    EXPECT_TRUE(std::ranges::all_of(*hits, [](const neighbor& hit) { return hit.id % 2 == 1; }));
    const auto nothing = made.search(query(), {.exhaustive = exhaustive, .filter = label_filter::where(none)});
    ASSERT_TRUE(succeeded(nothing));
    EXPECT_TRUE(nothing->empty());
  }
}

TYPED_TEST(any_quantizer, a_store_of_other_vectors_is_refused) {
  const auto& made = this->built();
  const auto search = [&](const test::float_vectors& v) {
    auto store = memory_store<float>::create(v.view());
    return code_of(made.search(query(), {}, *store));
  };
  EXPECT_EQ(search(rows()), std::nullopt);
  EXPECT_EQ(search(clustered_vectors(n_rows, dim, 99)), errc::store_mismatch);
  EXPECT_EQ(search(clustered_vectors(n_rows - 1, dim, 1)), errc::store_mismatch);
  EXPECT_EQ(search(clustered_vectors(n_rows, dim + 1, 1)), errc::wrong_dim);
  auto reordered = rows();
  std::ranges::swap_ranges(reordered.row(0), reordered.row(1));
  EXPECT_EQ(search(reordered), errc::store_mismatch);
}

TYPED_TEST(any_quantizer, an_error_of_the_store_passes_through) {
  const auto& made = this->built();
  test::failing_store store(rows().view(), errc::missing_row);
  EXPECT_EQ(code_of(made.search(query(), {}, store)), errc::missing_row);
  // Rows that lie in memory may fail one by one.
  test::failing_row_store rows_in_place(rows().view(), errc::cannot_read);
  EXPECT_EQ(code_of(made.search(query(), {}, rows_in_place)), errc::cannot_read);
  EXPECT_EQ(code_of(made.search(query(), {.rerank = 0}, store)), std::nullopt);
}

TYPED_TEST(any_quantizer, the_callers_scratch_gives_the_same_hits_in_any_order_of_use) {
  const auto& made = this->built();
  auto store = memory_store<float>::create(rows().view());
  const auto wider = clustered_vectors(2 * n_rows, 3 * dim, 8);
  const auto other = index<TypeParam>::build(wider.view());
  auto other_store = memory_store<float>::create(wider.view());
  ASSERT_TRUE(succeeded(other));
  search_scratch scratch;
  for (int round = 0; round < 3; ++round) {
    const auto fresh = made.search(query(), {.k = 7}, *store);
    const auto reused = made.search(query(), {.k = 7}, *store, scratch);
    ASSERT_TRUE(succeeded(reused));
    EXPECT_TRUE(std::ranges::equal(*fresh, *reused));
    ASSERT_TRUE(succeeded(other->search(wider.row(3), {.k = 100, .ef = 300, .rerank = 200}, *other_store, scratch)));
  }
}

TYPED_TEST(any_quantizer, a_row_store_is_given_room_for_exactly_one_row) {
  const auto& made = this->built();
  search_scratch scratch;
  const auto wider = clustered_vectors(n_rows, 3 * dim, 8);
  const auto other = index<TypeParam>::build(wider.view());
  auto other_store = memory_store<float>::create(wider.view());
  ASSERT_TRUE(succeeded(other->search(wider.row(3), {}, *other_store, scratch)));
  test::strict_row_store strict(rows().view());
  ASSERT_TRUE(succeeded(made.search(query(), {}, strict, scratch)));
  EXPECT_EQ(strict.largest_room(), dim);
}

TYPED_TEST(any_quantizer, a_search_in_halves_gives_what_a_whole_one_gives) {
  const auto& made = this->built();
  auto store = memory_store<float>::create(rows().view());
  search_scratch scratch;
  ASSERT_TRUE(succeeded(made.begin(query(), {.k = 5, .ef = 50, .rerank = 20}, scratch)));
  reranker& last = scratch.rerank();
  ASSERT_EQ(last.needs().size(), 20u);
  EXPECT_TRUE(std::ranges::is_sorted(last.needs()));
  for (std::size_t i = 0; i < last.needs().size(); ++i) last.accept(i, rows().row(last.needs()[i]));
  last.advance();
  ASSERT_TRUE(last.done());
  const auto whole = made.search(query(), {.k = 5, .ef = 50, .rerank = 20}, *store);
  EXPECT_TRUE(std::ranges::equal(last.results(), *whole));
}

TYPED_TEST(any_quantizer, a_moved_index_answers_as_before) {
  auto made = index<TypeParam>::build(rows().view());
  const auto before = made->search(query());
  index<TypeParam> moved = std::move(*made);
  const auto after = moved.search(query());
  ASSERT_TRUE(succeeded(after));
  EXPECT_TRUE(std::ranges::equal(*before, *after));
}

}  // namespace
}  // namespace thimble
