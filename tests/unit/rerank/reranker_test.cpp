// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The state machine by hand, with estimates that are wrong on purpose.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <thimble/rerank/reranker.hpp>
#include <thimble/simd/dispatch.hpp>
#include <vector>

#include "unit/support/candidates.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

class rerank_by_hand : public ::testing::Test {
 protected:
  // Rows are points on a line; the query stands at 0, so the distance of row x is place[x] squared.
  const std::vector<float> place_{5, 1, 4, 2, 3, 9};
  const std::vector<float> query_{0};
  // By estimate: 0, 2, 4, 1, 3. Row 5 is no candidate.
  const std::vector<candidate> candidates_{candidate::of(1, 0), candidate::of(2, 2), candidate::of(3, 4),
                                           candidate::of(10, 1), candidate::of(20, 3)};

  void start(std::size_t k, std::size_t rerank) {
    ASSERT_TRUE(succeeded(machine_.reserve(candidates_.size(), 1)));
    machine_.start(**simd::kernels_for(simd::isa::automatic), metric::l2, query_, candidates_, k, rerank);
  }
  // By bounds that hold: below the true distance of each.
  void start_by_bound(std::size_t k, std::size_t rerank, std::size_t rows_at_once) {
    ASSERT_TRUE(succeeded(machine_.reserve(candidates_.size(), 1)));
    const std::vector<float> bounds{.5f, .9f, 1.5f, 3.9f, 2.5f};
    machine_.start_by_bound(**simd::kernels_for(simd::isa::automatic), metric::l2, query_, candidates_, k, rerank,
                            rows_at_once, [&](candidate c) { return candidate::of(bounds[c.id()], c.id()); });
  }
  [[nodiscard]] std::vector<node> needs() const { return {machine_.needs().begin(), machine_.needs().end()}; }
  void feed() {
    for (std::size_t i = 0; i < machine_.needs().size(); ++i) machine_.accept(i, {&place_[machine_.needs()[i]], 1});
    machine_.advance();
  }
  [[nodiscard]] std::vector<neighbor> results() const { return {machine_.results().begin(), machine_.results().end()}; }

  reranker machine_;
};

TEST_F(rerank_by_hand, without_rerank_it_is_done_at_once_with_estimates) {
  start(3, 0);
  EXPECT_TRUE(machine_.done());
  EXPECT_TRUE(machine_.needs().empty());
  EXPECT_EQ(results(), (std::vector<neighbor>{{0, 1}, {2, 2}, {4, 3}}));
  EXPECT_EQ(machine_.vectors_read(), 0u);
  EXPECT_EQ(machine_.batches(), 0u);
}

TEST_F(rerank_by_hand, asks_for_the_best_by_estimate_in_ascending_order) {
  start(2, 3);
  EXPECT_FALSE(machine_.done());
  EXPECT_EQ(needs(), (std::vector<node>{0, 2, 4}));
  EXPECT_EQ(machine_.most_at_once(), 3u);
}

TEST_F(rerank_by_hand, exact_distances_decide_among_all_that_were_read) {
  start(3, 5);
  feed();
  EXPECT_TRUE(machine_.done());
  EXPECT_EQ(results(), (std::vector<neighbor>{{1, 1}, {3, 4}, {4, 9}}));
  EXPECT_EQ(machine_.vectors_read(), 5u);
  EXPECT_EQ(machine_.batches(), 1u);
}

TEST_F(rerank_by_hand, candidates_that_were_not_read_keep_their_estimates) {
  start(5, 2);
  feed();
  EXPECT_EQ(results(), (std::vector<neighbor>{{4, 3}, {1, 10}, {2, 16}, {3, 20}, {0, 25}}));
  EXPECT_EQ(machine_.vectors_read(), 2u);
}

TEST_F(rerank_by_hand, rows_may_come_in_any_order) {
  start(5, 5);
  for (std::size_t i = machine_.needs().size(); i-- > 0;) machine_.accept(i, {&place_[machine_.needs()[i]], 1});
  machine_.advance();
  EXPECT_EQ(results(), (std::vector<neighbor>{{1, 1}, {3, 4}, {4, 9}, {2, 16}, {0, 25}}));
}

TEST_F(rerank_by_hand, more_than_there_is_means_all_there_is) {
  start(100, 100);
  EXPECT_EQ(machine_.needs().size(), 5u);
  feed();
  EXPECT_EQ(results().size(), 5u);
}

