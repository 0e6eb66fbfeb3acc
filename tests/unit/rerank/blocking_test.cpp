// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thimble/rerank/blocking.hpp>
#include <thimble/store/memory_store.hpp>
#include <vector>

#include "unit/support/archetypes.hpp"
#include "unit/support/candidates.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/stores.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::reranked_dim;
using test::reranked_view;
using test::start_rerank;
using test::succeeded;

TEST(rerank_from, a_batch_store_is_read_once_with_all_rows_ascending) {
  test::counting_store store(reranked_view());
  reranker machine;
  start_rerank(machine, 10, 25);
  const std::vector<node> needed(machine.needs().begin(), machine.needs().end());
  std::vector<float> room(rerank_room(store, needed.size(), reranked_dim));
  EXPECT_EQ(room.size(), 25 * reranked_dim);
  ASSERT_TRUE(succeeded(rerank_from(machine, store, room)));
  ASSERT_EQ(store.batches().size(), 1u);
  EXPECT_EQ(store.batches()[0], needed);
  EXPECT_TRUE(std::ranges::is_sorted(needed));
  EXPECT_EQ(store.room(), 25 * reranked_dim) << "out is as long as nodes say, however large the room is";
  EXPECT_EQ(machine.vectors_read(), 25u);
  EXPECT_EQ(machine.batches(), 1u);
}

TEST(rerank_from, a_larger_room_than_needed_is_no_harm) {
  test::counting_store store(reranked_view());
  reranker machine;
  start_rerank(machine, 10, 5);
  std::vector<float> room(1000);
  ASSERT_TRUE(succeeded(rerank_from(machine, store, room)));
  EXPECT_EQ(store.room(), 5 * reranked_dim);
  test::strict_row_store strict(reranked_view());
  start_rerank(machine, 10, 5);
  ASSERT_TRUE(succeeded(rerank_from(machine, strict, room)));
  EXPECT_EQ(strict.largest_room(), reranked_dim);
}

TEST(rerank_from, every_kind_of_store_gives_the_same_hits) {
  reranker from_memory, from_batches, from_rows;
  for (const std::size_t rerank : {0u, 1u, 7u, 40u}) {
    for (reranker* machine : {&from_memory, &from_batches, &from_rows}) start_rerank(*machine, 10, rerank);
    auto memory = memory_store<float>::create(reranked_view());
    test::counting_store batches(reranked_view());
    test::strict_row_store rows(reranked_view());
    std::vector<float> room(40 * reranked_dim);
    ASSERT_TRUE(succeeded(
        rerank_from(from_memory, *memory, std::span(room).first(rerank_room(*memory, rerank, reranked_dim)))));
    ASSERT_TRUE(succeeded(rerank_from(from_batches, batches, room)));
    ASSERT_TRUE(succeeded(rerank_from(from_rows, rows, std::span(room).first(reranked_dim))));
    EXPECT_EQ(batches.batches().size(), rerank == 0 ? 0u : 1u);
    EXPECT_TRUE(std::ranges::equal(from_memory.results(), from_batches.results()));
    EXPECT_TRUE(std::ranges::equal(from_memory.results(), from_rows.results()));
  }
}

TEST(rerank_from, an_error_leaves_it_undone_and_it_can_be_started_again) {
  reranker machine;
  start_rerank(machine, 10, 20);
  std::vector<float> room(20 * reranked_dim);
  test::failing_store failing(reranked_view(), errc::store_unavailable);
  EXPECT_EQ(code_of(rerank_from(machine, failing, room)), errc::store_unavailable);
  EXPECT_FALSE(machine.done());
  test::failing_row_store failing_rows(reranked_view(), errc::missing_row);
  EXPECT_EQ(code_of(rerank_from(machine, failing_rows, room)), errc::missing_row);
  EXPECT_FALSE(machine.done());
  test::counting_store good(reranked_view());
  start_rerank(machine, 10, 20);
  EXPECT_TRUE(succeeded(rerank_from(machine, good, room)));
  EXPECT_EQ(machine.results().size(), 10u);
}

TEST(rerank_from, needs_no_more_than_the_concepts_promise) {
  const auto nearest_in = [](auto&& store) {
    reranker machine;
    EXPECT_TRUE(succeeded(machine.reserve(3, 2)));
    const std::vector<float> query{41, 1};
    const std::vector<candidate> candidates{candidate::of(1, 7), candidate::of(2, 40), candidate::of(3, 99)};
    machine.start(**simd::kernels_for(simd::isa::automatic), metric::l2, query, candidates, 1, 3);
    std::vector<float> room(rerank_room(store, 3, 2));
    EXPECT_TRUE(succeeded(rerank_from(machine, store, room)));
    return machine.results()[0];
  };
  EXPECT_EQ(nearest_in(test::minimal_row_store(1)), (neighbor{40, 1}));
  EXPECT_EQ(nearest_in(test::minimal_batch_store(1)), (neighbor{40, 1}));
}

