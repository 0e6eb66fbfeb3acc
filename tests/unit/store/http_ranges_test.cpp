// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/store/http_ranges.hpp>

#include <cstdint>
#include <numeric>
#include <vector>

namespace thimble {
namespace {

namespace http_ranges_cases {

using detail::first_http_range;
using detail::http_range;

constexpr vector_layout floats{
    .type = element_type::float32, .n = 1'000'000, .dim = 25, .offset = 8, .stride_bytes = 100, .row_prefix_bytes = 0};

std::vector<http_range> ranges_of(std::span<const node> nodes, const vector_layout& layout, std::uint64_t largest_gap) {
  std::vector<http_range> ranges;
  for (std::size_t at = 0; at < nodes.size(); at += ranges.back().rows)
    ranges.push_back(first_http_range(nodes.subspan(at), layout, largest_gap));
  return ranges;
}

TEST(http_ranges, rows_side_by_side_are_one_range) {
  const std::vector<node> nodes{3, 4, 5};
  EXPECT_EQ(ranges_of(nodes, floats, 0), (std::vector<http_range>{{.offset = 308, .bytes = 300, .rows = 3}}));
}

TEST(http_ranges, a_gap_is_joined_up_to_the_limit_and_no_further) {
  const std::vector<node> nodes{10, 12, 15};  // gaps of 100 and 200 bytes
  const http_range first{.offset = 1008, .bytes = 100, .rows = 1};
  const http_range second{.offset = 1208, .bytes = 100, .rows = 1};
  const http_range third{.offset = 1508, .bytes = 100, .rows = 1};
  EXPECT_EQ(ranges_of(nodes, floats, 0), (std::vector{first, second, third}));
  EXPECT_EQ(ranges_of(nodes, floats, 99), (std::vector{first, second, third}));
  EXPECT_EQ(ranges_of(nodes, floats, 100), (std::vector<http_range>{{.offset = 1008, .bytes = 300, .rows = 2}, third}));
  EXPECT_EQ(ranges_of(nodes, floats, 200), (std::vector<http_range>{{.offset = 1008, .bytes = 600, .rows = 3}}));
}

TEST(http_ranges, prefixes_of_rows_come_along) {
  constexpr vector_layout prefixed{
      .type = element_type::uint8, .n = 50, .dim = 6, .offset = 4, .stride_bytes = 10, .row_prefix_bytes = 4};
  const std::vector<node> nodes{0, 49};
  EXPECT_EQ(ranges_of(nodes, prefixed, 0),
            (std::vector<http_range>{{.offset = 0, .bytes = 10, .rows = 1}, {.offset = 490, .bytes = 10, .rows = 1}}));
}

TEST(http_ranges, a_range_stays_within_its_limit) {
  std::vector<node> all(30'000);
  std::iota(all.begin(), all.end(), 0u);
  const auto ranges = ranges_of(all, floats, 0);
  EXPECT_EQ(ranges.size(), 3u);  // 3 MB
  std::uint64_t end = 8;
  for (const http_range& range : ranges) {
    EXPECT_EQ(range.offset, end);
    EXPECT_EQ(range.bytes, range.rows * 100u);
    EXPECT_LE(range.bytes, detail::largest_http_range);
    end += range.bytes;
  }
  EXPECT_EQ(end, 8u + 3'000'000);
}

// The widest row of the largest file: no product wraps.
TEST(http_ranges, the_end_of_the_largest_file_is_found) {
  constexpr std::uint64_t stride = std::uint64_t{max_dim} * 4;
  constexpr vector_layout largest{
      .type = element_type::float32, .n = max_nodes, .dim = max_dim, .offset = 8, .stride_bytes = stride};
  const std::vector<node> nodes{0, max_nodes - 1};
  EXPECT_EQ(
      ranges_of(nodes, largest, ~std::uint64_t{0}),
      (std::vector<http_range>{{.offset = 8, .bytes = stride, .rows = 1},
                               {.offset = 8 + (std::uint64_t{max_nodes} - 1) * stride, .bytes = stride, .rows = 1}}));
  EXPECT_LE(4 * stride, detail::largest_http_range);
}

TEST(http_ranges, one_row_twice_or_out_of_order_begins_a_new_range) {
  const std::vector<node> nodes{7, 7, 8, 2};
  EXPECT_EQ(ranges_of(nodes, floats, 1000), (std::vector<http_range>{{.offset = 708, .bytes = 100, .rows = 1},
                                                                     {.offset = 708, .bytes = 200, .rows = 2},
                                                                     {.offset = 208, .bytes = 100, .rows = 1}}));
}

}  // namespace http_ranges_cases

}  // namespace
}  // namespace thimble
