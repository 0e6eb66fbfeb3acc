// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <thimble/core/random.hpp>
#include <thimble/search/label_filter.hpp>
#include <vector>

namespace thimble {
namespace {

std::vector<std::size_t> passing(const label_filter& filter, std::size_t n) {
  std::vector<std::size_t> all;
  for (std::size_t x = filter.next(0, n); x < n; x = filter.next(x + 1, n)) all.push_back(x);
  return all;
}

// What operator() says, one label after another.
std::vector<std::size_t> asked_one_by_one(const label_filter& filter, std::size_t n) {
  std::vector<std::size_t> all;
  for (std::size_t x = 0; x < n; ++x)
    if (filter(x)) all.push_back(x);
  return all;
}

TEST(label_filter, without_anything_said_all_pass) {
  const label_filter all;
  EXPECT_TRUE(all.passes_all());
  EXPECT_TRUE(all(0) && all(std::numeric_limits<label>::max()));
  EXPECT_EQ(all.n_passing(77), 77u);
  EXPECT_EQ(passing(all, 5).size(), 5u);
}

TEST(label_filter, allowed_bits_pass_and_labels_beyond_them_do_not) {
  const std::vector<std::uint64_t> bits{1ull | 1ull << 5 | 1ull << 63, 0, 1ull << 1};
  const auto filter = label_filter::allowed(bits);
  EXPECT_FALSE(filter.passes_all());
  EXPECT_EQ(passing(filter, 1000), (std::vector<std::size_t>{0, 5, 63, 129}));
  EXPECT_EQ(passing(filter, 129), (std::vector<std::size_t>{0, 5, 63})) << "only those below n";
  EXPECT_EQ(filter.n_passing(1000), 4u);
  EXPECT_EQ(filter.n_passing(129), 3u);
  EXPECT_EQ(filter.n_passing(0), 0u);
  EXPECT_FALSE(filter(std::numeric_limits<label>::max()));
}

TEST(label_filter, denied_bits_do_not_pass_and_labels_beyond_them_do) {
  const std::vector<std::uint64_t> bits{~0ull, ~0ull ^ 1ull << 7};
  const auto filter = label_filter::denied(bits);
  EXPECT_EQ(passing(filter, 131), (std::vector<std::size_t>{71, 128, 129, 130}));
  EXPECT_EQ(filter.n_passing(131), 4u);
  EXPECT_TRUE(filter(std::numeric_limits<label>::max()));
}

TEST(label_filter, a_predicate_is_asked) {
  const auto thirds = [](label id) { return id % 3 == 0; };
  const auto filter = label_filter::where(thirds);
  EXPECT_EQ(passing(filter, 10), (std::vector<std::size_t>{0, 3, 6, 9}));
  EXPECT_EQ(filter.n_passing(200), 67u) << "few labels: all were asked";
  EXPECT_NEAR(static_cast<double>(filter.n_passing(90'000)), 30'000, 8000) << "many: a sample of them";
}

TEST(label_filter, counts_and_walks_are_what_single_answers_say) {
  random_generator random(5);
  std::vector<std::uint64_t> bits(7);
  for (const unsigned share : {1u, 30u, 64u}) {
    for (std::uint64_t& word : bits) {
      word = 0;
      for (unsigned i = 0; i < share; ++i) word |= std::uint64_t{1} << random.below(64);
    }
    for (const std::size_t n : {0u, 1u, 63u, 64u, 65u, 448u, 500u}) {
      for (const auto& filter : {label_filter::allowed(bits), label_filter::denied(bits)}) {
        const auto truth = asked_one_by_one(filter, n);
        EXPECT_EQ(passing(filter, n), truth) << n;
        EXPECT_EQ(filter.n_passing(n), truth.size()) << n;
      }
    }
  }
}

}  // namespace
}  // namespace thimble
