// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The second file of a program that includes the library.

#include <array>
#include <cstddef>
#include <thimble/thimble.hpp>

std::size_t nearest_in_second_file(const thimble::matrix_view<float>& points, const std::array<float, 2>& query) {
  const auto index = thimble::index<thimble::sq8>::build(points);
  auto store = thimble::memory_store<float>::create(points);
  if (!index || !store) return points.size();
  const auto hits = index->search(query, {.k = 1, .rerank = 4}, *store);
  return hits && hits->size() == 1 ? static_cast<std::size_t>((*hits)[0].id) : points.size();
}
