// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Builds an index and searches it, in the file that includes this: `static`, so that each file has its own.

#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <thimble/thimble.hpp>
#include <vector>

// A number that depends on every hit and every bit of its distance; 0 when something failed.
template <class Quantizer>
static std::uint64_t digest_of_searches() {
  constexpr std::size_t n = 400;
  constexpr std::size_t dim = 48;
  std::vector<float> values(n * dim);
  std::uint32_t state = 1;
  for (float& value : values) {
    state = state * 1664525 + 1013904223;
    value = static_cast<float>(state >> 16) / 65536.0F;
  }
  const thimble::matrix_view<float> vectors(values.data(), n, dim);
  const auto index = thimble::index<Quantizer>::build(vectors, {.m = 8, .ef_construction = 40});
  auto store = thimble::memory_store<float>::create(vectors);
  if (!index || !store) return 0;

  std::uint64_t digest = 14695981039346656037U;
  for (std::size_t i = 0; i < n; i += 20) {
    const auto hits =
        index->search(std::span<const float>(values).subspan(i * dim, dim), {.k = 5, .ef = 20, .rerank = 10}, *store);
    if (!hits) return 0;
    for (const auto& hit : *hits) {
      digest = (digest ^ hit.id) * 1099511628211U;
      digest = (digest ^ std::bit_cast<std::uint32_t>(hit.distance)) * 1099511628211U;
    }
  }
  return digest;
}
