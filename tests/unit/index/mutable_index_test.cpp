// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// An index that changes, in one thread: what is added, updated and removed, and what searches find of it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <thimble/core/function_ref.hpp>
#include <thimble/index/mutable_index.hpp>
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
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

constexpr std::size_t changing_dim = 16;

const test::float_vectors& changing_rows() {
  static const test::float_vectors made = test::clustered_vectors(test::slow ? 1000 : 3000, changing_dim, 11);
  return made;
}

build_options small_graph() { return test::on_asked_simd({.m = 8, .ef_construction = 40}); }

template <class Quantizer = float32>
mutable_index<Quantizer> empty_index() {
  auto made = mutable_index<Quantizer>::train(changing_rows().view(), small_graph());
  EXPECT_TRUE(succeeded(made));
  return std::move(*made);
}

// With rows 0 .. n-1, labelled from first on.
template <class Quantizer = float32>
mutable_index<Quantizer> index_of(std::size_t n, label first = 0) {
  auto made = empty_index<Quantizer>();
  EXPECT_TRUE(succeeded(made.add(first, matrix_view<float>(changing_rows().values.data(), n, changing_dim))));
  return made;
}

std::vector<label> ids_of(const hits& found) {
  std::vector<label> ids;
  for (const neighbor& hit : found) ids.push_back(hit.id);
  return ids;
}

bool has_label(const std::vector<label>& ids, label id) { return std::ranges::find(ids, id) != ids.end(); }

template <class Quantizer>
std::vector<label> found_by(const mutable_index<Quantizer>& searched, std::span<const float> query,
                            const search_params& params = {}) {
  const auto found = searched.search(query, params);
  EXPECT_TRUE(succeeded(found));
  if (!found) return {};
  EXPECT_TRUE(std::ranges::is_sorted(*found, {}, &neighbor::distance));
  return ids_of(*found);
}

// All labels there are, by a search that looks at every code; none of them twice.
template <class Quantizer>
std::set<label> all_labels(const mutable_index<Quantizer>& of) {
  const auto found =
      found_by(of, changing_rows().row(0), {.k = std::max<std::size_t>(of.size(), 1), .exhaustive = true});
  const std::set<label> ids(found.begin(), found.end());
  EXPECT_EQ(ids.size(), found.size());
  EXPECT_EQ(ids.size(), of.size());
  return ids;
}

std::vector<float> far_away(float at) { return std::vector<float>(changing_dim, at); }

TEST(mutable_index, that_is_empty_finds_nothing) {
  const auto empty = empty_index();
  EXPECT_EQ(empty.size(), 0u);
  EXPECT_EQ(empty.dim(), changing_dim);
  EXPECT_EQ(empty.bytes_per_vector(), 0.0);
  EXPECT_FALSE(empty.contains(0));
  for (const bool exhaustive : {false, true})
    EXPECT_TRUE(found_by(empty, changing_rows().row(0), {.exhaustive = exhaustive}).empty());
}

template <class Quantizer>
class mutable_index_of : public ::testing::Test {};
using changing_quantizers = ::testing::Types<float32, sq8, rabitq<4>>;
TYPED_TEST_SUITE(mutable_index_of, changing_quantizers);

TYPED_TEST(mutable_index_of, finds_what_was_added_updated_and_not_removed) {
  const std::size_t n = changing_rows().size() / 2;
  for (const metric m : {metric::l2, metric::inner_product, metric::cosine}) {
    build_options options = small_graph();
    options.metric = m;
    auto changed = mutable_index<TypeParam>::train(changing_rows().view(), options);
    ASSERT_TRUE(succeeded(changed));
    std::map<label, std::size_t> rows;  // of each label
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_TRUE(succeeded(changed->add(7 * i, changing_rows().row(i))));
      rows[7 * i] = i;
    }
    for (std::size_t i = 0; i < n; i += 3) {
      ASSERT_TRUE(succeeded(changed->remove(7 * i)));
      rows.erase(7 * i);
    }
    for (std::size_t i = 1; i < n; i += 3) {
      ASSERT_TRUE(succeeded(changed->update(7 * i, changing_rows().row(n + i))));
      rows[7 * i] = n + i;
    }
    EXPECT_EQ(changed->size(), rows.size());
    std::set<label> expected_labels;
    for (const auto& [id, row] : rows) expected_labels.insert(id);
    EXPECT_EQ(all_labels(*changed), expected_labels);
    const std::vector<std::pair<label, std::size_t>> in_order(rows.begin(), rows.end());
    std::size_t common = 0, asked = 0;
    for (std::size_t i = 0; i < 40; ++i) {
      const auto query = changing_rows().row(2 * n - 1 - i);
      auto truth = test::exact_nearest(m, query, in_order.size(), 10,
                                       [&](std::size_t x) { return changing_rows().row(in_order[x].second); });
      for (label& id : truth) id = in_order[id].first;
      const auto walked = changed->search(query, {.k = 20, .ef = 100});
      ASSERT_TRUE(succeeded(walked));
      common += test::n_common(*walked, truth);
      asked += truth.size();
    }
    EXPECT_GE(static_cast<double>(common), (m == metric::inner_product ? .85 : .95) * static_cast<double>(asked));
  }
}

