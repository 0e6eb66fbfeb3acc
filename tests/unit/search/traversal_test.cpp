// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The walks on graphs that are known: a line of nodes whose links lead to the next ones, with a fast lane above.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <ranges>
#include <span>
#include <string>
#include <thimble/build/build_graph.hpp>
#include <thimble/graph/adjacency.hpp>
#include <thimble/graph/frozen_graph.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/search/traversal.hpp>
#include <utility>
#include <vector>

#include "unit/support/archetypes.hpp"
#include "unit/support/coded.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::succeeded;

// Distance on the line, and how often each node was measured.
struct line_estimator {
  float at;
  std::vector<int>* measured;

  void operator()(const node* nodes, std::size_t n, float* out) const {
    for (std::size_t i = 0; i < n; ++i) {
      ++(*measured)[nodes[i]];
      out[i] = std::fabs(static_cast<float>(nodes[i]) - at);
    }
  }
};
static_assert(estimator<line_estimator>);

class line : public ::testing::Test {
 protected:
  static constexpr node n = 256;

  void SetUp() override {
    // Every 16th node stands on level 1.
    auto levels = aligned_buffer<std::uint8_t>::create(n);
    upper_.assign(n / 16 * std::size_t{m}, no_node);
    for (node x = 0; x < n; x += 16) {
      (*levels)[x] = 1;
      std::size_t at = x / 16 * std::size_t{m};
      if (x >= 16) upper_[at++] = x - 16;
      if (x + 16 < n) upper_[at] = x + 16;
    }
    node row[2];
    auto base = packed_links::pack(n, [&](node x) {
      std::size_t count = 0;
      if (x > 0) row[count++] = x - 1;
      if (x + 1 < n) row[count++] = x + 1;
      return std::span<const node>(row, count);
    });
    ASSERT_TRUE(succeeded(base));
    base_ = std::move(*base);
    auto read = frozen_graph::from_parts(m, std::move(*levels), base_.widths(),
                                         aligned_buffer<std::byte>::borrow(base_.lists()),
                                         aligned_buffer<node>::borrow(upper_), {0, 1});
    ASSERT_TRUE(succeeded(read));
    graph_ = std::move(*read);
    ASSERT_TRUE(succeeded(visited_.reserve(n)));
  }

  static constexpr unsigned m = 2;
  packed_links base_;
  std::vector<node> upper_;
  frozen_graph graph_;
  visited_set visited_;
  candidate_list candidates_;
  link_batch batch_;
  std::vector<int> measured_ = std::vector<int>(n);
};

TEST_F(line, descending_takes_the_fast_lane_to_the_nearest_node_on_it) {
  const located found = descend(graph_, line_estimator{101.2f, &measured_}, graph_.entry(), 0, batch_);
  EXPECT_EQ(found.at, 96u);
  EXPECT_NEAR(found.distance, 5.2f, 1e-5f);
  EXPECT_EQ(measured_[97], 0) << "level 0 is not descend's";
}

TEST_F(line, descending_to_the_entrys_own_level_stays_there) {
  const located found = descend(graph_, line_estimator{101.2f, &measured_}, graph_.entry(), 1, batch_);
  EXPECT_EQ(found.at, 0u);
  EXPECT_FLOAT_EQ(found.distance, 101.2f);
}

TEST_F(line, the_beam_finds_the_nearest_and_measures_no_node_twice) {
  for (const std::size_t ef : {1u, 5u, 20u}) {
    std::ranges::fill(measured_, 0);
    ASSERT_TRUE(succeeded(candidates_.reserve(ef)));
    candidates_.clear(ef);
    const line_estimator estimate{101.2f, &measured_};
    beam_search(graph_, estimate, {90, std::fabs(90 - 101.2f)}, 0, candidates_, visited_, batch_);
    const auto found = candidates_.items();
    ASSERT_EQ(found.size(), ef);
    EXPECT_EQ(found[0].id(), 101u);
    for (std::size_t i = 0; i < ef; ++i) {
      EXPECT_TRUE(found[i].expanded());
      // The ef nearest on a line lie within (ef + 1) / 2 of the place.
      EXPECT_LE(found[i].distance(), static_cast<float>(ef) / 2 + .8f);
    }
    EXPECT_TRUE(std::ranges::all_of(measured_, [](int times) { return times <= 1; }));
    EXPECT_EQ(measured_[90], 0) << "the start comes with its distance";
  }
}

