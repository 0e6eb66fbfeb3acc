// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What a rerank by bounds saves, and what it changes: for each quantizer and each kind of store the share of queries
// whose 10 nearest are those of a fixed rerank of all 200 candidates, the rows read as a share of that one's, and the
// batches of a query.
//
//     build/release/bench/thimble_bench_rerank --data ../shared/data/bge-768 --metric cosine

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <thimble/thimble.hpp>
#include <vector>

#include "support.hpp"

namespace {

using namespace bench;

struct settings {
  std::string data = THIMBLE_SHARED_DATA[0] != '\0' ? THIMBLE_SHARED_DATA "/bge-768" : "";
  std::string metric = "cosine";
  std::vector<std::string> quantizers = {"rabitq1", "rabitq2", "rabitq4"};
  std::size_t k = 10;
  std::size_t ef = 200;
  float epsilon = thimble::search_params{}.epsilon;
  unsigned threads = 2;
  std::size_t queries = 1000;
};

struct counts {
  std::size_t queries = 0;
  std::size_t same = 0;  // as many hits with the same labels, in the same order
  std::size_t rows = 0;
  std::size_t rows_fixed = 0;
  std::size_t batches = 0;
  std::size_t most_batches = 0;
};

template <class Store>
counts compare(const settings& s, const thimble::any_index& index, std::span<const float> queries, Store& from) {
  thimble::search_params by_bound{.k = s.k, .ef = s.ef, .rerank = s.ef, .epsilon = s.epsilon};
  thimble::search_params fixed = by_bound;
  fixed.rerank_by = thimble::rerank_policy::fixed;
  counts c{.queries = std::min(s.queries, queries.size() / index.dim())};
  for (std::size_t i = 0; i < c.queries; ++i) {
    const auto query = queries.subspan(i * index.dim(), index.dim());
    const auto all = must(index.search(query, fixed, from), "a search with a fixed rerank");
    const auto some = must(index.search(query, by_bound, from), "a search with a rerank by bounds");
    c.same += std::ranges::equal(all, some, {}, &thimble::neighbor::id, &thimble::neighbor::id) ? 1u : 0u;
    c.rows += some.vectors_read();
    c.rows_fixed += all.vectors_read();
    c.batches += some.batches();
    c.most_batches = std::max(c.most_batches, some.batches());
  }
  return c;
}

void print_line(const std::string& quantizer, const char* store, const counts& c) {
  const auto n = static_cast<double>(c.queries);
  std::printf("%-10s %-15s %7.1f %% %10.1f %9.1f %% %8.2f %8zu\n", quantizer.c_str(), store,
              100 * static_cast<double>(c.same) / n, static_cast<double>(c.rows) / n,
              100 * static_cast<double>(c.rows) / static_cast<double>(c.rows_fixed), static_cast<double>(c.batches) / n,
              c.most_batches);
  (void)std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  settings s;
  CLI::App app("Rerank by bounds: results, rows and batches beside a fixed rerank of all candidates");
  app.add_option("--data", s.data, "A folder with base.* and query.* (.fbin, .u8bin or .f16bin)")
      ->capture_default_str();
  app.add_option("--metric", s.metric)->capture_default_str();
  app.add_option("--quantizers", s.quantizers)->delimiter(',')->capture_default_str();
  app.add_option("--k", s.k)->capture_default_str();
  app.add_option("--ef", s.ef, "Candidates, and the most that are reranked")->capture_default_str();
  app.add_option("--epsilon", s.epsilon)->capture_default_str();
  app.add_option("--threads", s.threads, "For the build")->capture_default_str();
  app.add_option("--queries", s.queries, "At most")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  auto mapped = open_vectors(s.data + "/base");
  auto file = must(thimble::file_store::open(file_of_vectors(s.data + "/base").c_str()), s.data);
  const auto queries = read_all(open_vectors(s.data + "/query"));
  std::printf("%s: %zu x %zu, k %zu, ef %zu, epsilon %g\n", s.data.c_str(), mapped.size(), mapped.dim(), s.k, s.ef,
              static_cast<double>(s.epsilon));
  std::printf("%-10s %-15s %9s %10s %11s %8s %8s\n", "quantizer", "store", "same", "rows read", "of fixed", "batches",
              "most");
  for (const std::string& name : s.quantizers) {
    const auto index = must(
        thimble::any_index::build(must(thimble::parse_quantizer(name), name), mapped,
                                  {.metric = must(thimble::parse_metric(s.metric), s.metric), .threads = s.threads}),
        "building");
    print_line(name, "mmap (in place)", compare(s, index, queries, mapped));
    print_line(name, "file (batches)", compare(s, index, queries, file));
  }
  return 0;
}
