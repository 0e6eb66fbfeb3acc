// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Filtered search at the default settings, for filters that let through a share of the vectors: recall@10, and queries
// a second beside an unfiltered search and beside a scan of the codes of those that pass, in turns in one process.
//
//     build/release/bench/thimble_bench_filter --data ../shared/data/fashion-mnist-784 --metric l2 --quantizer sq8

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <thimble/thimble.hpp>
#include <utility>
#include <vector>

#include "support.hpp"

namespace {

using namespace bench;

struct settings {
  std::string data = THIMBLE_SHARED_DATA[0] != '\0' ? THIMBLE_SHARED_DATA "/fashion-mnist-784" : "";
  std::string metric = "l2";
  std::string quantizer = "sq8";
  unsigned threads = 2;
  unsigned repeats = 5;
  std::size_t queries = 500;
  std::size_t ef = thimble::usual_ef;
  std::optional<float> gamma{};
  std::vector<double> percent = {100, 90, 70, 50, 30, 20, 10, 5, 2, 1, 0.1};
};

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

class measurement {
 public:
  measurement(const settings& s, thimble::any_index index, thimble::mmap_store base, const thimble::mmap_store& queries)
      : settings_(s),
        index_(std::move(index)),
        base_(std::move(base)),
        queries_(read_all(queries)),
        n_queries_(std::min(s.queries, queries.size())) {}

  void print_share(double percent) {
    thimble::random_generator random(7);
    std::vector<std::uint64_t> bits((base_.size() + 63) / 64);
    std::size_t n_passing = 0;
    for (std::size_t x = 0; x < base_.size(); ++x) {
      if (random.uniform() * 100 >= percent) continue;
      bits[x / 64] |= std::uint64_t{1} << (x % 64);
      ++n_passing;
    }
    thimble::search_params params;
    std::vector<double> unfiltered, filtered, scanned;
    for (unsigned i = 0; i < settings_.repeats; ++i) {
      params.filter = {};
      params.exhaustive = false;
      unfiltered.push_back(us_a_query(params));
      params.filter = thimble::label_filter::allowed(bits);
      filtered.push_back(us_a_query(params));
      params.exhaustive = true;
      scanned.push_back(us_a_query(params));
    }
    params.exhaustive = false;
    std::printf("%6.1f %% %8zu pass  recall %.4f  %8.1f us  of an unfiltered search x%-5.2f  of a scan x%-5.2f\n",
                percent, n_passing, recall(params, bits), median(filtered), median(filtered) / median(unfiltered),
                median(filtered) / median(scanned));
    (void)std::fflush(stdout);
  }

 private:
  [[nodiscard]] std::span<const float> query(std::size_t i) const {
    return std::span(queries_).subspan(i * index_.dim(), index_.dim());
  }

  double us_a_query(const thimble::search_params& params) {
    const double seconds = seconds_of([&] {
      for (std::size_t i = 0; i < n_queries_; ++i)
        if (!index_.search(query(i), params, base_, scratch_)) give_up("a search failed");
    });
    return seconds * 1e6 / static_cast<double>(n_queries_);
  }

  // Against the exact distances of all that pass, on the first queries.
  double recall(const thimble::search_params& params, std::span<const std::uint64_t> bits) {
    thimble::search_params exact = params;
    exact.exhaustive = true;
    exact.ef = exact.rerank = base_.size();
    exact.rerank_by = thimble::rerank_policy::fixed;
    std::size_t found = 0, wanted = 0;
    for (std::size_t i = 0; i < std::min<std::size_t>(n_queries_, 50); ++i) {
      const auto truth = must(index_.search(query(i), exact, base_), "exact answers");
      const auto hits = must(index_.search(query(i), params, base_), "searching");
      for (const thimble::neighbor& hit : hits) {
        if (!thimble::label_filter::allowed(bits)(hit.id)) give_up("a hit does not pass");
        found += std::ranges::any_of(truth, [&](const auto& t) { return t.id == hit.id; }) ? 1u : 0u;
      }
      wanted += truth.size();
    }
    return wanted == 0 ? 1 : static_cast<double>(found) / static_cast<double>(wanted);
  }

  const settings& settings_;
  thimble::any_index index_;
  thimble::mmap_store base_;
  std::vector<float> queries_;
  std::size_t n_queries_;
  thimble::search_scratch scratch_;
};

}  // namespace

int main(int argc, char** argv) {
  settings s;
  CLI::App app("Filtered search: recall, and time beside an unfiltered search and beside a scan of what passes");
  app.add_option("--data", s.data, "A folder with base.* and query.* (.fbin, .u8bin or .f16bin)")
      ->capture_default_str();
  app.add_option("--metric", s.metric)->capture_default_str();
  app.add_option("--quantizer", s.quantizer)->capture_default_str();
  app.add_option("--threads", s.threads, "For the build")->capture_default_str();
  app.add_option("--repeats", s.repeats)->capture_default_str();
  app.add_option("--queries", s.queries)->capture_default_str();
  app.add_option("--ef", s.ef, "Default of the index, as 'thimble tune' would store it")->capture_default_str();
  app.add_option("--gamma", s.gamma, "The same");
  app.add_option("--percent", s.percent, "Shares that pass")->delimiter(',')->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  auto base = open_vectors(s.data + "/base");
  const auto queries = open_vectors(s.data + "/query");
  auto index =
      must(thimble::any_index::build(must(thimble::parse_quantizer(s.quantizer), s.quantizer), base,
                                     {.metric = must(thimble::parse_metric(s.metric), s.metric), .threads = s.threads}),
           "building");
  if (!index.set_default_ef(s.ef, s.gamma)) give_up("the default ef or gamma is wrong");
  std::printf("%s, %s, %zu x %zu, k 10, ef %zu, gamma %s, rerank 50\n", s.data.c_str(), s.quantizer.c_str(),
              index.size(), index.dim(), s.ef, s.gamma ? std::to_string(*s.gamma).c_str() : "none");
  measurement m(s, std::move(index), std::move(base), queries);
  for (const double percent : s.percent) m.print_share(percent);
  return 0;
}