TEST_F(line, with_room_for_all_the_beam_reaches_all) {
  ASSERT_TRUE(succeeded(candidates_.reserve(n)));
  candidates_.clear(n);
  beam_search(graph_, line_estimator{0, &measured_}, {128, 128.0f}, 0, candidates_, visited_, batch_);
  EXPECT_EQ(candidates_.items().size(), n);
  EXPECT_TRUE(std::ranges::is_sorted(candidates_.items(), {}, &candidate::distance));
}

TEST_F(line, the_beam_on_an_upper_level_stays_on_it) {
  ASSERT_TRUE(succeeded(candidates_.reserve(n)));
  candidates_.clear(n);
  beam_search(graph_, line_estimator{0, &measured_}, {0, 0.0f}, 1, candidates_, visited_, batch_);
  EXPECT_EQ(candidates_.items().size(), n / 16);
  for (const candidate c : candidates_.items()) EXPECT_EQ(c.id() % 16, 0u);
}

TEST(traversal, needs_no_more_than_the_concepts_promise) {
  const test::minimal_graph graph(50);
  const test::minimal_estimator estimate(20.4f);
  candidate_list candidates;
  visited_set visited;
  link_batch batch;
  ASSERT_TRUE(succeeded(candidates.reserve(8)));
  ASSERT_TRUE(succeeded(visited.reserve(50)));
  candidates.clear(8);
  const located start = descend(graph, estimate, graph.entry(), 0, batch);
  EXPECT_EQ(start.at, 0u);
  beam_search(graph, estimate, start, 0, candidates, visited, batch);
  EXPECT_EQ(candidates.items().front().id(), 20u);
}

TEST(traversal, a_level_whose_distances_are_no_numbers_is_left) {
  const test::minimal_graph graph(10);
  const auto nowhere = [](const node*, std::size_t n, float* out) { std::fill_n(out, n, NAN); };
  candidate_list candidates;
  visited_set visited;
  link_batch batch;
  ASSERT_TRUE(succeeded(candidates.reserve(4)));
  ASSERT_TRUE(succeeded(visited.reserve(10)));
  candidates.clear(4);
  const located start = descend(graph, nowhere, graph.entry(), 0, batch);
  beam_search(graph, nowhere, start, 0, candidates, visited, batch);
  EXPECT_EQ(candidates.items().size(), 4u);
}

TEST(link_batch, keeps_what_is_within_a_limit_in_its_order) {
  link_batch batch;
  constexpr float distances[] = {3, -1, 7, 3, NAN, 8};
  for (node x = 0; x < 6; ++x) {
    batch.nodes[x] = x;
    batch.distances[x] = distances[x];
  }
  ASSERT_EQ(batch.keep_within(3, 6), 4u);
  EXPECT_TRUE(std::ranges::equal(std::span(batch.nodes, 4), std::vector<node>{0, 1, 3, 4}));
  EXPECT_EQ(batch.distances[1], -1);
  EXPECT_EQ(batch.keep_within(3, 0), 0u);
}

// Estimates on the line, and asked for ahead: each node before it is estimated, but the one where the walk began.
class asking_estimator {
 public:
  asking_estimator(line_estimator estimate, node start) : estimate_(estimate), asked_{start} {}

  void operator()(const node* nodes, std::size_t n, float* out) const {
    for (std::size_t i = 0; i < n; ++i) EXPECT_GE(std::ranges::count(asked_, nodes[i]), 1) << nodes[i];
    estimate_(nodes, n, out);
  }
  void request(const node* nodes, std::size_t n) const { asked_.insert(asked_.end(), nodes, nodes + n); }
  [[nodiscard]] std::size_t n_asked() const { return asked_.size(); }

 private:
  line_estimator estimate_;
  mutable std::vector<node> asked_;
};
static_assert(requesting_estimator<asking_estimator> && !requesting_estimator<line_estimator>);

