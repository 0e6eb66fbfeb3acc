// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What the tests search in: the bundled pictures, and vectors made from a seed.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <thimble/core/bytes.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/random.hpp>
#include <vector>

namespace thimble::test {

// Rows of floats that own themselves.
struct float_vectors {
  std::size_t dim = 0;
  std::vector<float> values{};

  [[nodiscard]] std::size_t size() const { return dim == 0 ? 0 : values.size() / dim; }
  [[nodiscard]] std::span<const float> row(std::size_t i) const { return std::span(values).subspan(i * dim, dim); }
  [[nodiscard]] std::span<float> row(std::size_t i) { return std::span(values).subspan(i * dim, dim); }
  [[nodiscard]] matrix_view<float> view() const { return {values.data(), size(), dim}; }
};

// A .u8bin file of tests/data: 784 values in 0..255 a row.
struct pictures {
  std::size_t dim = 0;
  std::vector<std::uint8_t> values{};

  [[nodiscard]] std::size_t size() const { return dim == 0 ? 0 : values.size() / dim; }
  [[nodiscard]] matrix_view<std::uint8_t> first(std::size_t n) const { return {values.data(), n, dim}; }
  [[nodiscard]] matrix_view<std::uint8_t> all() const { return first(size()); }
  [[nodiscard]] std::vector<float> row(std::size_t i) const {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(i * dim);
    return {begin, begin + static_cast<std::ptrdiff_t>(dim)};
  }
  [[nodiscard]] float_vectors floats(std::size_t n) const {
    return {.dim = dim, .values = {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n * dim)}};
  }
};

inline std::vector<std::byte> read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  std::vector<std::byte> bytes(static_cast<std::size_t>(file.tellg()));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

inline pictures load_pictures(const std::string& name) {
  const std::vector<std::byte> bytes = read_bytes(std::string(THIMBLE_TEST_DATA "/fashion-mnist/") + name);
  if (bytes.size() < 8) return {};
  const auto* values = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return {.dim = load_as<std::uint32_t>(bytes.data() + 4), .values = {values + 8, values + bytes.size()}};
}

inline const pictures& base_pictures() {
  static const pictures loaded = load_pictures("base.u8bin");
  return loaded;
}

inline const pictures& query_pictures() {
  static const pictures loaded = load_pictures("query.u8bin");
  return loaded;
}

// Values in [-1, 1) around a few centres, so that neighbours exist; the same on every platform.
inline float_vectors clustered_vectors(std::size_t n, std::size_t dim, std::uint64_t seed, std::size_t centres = 20) {
  random_generator random(seed);
  const auto draw = [&] { return static_cast<float>(2 * random.uniform() - 1); };
  std::vector<float> centre(centres * dim);
  std::ranges::generate(centre, draw);
  float_vectors made{.dim = dim, .values = std::vector<float>(n * dim)};
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t from = random.below(centres) * dim;
    for (std::size_t j = 0; j < dim; ++j) made.values[i * dim + j] = 0.7f * centre[from + j] + 0.3f * draw();
  }
  return made;
}

// Independent values in [-1, 1).
inline float_vectors random_vectors(std::size_t n, std::size_t dim, std::uint64_t seed) {
  random_generator random(seed);
  float_vectors made{.dim = dim, .values = std::vector<float>(n * dim)};
  std::ranges::generate(made.values, [&] { return static_cast<float>(2 * random.uniform() - 1); });
  return made;
}

}  // namespace thimble::test
