// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Makes a large set from a small one, with queries and exact answers by inner product, as the other programs read them.
// A row is .55 to .9 of one row of the small set, the rest of another, and noise of .35 / sqrt(dim) a value,
// normalised; so are the queries.
//
//     build/release/bench/thimble_bench_mixed_set --data ../shared/data/wordnet-minilm-384 --n 1000000 --out FOLDER

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <numeric>
#include <span>
#include <string>
#include <thimble/thimble.hpp>
#include <utility>
#include <vector>

#include "support.hpp"

namespace {

using namespace bench;

struct settings {
  std::string data;
  std::string out;
  std::size_t n = 1'000'000;
  std::size_t queries = 1000;
  std::size_t k = 10;
};

class mixed_rows {
 public:
  mixed_rows(std::vector<float> rows, std::size_t dim) : rows_(std::move(rows)), dim_(dim) {}

  // The same seed, the same row.
  void make(std::uint64_t seed, std::span<float> row) const {
    thimble::random_generator random(seed);
    const std::span<const float> a = one(random), b = one(random);
    const auto share = static_cast<float>(.55 + .35 * random.uniform());
    const double deviation = .35 / std::sqrt(static_cast<double>(dim_));
    double norm2 = 0;
    for (std::size_t j = 0; j < dim_; ++j) {
      // Box and Muller's.
      const double length = std::sqrt(-2 * std::log(1 - random.uniform()));
      const double normal = length * std::cos(2 * std::numbers::pi * random.uniform());
      row[j] = share * a[j] + (1 - share) * b[j] + static_cast<float>(deviation * normal);
      norm2 += static_cast<double>(row[j]) * row[j];
    }
    for (float& value : row) value /= static_cast<float>(std::sqrt(norm2));
  }

 private:
  std::span<const float> one(thimble::random_generator& random) const {
    return std::span(rows_).subspan(random.below(rows_.size() / dim_) * dim_, dim_);
  }

  std::vector<float> rows_;
  std::size_t dim_;
};

class matrix_file {
 public:
  matrix_file(const std::string& path, std::size_t n, std::size_t columns) : path_(path), out_(path, std::ios::binary) {
    const std::uint32_t shape[] = {static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(columns)};
    put(shape, sizeof shape);
  }

  void put(const void* bytes, std::size_t n) {
    if (!out_.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(n))) give_up("cannot write " + path_);
  }

  void close() {
    out_.close();
    if (!out_) give_up("cannot write " + path_);
  }

 private:
  std::string path_;
  std::ofstream out_;
};

void run(const settings& s) {
  if (s.k > s.n) give_up("--k: there are no more answers than rows");
  const auto base = open_vectors(s.data + "/base");
  const std::size_t dim = base.dim();
  const mixed_rows mixed(read_all(base), dim);
  std::filesystem::create_directories(s.out);

  matrix_file query_file(s.out + "/query.fbin", s.queries, dim);
  std::vector<float> queries(s.queries * dim);
  for (std::size_t q = 0; q < s.queries; ++q) mixed.make(s.n + q, std::span(queries).subspan(q * dim, dim));
  query_file.put(queries.data(), queries.size() * sizeof(float));
  query_file.close();

  // Each row is made, written and compared with all queries.
  const auto& kernels = *must(thimble::simd::kernels_for(thimble::simd::isa::automatic), "choosing kernels");
  const thimble::simd::code_rows query_rows{reinterpret_cast<const std::byte*>(queries.data()), dim * sizeof(float)};
  std::vector<thimble::node> all(s.queries);
  std::iota(all.begin(), all.end(), thimble::node{0});
  std::vector<float> row(dim), products(s.queries);
  std::vector<thimble::candidate_list> nearest(s.queries);
  for (auto& list : nearest) {
    must(list.reserve(s.k), "making lists");
    list.clear(s.k);
  }
  matrix_file base_file(s.out + "/base.fbin", s.n, dim);
  for (std::size_t i = 0; i < s.n; ++i) {
    mixed.make(i, row);
    base_file.put(row.data(), dim * sizeof(float));
    kernels.dot_rows(row.data(), dim, query_rows, all.data(), s.queries, products.data());
    for (std::size_t q = 0; q < s.queries; ++q) nearest[q].insert(-products[q], static_cast<thimble::node>(i));
    if (i % 4096 == 0) std::fprintf(stderr, "\r%zu of %zu rows", i, s.n);
  }
  base_file.close();
  std::fprintf(stderr, "\r%zu rows, %zu queries in %s\n", s.n, s.queries, s.out.c_str());

  matrix_file truth(s.out + "/gt.ibin", s.queries, s.k);
  for (const auto& list : nearest) {
    for (const thimble::candidate c : list.items()) {
      const std::uint32_t id = c.id();
      truth.put(&id, sizeof id);
    }
  }
  truth.close();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Makes a large set from a small one, with queries and exact answers"};
  settings s;
  app.add_option("--data", s.data, "folder with base.*, unit vectors")->required();
  app.add_option("--out", s.out, "folder that gets base.fbin, query.fbin and gt.ibin")->required();
  app.add_option("--n", s.n)->capture_default_str()->check(CLI::Range(std::size_t{10}, std::size_t{100'000'000}));
  app.add_option("--queries", s.queries)->capture_default_str()->check(CLI::Range(1, 1'000'000));
  app.add_option("--k", s.k, "exact answers a query")->capture_default_str()->check(CLI::Range(1, 1000));
  CLI11_PARSE(app, argc, argv);
  run(s);
}
