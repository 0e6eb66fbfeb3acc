// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <thimble/index/any_index.hpp>
#include <thimble/index/freeze.hpp>
#include <thimble/store/memory_store.hpp>
#include <vector>

#include "unit/support/files.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

constexpr std::size_t n_frozen_rows = 900;

const auto& frozen_rows() {
  static const auto rows = test::random_vectors(n_frozen_rows, 24, 8);
  return rows;
}

// Labels far apart, the largest beyond 32 bits, in no order of the rows.
label key_of(std::size_t row) { return mix(row) >> 8; }

// Half of the rows were removed and came again.
template <symmetric_quantizer Quantizer>
mutable_index<Quantizer> churned(bool keyed, metric m = metric::l2) {
  auto made = mutable_index<Quantizer>::train(frozen_rows().view(), {.metric = m, .m = 8, .ef_construction = 60});
  EXPECT_TRUE(succeeded(made));
  const auto id = [&](std::size_t i) { return keyed ? key_of(i) : label{i}; };
  for (std::size_t i = 0; i < n_frozen_rows; ++i) EXPECT_TRUE(succeeded(made->add(id(i), frozen_rows().row(i))));
  for (std::size_t i = 0; i < n_frozen_rows; i += 2) EXPECT_TRUE(succeeded(made->remove(id(i))));
  for (std::size_t i = 0; i < n_frozen_rows; i += 2) EXPECT_TRUE(succeeded(made->add(id(i), frozen_rows().row(i))));
  return std::move(*made);
}

// Distances are those of the codes: equal ones may stand in another order.
void expect_same_hits(const auto& a, const auto& b, const search_params& params) {
  for (std::size_t i = 0; i < 20; ++i) {
    const auto in_a = a.search(frozen_rows().row(i * 7), params), in_b = b.search(frozen_rows().row(i * 7), params);
    ASSERT_TRUE(succeeded(in_a));
    ASSERT_TRUE(succeeded(in_b));
    ASSERT_EQ(in_a->size(), in_b->size());
    std::set<std::pair<float, label>> of_a, of_b;
    for (const neighbor& hit : *in_a) of_a.insert({hit.distance, hit.id});
    for (const neighbor& hit : *in_b) of_b.insert({hit.distance, hit.id});
    EXPECT_EQ(of_a, of_b) << "query " << i * 7;
  }
}

template <class Quantizer>
class changing_form : public testing::Test {};
using symmetric_ones = testing::Types<sq8, rabitq<4>>;
TYPED_TEST_SUITE(changing_form, symmetric_ones);

TYPED_TEST(changing_form, a_scan_finds_the_same_frozen_thawed_and_from_a_file) {
  for (const bool keyed : {false, true}) {
    for (const metric m : {metric::l2, metric::cosine}) {
      const auto changing = churned<TypeParam>(keyed, m);
      const auto frozen = freeze(changing);
      ASSERT_TRUE(succeeded(frozen));
      EXPECT_EQ(frozen->size(), n_frozen_rows);
      expect_same_hits(changing, *frozen, {.k = 10, .exhaustive = true});
      const auto opened = test::opened<index<TypeParam>>(test::saved(*frozen));
      ASSERT_TRUE(succeeded(opened));
      expect_same_hits(*frozen, *opened, {.k = 10});
      const auto thawed = thaw(*opened);
      ASSERT_TRUE(succeeded(thawed));
      EXPECT_EQ(thawed->size(), n_frozen_rows);
      expect_same_hits(*frozen, *thawed, {.k = 10, .exhaustive = true});
      for (std::size_t i = 0; i < n_frozen_rows; ++i) {
        EXPECT_TRUE(opened->contains(keyed ? key_of(i) : i));
        EXPECT_TRUE(thawed->contains(keyed ? key_of(i) : i));
      }
      EXPECT_FALSE(opened->contains(keyed ? 1 : n_frozen_rows));
    }
  }
}

TYPED_TEST(changing_form, a_vector_stays_the_same_frozen_thawed_and_from_a_file) {
  for (const bool keyed : {false, true}) {
    const auto changing = churned<TypeParam>(keyed);
    const auto frozen = freeze(changing);
    ASSERT_TRUE(succeeded(frozen));
    const auto opened = test::opened<index<TypeParam>>(test::saved(*frozen));
    ASSERT_TRUE(succeeded(opened));
    const auto thawed = thaw(*opened);
    ASSERT_TRUE(succeeded(thawed));
    const auto got = [](const auto& from, label id) {
      std::vector<float> vector(24);
      EXPECT_TRUE(succeeded(from.get(id, vector)));
      return vector;
    };
    for (std::size_t i = 0; i < n_frozen_rows; ++i) {
      const label id = keyed ? key_of(i) : i;
      const auto vector = got(changing, id);
      for (std::size_t j = 0; j < 24; ++j) ASSERT_NEAR(vector[j], frozen_rows().row(i)[j], .3);
      EXPECT_EQ(got(*frozen, id), vector);
      EXPECT_EQ(got(*opened, id), vector);
      EXPECT_EQ(got(*thawed, id), vector);
    }
    // Around each key, and beyond the last.
    std::vector<float> room(24);
    for (std::size_t i = 0; i < n_frozen_rows && keyed; ++i)
      for (const label id : {key_of(i) - 1, key_of(i) + 1})
        EXPECT_EQ(code_of(opened->get(id, room)), errc::unknown_label);
    for (const label id : {~label{0}, label{keyed ? 0 : n_frozen_rows}})
      EXPECT_EQ(code_of(opened->get(id, room)), errc::unknown_label);
  }
}