TEST(mutable_index, distances_are_those_of_the_vectors_with_the_labels) {
  auto changed = index_of(300);
  for (label id = 0; id < 300; id += 2) ASSERT_TRUE(succeeded(changed.update(id, changing_rows().row(id + 300))));
  const auto query = changing_rows().row(900);
  const auto found = changed.search(query, {.k = 50});
  ASSERT_TRUE(succeeded(found));
  for (const neighbor& hit : *found) {
    const auto row = changing_rows().row(hit.id % 2 == 0 ? hit.id + 300 : hit.id);
    EXPECT_NEAR(hit.distance, test::exact(metric::l2, query, row).value, 1e-4);
  }
}

TEST(mutable_index, takes_labels_of_64_bits) {
  auto changed = empty_index();
  const std::vector<label> ids = {0, std::numeric_limits<label>::max(), label{1} << 63, label{1} << 32, 0xffffffffu, 5};
  ASSERT_TRUE(succeeded(changed.add(ids, matrix_view<float>(changing_rows().values.data(), ids.size(), changing_dim))));
  EXPECT_EQ(all_labels(changed), std::set<label>(ids.begin(), ids.end()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_TRUE(changed.contains(ids[i]));
    EXPECT_EQ(found_by(changed, changing_rows().row(i), {.k = 1}), std::vector{ids[i]});
  }
  const auto highest = [](label id) { return id >> 63 != 0; };
  EXPECT_EQ(found_by(changed, changing_rows().row(0), {.filter = label_filter::where(highest)}).size(), 2u);
}

TEST(mutable_index, a_label_is_given_once_until_it_is_removed) {
  auto changed = index_of(10);
  EXPECT_EQ(code_of(changed.add(3, changing_rows().row(500))), errc::label_exists);
  EXPECT_EQ(changed.size(), 10u);
  EXPECT_EQ(found_by(changed, changing_rows().row(3), {.k = 1}), std::vector<label>{3}) << "the first is still there";
  ASSERT_TRUE(succeeded(changed.remove(3)));
  EXPECT_FALSE(changed.contains(3));
  EXPECT_EQ(code_of(changed.remove(3)), errc::unknown_label);
  EXPECT_EQ(code_of(changed.update(3, changing_rows().row(3))), errc::unknown_label);
  EXPECT_EQ(changed.size(), 9u);
  ASSERT_TRUE(succeeded(changed.add(3, changing_rows().row(500))));
  EXPECT_EQ(found_by(changed, changing_rows().row(500), {.k = 1}), std::vector<label>{3});
  EXPECT_EQ(changed.size(), 10u);
}

TYPED_TEST(mutable_index_of, gives_the_vector_that_a_label_has_by_now) {
  auto changed = empty_index<TypeParam>();
  std::map<label, std::size_t> rows;  // of each label
  const auto expect_own_vectors = [&] {
    for (const auto& [id, row] : rows) {
      std::vector<float> got(changing_dim);
      ASSERT_TRUE(succeeded(changed.get(id, got)));
      for (std::size_t j = 0; j < changing_dim; ++j) {
        if (std::is_same_v<TypeParam, float32>) {
          ASSERT_EQ(got[j], changing_rows().row(row)[j]) << id;
        } else {
          ASSERT_NEAR(got[j], changing_rows().row(row)[j], .25) << id;
        }
      }
    }
  };
  for (std::size_t i = 0; i < 300; ++i) {
    ASSERT_TRUE(succeeded(changed.add(7 * i, changing_rows().row(i))));
    rows[7 * i] = i;
  }
  expect_own_vectors();
  for (std::size_t i = 0; i < 300; i += 3) {
    ASSERT_TRUE(succeeded(changed.remove(7 * i)));
    rows.erase(7 * i);
  }
  for (std::size_t i = 1; i < 300; i += 3) {
    ASSERT_TRUE(succeeded(changed.update(7 * i, changing_rows().row(300 + i))));
    rows[7 * i] = 300 + i;
  }
  expect_own_vectors();
  std::vector<float> room(changing_dim, -7.0f);
  for (const label id : {label{0}, label{7 * 297}, label{1}, ~label{0}}) {
    const auto got = changed.get(id, room);
    ASSERT_EQ(code_of(got), errc::unknown_label);
    EXPECT_EQ(got.error().value, id);
  }
  EXPECT_EQ(code_of(changed.get(7, std::span(room).first(changing_dim - 1))), errc::wrong_dim);
  EXPECT_EQ(code_of(changed.get(7, {})), errc::wrong_dim);
  EXPECT_EQ(room, std::vector<float>(changing_dim, -7.0f)) << "nothing was written";
  for (std::size_t i = 0; i < 300; i += 6) {
    ASSERT_TRUE(succeeded(changed.add(7 * i, changing_rows().row(600 + i))));
    rows[7 * i] = 600 + i;
  }
  expect_own_vectors();
  ASSERT_TRUE(succeeded(changed.compact()));
  expect_own_vectors();
}

// float32, and something that happens between the finding of a code and its decoding.
class interrupted_float32 : public float32 {
 public:
  static inline function_ref<void()>* meanwhile = nullptr;

  template <row_source Rows>
  [[nodiscard]] static expected<interrupted_float32> train(const Rows& rows, metric m, const train_options& options) {
    return interrupted_float32(*float32::train(rows, m, options));
  }
  [[nodiscard]] static expected<interrupted_float32> load(std::span<const std::byte> parameters, std::size_t n_values,
                                                          metric m) {
    const auto loaded = float32::load(parameters, n_values, m);
    if (!loaded) return std::unexpected(loaded.error());
    return interrupted_float32(*loaded);
  }
  void decode(const simd::kernel_set& kernels, const std::byte* code, std::byte* scratch,
              std::span<float> vector) const {
    if (meanwhile != nullptr) (*meanwhile)();
    float32::decode(kernels, code, scratch, vector);
  }

 private:
  explicit interrupted_float32(float32 q) : float32(q) {}
};

TEST(mutable_index, a_vector_stays_where_it_is_while_it_is_got) {
  const std::size_t n = 200;
  auto changed = index_of<interrupted_float32>(n);
  const auto churn = [&] {
    for (std::size_t round = 0; round < 4; ++round) {
      for (label id = 0; id < n; ++id) {
        ASSERT_TRUE(succeeded(changed.update(id, changing_rows().row(n + round))));
        ASSERT_TRUE(succeeded(changed.remove(id)));
        ASSERT_TRUE(succeeded(changed.add(id, changing_rows().row(n + round))));
      }
    }
  };
  function_ref<void()> job = churn;
  interrupted_float32::meanwhile = &job;
  std::vector<float> got(changing_dim);
  const auto outcome = changed.get(5, got);
  interrupted_float32::meanwhile = nullptr;
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_TRUE(std::ranges::equal(got, changing_rows().row(5))) << "its place was used again";
  ASSERT_TRUE(succeeded(changed.get(5, got)));
  EXPECT_TRUE(std::ranges::equal(got, changing_rows().row(n + 3)));
}

TEST(mutable_index, gives_normalised_vectors_by_angle) {
  auto changed = mutable_index<float32>::train(changing_rows().view(), {.metric = metric::cosine});
  ASSERT_TRUE(succeeded(changed));
  ASSERT_TRUE(succeeded(changed->add(5, far_away(3))));
  std::vector<float> got(changing_dim);
  ASSERT_TRUE(succeeded(changed->get(5, got)));
  for (const float value : got) EXPECT_NEAR(value, 1 / std::sqrt(double{changing_dim}), 1e-6);
}

TEST(mutable_index, an_update_changes_what_is_found) {
  auto changed = index_of(500);
  const auto there = far_away(50);
  EXPECT_NE(found_by(changed, there, {.k = 1}).front(), 123u);
  ASSERT_TRUE(succeeded(changed.update(123, there)));
  EXPECT_EQ(found_by(changed, there, {.k = 1}), std::vector<label>{123});
  const auto here = found_by(changed, changing_rows().row(123), {.k = 499});
  EXPECT_FALSE(has_label(here, 123)) << "it is the farthest now";
  EXPECT_EQ(changed.size(), 500u);
}

TEST(mutable_index, refuses_wrong_vectors_and_is_as_it_was) {
  auto changed = index_of(100);
  std::vector<float> nan(changing_dim, 1), huge(changing_dim, 1);
  nan[3] = std::numeric_limits<float>::quiet_NaN();
  huge[4] = 1e20f;
  const std::vector<float> longer(changing_dim + 1, 1);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(code_of(changed.add(200, nan)), errc::not_finite);
    EXPECT_EQ(code_of(changed.add(200, huge)), errc::not_finite);
    EXPECT_EQ(code_of(changed.add(200, longer)), errc::wrong_dim);
    EXPECT_EQ(code_of(changed.update(20, nan)), errc::not_finite);
    EXPECT_EQ(code_of(changed.update(20, longer)), errc::wrong_dim);
  }
  EXPECT_FALSE(changed.contains(200));
  EXPECT_EQ(changed.size(), 100u);
  EXPECT_EQ(found_by(changed, changing_rows().row(20), {.k = 1}), std::vector<label>{20});

  auto by_angle = mutable_index<sq8>::train(changing_rows().view(), {.metric = metric::cosine});
  ASSERT_TRUE(succeeded(by_angle));
  EXPECT_EQ(code_of(by_angle->add(0, far_away(0))), errc::zero_vector);
  EXPECT_TRUE(succeeded(by_angle->add(0, far_away(3))));
  EXPECT_EQ(code_of(by_angle->search(far_away(0))), errc::zero_vector);
}