TEST_F(line, a_beam_that_asks_ahead_finds_the_same_in_the_same_order) {
  for (const std::size_t ef : {1u, 5u, 20u, 200u}) {
    for (const node start : {0u, 90u, 128u}) {
      ASSERT_TRUE(succeeded(candidates_.reserve(ef)));
      const line_estimator estimate{101.2f, &measured_};
      const located from{start, std::fabs(static_cast<float>(start) - 101.2f)};
      candidates_.clear(ef);
      beam_search(graph_, estimate, from, 0, candidates_, visited_, batch_);
      const std::vector<candidate> alone(candidates_.items().begin(), candidates_.items().end());
      std::ranges::fill(measured_, 0);
      const asking_estimator asking(estimate, start);
      candidates_.clear(ef);
      beam_search(graph_, asking, from, 0, candidates_, visited_, batch_);
      EXPECT_TRUE(std::ranges::equal(candidates_.items(), alone));
      EXPECT_TRUE(std::ranges::all_of(measured_, [](int times) { return times <= 1; }));
    }
  }
}

// Says how long its rows are, and keeps how many it was given at once.
class row_counting_estimator {
 public:
  row_counting_estimator(line_estimator estimate, std::size_t bytes) : estimate_(estimate), bytes_(bytes) {}

  void operator()(const node* nodes, std::size_t n, float* out) const {
    batches_.push_back(n);
    estimate_(nodes, n, out);
  }
  [[nodiscard]] std::size_t row_bytes() const { return bytes_; }
  [[nodiscard]] const std::vector<std::size_t>& batches() const { return batches_; }

 private:
  line_estimator estimate_;
  std::size_t bytes_;
  mutable std::vector<std::size_t> batches_;
};
static_assert(row_estimator<row_counting_estimator> && !row_estimator<line_estimator>);

TEST_F(line, a_batch_holds_about_as_many_lines_whatever_rows_are_made_of) {
  const auto rows = [&](std::size_t bytes) { return rows_a_batch(row_counting_estimator({0, &measured_}, bytes)); };
  EXPECT_EQ(rows(0), 24u);
  EXPECT_EQ(rows(60), 24u);
  EXPECT_EQ(rows(128), 24u);
  EXPECT_EQ(rows(256), 16u);
  EXPECT_EQ(rows(257), 12u);
  EXPECT_EQ(rows(784), 4u);
  EXPECT_EQ(rows(1 << 20), 1u);
  EXPECT_EQ(rows_a_batch(line_estimator{0, &measured_}), 1u) << "a node at a time";
}

TEST_F(line, a_beam_that_fills_its_batches_finds_the_nearest_in_fewer_of_them) {
  constexpr std::size_t ef = 64;
  ASSERT_TRUE(succeeded(candidates_.reserve(ef)));
  std::size_t n_batches[2];
  for (const bool fills : {false, true}) {
    std::ranges::fill(measured_, 0);
    candidates_.clear(ef);
    const row_counting_estimator estimate({101.2f, &measured_}, fills ? 64 : 1 << 20);
    beam_search(graph_, estimate, {90, std::fabs(90 - 101.2f)}, 0, candidates_, visited_, batch_);
    for (std::size_t i = 0; i < ef; ++i) EXPECT_LE(candidates_.items()[i].distance(), ef / 2.0f + .8f);
    EXPECT_TRUE(std::ranges::all_of(candidates_.items(), &candidate::expanded));
    EXPECT_TRUE(std::ranges::all_of(measured_, [](int times) { return times <= 1; }));
    n_batches[fills] = estimate.batches().size();
  }
  EXPECT_LT(n_batches[true], n_batches[false]);
}

// Estimates on the line, and keeps in which order it was asked for nodes and estimated them.
class logging_estimator {
 public:
  explicit logging_estimator(line_estimator estimate) : estimate_(estimate) {}

  void operator()(const node* nodes, std::size_t n, float* out) const {
    estimate_(nodes, n, out);
    log_.append("e" + std::to_string(nodes[0]) + " ");
  }
  void request(const node* nodes, std::size_t n) const {
    if (n > 0) log_.append("r" + std::to_string(nodes[0]) + " ");
  }
  [[nodiscard]] const std::string& log() const { return log_; }

 private:
  line_estimator estimate_;
  mutable std::string log_;
};

