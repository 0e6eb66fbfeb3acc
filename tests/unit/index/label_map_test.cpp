// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The map against std::unordered_map.

#include <gtest/gtest.h>

#include <limits>
#include <thimble/core/random.hpp>
#include <thimble/index/label_map.hpp>
#include <unordered_map>
#include <vector>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

// The map with the labels it asks for.
class labelled_nodes {
 public:
  [[nodiscard]] auto label_of() const {
    return [this](node x) { return labels_[x]; };
  }
  [[nodiscard]] node find(label id) const { return map_.find(id, label_of()); }
  node insert(label id) {
    labels_.push_back(id);
    EXPECT_TRUE(succeeded(map_.reserve(map_.size() + 1, label_of())));
    map_.insert(static_cast<node>(labels_.size() - 1), label_of());
    return static_cast<node>(labels_.size() - 1);
  }
  node replace(label id) {
    labels_.push_back(id);
    map_.replace(id, static_cast<node>(labels_.size() - 1), label_of());
    return static_cast<node>(labels_.size() - 1);
  }
  void erase(label id) { map_.erase(id, label_of()); }
  [[nodiscard]] label_map& map() { return map_; }

 private:
  std::vector<label> labels_;
  label_map map_;
};

TEST(label_map, an_empty_one_knows_nothing_and_takes_no_memory) {
  const labelled_nodes nodes;
  EXPECT_EQ(nodes.find(0), no_node);
  EXPECT_EQ(nodes.find(std::numeric_limits<label>::max()), no_node);
  EXPECT_EQ(label_map().bytes(), 0u);
}

TEST(label_map, knows_any_64_bit_label) {
  labelled_nodes nodes;
  std::vector<label> ids;
  for (unsigned bit = 0; bit < 64; ++bit) ids.push_back(label{1} << bit);
  ids.push_back(0);
  ids.push_back(std::numeric_limits<label>::max());
  for (const label id : ids) EXPECT_EQ(nodes.find(id), no_node);
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(nodes.insert(ids[i]), i);
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(nodes.find(ids[i]), i);
  EXPECT_EQ(nodes.map().size(), ids.size());
}

TEST(label_map, is_at_most_three_quarters_and_at_least_three_eighths_full) {
  labelled_nodes nodes;
  for (label id = 0; id < 10'000; ++id) {
    nodes.insert(id);
    const std::size_t places = nodes.map().bytes() / sizeof(node), n = nodes.map().size();
    ASSERT_LE(4 * n, 3 * places);
    if (n > 48) {
      ASSERT_GE(8 * n, 3 * places);
    }
  }
}

TEST(label_map, gives_the_node_that_came_last) {
  labelled_nodes nodes;
  for (label id = 0; id < 100; ++id) nodes.insert(id);
  for (label id = 0; id < 100; id += 3) {
    const node latest = nodes.replace(id);
    EXPECT_EQ(nodes.find(id), latest);
  }
  EXPECT_EQ(nodes.map().size(), 100u);
  for (label id = 0; id < 100; ++id) EXPECT_EQ(nodes.find(id) >= 100, id % 3 == 0);
}

// Few labels, so that clusters wrap round the end and holes fall everywhere in them.
TEST(label_map, does_what_a_reference_does) {
  for (const std::size_t n_labels : {5u, 45u, 48u, 300u, 5000u}) {
    labelled_nodes nodes;
    std::unordered_map<label, node> reference;
    random_generator random(n_labels);
    for (int step = 0; step < 20'000; ++step) {
      const label id = mix(random.below(n_labels));
      const bool known = reference.contains(id);
      if (!known) {
        reference[id] = nodes.insert(id);
      } else if (random.below(2) == 0) {
        nodes.erase(id);
        reference.erase(id);
      } else {
        reference[id] = nodes.replace(id);
      }
      ASSERT_EQ(nodes.map().size(), reference.size());
      const label other = mix(random.below(n_labels));
      const auto expected_node = reference.find(other);
      ASSERT_EQ(nodes.find(other), expected_node == reference.end() ? no_node : expected_node->second);
    }
    for (const auto& [id, x] : reference) ASSERT_EQ(nodes.find(id), x);
  }
}

// As many inserts as are undone never make it grow: nothing is left of what was erased.
TEST(label_map, does_not_grow_from_erasing) {
  labelled_nodes nodes;
  for (label id = 0; id < 40; ++id) nodes.insert(id);
  const std::size_t bytes = nodes.map().bytes();
  for (label id = 40; id < 20'000; ++id) {
    nodes.erase(id - 40);
    nodes.insert(id);
  }
  EXPECT_EQ(nodes.map().bytes(), bytes);
  EXPECT_EQ(nodes.find(19'959), no_node);
  EXPECT_NE(nodes.find(19'960), no_node);
}

TEST(label_map, that_cannot_grow_is_as_it_was) {
  labelled_nodes nodes;
  for (label id = 0; id < 30; ++id) nodes.insert(id);
  const std::size_t bytes = nodes.map().bytes();
  EXPECT_EQ(test::code_of(nodes.map().reserve(std::numeric_limits<std::size_t>::max() / 8, nodes.label_of())),
            errc::out_of_memory);
  EXPECT_EQ(nodes.map().bytes(), bytes);
  for (label id = 0; id < 30; ++id) EXPECT_EQ(nodes.find(id), id);
}

}  // namespace
}  // namespace thimble