TEST(mutable_index, refuses_wrong_searches) {
  const auto searched = index_of(100);
  const auto query = changing_rows().row(0);
  EXPECT_EQ(code_of(searched.search(query, {.k = 0})), errc::invalid_k);
  EXPECT_EQ(code_of(searched.search(query, {.epsilon = -1})), errc::invalid_argument);
  EXPECT_EQ(code_of(searched.search(query, {.gamma = -1.0f})), errc::invalid_argument);
  EXPECT_EQ(code_of(searched.search(query.first(3))), errc::wrong_dim);
  EXPECT_EQ(code_of(searched.search(far_away(std::numeric_limits<float>::infinity()))), errc::not_finite);
}

TEST(mutable_index, stops_early_where_it_is_asked_to) {
  const auto searched = index_of(changing_rows().size());
  // Of other clusters than the index: the nearest of all is not where a search that stops at once comes to first.
  const auto queries = test::clustered_vectors(50, changing_dim, 99);
  const auto most = [](label id) { return id % 10 != 0; };
  for (const bool filtered : {false, true}) {
    const label_filter filter = filtered ? label_filter::where(most) : label_filter{};
    const std::size_t ef = filtered ? 30 : 200;  // with a filter a larger one would be a scan
    std::size_t shorter = 0;
    for (std::size_t i = 0; i < queries.size(); ++i) {
      const auto query = queries.row(i);
      const auto whole = searched.search(query, {.k = 10, .ef = 10, .filter = filter}),
                 far = searched.search(query, {.k = 10, .ef = 10, .gamma = 1e9f, .filter = filter});
      const auto near = searched.search(query, {.k = 10, .ef = ef, .gamma = 0.0f, .filter = filter}),
                 wide = searched.search(query, {.k = 10, .ef = ef, .filter = filter});
      ASSERT_TRUE(succeeded(whole) && succeeded(far) && succeeded(near) && succeeded(wide));
      EXPECT_TRUE(std::ranges::equal(*whole, *far));
      shorter += std::ranges::equal(*near, *wide) ? 0 : 1;
    }
    EXPECT_GT(shorter, 0u) << filtered;
  }
}