TEST_F(line, a_beam_asks_for_the_next_rows_before_it_estimates_the_last_ones) {
  ASSERT_TRUE(succeeded(candidates_.reserve(1)));
  candidates_.clear(1);
  const logging_estimator estimate({1.2f, &measured_});
  beam_search(graph_, estimate, {0, 1.2f}, 0, candidates_, visited_, batch_);
  EXPECT_EQ(estimate.log(), "r1 e1 r2 e2 ") << "at first there is nothing to go on with";

  candidates_.clear(1);
  const logging_estimator from_the_middle({101.2f, &measured_});
  ASSERT_TRUE(succeeded(candidates_.reserve(3)));
  candidates_.clear(3);
  beam_search(graph_, from_the_middle, {100, 1.2f}, 0, candidates_, visited_, batch_);
  EXPECT_TRUE(from_the_middle.log().starts_with("r99 e99 r102 r98 e102 ")) << from_the_middle.log();
}

// Lists as long as a batch: there is no room for a second one.
TEST(traversal, a_batch_is_never_larger_than_its_room) {
  constexpr std::size_t n = 600;
  auto g = adjacency::create(n, max_m, 1);
  ASSERT_TRUE(succeeded(g));
  for (node x = 0; x < n; ++x) {
    std::vector<node> links;
    for (node i = 1; i <= 2 * max_m; ++i) links.push_back((x + i * 7) % n);
    g->set_links(x, 0, links);
  }
  g->set_entry({0, 0});
  std::vector<int> measured(n);
  const row_counting_estimator estimate({300, &measured}, 16);
  candidate_list candidates;
  visited_set visited;
  link_batch batch;
  ASSERT_TRUE(succeeded(candidates.reserve(n)));
  ASSERT_TRUE(succeeded(visited.reserve(n)));
  candidates.clear(n);
  beam_search(*g, estimate, {0, 300}, 0, candidates, visited, batch);
  EXPECT_EQ(candidates.items().size(), n);
  EXPECT_LE(std::ranges::max(estimate.batches()), 2 * max_m);
}

TEST_F(line, descending_asks_for_what_it_measures) {
  const asking_estimator asking(line_estimator{101.2f, &measured_}, graph_.entry().at);
  EXPECT_EQ(descend(graph_, asking, graph_.entry(), 0, batch_).at, 96u);
  EXPECT_GT(asking.n_asked(), 1u);
}

// ---------------------------------------------------------------------------------------------------- early stop

TEST_F(line, a_beam_that_may_stop_early_ends_where_the_next_is_so_many_times_farther_than_the_kth) {
  constexpr std::size_t ef = 100;
  ASSERT_TRUE(succeeded(candidates_.reserve(ef)));
  for (const float factor : {1.0f, 1.5f, 3.0f, 1e30f}) {
    for (const node start : {90u, 101u}) {
      std::ranges::fill(measured_, 0);
      candidates_.clear(ef);
      const line_estimator estimate{101.2f, &measured_};
      const float away = std::fabs(static_cast<float>(start) - 101.2f);
      beam_search(graph_, estimate, {start, away}, 0, candidates_, visited_, batch_, distance_stop{10, factor});
      const float kth = candidates_.items()[9].distance();
      EXPECT_NEAR(kth, 4.8f, 1e-3f) << "the ten nearest on a line are found whatever the factor";
      for (const candidate c : candidates_.items()) {
        // On the way there one behind the start is expanded while one ahead of it is measured.
        if (start == 90 && c.expanded() && c.distance() < 2 * away + 1) continue;
        EXPECT_EQ(c.expanded(), c.distance() <= factor * kth) << c.distance();
      }
    }
  }
}

TEST(distance_stop, waits_for_k_candidates_and_a_distance_that_has_multiples) {
  candidate_list candidates;
  ASSERT_TRUE(succeeded(candidates.reserve(10)));
  candidates.clear(10);
  candidates.insert(1, 1);
  (void)candidates.expand_next();
  candidates.insert(100, 2);
  EXPECT_TRUE((distance_stop{1, 2}(candidates)));
  EXPECT_FALSE((distance_stop{1, 100}(candidates))) << "as far is not farther";
  EXPECT_FALSE((distance_stop{2, 2}(candidates))) << "the next one is the k-th itself";
  EXPECT_FALSE((distance_stop{3, 2}(candidates))) << "there are no three";
  candidates.insert(0, 3);
  (void)candidates.expand_next();
  EXPECT_FALSE((distance_stop{1, 2}(candidates))) << "nothing is farther than 0 by a factor";
  candidates.insert(-5, 4);
  (void)candidates.expand_next();
  EXPECT_FALSE((distance_stop{1, 2}(candidates)));
  EXPECT_TRUE((distance_stop{3, 2}(candidates)));
  (void)candidates.expand_next();
  EXPECT_FALSE((distance_stop{3, 2}(candidates))) << "nothing is left to expand";
}

