// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <limits>
#include <thimble/core/executor.hpp>
#include <thimble/index/node_table.hpp>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

TEST(node_table, grows_in_whole_chunks_of_empty_nodes) {
  node_table nodes(12);
  EXPECT_EQ(nodes.size(), 0u);
  for (const std::size_t n : {1u, 1024u, 1025u, 40'000u}) {
    ASSERT_TRUE(succeeded(nodes.grow(n)));
    EXPECT_EQ(nodes.size(), (n + 1023) / 1024 * 1024);
    for (const std::size_t x : {std::size_t{0}, n - 1, nodes.size() - 1})
      EXPECT_EQ(nodes.state(static_cast<node>(x)), node_state::empty);
  }
}

TEST(node_table, keeps_what_it_was_given_where_it_is) {
  node_table nodes(8);
  ASSERT_TRUE(succeeded(nodes.grow(4096)));
  const std::byte* first = nodes.code(0);
  const std::uint64_t code = 0x0123456789abcdefu;
  for (const node x : {0u, 17u, 4095u}) {
    std::memcpy(nodes.code(x), &code, 8);
    nodes.set_label(x, std::numeric_limits<label>::max() - x);
    nodes.set_state(x, node_state::live);
  }
  ASSERT_TRUE(succeeded(nodes.grow(100'000)));
  EXPECT_EQ(nodes.code(0), first);
  for (const node x : {0u, 17u, 4095u}) {
    EXPECT_EQ(nodes.label_of(x), std::numeric_limits<label>::max() - x);
    EXPECT_EQ(nodes.state(x), node_state::live);
    EXPECT_EQ(std::memcmp(simd::row_of(nodes.rows(), x), &code, 8), 0);
  }
  EXPECT_EQ(simd::row_of(nodes.rows(), 99'999), nodes.code(99'999));
}

TEST(node_table, that_cannot_grow_is_as_it_was) {
  node_table nodes(std::numeric_limits<std::size_t>::max() / 4);
  EXPECT_EQ(test::code_of(nodes.grow(1)), errc::out_of_memory);
  EXPECT_EQ(nodes.size(), 0u);
}

TEST(node_table, counts_vectors_that_are_linking_or_live) {
  node_table nodes(4);
  ASSERT_TRUE(succeeded(nodes.grow(1)));
  nodes.set_label(3, 30);
  for (const auto state : {node_state::empty, node_state::hidden, node_state::linking, node_state::live,
                           node_state::removed, node_state::unlinked}) {
    nodes.set_state(3, state);
    const bool counts = state == node_state::linking || state == node_state::live;
    EXPECT_EQ(nodes.at(3).counts(), counts);
    EXPECT_EQ(nodes.at(3).id, 30u);
    EXPECT_EQ(nodes.current(3), counts ? 3 : no_node);
  }
}

TEST(node_table, a_replaced_node_leads_to_the_last_of_its_label) {
  node_table nodes(4);
  ASSERT_TRUE(succeeded(nodes.grow(1)));
  nodes.set_label(9, 77);
  nodes.set_state(9, node_state::live);
  node last = 9;
  for (const node next : {4u, 11u, 5u}) {
    nodes.set_label(next, 77);
    nodes.set_state(next, node_state::hidden);
    EXPECT_EQ(nodes.current(next), no_node);
    nodes.supersede(last, next);
    last = next;
    for (const node x : {node{9}, next}) {
      EXPECT_EQ(nodes.current(x), next);
      EXPECT_EQ(nodes.label_of_seen(x), 77u);
    }
  }
  nodes.set_state(last, node_state::removed);
  EXPECT_EQ(nodes.current(9), no_node);
  EXPECT_EQ(nodes.label_of_seen(9), 77u) << "who saw it may still ask";
}

// Who reads state and label while a node is replaced gets both of before, or both of after.
TEST(node_table, state_and_label_are_of_one_moment) {
  node_table nodes(4);
  constexpr node n = 4000;
  ASSERT_TRUE(succeeded(nodes.grow(n + 1)));
  for (node x = 0; x <= n; ++x) {
    nodes.set_label(x, 1'000'000);
    nodes.set_state(x, x == 0 ? node_state::live : node_state::hidden);
  }
  std::atomic<node> last{0};
  std::atomic<std::size_t> wrong{0};
  thread_executor threads(3);
  threads.run([&](unsigned worker) {
    if (worker == 0) {
      for (node x = 0; x < n; ++x) {
        nodes.supersede(x, x + 1);
        last = x + 1;
      }
      return;
    }
    while (last < n && threads.workers() > 1) {
      const node x = last;
      const auto e = nodes.at(x);
      const bool before = e.state == node_state::live && e.id == 1'000'000;
      const bool after = e.state == node_state::superseded && e.id == x + 1;
      wrong += before || after ? 0 : 1;
      wrong += nodes.current(x) == no_node ? 1 : 0;
    }
  });
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(nodes.current(0), n);
}

}  // namespace
}  // namespace thimble
