// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
//   same_hits write FOLDER       builds indexes of the first bundled pictures and saves them in the folder
//   same_hits read FOLDER ISA    opens them, searches with that instruction set, prints every hit with its distance's
//   bits
//
// Prints "unavailable" when this processor has no such instruction set.

#include <bit>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <thimble/thimble.hpp>
#include <vector>

namespace {

constexpr std::size_t dim = 784;
constexpr std::size_t n = 1500;
constexpr std::size_t n_queries = 50;
constexpr std::size_t header_bytes = 8;

std::vector<std::uint8_t> first_rows(const std::string& name, std::size_t rows) {
  std::vector<std::uint8_t> values(rows * dim);
  std::ifstream file(std::string(THIMBLE_TEST_DATA "/fashion-mnist/") + name, std::ios::binary);
  file.seekg(header_bytes);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size()));
  if (!file) values.clear();
  return values;
}

int failed(const thimble::error& why) {
  std::printf("failed: %s\n", why.message);
  return 1;
}

template <class Quantizer>
int write(const std::string& path, const thimble::matrix_view<std::uint8_t>& vectors, thimble::metric metric) {
  const auto index = thimble::index<Quantizer>::build(vectors, {.metric = metric, .ef_construction = 60});
  if (!index) return failed(index.error());
  const auto saved = index->save(path.c_str());
  return saved ? 0 : failed(saved.error());
}

template <class Quantizer>
int read(const std::string& path, const thimble::matrix_view<std::uint8_t>& vectors, thimble::simd::isa set) {
  const auto index = thimble::index<Quantizer>::open(path.c_str(), {.simd = set});
  if (!index && index.error().code == thimble::errc::unsupported) {
    std::puts("unavailable");
    return 0;
  }
  if (!index) return failed(index.error());
  auto store = thimble::memory_store<std::uint8_t>::create(vectors);
  if (!store) return failed(store.error());

  const std::vector<std::uint8_t> query_bytes = first_rows("query.u8bin", n_queries);
  for (std::size_t i = 0; i < n_queries; ++i) {
    const std::vector<float> query(query_bytes.begin() + static_cast<std::ptrdiff_t>(i * dim),
                                   query_bytes.begin() + static_cast<std::ptrdiff_t>((i + 1) * dim));
    for (const std::size_t rerank : {std::size_t{0}, std::size_t{30}}) {
      const auto hits = index->search(query, {.k = 10, .ef = 40, .rerank = rerank}, *store);
      if (!hits) return failed(hits.error());
      for (const auto& hit : *hits)
        std::printf("%" PRIu64 ":%08" PRIx32 " ", hit.id, std::bit_cast<std::uint32_t>(hit.distance));
      std::puts("");
    }
  }
  return 0;
}

thimble::simd::isa isa_named(std::string_view wanted) {
  using enum thimble::simd::isa;
  for (const auto set : {scalar, avx2, avx512})
    if (name(set) == wanted) return set;
  return automatic;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  const std::vector<std::uint8_t> base = first_rows("base.u8bin", n);
  if (arguments.size() < 3 || base.empty()) return 2;
  const thimble::matrix_view<std::uint8_t> vectors(base.data(), n, dim);
  const std::string& folder = arguments[2];

  const auto all = [&](auto&& one) {
    using enum thimble::metric;
    for (const auto& [metric, name] : {std::pair{l2, "l2"}, {inner_product, "ip"}, {cosine, "cosine"}})
      if (const int status = one(metric, folder + "/" + name); status != 0) return status;
    return 0;
  };
  if (arguments[1] == "write")
    return all([&](thimble::metric metric, const std::string& path) {
      const int status = write<thimble::sq8>(path + ".sq8", vectors, metric);
      return status != 0 ? status : write<thimble::float32>(path + ".float32", vectors, metric);
    });
  const auto set = isa_named(arguments.size() > 3 ? arguments[3] : "auto");
  return all([&](thimble::metric, const std::string& path) {
    const int status = read<thimble::sq8>(path + ".sq8", vectors, set);
    return status != 0 ? status : read<thimble::float32>(path + ".float32", vectors, set);
  });
}