TEST(distance_stop, keeps_what_the_list_does_or_what_is_within_so_many_times_the_kth_distance) {
  candidate_list candidates;
  ASSERT_TRUE(succeeded(candidates.reserve(3)));
  candidates.clear(3);
  candidates.insert(1, 1);
  constexpr float any = std::numeric_limits<float>::infinity();
  EXPECT_EQ((distance_stop{2, 3}.limit(candidates)), any) << "there are no two";
  candidates.insert(2, 2);
  EXPECT_EQ((distance_stop{2, 3}.limit(candidates)), 6);
  candidates.insert(4, 3);
  EXPECT_EQ((distance_stop{2, 3}.limit(candidates)), 4) << "the list is full";
  EXPECT_EQ((distance_stop{1, 3}.limit(candidates)), 3);
  candidates.clear(3);
  candidates.insert(-1, 1);
  EXPECT_EQ((distance_stop{1, 3}.limit(candidates)), any);
}

TEST(distance_limit, lets_go_of_what_has_come_to_be_too_far) {
  candidate_list candidates;
  ASSERT_TRUE(succeeded(candidates.reserve(4)));
  candidates.clear(4);
  for (const node x : {4u, 7u, 9u}) candidates.insert(static_cast<float>(x), x);
  EXPECT_EQ((distance_limit{{1, 2}}.limit(candidates)), 8);
  EXPECT_EQ(candidates.items().size(), 2u);
  candidates.insert(2, 2);
  EXPECT_EQ((distance_limit{{1, 2}}.limit(candidates)), 4);
  EXPECT_EQ(candidates.items().size(), 2u) << "as far is not farther";
  EXPECT_EQ((distance_limit{{3, 1}}.limit(candidates)), std::numeric_limits<float>::infinity());
  EXPECT_EQ(candidates.items().size(), 2u) << "there are no three";
}

// Counts what a walk expands.
class counted_graph {
 public:
  explicit counted_graph(const adjacency& g) : g_(g) {}
  [[nodiscard]] std::size_t size() const { return g_.size(); }
  [[nodiscard]] std::size_t max_degree(unsigned level) const { return g_.max_degree(level); }
  [[nodiscard]] entry_point entry() const { return g_.entry(); }
  template <class Visit>
  void for_each_link(node x, unsigned level, Visit&& visit) const {
    n_expanded_ += level == 0 ? 1 : 0;
    g_.for_each_link(x, level, visit);
  }
  void prefetch_links(node x) const { g_.prefetch_links(x); }
  [[nodiscard]] std::size_t take_count() const { return std::exchange(n_expanded_, 0); }

 private:
  const adjacency& g_;
  mutable std::size_t n_expanded_ = 0;
};
static_assert(graph<counted_graph>);

// Ends where that does, but keeps what is farther.
struct stop_without_limit : distance_stop {
  [[nodiscard]] float limit(const candidate_list& candidates) const { return candidates.limit(); }
};
static_assert(stop_rule<stop_without_limit>);