TEST(mutable_index, refuses_wrong_options) {
  const auto rows = changing_rows().view();
  const auto trained = [&](const build_options& options) { return code_of(mutable_index<sq8>::train(rows, options)); };
  EXPECT_EQ(trained({.m = 1}), errc::invalid_argument);
  EXPECT_EQ(trained({.m = 65}), errc::invalid_argument);
  EXPECT_EQ(trained({.m = 16, .ef_construction = 15}), errc::invalid_argument);
  EXPECT_EQ(code_of(mutable_index<sq8>::train(matrix_view<float>(nullptr, 0, 4))), errc::empty_input);
  EXPECT_EQ(code_of(mutable_index<sq8>::train(matrix_view<float>(rows.row(0, {})->data(), 4, 0))), errc::wrong_dim);
}

TEST(mutable_index, batches_say_what_is_wrong_with_them) {
  auto changed = index_of(100);
  const matrix_view<float> ten(changing_rows().values.data(), 10, changing_dim);
  const std::vector<label> ids = {200, 201, 202, 203, 204, 205, 206, 207, 208, 209}, few = {1000, 1001};
  EXPECT_EQ(code_of(changed.add(few, ten)), errc::invalid_argument);
  EXPECT_EQ(code_of(changed.add(95, ten)), errc::label_exists);
  EXPECT_EQ(changed.size(), 100u) << "nothing was added";
  const auto broken = changed.add(ids, test::failing_rows(ten, 4));
  EXPECT_EQ(code_of(broken), errc::corrupt);
  EXPECT_EQ(changed.size(), 104u) << "those before the broken one";
  EXPECT_EQ(code_of(changed.add(ids, ten)), errc::label_exists);
  const matrix_view<float> narrow(changing_rows().values.data(), 10, changing_dim - 1);
  EXPECT_EQ(code_of(changed.add(500, narrow)), errc::wrong_dim);
  std::vector<float> nan(3 * changing_dim, 1);
  nan[2 * changing_dim] = std::numeric_limits<float>::quiet_NaN();
  const auto refused = changed.add(500, matrix_view<float>(nan.data(), 3, changing_dim));
  EXPECT_EQ(code_of(refused), errc::not_finite);
  EXPECT_EQ(refused.error().value, 2u);
  // A label twice in one batch.
  const std::vector<label> twice = {700, 701, 700};
  EXPECT_EQ(code_of(changed.add(twice, matrix_view<float>(changing_rows().values.data(), 3, changing_dim))),
            errc::label_exists);
}

