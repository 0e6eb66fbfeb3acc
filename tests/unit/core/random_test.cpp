// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/core/random.hpp>
#include <vector>

namespace thimble {
namespace {

TEST(random, is_splitmix64_as_it_was_published) {
  // The first numbers of java.util.SplittableRandom's generator, seed 1234567 (as in Rosetta Code's test vector).
  random_generator random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
  EXPECT_EQ(random.next(), 9817491932198370423u);
  EXPECT_EQ(random.next(), 4593380528125082431u);
  EXPECT_EQ(random.next(), 16408922859458223821u);
}

TEST(random, mix_numbers_a_position_without_state) {
  EXPECT_EQ(mix(1234567), 6457827717110365317u);
  EXPECT_NE(mix(0), mix(1));
}

TEST(random, below_stays_below_and_reaches_all) {
  random_generator random(1);
  std::vector<int> seen(10);
  for (int i = 0; i < 10'000; ++i) ++seen.at(static_cast<std::size_t>(random.below(10)));
  for (const int times : seen) EXPECT_NEAR(times, 1000, 150);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(random.below(1), 0u);
}

TEST(random, uniform_fills_the_unit_interval) {
  random_generator random(2);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double x = random.uniform();
    ASSERT_GE(x, 0.0);
    ASSERT_LT(x, 1.0);
    sum += x;
  }
  EXPECT_NEAR(sum / 10'000, .5, .02);
}

}  // namespace
}  // namespace thimble
