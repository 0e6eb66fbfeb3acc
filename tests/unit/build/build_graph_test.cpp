// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <thimble/build/build_graph.hpp>
#include <thimble/metric/checked_rows.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/sq4.hpp>
#include <thimble/quant/sq8.hpp>
#include <vector>

#include "unit/support/archetypes.hpp"
#include "unit/support/coded.hpp"
#include "unit/support/environment.hpp"
#include "unit/support/links.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::coded;
using test::succeeded;

// Every row of every node.
std::vector<std::vector<node>> all_links(const adjacency& graph) {
  std::vector<std::vector<node>> rows;
  for (node x = 0; x < graph.size(); ++x)
    for (unsigned level = 0; level <= graph.level(x); ++level) rows.push_back(test::links_of(graph, x, level));
  return rows;
}

TEST(encode_rows, gives_the_codes_of_all_rows_and_readable_slack_whoever_works) {
  const auto rows = test::clustered_vectors(700, 30, 1);
  const coded<sq8> data(rows, metric::l2);
  inline_executor one;
  thread_executor many(4);
  const auto by_one = encode_rows(data.quantizer(), data.kernels(), rows.view(), one, {});
  const auto by_many = encode_rows(data.quantizer(), data.kernels(), rows.view(), many, {});
  ASSERT_TRUE(succeeded(by_one));
  ASSERT_TRUE(succeeded(by_many));
  EXPECT_TRUE(std::ranges::equal(by_one->span(), data.codes()));
  EXPECT_TRUE(std::ranges::equal(by_many->span(), data.codes()));
  const auto slack = by_one->span().last(simd::code_slack);
  EXPECT_TRUE(std::ranges::all_of(slack, [](std::byte b) { return b == std::byte{}; }));
}

// Scratch as large as asked for, on a boundary, and one for each worker: sq4 keeps a row of levels in it.
TEST(encode_rows, workers_do_not_share_their_scratch) {
  const auto rows = test::clustered_vectors(3000, 65, 1);
  const coded<sq4> data(rows, metric::l2);
  thread_executor many(4);
  for (int round = 0; round < 5; ++round) {
    const auto codes = encode_rows(data.quantizer(), data.kernels(), rows.view(), many, {});
    ASSERT_TRUE(succeeded(codes));
    EXPECT_TRUE(std::ranges::equal(codes->span(), data.codes()));
  }
}

TEST(encode_rows, an_error_of_one_row_ends_it) {
  const auto rows = test::random_vectors(700, 4, 1);
  const coded<float32> data(rows, metric::l2);
  thread_executor many(4);
  EXPECT_EQ(code_of(encode_rows(data.quantizer(), data.kernels(), test::failing_rows(rows.view(), 600), many, {})),
            errc::corrupt);
}

TEST(link_codes, the_same_seed_gives_the_same_graph_and_another_seed_another) {
  const coded<sq8> data(test::clustered_vectors(500, 16, 1), metric::l2);
  inline_executor on;
  const auto link = [&](std::uint64_t seed) {
    return std::move(*link_codes(data.quantizer(), data.kernels(), data.codes(), 500, 6, 40, seed, on, {}));
  };
  const adjacency a = link(1), b = link(1), c = link(2);
  EXPECT_EQ(all_links(a), all_links(b));
  EXPECT_NE(all_links(a), all_links(c));
}

TEST(link_codes, no_instruction_set_changes_a_link) {
  const coded<sq8> data(test::clustered_vectors(500, 16, 1), metric::l2);
  inline_executor on;
  const auto link = [&](simd::isa set) {
    return std::move(*link_codes(data.quantizer(), data.kernels(set), data.codes(), 500, 6, 40, 1, on, {}));
  };
  const adjacency oracle = link(simd::isa::scalar);
  for (const auto set : simd::attainable()) EXPECT_EQ(all_links(link(set)), all_links(oracle)) << name(set);
}

// Insertion alone lets go of some of these (build/reach_all.hpp).
TEST(link_codes, leaves_no_node_out_of_reach_whoever_works) {
  const coded<float32> data(test::random_vectors(3000, 50, 5), metric::l2);
  for (const unsigned n_threads : {1u, 4u}) {
    thread_executor on(n_threads);
    const auto graph = link_codes(data.quantizer(), data.kernels(), data.codes(), 3000, 8, 32, 1, on, {});
    ASSERT_TRUE(succeeded(graph));
    EXPECT_EQ(test::reachable(*graph), 3000u);
  }
}

TEST(link_codes, can_be_cancelled_by_any_report) {
  const coded<float32> data(test::clustered_vectors(2000, 8, 1), metric::l2);
  for (const unsigned n_threads : {1u, 4u}) {
    thread_executor on(n_threads);
    // With several threads the one that reports may be kept waiting until all is done: one report is sure.
    for (int last_good = 0; last_good < (n_threads == 1 ? 2 : 1); ++last_good) {
      int reports = 0;
      const auto report = [&](const build_progress&) { return reports++ < last_good; };
      EXPECT_EQ(code_of(link_codes(data.quantizer(), data.kernels(), data.codes(), 2000, 6, 20, 1, on, report)),
                errc::cancelled);
      EXPECT_EQ(reports, last_good + 1);
    }
  }
}

TEST(build_graph, needs_no_more_than_the_concepts_promise) {
  const test::minimal_rows rows(100);
  test::minimal_executor on;
  const auto& kernels = **simd::kernels_for(test::asked_simd());
  const auto quantizer = test::minimal_quantizer::train(rows, metric::l2, {.kernels = kernels});
  ASSERT_TRUE(succeeded(quantizer));
  const auto codes = encode_rows(*quantizer, kernels, rows, on, {});
  ASSERT_TRUE(succeeded(codes));
  const auto graph = link_codes(*quantizer, kernels, codes->span(), 100, 4, 20, 1, on, {});
  ASSERT_TRUE(succeeded(graph));
  EXPECT_EQ(graph->size(), 100u);
}

}  // namespace
}  // namespace thimble
