// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A stranger's program: an index of a few points, a search, the nearest one found.

#include <array>
#include <cstddef>
#include <cstdint>
#include <thimble/thimble.hpp>

std::size_t nearest_in_second_file(const thimble::matrix_view<float>& points, const std::array<float, 2>& query);

int main() {
  constexpr std::array<float, 8> values{0, 0, 0, 10, 10, 0, 10, 10};
  const thimble::matrix_view<float> points(values.data(), 4, 2);
  const std::array<float, 2> query{9, 1};

  const auto index = thimble::index<thimble::float32>::build(points);
  if (!index) return 1;
  const auto hits = index->search(query, {.k = 1});
  if (!hits || hits->size() != 1 || (*hits)[0].id != 2) return 2;
  return nearest_in_second_file(points, query) == 2 ? 0 : 3;
}