// Rows that are far, or not, as those of a mapped file.
class far_rows {
 public:
  far_rows(bool absent, std::vector<std::string>& log)
      : rows_(*memory_store<float>::create(reranked_view())), absent_(absent), log_(log) {}

  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] std::size_t dim() const { return rows_.dim(); }
  [[nodiscard]] std::uint64_t fingerprint() const { return rows_.fingerprint(); }
  [[nodiscard]] expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    log_.push_back("row");
    return rows_.row(i, scratch);
  }
  [[nodiscard]] bool is_absent(std::size_t) const {
    log_.push_back("absent?");
    return absent_;
  }
  void request(std::size_t) const { log_.push_back("request"); }

 private:
  memory_store<float> rows_;
  bool absent_;
  std::vector<std::string>& log_;
};

TEST(rerank_from, asks_for_all_rows_of_a_batch_at_once_where_the_first_is_absent) {
  for (const bool absent : {false, true}) {
    std::vector<std::string> log;
    far_rows store(absent, log);
    reranker machine;
    start_rerank(machine, 10, 5);
    std::vector<float> room(reranked_dim);
    ASSERT_TRUE(succeeded(rerank_from(machine, store, room)));
    std::vector<std::string> expected = {"absent?"};
    expected.insert(expected.end(), absent ? 5u : 0u, "request");
    expected.insert(expected.end(), 5, "row");
    EXPECT_EQ(log, expected);
  }
}

TEST(rerank_from, asks_nothing_of_a_store_whose_rows_are_not_needed) {
  std::vector<std::string> log;
  far_rows store(true, log);
  reranker machine;
  start_rerank(machine, 10, 0);
  std::vector<float> room(reranked_dim);
  ASSERT_TRUE(succeeded(rerank_from(machine, store, room)));
  EXPECT_TRUE(log.empty());
}

// ------------------------------------------------------------------------------------------------------- in groups

TEST(rerank_group_from, gives_each_what_it_gets_alone) {
  auto store = memory_store<float>::create(reranked_view());
  std::vector<float> room(reranked_dim);
  reranker machines[4];
  reranker* const group[] = {&machines[0], &machines[1], &machines[2], &machines[3]};
  constexpr std::size_t reranks[] = {0, 5, 40, 12};
  for (std::size_t i = 0; i < 4; ++i) start_rerank(machines[i], 10, reranks[i]);
  ASSERT_TRUE(succeeded(rerank_group_from(std::span(group), *store, room)));
  for (std::size_t i = 0; i < 4; ++i) {
    reranker alone;
    start_rerank(alone, 10, reranks[i]);
    ASSERT_TRUE(succeeded(rerank_from(alone, *store, room)));
    EXPECT_TRUE(std::ranges::equal(machines[i].results(), alone.results()));
    EXPECT_EQ(machines[i].vectors_read(), alone.vectors_read());
    EXPECT_EQ(machines[i].batches(), alone.batches());
  }
}

TEST(rerank_group_from, looks_at_one_row_for_all_and_asks_for_all_before_it_reads_any) {
  for (const bool absent : {false, true}) {
    std::vector<std::string> log;
    far_rows store(absent, log);
    reranker first, second;
    start_rerank(first, 10, 3);
    start_rerank(second, 10, 2);
    reranker* const group[] = {&first, &second};
    std::vector<float> room(reranked_dim);
    ASSERT_TRUE(succeeded(rerank_group_from(std::span(group), store, room)));
    std::vector<std::string> expected = {"absent?"};
    expected.insert(expected.end(), absent ? 5u : 0u, "request");
    expected.insert(expected.end(), 5, "row");
    EXPECT_EQ(log, expected);
  }
}

TEST(rerank_group_from, reads_nothing_where_nothing_is_needed_and_ends_with_an_error) {
  std::vector<std::string> log;
  far_rows store(true, log);
  reranker first, second;
  start_rerank(first, 10, 0);
  start_rerank(second, 10, 0);
  reranker* const group[] = {&first, &second};
  std::vector<float> room(reranked_dim);
  ASSERT_TRUE(succeeded(rerank_group_from(std::span(group), store, room)));
  EXPECT_TRUE(log.empty());
  start_rerank(second, 10, 4);
  test::failing_row_store failing(reranked_view(), errc::missing_row);
  EXPECT_EQ(code_of(rerank_group_from(std::span(group), failing, room)), errc::missing_row);
  EXPECT_FALSE(second.done());
}

}  // namespace
}  // namespace thimble
