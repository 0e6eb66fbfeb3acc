// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <thimble/core/random.hpp>
#include <thimble/search/candidate_queue.hpp>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

TEST(candidate_queue, gives_back_all_of_any_stream_in_order) {
  random_generator random(5);
  for (const std::size_t ef : {1u, 2u, 10u, 499u, 500u, 1000u}) {
    auto queue = candidate_queue::create(ef);
    ASSERT_TRUE(succeeded(queue));
    ASSERT_TRUE(succeeded(queue->make_room(500)));
    std::vector<candidate> all;
    for (node x = 0; x < 500; ++x) {
      const auto distance = static_cast<float>(random.below(100)) - 50;  // many ties
      queue->insert(distance, x);
      all.push_back(candidate::of(distance, x));
    }
    std::ranges::sort(all);
    for (std::size_t i = 0; i < all.size(); ++i) {
      ASSERT_TRUE(std::ranges::equal(queue->window(), std::span(all).subspan(i, std::min(ef, all.size() - i))));
      ASSERT_EQ(queue->take(), all[i]);
    }
    EXPECT_TRUE(queue->window().empty());
  }
}

TEST(candidate_queue, expands_the_nearest_of_its_window_once_each_wherever_they_were_meanwhile) {
  // Inserts, expansions and takes in any order, beside a plain model of the same.
  random_generator random(9);
  for (const std::size_t ef : {1u, 3u, 20u}) {
    auto queue = candidate_queue::create(ef);
    ASSERT_TRUE(succeeded(queue));
    std::vector<candidate> model;
    node fresh = 0;
    for (int step = 0; step < 5000; ++step) {
      const auto window = [&] { return std::span(model).first(std::min(ef, model.size())); };
      switch (random.below(5)) {
        case 0:
          if (model.empty()) break;
          ASSERT_EQ(queue->take(), model.front());
          model.erase(model.begin());
          break;
        case 1:
        case 2: {
          const auto next = std::ranges::find_if(window(), [](candidate c) { return !c.expanded(); });
          ASSERT_EQ(queue->expand_next(), next == window().end() ? no_node : next->id());
          if (next != window().end()) next->key |= 1;
          break;
        }
        default: {
          const auto distance = static_cast<float>(random.below(1000));
          ASSERT_TRUE(succeeded(queue->make_room(1)));
          queue->insert(distance, fresh);
          const candidate made = candidate::of(distance, fresh++);
          model.insert(std::ranges::upper_bound(model, made), made);
        }
      }
      ASSERT_TRUE(std::ranges::equal(queue->window(), window()));
    }
  }
}

TEST(candidate_queue, a_size_that_no_machine_has_is_out_of_memory) {
  constexpr std::size_t huge = std::numeric_limits<std::size_t>::max() / 4;
  EXPECT_EQ(test::code_of(candidate_queue::create(huge)), errc::out_of_memory);
  auto queue = candidate_queue::create(2);
  EXPECT_EQ(test::code_of(queue->make_room(huge)), errc::out_of_memory);
  EXPECT_TRUE(succeeded(queue->make_room(2)));
}

}  // namespace
}  // namespace thimble