TYPED_TEST(changing_form, a_walk_finds_the_same_where_both_keep_many_candidates) {
  const auto built = mutable_index<TypeParam>::build(frozen_rows().view(), {.ef_construction = 100});
  ASSERT_TRUE(succeeded(built));
  const auto frozen = freeze(*built);
  ASSERT_TRUE(succeeded(frozen));
  expect_same_hits(*built, *frozen, {.k = 10, .ef = 300});
  const auto thawed = thaw(*frozen);
  ASSERT_TRUE(succeeded(thawed));
  expect_same_hits(*frozen, *thawed, {.k = 10, .ef = 300});
}

// Some links still lead to vectors that were removed last; a walk takes them no more than the frozen form does.
TEST(freeze, a_walk_with_few_candidates_finds_the_same_after_removals_and_updates) {
  const auto rows = test::random_vectors(4000, 24, 10), queries = test::random_vectors(400, 24, 11);
  auto changing = mutable_index<float32>::train(rows.view(), {.m = 6, .ef_construction = 20});
  ASSERT_TRUE(succeeded(changing));
  for (label i = 0; i < 3000; ++i) ASSERT_TRUE(succeeded(changing->add(i, rows.row(i))));
  for (label i = 0; i < 900; ++i) ASSERT_TRUE(succeeded(changing->remove(3 * i)));
  for (label i = 3000; i < 3900; ++i) ASSERT_TRUE(succeeded(changing->add(i, rows.row(i))));
  for (label i = 0; i < 95; ++i) ASSERT_TRUE(succeeded(changing->update(3 * i + 1, rows.row(3900 + i))));
  const auto frozen = freeze(*changing);
  ASSERT_TRUE(succeeded(frozen));
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const auto a = changing->search(queries.row(i), {.k = 6, .ef = 6}),
               b = frozen->search(queries.row(i), {.k = 6, .ef = 6});
    ASSERT_TRUE(succeeded(a));
    ASSERT_TRUE(succeeded(b));
    EXPECT_TRUE(std::ranges::equal(*a, *b)) << "query " << i;
  }
}