TEST(mutable_index, is_built_of_all_rows_with_progress_and_can_be_stopped) {
  const auto rows = changing_rows().view();
  std::size_t done = 0;
  bool trained = false;
  auto options = small_graph();
  const auto report = [&](const build_progress& p) {
    trained = trained || p.stage == build_stage::train;
    if (p.stage == build_stage::link) done = p.done;
    return true;
  };
  options.progress = report;
  const auto built = mutable_index<sq8>::build(rows, options);
  ASSERT_TRUE(succeeded(built));
  EXPECT_EQ(done, rows.size());
  EXPECT_TRUE(trained);
  EXPECT_EQ(built->size(), rows.size());
  EXPECT_EQ(all_labels(*built).size(), rows.size());
  const auto stop = [](const build_progress& p) { return p.stage == build_stage::train; };
  options.progress = stop;
  EXPECT_EQ(code_of(mutable_index<sq8>::build(rows, options)), errc::cancelled);
}

// Labels without a pattern, so that a sample's guess is off now and then.
TEST(mutable_index, always_finds_as_many_as_pass) {
  const std::size_t n = changing_rows().size();
  auto changed = index_of<sq8>(n, 1000);
  for (label id = 1000; id < 1000 + n; id += 5) ASSERT_TRUE(succeeded(changed.remove(id)));
  std::set<label> there;
  for (label id = 1000; id < 1000 + n; ++id)
    if (id % 5 != 0) there.insert(id);
  for (const unsigned one_in : {1u, 2u, 10u, 100u, 700u, 1'000'000u}) {
    const auto chosen = [one_in](label id) { return mix(id) % one_in == 0; };
    std::vector<std::uint64_t> bits((1000 + n) / 64 + 1), others = bits;
    std::size_t passing = 0;
    for (label id = 0; id < 1000 + n; ++id) (chosen(id) ? bits : others)[id / 64] |= std::uint64_t{1} << id % 64;
    for (const label id : there) passing += chosen(id) ? 1 : 0;
    for (const std::size_t k : {std::size_t{1}, std::size_t{10}, std::size_t{300}, 2 * n})
      for (const auto& filter :
           {label_filter::where(chosen), label_filter::allowed(bits), label_filter::denied(others)})
        for (const bool exhaustive : {false, true}) {
          const auto found =
              found_by(changed, changing_rows().row(k % n), {.k = k, .exhaustive = exhaustive, .filter = filter});
          ASSERT_EQ(found.size(), std::min(k, passing)) << one_in;
          for (const label id : found) ASSERT_TRUE(chosen(id) && there.contains(id));
        }
  }
}

