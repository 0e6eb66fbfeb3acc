// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A small index, and what it finds with its vectors in memory: every other store gives the same hits.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thimble/core/matrix_view.hpp>
#include <thimble/index/index.hpp>
#include <thimble/quant/rabitq.hpp>
#include <thimble/store/memory_store.hpp>
#include <thimble/store/store.hpp>
#include <vector>

#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble::test {

inline constexpr std::size_t n_searched_rows = 600;
inline constexpr std::size_t searched_dim = 40;

// Whole numbers 0..255: vectors of every element type but int8 can hold them.
inline const std::vector<std::uint8_t>& searched_values() {
  static const std::vector<std::uint8_t> made = [] {
    const float_vectors drawn = clustered_vectors(n_searched_rows, searched_dim, 3);
    std::vector<std::uint8_t> values;
    for (const float x : drawn.values)
      values.push_back(static_cast<std::uint8_t>(std::clamp(x * 60 + 128, 0.f, 255.f)));
    return values;
  }();
  return made;
}

inline const float_vectors& searched_rows() {
  static const float_vectors made{searched_dim, {searched_values().begin(), searched_values().end()}};
  return made;
}

inline const index<rabitq<4>>& searched_index() {
  static const expected<index<rabitq<4>>> made = index<rabitq<4>>::build(searched_rows().view());
  return *made;
}

// Both policies, and fewer rows than k too.
template <store Store>
void expect_hits_of_memory(Store& from) {
  const auto memory = memory_store<float>::create(searched_rows().view());
  ASSERT_TRUE(succeeded(memory));
  EXPECT_EQ(from.fingerprint(), memory->fingerprint());
  for (const auto policy : {rerank_policy::bound, rerank_policy::fixed})
    for (const std::size_t rerank : {5u, 50u})
      for (std::size_t i = 0; i < n_searched_rows; i += 29) {
        std::vector<float> query(searched_rows().row(i).begin(), searched_rows().row(i).end());
        for (float& value : query) value += 3;
        const search_params params{.k = 10, .ef = 60, .rerank = rerank, .rerank_by = policy};
        const auto wanted = searched_index().search(query, params, *memory);
        const auto found = searched_index().search(query, params, from);
        ASSERT_TRUE(succeeded(wanted));
        ASSERT_TRUE(succeeded(found));
        EXPECT_TRUE(std::ranges::equal(*found, *wanted)) << "query " << i << ", rerank " << rerank;
      }
}

}  // namespace thimble::test
