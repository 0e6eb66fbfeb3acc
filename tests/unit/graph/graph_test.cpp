// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/graph/adjacency.hpp>
#include <thimble/graph/graph.hpp>

#include "unit/support/archetypes.hpp"

namespace thimble {
namespace {

static_assert(graph<adjacency>);
static_assert(graph<test::minimal_graph>);
static_assert(!graph<int>);

TEST(graph, an_entry_point_is_nowhere_until_it_is_set) {
  EXPECT_EQ(entry_point{}.at, no_node);
  EXPECT_EQ(entry_point{}.level, 0u);
}

}  // namespace
}  // namespace thimble