TEST(mutable_index, finds_all_there_are_when_asked_for_more) {
  auto changed = index_of(400);
  for (label id = 0; id < 390; ++id) {
    ASSERT_TRUE(succeeded(changed.remove(id)));
    ASSERT_EQ(found_by(changed, changing_rows().row(0), {.k = 500, .ef = 500}).size(), 399 - id);
  }
}

TEST(mutable_index, is_emptied_and_filled_again) {
  auto changed = index_of(200);
  for (int round = 0; round < 4; ++round) {
    for (label id = 0; id < 200; ++id) ASSERT_TRUE(succeeded(changed.remove(id)));
    EXPECT_EQ(changed.size(), 0u);
    EXPECT_TRUE(found_by(changed, changing_rows().row(0)).empty());
    EXPECT_TRUE(all_labels(changed).empty());
    for (label id = 0; id < 200; ++id) ASSERT_TRUE(succeeded(changed.add(id, changing_rows().row(id))));
    for (label id = 0; id < 200; ++id)
      ASSERT_EQ(found_by(changed, changing_rows().row(id), {.k = 1}), std::vector<label>{id});
  }
}

// 500 vectors in slots for 1,024, of which forty times as many come and go.
TEST(mutable_index, uses_the_slots_of_removed_vectors_again) {
  auto changed = index_of<sq4>(500);
  const std::size_t bytes = changed.memory().total();
  for (label id = 500; id < 500 + 20'000 / (test::slow ? 4 : 1); ++id) {
    const auto row = changing_rows().row(static_cast<std::size_t>(id) % changing_rows().size());
    if (id % 2 == 0) {
      ASSERT_TRUE(succeeded(changed.update(id - 500 + id % 4 / 2, row))) << id;
      ASSERT_TRUE(succeeded(changed.remove(id - 500)));
      ASSERT_TRUE(succeeded(changed.remove(id - 499)));
      ASSERT_TRUE(succeeded(changed.add(id, row)));
    } else {
      ASSERT_TRUE(succeeded(changed.add(id, row)));
    }
  }
  EXPECT_EQ(changed.size(), 500u);
  EXPECT_EQ(all_labels(changed).size(), 500u);
  EXPECT_LE(changed.memory().total(), bytes + 8192) << "one chunk, and queues";
}

TEST(mutable_index, grows_over_chunks) {
  const std::size_t n = 3 * adjacency::chunk_nodes + 100;
  const auto rows = test::clustered_vectors(n, 4, 3);
  auto options = small_graph();
  options.ef_construction = 20;
  auto grown = mutable_index<sq8>::train(rows.view(), options);
  ASSERT_TRUE(succeeded(grown));
  ASSERT_TRUE(succeeded(grown->add(0, rows.view(), 2)));
  EXPECT_EQ(grown->size(), n);
  const auto found = grown->search(rows.row(0), {.k = n, .exhaustive = true});
  ASSERT_TRUE(succeeded(found));
  EXPECT_EQ(found->size(), n);
  std::size_t first = 0;
  for (std::size_t i = 0; i < n; i += 61) {
    const auto nearest = grown->search(rows.row(i), {.k = 10});
    first += std::ranges::any_of(*nearest, [i](const neighbor& hit) { return hit.id == i; }) ? 1 : 0;
  }
  EXPECT_GE(first, n / 61 * 95 / 100);
}

