// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <thimble/core/random.hpp>
#include <thimble/graph/packed_links.hpp>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

using link_lists = std::vector<std::vector<node>>;

expected<packed_links> packed(const link_lists& lists) {
  return packed_links::pack(lists.size(), [&](node x) { return std::span<const node>(lists[x]); });
}

link_lists unpacked(const packed_links& links) {
  link_lists lists(links.size());
  for (node x = 0; x < links.size(); ++x) links.for_each(x, [&](node y) { lists[x].push_back(y); });
  return lists;
}

// Half of the links near, half anywhere.
link_lists random_lists(std::size_t n, std::size_t most, std::uint64_t seed) {
  random_generator random(seed);
  link_lists lists(n);
  for (std::size_t x = 0; x < n; ++x) {
    for (std::uint64_t i = random.below(most + 1); i > 0; --i) {
      const std::uint64_t near = (x + n + random.below(20) - 10) % n;
      lists[x].push_back(static_cast<node>(random.below(2) == 0 ? near : random.below(n)));
    }
    std::ranges::sort(lists[x]);
    const auto [first, last] = std::ranges::unique(lists[x]);
    lists[x].erase(first, last);
    std::erase(lists[x], static_cast<node>(x));
  }
  return lists;
}

struct packed_parts {
  std::size_t n;
  link_widths widths;
  std::vector<std::byte> lists;

  explicit packed_parts(const packed_links& of)
      : n(of.size()), widths(of.widths()), lists(of.lists().begin(), of.lists().end()) {}

  [[nodiscard]] expected<packed_links> read(std::size_t most = 32) const {
    return packed_links::from_parts(n, widths, aligned_buffer<std::byte>::borrow(lists), most);
  }
};

TEST(packed_links, hold_what_was_put_in) {
  for (const std::size_t n : {1u, 2u, 50u, 3000u}) {
    for (const std::size_t most : {0u, 1u, 14u, 128u}) {
      const link_lists lists = random_lists(n, most, n + most);
      const auto links = packed(lists);
      ASSERT_TRUE(succeeded(links));
      EXPECT_EQ(unpacked(*links), lists) << n << " nodes, up to " << most;
      const packed_parts in_file(*links);
      const auto read = in_file.read(128);
      ASSERT_TRUE(succeeded(read));
      EXPECT_EQ(unpacked(*read), lists);
    }
  }
}

TEST(packed_links, of_no_nodes_are_empty) {
  EXPECT_EQ(packed_links().size(), 0u);
  const auto none = packed({});
  ASSERT_TRUE(succeeded(none));
  EXPECT_EQ(none->size(), 0u);
}

TEST(packed_links, to_the_ends_of_the_range_are_kept) {
  constexpr node last = (std::uint32_t{1} << 31) - 2;
  EXPECT_EQ(detail::first_link(0, detail::first_difference(0, last)), last);
  EXPECT_EQ(detail::first_link(last, detail::first_difference(last, 0)), 0);
  EXPECT_EQ(detail::first_link(5, detail::first_difference(5, 4)), 4);
  EXPECT_EQ(detail::first_link(5, detail::first_difference(5, 6)), 6);
}

TEST(packed_links, near_ones_take_few_bits) {
  link_lists near(10'000);
  for (node x = 0; x < near.size(); ++x)
    for (node y = x < 8 ? 0 : x - 8; y < std::min<std::size_t>(x + 9, near.size()); ++y)
      if (y != x) near[x].push_back(y);
  const auto links = packed(near);
  ASSERT_TRUE(succeeded(links));
  // 16 links: a byte, 2 bits and 1 bit each (5 for the first).
  EXPECT_LE(static_cast<double>(links->lists().size()) / 10'000, 8);
}

TEST(best_widths, fit_the_sizes_that_there_are) {
  std::array<std::uint64_t, 33> sizes{};
  sizes[3] = 100;
  EXPECT_EQ(best_widths(sizes)[3], 3);
  sizes[20] = 1;
  const link_widths two = best_widths(sizes);
  EXPECT_TRUE(std::ranges::is_sorted(two));
  EXPECT_EQ(two[3], 20);
  EXPECT_TRUE(std::ranges::count(two, 3) > 0) << "one far link widens no near one";
  sizes.fill(1);
  EXPECT_EQ(best_widths(sizes)[3], 32);
}

TEST(packed_links, parts_of_a_wrong_size_are_corrupt) {
  const packed_parts good(*packed(random_lists(100, 14, 1)));
  ASSERT_TRUE(succeeded(good.read()));
  EXPECT_EQ(code_of(good.read(5)), errc::corrupt) << "more links than the graph's degree";
  packed_parts bad = good;
  bad.n += 1;
  EXPECT_EQ(code_of(bad.read()), errc::corrupt);
  bad = good;
  bad.n -= 1;
  EXPECT_EQ(code_of(bad.read()), errc::corrupt);
  bad = good;
  bad.n = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(code_of(bad.read()), errc::corrupt);
  bad = good;
  bad = good;
  bad.lists.pop_back();
  EXPECT_EQ(code_of(bad.read()), errc::corrupt);
  bad = good;
  bad.lists.back() = std::byte{1};
  EXPECT_EQ(code_of(bad.read()), errc::corrupt);
  bad = good;
  bad.lists.resize(3);
  EXPECT_EQ(code_of(bad.read()), errc::corrupt);
  for (const link_widths widths : {link_widths{0, 1, 2, 3}, {4, 3, 5, 6}, {1, 2, 3, 33}}) {
    bad = good;
    bad.widths = widths;
    EXPECT_EQ(code_of(bad.read()), errc::corrupt);
  }
}

// Whatever a list holds, reading it is refused or gives nodes.
TEST(packed_links, random_bytes_do_no_harm) {
  const packed_parts good(*packed(random_lists(60, 14, 2)));
  random_generator random(3);
  int accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    packed_parts bad = good;
    for (std::uint64_t i = random.below(3); i < 3; ++i)
      bad.lists[random.below(bad.lists.size() - packed_links::slack)] = static_cast<std::byte>(random.below(256));
    const auto links = bad.read();
    if (!links) {
      EXPECT_EQ(code_of(links), errc::corrupt);
      continue;
    }
    ++accepted;
    for (const auto& list : unpacked(*links)) {
      EXPECT_LE(list.size(), 32u);
      EXPECT_TRUE(std::ranges::is_sorted(list));
      EXPECT_TRUE(std::ranges::all_of(list, [&](node y) { return y < links->size(); }));
    }
  }
  EXPECT_GT(accepted, 10);
  EXPECT_LT(accepted, 2500);
}

}  // namespace
}  // namespace thimble
