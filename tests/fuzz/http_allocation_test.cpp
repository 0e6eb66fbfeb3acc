// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Memory that runs out while an HTTP store is opened or read, at each single allocation, also with requests under way:
// one answer, out_of_memory, and nothing is left behind.

#include "fuzz/counting_allocator.hpp"

// Behind the hook that it replaces.
#include <gtest/gtest.h>

#include <vector>

#include "unit/io/vector_files.hpp"
#include "unit/support/http_server.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using fuzz::allocations;
using test::code_of;

// work() with its first, second, ... allocation failing until it needs no more.
template <class Work>
void expect_out_of_memory_over_http(std::size_t at_least, const Work& work) {
  for (std::size_t n = 0;; ++n) {
    ASSERT_LT(n, 100u);
    const std::size_t live = allocations.live;
    allocations.reset();
    allocations.fail_at = n;
    bool done = false;
    {
      const auto outcome = work();
      allocations.fail_at = fuzz::allocation_counter::never;
      done = outcome.has_value();
      EXPECT_EQ(code_of(outcome), done ? std::nullopt : std::optional(errc::out_of_memory)) << "allocation " << n;
    }
    EXPECT_EQ(allocations.live, live) << "allocation " << n;
    if (!done) continue;
    EXPECT_GE(n, at_least);
    return;
  }
}

TEST(out_of_memory_over_http, has_its_name_at_each_allocation) {
  test::byte_writer file;
  file.put(200u).put(3u).zeros(2400);
  test::http_server from(file.bytes());
  const http_options options{.largest_gap = 0, .most_requests = 3};
  const auto open = [&] { return test::open_served(from, "base.fbin", options); };
  // Source, address, opening, its room, the rows of the fingerprint, the read, and room for three requests.
  expect_out_of_memory_over_http(9, open);
  auto store = open();
  ASSERT_TRUE(test::succeeded(store));
  std::vector<float> out;
  expect_out_of_memory_over_http(4, [&] { return test::read_served(from, *store, {1, 50, 100, 150}, out); });
}

}  // namespace
}  // namespace thimble