TEST(mutable_index, measures_exactly_with_a_store) {
  const std::size_t n = 600;
  auto changed = index_of<rabitq<4>>(n);
  auto memory = memory_store<float>::create(changing_rows().view());
  test::counting_store batches(changing_rows().view());
  for (label id = 0; id < n; id += 4) ASSERT_TRUE(succeeded(changed.remove(id)));
  for (label id = 700; id < 800; ++id) ASSERT_TRUE(succeeded(changed.add(id, changing_rows().row(id))));
  for (const rerank_policy by : {rerank_policy::fixed, rerank_policy::bound}) {
    std::size_t common = 0;
    for (std::size_t i = 0; i < 30; ++i) {
      const auto query = changing_rows().row(900 + i);
      const search_params params{.k = 10, .ef = 100, .rerank = 100, .rerank_by = by};
      const auto found = changed.search(query, params, *memory);
      ASSERT_TRUE(succeeded(found));
      ASSERT_EQ(found->size(), 10u);
      EXPECT_GT(found->vectors_read(), 0u);
      for (const neighbor& hit : *found) {
        EXPECT_TRUE(changed.contains(hit.id));
        EXPECT_NEAR(hit.distance, test::exact(metric::l2, query, changing_rows().row(hit.id)).value, 1e-4);
      }
      const auto in_batches = changed.search(query, params, batches);
      ASSERT_TRUE(succeeded(in_batches));
      const auto scanned = changed.search(query, {.k = 10, .ef = 400, .rerank = 400, .exhaustive = true}, *memory);
      for (const neighbor& hit : *scanned) common += has_label(ids_of(*found), hit.id) ? 1 : 0;
    }
    EXPECT_GE(common, 285u);
  }
  EXPECT_EQ(ids_of(*changed.search(changing_rows().row(750), {.k = 1}, *memory)), std::vector<label>{750});
  const auto unread = changed.search(changing_rows().row(750), {.k = 5, .rerank = 0}, *memory);
  ASSERT_TRUE(succeeded(unread));
  EXPECT_EQ(unread->vectors_read(), 0u);
}

TEST(mutable_index, refuses_stores_that_do_not_fit) {
  auto changed = index_of<sq8>(100);
  auto store = memory_store<float>::create(changing_rows().view());
  const auto query = changing_rows().row(0);
  const std::vector<float> narrow_values(100 * 3);
  auto narrow = memory_store<float>::create(matrix_view<float>(narrow_values.data(), 100, 3));
  EXPECT_EQ(code_of(changed.search(query, {}, *narrow)), errc::wrong_dim);
  test::failing_store broken(changing_rows().view(), errc::store_unavailable);
  EXPECT_EQ(code_of(changed.search(query, {}, broken)), errc::store_unavailable);
  for (const label beyond : {label{changing_rows().size()}, label{1} << 31, (label{1} << 32) + 5}) {
    ASSERT_TRUE(succeeded(changed.add(beyond, query)));
    const auto refused = changed.search(query, {}, *store);
    EXPECT_EQ(code_of(refused), errc::missing_row);
    EXPECT_EQ(refused.error().value, beyond);
    ASSERT_TRUE(succeeded(changed.remove(beyond)));
    EXPECT_TRUE(succeeded(changed.search(query, {}, *store)));
  }
}

TEST(mutable_index, compacted_has_the_same_vectors_in_less_memory) {
  const std::size_t n = 2 * adjacency::chunk_nodes;
  const auto rows = test::clustered_vectors(n, 4, 9);
  auto options = small_graph();
  options.ef_construction = 20;
  auto changed = mutable_index<sq8>::build(rows.view(), options);
  ASSERT_TRUE(succeeded(changed));
  for (label id = 0; id < n; ++id) {
    if (id % 4 != 0) {
      ASSERT_TRUE(succeeded(changed->remove(id)));
    }
  }
  const std::size_t before = changed->memory().total();
  for (const unsigned threads : {1u, 2u}) {
    ASSERT_TRUE(succeeded(changed->compact(threads)));
    EXPECT_LE(changed->memory().total(), before * 6 / 10);
    EXPECT_EQ(changed->size(), n / 4);
    const auto all = changed->search(rows.row(0), {.k = n, .exhaustive = true});
    ASSERT_TRUE(succeeded(all));
    EXPECT_EQ(all->size(), n / 4);
    for (const neighbor& hit : *all) ASSERT_EQ(hit.id % 4, 0u);
    for (label id = 0; id < n; id += 400) {
      const auto nearest = changed->search(rows.row(id), {.k = 1});
      EXPECT_NEAR((*nearest)[0].distance, 0, 1e-2);
    }
  }
  ASSERT_TRUE(succeeded(changed->add(1, rows.row(1))));
  ASSERT_TRUE(succeeded(changed->update(0, rows.row(2))));
  EXPECT_EQ(changed->size(), n / 4 + 1);
}

