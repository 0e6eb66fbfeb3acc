// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Memory that runs out while an index changes, at each single allocation: what fails has changed nothing, and works as
// soon as there is memory again.

#include "fuzz/counting_allocator.hpp"

// Behind the hook that it replaces.
#include <gtest/gtest.h>

#include <algorithm>
#include <thimble/index/mutable_index.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/store/memory_store.hpp>
#include <vector>

#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using fuzz::allocations;
using test::code_of;
using test::succeeded;
using changing = mutable_index<sq8>;

constexpr label unknown = 1'000'000;

const test::float_vectors& memory_rows() {
  static const test::float_vectors made = test::clustered_vectors(adjacency::chunk_nodes + 100, 4, 1);
  return made;
}

// With labels 0 .. n-1, and pools and queues that are empty.
changing filled(std::size_t n) {
  auto made = changing::build(matrix_view<float>(memory_rows().values.data(), n, 4), {.m = 2, .ef_construction = 4});
  EXPECT_TRUE(succeeded(made));
  return std::move(*made);
}

std::vector<neighbor> all_of(const changing& index) {
  const auto found = index.search(memory_rows().row(0), {.k = std::max<std::size_t>(index.size(), 1)});
  EXPECT_TRUE(succeeded(found));
  return {found->begin(), found->end()};
}

// change(index) on an index of n vectors, its first, second, ... allocation failing until it needs no more.
// before(index) comes first, with memory.
template <class Before, class Change>
void expect_all_or_nothing(std::size_t n, std::size_t at_least, const Before& before, const Change& change) {
  for (const bool and_all_after : {false, true}) {
    std::size_t failures = 0;
    for (bool done = false; !done; ++failures) {
      ASSERT_LT(failures, 200u);
      const std::size_t live = allocations.live;
      {
        auto index = filled(n);
        before(index);
        const auto vectors = all_of(index);
        allocations.reset();
        allocations.fail_at = failures;
        allocations.and_all_after = and_all_after;
        const auto outcome = change(index);
        allocations.fail_at = fuzz::allocation_counter::never;
        done = outcome.has_value();
        if (!done) {
          EXPECT_EQ(code_of(outcome), errc::out_of_memory);
          EXPECT_EQ(all_of(index), vectors);
          EXPECT_TRUE(succeeded(change(index))) << "there is memory again";
        }
        EXPECT_NE(all_of(index), vectors);
        EXPECT_EQ(all_of(index).size(), index.size());
      }
      EXPECT_EQ(allocations.live, live) << "a leak when allocation " << failures << " fails";
    }
    EXPECT_GE(failures, at_least + 1);
  }
}

class mutable_index_memory : public ::testing::Test {
 protected:
  void TearDown() override { allocations.fail_at = fuzz::allocation_counter::never; }
  static std::span<const float> fresh() { return memory_rows().row(adjacency::chunk_nodes + 50); }
  static void nothing(changing& /*index*/) {}
};

TEST_F(mutable_index_memory, that_runs_out_leaves_additions_undone) {
  const auto add = [](changing& index) { return index.add(unknown, fresh()); };
  expect_all_or_nothing(20, 5, nothing, add);
  expect_all_or_nothing(48, 6, nothing, add);  // the labels' table doubles
}

TEST_F(mutable_index_memory, that_runs_out_leaves_growing_undone) {
  const auto add = [](changing& index) { return index.add(unknown, fresh()); };
  expect_all_or_nothing(adjacency::chunk_nodes, 12, nothing, add);
}

TEST_F(mutable_index_memory, that_runs_out_leaves_removals_undone) {
  expect_all_or_nothing(30, 6, nothing, [](changing& index) { return index.remove(7); });
}

TEST_F(mutable_index_memory, that_runs_out_leaves_updates_undone) {
  const auto update = [](changing& index) { return index.update(7, fresh()); };
  expect_all_or_nothing(30, 8, nothing, update);
  expect_all_or_nothing(30, 1, [](changing& index) { ASSERT_TRUE(succeeded(index.remove(3))); }, update);
}

TEST_F(mutable_index_memory, that_runs_out_leaves_an_index_uncompacted) {
  for (std::size_t n = 0;; ++n) {
    auto index = filled(300);
    for (label id = 0; id < 200; ++id) ASSERT_TRUE(succeeded(index.remove(id)));
    const auto vectors = all_of(index);
    allocations.reset();
    allocations.fail_at = n;
    const auto outcome = index.compact();
    allocations.fail_at = fuzz::allocation_counter::never;
    EXPECT_EQ(all_of(index), vectors);
    EXPECT_TRUE(succeeded(index.add(unknown, fresh())));
    if (outcome) {
      EXPECT_GE(n, 10u);
      break;
    }
    EXPECT_EQ(code_of(outcome), errc::out_of_memory);
  }
}

TEST_F(mutable_index_memory, that_runs_out_ends_training_gets_and_searches_with_its_name) {
  auto store = memory_store<float>::create(memory_rows().view());
  for (const bool with_store : {false, true}) {
    for (std::size_t n = 0;; ++n) {
      const auto index = filled(50);
      allocations.reset();
      allocations.fail_at = n;
      const auto found = with_store ? index.search(fresh(), {}, *store) : index.search(fresh());
      allocations.fail_at = fuzz::allocation_counter::never;
      EXPECT_TRUE(succeeded(index.search(fresh())));
      if (found) {
        EXPECT_GE(n, 5u);
        break;
      }
      EXPECT_EQ(code_of(found), errc::out_of_memory);
    }
  }
  std::vector<float> got(memory_rows().dim);
  for (std::size_t n = 0;; ++n) {
    const auto index = filled(50);
    allocations.reset();
    allocations.fail_at = n;
    const auto outcome = index.get(7, got);
    allocations.fail_at = fuzz::allocation_counter::never;
    EXPECT_TRUE(succeeded(index.get(7, got)));
    if (outcome) {
      EXPECT_GE(n, 2u);
      break;
    }
    EXPECT_EQ(code_of(outcome), errc::out_of_memory);
  }
  for (std::size_t n = 0;; ++n) {
    const std::size_t live = allocations.live;
    allocations.reset();
    allocations.fail_at = n;
    {
      const auto trained = changing::train(memory_rows().view());
      allocations.fail_at = fuzz::allocation_counter::never;
      if (trained) {
        EXPECT_GE(n, 3u);
        break;
      }
      EXPECT_EQ(code_of(trained), errc::out_of_memory);
    }
    EXPECT_EQ(allocations.live, live);
  }
}

TEST_F(mutable_index_memory, is_allocated_by_nothing_but_growth_once_all_is_warm) {
  auto index = filled(200);
  const auto churn = [&] {
    for (label id = 0; id < 200; ++id) {
      ASSERT_TRUE(succeeded(index.update(id, fresh())));
      ASSERT_TRUE(succeeded(index.remove(id)));
      ASSERT_TRUE(succeeded(index.add(id, memory_rows().row(id))));
    }
  };
  churn();
  churn();
  allocations.reset();
  churn();
  EXPECT_EQ(allocations.calls, 0u);
}

}  // namespace
}  // namespace thimble