TEST(early_stop, on_pictures_expands_less_the_smaller_gamma_is_and_what_is_not_kept_changes_nothing_nearer) {
  constexpr std::size_t n_rows = 3000, n_queries = 60, k = 10;
  const auto rows = test::base_pictures().floats(n_rows);
  const test::coded<float32> coded(rows, metric::l2);
  inline_executor here;
  const auto linked = link_codes(coded.quantizer(), coded.kernels(), coded.codes(), n_rows, 16, 60, 1, here, {});
  ASSERT_TRUE(succeeded(linked));
  const counted_graph g(*linked);
  visited_set visited;
  link_batch batch;
  ASSERT_TRUE(succeeded(visited.reserve(n_rows)));
  for (const std::size_t ef : {32u, 100u}) {
    candidate_list candidates;
    ASSERT_TRUE(succeeded(candidates.reserve(ef)));
    struct totals {
      std::size_t expanded = 0, found = 0;
    };
    constexpr float gammas[] = {0, .1f, .2f, .3f, .5f, 1, 1000};
    totals full, stopped[std::size(gammas)];
    std::size_t taken[std::size(gammas)] = {}, left[std::size(gammas)] = {};
    for (std::size_t q = 0; q < n_queries; ++q) {
      const auto query = test::query_pictures().row(q);
      const auto truth = test::exact_nearest(metric::l2, query, n_rows, k, [&](std::size_t x) { return rows.row(x); });
      const auto prepared = coded.prepare(query);
      const auto estimate = [&](const node* nodes, std::size_t n, float* out) {
        coded.quantizer().estimate(coded.kernels(), prepared.data(), coded.rows(), nodes, n, out);
      };
      const located start = descend(g, estimate, g.entry(), 0, batch);
      (void)g.take_count();
      const auto count_into = [&](totals& into) {
        const std::size_t expanded = g.take_count();
        into.expanded += expanded;
        for (const candidate c : candidates.items().first(k)) into.found += std::ranges::count(truth, c.id()) > 0;
        return expanded;
      };
      candidates.clear(ef);
      beam_search(g, estimate, start, 0, candidates, visited, batch);
      (void)count_into(full);
      const std::vector<candidate> all(candidates.items().begin(), candidates.items().end());
      for (std::size_t i = 0; i < std::size(gammas); ++i) {
        candidates.clear(ef);
        const distance_stop stop{k, 1 + gammas[i]};
        beam_search(g, estimate, start, 0, candidates, visited, batch, stop_without_limit{stop});
        const std::size_t expanded = count_into(stopped[i]);
        if (gammas[i] == 1000) {
          EXPECT_TRUE(std::ranges::equal(candidates.items(), all));
        }
        // What is not kept would not have been expanded.
        const std::vector<candidate> stopped_at(candidates.items().begin(), candidates.items().end());
        const auto expect_the_same_with = [&](const auto& limited) {
          candidates.clear(ef);
          beam_search(g, estimate, start, 0, candidates, visited, batch, limited);
          EXPECT_EQ(g.take_count(), expanded);
          const auto within = [&](candidate c) { return c.distance() <= stop.bound(candidates); };
          EXPECT_TRUE(std::ranges::equal(candidates.items() | std::views::take_while(within),
                                         stopped_at | std::views::take_while(within)));
          return candidates.items().size();
        };
        const std::size_t n_taken = expect_the_same_with(stop), n_left = expect_the_same_with(distance_limit{stop});
        EXPECT_LE(n_taken, stopped_at.size());
        EXPECT_LE(n_left, n_taken);
        taken[i] += n_taken;
        left[i] += n_left;
      }
    }
    for (std::size_t i = 0; i + 1 < std::size(gammas); ++i) EXPECT_LE(stopped[i].expanded, stopped[i + 1].expanded);
    EXPECT_EQ(std::end(stopped)[-1].expanded, full.expanded);
    EXPECT_LT(stopped[0].expanded, full.expanded / 2);
    EXPECT_LT(stopped[2].expanded, full.expanded) << "gamma .2";
    EXPECT_LT(taken[0], n_queries * ef * 19 / 20) << "gamma 0";
    EXPECT_LT(left[0], taken[0] / 2) << "gamma 0";
    EXPECT_GE(stopped[2].found, full.found * 97 / 100) << "gamma .2";
    EXPECT_GE(stopped[4].found, full.found * 995 / 1000) << "gamma .5";
    for (std::size_t i = 0; i < std::size(gammas); ++i)
      testing::Test::RecordProperty("ef_" + std::to_string(ef) + "_gamma_" + std::to_string(gammas[i]),
                                    std::to_string(stopped[i].expanded) + " of " + std::to_string(full.expanded) +
                                        " expanded, " + std::to_string(stopped[i].found) + " of " +
                                        std::to_string(full.found) + " found");
  }
}

}  // namespace
}  // namespace thimble