TEST(freeze, a_thawed_index_changes_and_freezes_again) {
  const auto built = index<sq8>::build(frozen_rows().view(), {.ef_construction = 60});
  auto changing = thaw(*built);
  ASSERT_TRUE(succeeded(changing));
  for (label i = 0; i < 400; ++i) ASSERT_TRUE(succeeded(changing->remove(i)));
  EXPECT_EQ(code_of(changing->add(500, frozen_rows().row(0))), errc::label_exists);
  const auto more = test::random_vectors(5000, 24, 9);
  for (std::size_t i = 0; i < more.size(); ++i) ASSERT_TRUE(succeeded(changing->add(10'000 + i, more.row(i))));
  const auto frozen = freeze(*changing, 2);
  ASSERT_TRUE(succeeded(frozen));
  EXPECT_EQ(frozen->size(), 5500u);
  EXPECT_FALSE(frozen->contains(399));
  EXPECT_TRUE(frozen->contains(400));
  EXPECT_TRUE(frozen->contains(14'999));
  std::size_t found = 0;
  for (std::size_t i = 0; i < more.size(); i += 50) {
    const auto hits = frozen->search(more.row(i), {.k = 1});
    ASSERT_TRUE(succeeded(hits));
    found += (*hits)[0].id == 10'000 + i ? 1 : 0;
  }
  EXPECT_GE(found, 98u) << "of 100 vectors that are in the index";
}

TEST(freeze, a_store_has_its_rows_in_the_order_of_the_labels) {
  auto changing = mutable_index<sq8>::train(frozen_rows().view());
  for (std::size_t i = 0; i < 300; ++i) ASSERT_TRUE(succeeded(changing->add(1'000'000 - i, frozen_rows().row(i))));
  const auto frozen = freeze(*changing);
  ASSERT_TRUE(succeeded(frozen));
  std::vector<float> rows;
  for (std::size_t i = 300; i-- > 0;) rows.insert(rows.end(), frozen_rows().row(i).begin(), frozen_rows().row(i).end());
  const auto store = memory_store<float>::create(matrix_view<float>(rows.data(), 300, 24));
  ASSERT_TRUE(succeeded(store));
  for (std::size_t i = 0; i < 300; i += 10) {
    const auto hits = frozen->search(frozen_rows().row(i), {.k = 3}, *store);
    ASSERT_TRUE(succeeded(hits));
    EXPECT_EQ((*hits)[0], (neighbor{.id = 1'000'000 - i, .distance = 0}));
    const auto near = frozen->search_radius(frozen_rows().row(i), 0, {}, *store);
    ASSERT_TRUE(succeeded(near));
    ASSERT_EQ(near->size(), 1u);
    EXPECT_EQ((*near)[0].id, 1'000'000 - i);
    auto nearest = frozen->iterate(frozen_rows().row(i));
    ASSERT_TRUE(succeeded(nearest));
    const auto first = nearest->next(1);
    ASSERT_TRUE(succeeded(first));
    EXPECT_EQ(first->front().id, 1'000'000 - i);
  }
  const auto fewer = memory_store<float>::create(matrix_view<float>(rows.data(), 299, 24));
  EXPECT_EQ(code_of(frozen->check_store(*fewer)), errc::store_mismatch);
}

// With few candidates a walk misses some that a scan finds, and the same ones whatever the labels are.
TEST(freeze, labels_of_the_users_change_nothing_in_a_walk) {
  const auto plain = freeze(churned<sq8>(false)), keyed = freeze(churned<sq8>(true));
  ASSERT_TRUE(succeeded(plain));
  ASSERT_TRUE(succeeded(keyed));
  std::size_t missed = 0;
  for (std::size_t i = 0; i < n_frozen_rows; ++i) {
    const auto query = test::random_vectors(1, 24, 1000 + i);
    const auto a = plain->search(query.row(0), {.k = 5, .ef = 5}), b = keyed->search(query.row(0), {.k = 5, .ef = 5});
    const auto all = keyed->search(query.row(0), {.k = 5, .exhaustive = true});
    ASSERT_TRUE(succeeded(a));
    ASSERT_TRUE(succeeded(b));
    ASSERT_TRUE(succeeded(all));
    EXPECT_TRUE(std::ranges::equal(*a, *b, {}, &neighbor::distance, &neighbor::distance));
    missed += std::ranges::equal(*b, *all, {}, &neighbor::distance, &neighbor::distance) ? 0 : 1;
  }
  EXPECT_GT(missed, 0u);
}

TEST(freeze, filters_are_asked_for_the_users_labels) {
  const auto frozen = freeze(churned<sq8>(true));
  ASSERT_TRUE(succeeded(frozen));
  std::set<label> allowed;
  for (std::size_t i = 0; i < n_frozen_rows; i += 9) allowed.insert(key_of(i));
  const auto passes = [&](label id) { return allowed.contains(id); };
  for (const std::size_t k : {5u, 100u, 200u}) {
    const auto hits = frozen->search(frozen_rows().row(1), {.k = k, .filter = label_filter::where(passes)});
    ASSERT_TRUE(succeeded(hits));
    EXPECT_EQ(hits->size(), std::min<std::size_t>(k, allowed.size()));
    for (const neighbor& hit : *hits) EXPECT_TRUE(allowed.contains(hit.id));
  }
  // Bits of labels that they do not reach.
  const std::vector<std::uint64_t> bits(4, ~std::uint64_t{0});
  EXPECT_EQ(frozen->search(frozen_rows().row(1), {.filter = label_filter::allowed(bits)})->size(), 0u);
  EXPECT_EQ(frozen->search(frozen_rows().row(1), {.filter = label_filter::denied(bits)})->size(), 10u);
}

TEST(freeze, an_empty_index_is_an_error) {
  auto changing = mutable_index<sq8>::train(frozen_rows().view());
  EXPECT_EQ(code_of(freeze(*changing)), errc::empty_index);
  ASSERT_TRUE(succeeded(changing->add(7, frozen_rows().row(0))));
  ASSERT_TRUE(succeeded(changing->remove(7)));
  EXPECT_EQ(code_of(freeze(*changing)), errc::empty_index);
}

TEST(freeze, labels_in_a_file_ascend) {
  const auto frozen = freeze(churned<sq8>(true));
  ASSERT_TRUE(succeeded(frozen));
  auto file = test::saved(*frozen);
  const auto in_file = test::values_of<label>(file, section::keys);
  const std::vector<label> keys(in_file.begin(), in_file.end());
  ASSERT_EQ(keys.size(), n_frozen_rows);
  const auto changed = [&](auto change) {
    auto others = keys;
    change(others);
    return code_of(test::opened<index<sq8>>(test::with_section(file, section::keys, std::as_bytes(std::span(others)))));
  };
  EXPECT_EQ(changed([](auto& k) { std::swap(k[3], k[4]); }), errc::corrupt);
  EXPECT_EQ(changed([](auto& k) { k[4] = k[3]; }), errc::corrupt);
  EXPECT_EQ(changed([](auto& k) { k.pop_back(); }), errc::corrupt);
  EXPECT_EQ(changed([](auto& k) { k.push_back(~label{0}); }), errc::corrupt);
  EXPECT_EQ(changed([](auto& k) { k.back() = ~label{0}; }), std::nullopt);
}

TEST(freeze, is_cancelled_between_two_rounds) {
  const auto changing = churned<sq8>(false);
  EXPECT_EQ(code_of(freeze(changing, 1, [](const build_progress& p) { return p.done < 2; })), errc::cancelled);
}

}  // namespace
}  // namespace thimble
