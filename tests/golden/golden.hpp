// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What the committed files were made of, and how their hits are printed: one text for every compiler, instruction set
// and engine. Nothing here may change without making the files again (README.md).

#pragma once

#include <array>
#include <bit>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <thimble/thimble.hpp>
#include <vector>

namespace thimble::golden {

struct golden_file {
  const char* name;
  quantizer_kind quantizer;
  thimble::metric metric;
  std::size_t least_found;       // of the 200 true neighbours of all queries, with rerank
  bool sevenths = false;         // of the vectors that others are of: no halfs, so that the file is of version 4
  std::optional<float> gamma{};  // the default, with ef 40: the file is of version 5
};

inline constexpr std::array files = {
    golden_file{"float32_cosine", kind_of<float32>, metric::cosine, 190},
    golden_file{"sq8_l2", kind_of<sq8>, metric::l2, 190},
    golden_file{"sq8_ip", kind_of<sq8>, metric::inner_product, 190},
    golden_file{"float16_l2", kind_of<float16>, metric::l2, 190},
    golden_file{"sq4_l2", kind_of<sq4>, metric::l2, 190},
    golden_file{"rabitq1_cosine", kind_of<rabitq<1>>, metric::cosine, 180},
    golden_file{"rabitq4_ip", kind_of<rabitq<4>>, metric::inner_product, 190},
    golden_file{"rabitq8_l2", kind_of<rabitq<8>>, metric::l2, 190},
    golden_file{"rabitq1_l2_sevenths", kind_of<rabitq<1>>, metric::l2, 180, true},
    golden_file{"sq4_l2_gamma", kind_of<sq4>, metric::l2, 180, false, .25f},
};

inline constexpr std::size_t n = 200;
inline constexpr std::size_t n_queries = 20;
inline constexpr std::size_t dim = 25;  // odd: every kernel has a tail
inline constexpr std::size_t ef = 40;
inline constexpr build_options options = {.m = 6, .ef_construction = 60, .seed = 2026};

// Whole numbers in -50..50, half of each from one of ten centres: exact in float whatever computes them.
inline std::vector<float> whole_numbers(std::size_t rows, std::uint64_t seed) {
  random_generator centres(7);
  std::array<std::array<std::int64_t, dim>, 10> centre;
  for (auto& c : centre)
    for (auto& value : c) value = static_cast<std::int64_t>(centres.below(51)) - 25;
  random_generator random(seed);
  std::vector<float> values(rows * dim);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto& from = centre[static_cast<std::size_t>(random.below(10))];
    for (std::size_t j = 0; j < dim; ++j)
      values[i * dim + j] = static_cast<float>(from[j] + static_cast<std::int64_t>(random.below(51)) - 25);
  }
  return values;
}

inline const std::vector<float>& vectors() {
  static const std::vector<float> made = whole_numbers(n, 1);
  return made;
}

inline const std::vector<float>& queries() {
  static const std::vector<float> made = whole_numbers(n_queries, 2);
  return made;
}

inline const std::vector<float>& sevenths() {
  static const std::vector<float> made = [] {
    std::vector<float> values = vectors();
    for (float& value : values) value /= 7;
    return values;
  }();
  return made;
}

inline matrix_view<float> view(const golden_file& file) {
  return {(file.sevenths ? sevenths() : vectors()).data(), n, dim};
}

inline std::string path_of(const std::string& folder, const golden_file& file) {
  return folder + "/" + file.name + ".thimble";
}

// The whole file at a 64-byte boundary; empty where it cannot be read.
inline aligned_buffer<std::byte> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  auto bytes = aligned_buffer<std::byte>::create(static_cast<std::size_t>(file.tellg()));
  if (!bytes) return {};
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes->data()), static_cast<std::streamsize>(bytes->size()));
  return std::move(*bytes);
}

inline search_params params_of(const golden_file& file, std::size_t rerank) {
  return {.k = 10, .ef = file.gamma ? 0u : ef, .rerank = rerank};
}

// A line for each query without and with rerank: "name query rerank: id:distance's bits ...". An error is a line too.
inline std::string hits_of(const std::string& folder, const golden_file& file, simd::isa set) {
  const auto failed = [&](const error& why) { return std::string(file.name) + ": " + why.message + "\n"; };
  auto store = memory_store<float>::create(view(file));
  if (!store) return failed(store.error());
  const auto opened = any_index::open(read_file(path_of(folder, file)), {.simd = set});
  if (!opened) return failed(opened.error());
  std::string text;
  for (std::size_t i = 0; i < n_queries; ++i) {
    for (const std::size_t rerank : {0u, 20u}) {
      const auto hits = opened->search(std::span(queries()).subspan(i * dim, dim), params_of(file, rerank), *store);
      if (!hits) return failed(hits.error());
      text += std::string(file.name) + " " + std::to_string(i) + " " + std::to_string(rerank) + ":";
      for (const neighbor& hit : *hits) {
        std::array<char, 64> one{};
        (void)std::snprintf(one.data(), one.size(), " %" PRIu64 ":%08" PRIx32, hit.id,
                            std::bit_cast<std::uint32_t>(hit.distance));
        text += one.data();
      }
      text += "\n";
    }
  }
  return text;
}

// Parameters and codes that a quantizer makes of vectors that are no whole numbers: their checksums.
template <quantizer Quantizer>
std::string codes_of(metric m, const simd::kernel_set& kernels) {
  const std::vector<float>& values = sevenths();
  const matrix_view<float> rows(values.data(), values.size() / 100, 100);
  const std::string title = std::string(Quantizer::name) + " " + std::string(name(m));
  const auto trained = Quantizer::train(rows, m, {.kernels = kernels, .seed = options.seed});
  if (!trained) return title + ": " + trained.error().message + "\n";
  auto codes = aligned_buffer<std::byte>::create(rows.size() * trained->code_bytes());
  auto scratch = aligned_buffer<std::byte>::create(trained->encode_scratch_bytes());
  if (!codes || !scratch) return title + ": no memory\n";
  for (std::size_t i = 0; i < rows.size(); ++i)
    trained->encode(kernels, std::span(values).subspan(i * 100, 100), scratch->data(),
                    codes->data() + i * trained->code_bytes());
  std::array<char, 64> hashes{};
  (void)std::snprintf(hashes.data(), hashes.size(), ": %016" PRIx64 " %016" PRIx64 "\n",
                      checksum(trained->parameters()), checksum(codes->span()));
  return title + hashes.data();
}

template <quantizer... Quantizers>
std::string codes_of_each(any_index_of<Quantizers...>* /*list*/, const simd::kernel_set& kernels) {
  std::string text;
  for (const metric m : {metric::l2, metric::inner_product}) text += (codes_of<Quantizers>(m, kernels) + ...);
  return text;
}

inline std::string codes_of_all(simd::isa set) {
  return codes_of_each(static_cast<any_index*>(nullptr), **simd::kernels_for(set));
}

inline std::string hits_of_all(const std::string& folder, simd::isa set) {
  std::string text;
  for (const golden_file& file : files) text += hits_of(folder, file, set);
  return text;
}

}  // namespace thimble::golden