// Of vectors of many dimensions some are far from all, and full rows let go of them.
class crowded : public testing::Test {
 protected:
  crowded() : rows_(test::random_vectors(1500, 60, 5)) {}

  [[nodiscard]] mutable_index<float32> one_by_one(unsigned m) const {
    auto made = mutable_index<float32>::train(rows_.view(), of_so_many_links(m));
    EXPECT_TRUE(succeeded(made));
    for (label id = 0; id < rows_.size(); ++id) EXPECT_TRUE(succeeded(made->add(id, rows_.row(id))));
    return std::move(*made);
  }
  [[nodiscard]] std::size_t n_lost(const mutable_index<float32>& searched) const {
    std::size_t lost = 0;
    for (label id = 0; id < rows_.size(); ++id)
      lost += has_label(found_by(searched, rows_.row(id), {.k = 1, .ef = rows_.size()}), id) ? 0 : 1;
    return lost;
  }
  [[nodiscard]] static build_options of_so_many_links(unsigned m) {
    auto options = small_graph();
    options.m = m;
    return options;
  }

  test::float_vectors rows_;
};

TEST_F(crowded, one_by_one_each_vector_stays_within_reach) {
  auto changed = one_by_one(8);
  EXPECT_EQ(n_lost(changed), 0u);
  for (label id = 0; id < rows_.size(); id += 2) ASSERT_TRUE(succeeded(changed.remove(id)));
  for (label id = 0; id < rows_.size(); id += 2) ASSERT_TRUE(succeeded(changed.add(id, rows_.row(id))));
  EXPECT_EQ(n_lost(changed), 0u);
}

TEST_F(crowded, filled_at_once_or_compacted_reaches_every_vector) {
  auto changed = one_by_one(4);
  EXPECT_EQ(n_lost(changed), 0u);
  ASSERT_TRUE(succeeded(changed.compact()));
  EXPECT_EQ(n_lost(changed), 0u);

  const auto at_once = mutable_index<float32>::build(rows_.view(), of_so_many_links(4));
  ASSERT_TRUE(succeeded(at_once));
  EXPECT_EQ(n_lost(*at_once), 0u);
}

TEST(mutable_index, can_be_moved) {
  auto first = index_of(50);
  auto second = std::move(first);
  ASSERT_TRUE(succeeded(second.add(50, changing_rows().row(50))));
  EXPECT_EQ(found_by(second, changing_rows().row(50), {.k = 1}), std::vector<label>{50});
  static_assert(!std::is_copy_constructible_v<mutable_index<sq8>>);
}

// Codes, 128 bytes of links, a label of 8: all else is at most 15 % of that, also when every vector has been replaced.
TEST(mutable_index, costs_little_beside_codes_links_and_labels) {
  const std::size_t n = test::slow ? 4'800 : 20'000;
  const auto rows = test::random_vectors(n, 256, 1);
  const double least = 256. + 8 + 128 + 8;
  for (const bool by_update : {true, false}) {
    auto changed = mutable_index<sq8>::build(rows.view(), test::on_asked_simd({.m = 16, .ef_construction = 16}));
    ASSERT_TRUE(succeeded(changed));
    EXPECT_LE(changed->bytes_per_vector(), 1.15 * least);
    for (std::size_t i = 0; i < n; ++i) {
      const label id = i * 7919 % n;
      if (by_update) {
        ASSERT_TRUE(succeeded(changed->update(id, rows.row(i))));
      } else {
        ASSERT_TRUE(succeeded(changed->remove(id)));
        ASSERT_TRUE(succeeded(changed->add(id, rows.row(i))));
      }
    }
    EXPECT_LE(changed->bytes_per_vector(), 1.15 * least) << by_update;
  }
}

}  // namespace
}  // namespace thimble