TEST_F(rerank_by_hand, can_be_started_again_in_the_middle) {
  start(2, 5);
  machine_.accept(0, {place_.data(), 1});
  start(2, 2);
  EXPECT_EQ(machine_.vectors_read(), 0u);
  feed();
  EXPECT_EQ(results(), (std::vector<neighbor>{{2, 16}, {0, 25}}));
}

TEST_F(rerank_by_hand, with_k_read_every_distance_is_exact) {
  start(3, 3);
  feed();
  EXPECT_EQ(results(), (std::vector<neighbor>{{4, 9}, {2, 16}, {0, 25}})) << "not the estimates 10 and 20";
}

TEST_F(rerank_by_hand, by_bound_it_takes_the_least_bounds_first_and_stops_at_one_beyond_the_kth_distance) {
  start_by_bound(1, 5, 1);
  EXPECT_EQ(needs(), (std::vector<node>{0})) << "k to begin with";
  feed();
  EXPECT_EQ(needs(), (std::vector<node>{1})) << ".9 < 25";
  feed();
  EXPECT_TRUE(machine_.done()) << "1.5 > 1";
  EXPECT_EQ(results(), (std::vector<neighbor>{{1, 1}}));
  EXPECT_EQ(machine_.vectors_read(), 2u);
  EXPECT_EQ(machine_.batches(), 2u);
}

TEST_F(rerank_by_hand, by_bound_it_asks_for_so_many_rows_at_once) {
  start_by_bound(2, 5, 3);
  EXPECT_EQ(machine_.most_at_once(), 3u);
  EXPECT_EQ(needs(), (std::vector<node>{0, 1}));
  feed();
  EXPECT_EQ(needs(), (std::vector<node>{2, 3, 4}));
  feed();
  EXPECT_TRUE(machine_.done());
  EXPECT_EQ(results(), (std::vector<neighbor>{{1, 1}, {3, 4}}));
}

TEST_F(rerank_by_hand, by_bound_it_reads_no_more_than_rerank) {
  start_by_bound(2, 3, 1);
  feed();
  EXPECT_EQ(needs(), (std::vector<node>{2}));
  feed();
  EXPECT_TRUE(machine_.done());
  EXPECT_EQ(results(), (std::vector<neighbor>{{1, 1}, {2, 16}})) << "exact ones only";
  EXPECT_EQ(machine_.vectors_read(), 3u);
}

TEST_F(rerank_by_hand, by_bound_fewer_than_k_are_the_best_by_estimate) {
  start_by_bound(3, 2, 1);
  EXPECT_EQ(needs(), (std::vector<node>{0, 2}));
  feed();
  EXPECT_EQ(results(), (std::vector<neighbor>{{4, 3}, {1, 10}, {2, 16}}));
  start_by_bound(3, 0, 1);
  EXPECT_TRUE(machine_.done());
  EXPECT_EQ(results(), (std::vector<neighbor>{{0, 1}, {2, 2}, {4, 3}}));
}

TEST_F(rerank_by_hand, by_bound_with_any_number_at_once_it_takes_two_batches) {
  constexpr std::size_t n = 100, any = std::numeric_limits<std::size_t>::max();
  std::vector<candidate> candidates;
  for (node x = 0; x < n; ++x) candidates.push_back(candidate::of(static_cast<float>(x), x));
  const auto place = [](node x) { return static_cast<float>(n - x); };
  const auto run = [&](std::size_t k, std::size_t rerank) {
    ASSERT_TRUE(succeeded(machine_.reserve(n, 1)));
    machine_.start_by_bound(**simd::kernels_for(simd::isa::automatic), metric::l2, query_, candidates, k, rerank, any,
                            [](candidate c) { return candidate::of(c.id() < 50 ? 0.0f : 1e6f, c.id()); });
    while (!machine_.done()) {
      EXPECT_LE(machine_.needs().size(), machine_.most_at_once());
      for (std::size_t i = 0; i < machine_.needs().size(); ++i) {
        const float at = place(machine_.needs()[i]);
        machine_.accept(i, {&at, 1});
      }
      machine_.advance();
    }
  };
  run(3, 100);
  EXPECT_EQ(machine_.vectors_read(), 50u) << "20, then all whose bound is below";
  EXPECT_EQ(machine_.batches(), 2u);
  EXPECT_EQ(machine_.results()[0].id, 49u);
  run(3, 35);
  EXPECT_EQ(machine_.vectors_read(), 35u);
  EXPECT_EQ(machine_.batches(), 2u);
  EXPECT_EQ(machine_.results()[0].id, 34u);
  run(15, 100);
  EXPECT_EQ(machine_.most_at_once(), 70u) << "30 to begin with";
}

