// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What is not seen as well through the inserter's, the remover's and reach_all's tests.

#include <gtest/gtest.h>

#include <algorithm>
#include <thimble/build/linker.hpp>
#include <thimble/quant/float32.hpp>
#include <vector>

#include "unit/support/coded.hpp"
#include "unit/support/links.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::succeeded;

// Node 0 has a full row, of 1, 2, 3 and 4, which is on its way out and alone leads to 5.
TEST(linker, a_row_that_is_written_again_still_leads_to_what_those_that_are_not_usable_led_to) {
  constexpr node leaving = 4, beyond = 5, fresh = 6;
  const test::coded<float32> line({.dim = 1, .values = {0, 1, 2, 3, 4, 5, 6}}, metric::l2);
  auto graph = adjacency::create(7, 2, 1);
  ASSERT_TRUE(succeeded(graph));
  graph->set_links(0, 0, std::vector<node>{1, 2, 3, leaving});
  graph->set_links(leaving, 0, std::vector<node>{beyond});
  const auto usable = [](node x) { return x != leaving; };
  insert_scratch scratch;
  ASSERT_TRUE(succeeded(scratch.reserve(*graph, 10, line.quantizer().query_bytes())));
  detail::linker<float32, decltype(usable), simd::code_rows> links(*graph, line.quantizer(), line.kernels(),
                                                                   line.rows(), usable);
  links.link_back(0, 0, fresh, scratch);
  auto row = test::links_of(*graph, 0, 0);
  std::ranges::sort(row);
  EXPECT_EQ(row, (std::vector<node>{1, 2, 3, fresh}));
  std::size_t n_leading = 0;
  for (const node x : row)
    n_leading += static_cast<std::size_t>(std::ranges::count(test::links_of(*graph, x, 0), beyond));
  EXPECT_EQ(n_leading, 1u);
}

}  // namespace
}  // namespace thimble
