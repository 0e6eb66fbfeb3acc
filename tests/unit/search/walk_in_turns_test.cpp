// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <thimble/build/build_graph.hpp>
#include <thimble/graph/adjacency.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/search/traversal.hpp>
#include <thimble/search/walk_in_turns.hpp>
#include <vector>

#include "unit/support/archetypes.hpp"
#include "unit/support/coded.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::succeeded;

// What a walk fills, with room for n nodes and ef candidates.
struct walk_room {
  candidate_list candidates;
  visited_set visited;
  link_batch batch;

  void prepare(std::size_t n, std::size_t ef) {
    ASSERT_TRUE(succeeded(visited.reserve(n)));
    ASSERT_TRUE(succeeded(candidates.reserve(ef)));
    candidates.clear(ef);
  }
};

// Estimates from the codes of one query. Every node must be asked for each time before it is estimated, but the entry.
class checked_estimator {
 public:
  checked_estimator(const test::coded<float32>& coded, std::span<const float> query, node entry)
      : coded_(coded), prepared_(coded.prepare(query)), asked_{entry} {}

  void operator()(const node* nodes, std::size_t n, float* out) const {
    for (std::size_t i = 0; i < n; ++i) {
      const auto found = std::ranges::find(asked_, nodes[i]);
      ASSERT_NE(found, asked_.end()) << nodes[i];
      asked_.erase(found);
    }
    coded_.quantizer().estimate(coded_.kernels(), prepared_.data(), coded_.rows(), nodes, n, out);
  }
  void request(const node* nodes, std::size_t n) const { asked_.insert(asked_.end(), nodes, nodes + n); }
  [[nodiscard]] std::size_t row_bytes() const { return coded_.quantizer().code_bytes(); }

 private:
  const test::coded<float32>& coded_;
  aligned_buffer<std::byte> prepared_;
  mutable std::vector<node> asked_;
};
static_assert(requesting_estimator<checked_estimator> && row_estimator<checked_estimator>);
static_assert(!requesting_estimator<test::minimal_estimator>);

constexpr std::size_t n_rows = 600, n_queries = 3;

template <class Stop>
void expect_what_single_walks_find(std::size_t ef, const Stop& stop) {
  const auto rows = test::clustered_vectors(n_rows + n_queries, 16, 5);
  const test::coded<float32> coded(rows, metric::l2);
  inline_executor here;
  const auto g = link_codes(coded.quantizer(), coded.kernels(), coded.codes(), n_rows, 8, 40, 1, here, {});
  ASSERT_TRUE(succeeded(g));

  using walk = walk_in_turns<adjacency, checked_estimator, Stop>;
  std::vector<checked_estimator> estimates;
  std::array<walk_room, n_queries> rooms;
  for (std::size_t q = 0; q < n_queries; ++q) {
    estimates.emplace_back(coded, rows.row(n_rows + q), g->entry().at);
    rooms[q].prepare(n_rows, ef);
  }
  // One more place than walks: it stays empty.
  std::array<std::optional<walk>, n_queries + 1> walks;
  for (std::size_t q = 0; q < n_queries; ++q)
    walks[q].emplace(*g, estimates[q], stop, rooms[q].candidates, rooms[q].visited, rooms[q].batch);
  take_turns(walks);

  for (std::size_t q = 0; q < n_queries; ++q) {
    walk_room alone;
    alone.prepare(n_rows, ef);
    const checked_estimator estimate(coded, rows.row(n_rows + q), g->entry().at);
    const located start = descend(*g, estimate, g->entry(), 0, alone.batch);
    beam_search(*g, estimate, start, 0, alone.candidates, alone.visited, alone.batch, stop);
    EXPECT_FALSE(walks[q].has_value());
    EXPECT_TRUE(std::ranges::equal(rooms[q].candidates.items(), alone.candidates.items())) << q;
  }
}

TEST(walk_in_turns, finds_what_one_walk_after_another_finds) {
  for (const std::size_t ef : {1u, 10u, 100u}) expect_what_single_walks_find(ef, no_early_stop{});
}

TEST(walk_in_turns, stops_early_where_a_single_walk_does) {
  for (const float factor : {1.0f, 1.2f, 2.0f}) expect_what_single_walks_find(50, distance_limit{{5, factor}});
}

TEST(walk_in_turns, needs_no_more_than_the_concepts_promise) {
  struct asking {
    test::minimal_estimator estimate{20.4f};
    void operator()(const node* nodes, std::size_t n, float* out) const { estimate(nodes, n, out); }
    void request(const node* /*nodes*/, std::size_t /*n*/) const {}
  };
  const test::minimal_graph graph(50);
  const asking estimate;
  const no_early_stop stop;
  walk_room room;
  room.prepare(50, 8);
  std::array<std::optional<walk_in_turns<test::minimal_graph, asking, no_early_stop>>, 1> walks;
  walks[0].emplace(graph, estimate, stop, room.candidates, room.visited, room.batch);
  take_turns(walks);
  EXPECT_EQ(room.candidates.items().front().id(), 20u);
}

TEST(walk_in_turns, of_none_is_over_at_once) {
  std::array<std::optional<walk_in_turns<adjacency, checked_estimator, no_early_stop>>, 2> walks;
  take_turns(walks);
  EXPECT_FALSE(walks[0].has_value());
}

}  // namespace
}  // namespace thimble