TEST_F(rerank_by_hand, equal_distances_sort_by_label) {
  const std::vector<candidate> tied{candidate::of(1, 9), candidate::of(2, 3), candidate::of(3, 7)};
  ASSERT_TRUE(succeeded(machine_.reserve(3, 1)));
  machine_.start(**simd::kernels_for(simd::isa::automatic), metric::l2, query_, tied, 3, 3);
  const float same = 2;
  for (std::size_t i = 0; i < 3; ++i) machine_.accept(i, {&same, 1});
  machine_.advance();
  EXPECT_EQ(results(), (std::vector<neighbor>{{3, 4}, {7, 4}, {9, 4}}));
}

TEST_F(rerank_by_hand, the_mark_of_an_expanded_candidate_changes_nothing) {
  std::vector<candidate> marked = candidates_;
  for (candidate& c : marked) c.key |= 1;
  ASSERT_TRUE(succeeded(machine_.reserve(5, 1)));
  machine_.start(**simd::kernels_for(simd::isa::automatic), metric::l2, query_, marked, 5, 0);
  const auto from_marked = results();
  start(5, 0);
  EXPECT_EQ(from_marked, results());
}

TEST_F(rerank_by_hand, the_query_is_copied) {
  std::vector<float> query{0};
  ASSERT_TRUE(succeeded(machine_.reserve(5, 1)));
  machine_.start(**simd::kernels_for(simd::isa::automatic), metric::l2, query, candidates_, 1, 5);
  query[0] = 100;
  feed();
  EXPECT_EQ(results(), (std::vector<neighbor>{{1, 1}}));
}

TEST_F(rerank_by_hand, tells_the_dim_of_the_query_it_was_started_with) {
  ASSERT_TRUE(succeeded(machine_.reserve(5, 100)));
  start(1, 5);
  EXPECT_EQ(machine_.dim(), 1u);
}

TEST_F(rerank_by_hand, room_that_no_machine_has_is_out_of_memory) {
  constexpr std::size_t huge = std::size_t{1} << (8 * sizeof(std::size_t) - 3);
  EXPECT_EQ(test::code_of(machine_.reserve(huge, 1)), errc::out_of_memory);
  EXPECT_EQ(test::code_of(machine_.reserve(1, huge)), errc::out_of_memory);
}

TEST(reranker, by_bound_tells_which_rows_it_will_probably_need_next) {
  const std::vector<float> query(test::reranked_rows().row(test::n_reranked_rows).begin(),
                                 test::reranked_rows().row(test::n_reranked_rows).end());
  std::vector<candidate> candidates;
  for (node x = 0; x < 30; ++x) candidates.push_back(candidate::of(static_cast<float>(x), x));
  reranker machine;
  ASSERT_TRUE(succeeded(machine.reserve(30, test::reranked_dim)));
  // Bounds so low that every row has to be read.
  const auto bounded = [](candidate c) { return candidate::of(-1e30f + c.distance(), c.id()); };
  machine.start_by_bound(**simd::kernels_for(simd::isa::automatic), metric::l2, query, candidates, 5, 28, 4, bounded);
  std::vector<node> foreseen;
  std::size_t n_read = 0;
  while (!machine.done()) {
    const std::vector<node> needed(machine.needs().begin(), machine.needs().end());
    if (n_read > 0) {
      EXPECT_EQ(needed, foreseen);
    }
    foreseen.clear();
    for (const candidate c : machine.likely()) foreseen.push_back(c.id());
    std::ranges::sort(foreseen);
    EXPECT_LE(foreseen.size(), 4u);
    for (std::size_t i = 0; i < needed.size(); ++i) machine.accept(i, test::reranked_rows().row(needed[i]));
    n_read += needed.size();
    machine.advance();
  }
  EXPECT_EQ(n_read, 28u);
  EXPECT_TRUE(foreseen.empty()) << "the cap is reached";
  test::start_rerank(machine, 5, 20);
  EXPECT_TRUE(machine.likely().empty()) << "fixed reads one batch";
}

}  // namespace
}  // namespace thimble
