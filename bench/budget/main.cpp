// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Searches where memory is a fifth of the vectors' bytes (the setting of WebANNS): the index is in it
// and a cache of rows in what is left, all other rows are in a file. Times at the median and the 99th percentile beside
// the same index with all vectors in memory, query by query in turns. The first half of the queries warms the cache for
// the second, and the other way round; a query's time is the median of rounds that begin with an empty cache, so that
// other work on the machine is not taken for a slow query. Twice: with the file in the page cache, and dropped from it
// before each query.
//
//     build/release/bench/thimble_bench_budget --data ../shared/data/bge-768 --metric cosine

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
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
  std::string folder = "/var/tmp";
  std::vector<std::string> quantizers = {"rabitq1", "rabitq2", "rabitq4"};
  double share = .2;
  std::size_t ef = 64;
  std::size_t rerank = 50;
  std::size_t rounds = 7;
  unsigned threads = 2;
};

// A file of float32 rows that goes again, and is kept out of the page cache on demand.
class vectors_file {
 public:
  vectors_file(const std::string& folder, std::span<const float> values, std::size_t dim)
      : path_(folder + "/thimble_bench_budget.fbin") {
    std::ofstream file(path_, std::ios::binary);
    const std::uint32_t head[2] = {static_cast<std::uint32_t>(values.size() / dim), static_cast<std::uint32_t>(dim)};
    file.write(reinterpret_cast<const char*>(head), sizeof(head));
    file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size_bytes()));
    if (!file.flush()) give_up("cannot write " + path_);
    file.close();
    descriptor_ = ::open(path_.c_str(), O_RDONLY);
    // Only what is on disk can be dropped.
    if (descriptor_ < 0 || ::fsync(descriptor_) != 0) give_up("cannot write " + path_ + " to disk");
  }
  ~vectors_file() {
    (void)::close(descriptor_);
    (void)::unlink(path_.c_str());
  }
  vectors_file(const vectors_file&) = delete;
  vectors_file& operator=(const vectors_file&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  void drop() const { (void)::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED); }

 private:
  std::string path_;
  int descriptor_ = -1;
};

double quantile(std::vector<double> values, double q) {
  const auto at = static_cast<std::ptrdiff_t>(std::lround(q * static_cast<double>(values.size() - 1)));
  std::ranges::nth_element(values, values.begin() + at);
  return values[static_cast<std::size_t>(at)];
}

struct times {
  std::vector<double> memory_us{}, budget_us{};  // of each query
  double hits = 0;                               // share of the rows asked for
};

class comparison {
 public:
  comparison(const settings& s, const thimble::any_index& index, std::span<const float> queries,
             thimble::memory_store<float>& memory, const vectors_file& file)
      : index_(index),
        queries_(queries),
        memory_(memory),
        file_(file),
        rounds_(s.rounds),
        params_{.k = 10, .ef = s.ef, .rerank = s.rerank} {}

  times run(std::size_t cache_bytes, bool cold) {
    auto below = must(thimble::file_store::open(file_.path().c_str()), file_.path());
    const std::size_t n = queries_.size() / index_.dim();
    std::vector<std::vector<double>> memory_us(n), budget_us(n);
    std::uint64_t hits = 0, asked = 0;
    for (std::size_t round = 0; round < 2 * rounds_; ++round) {
      auto cache = must(thimble::cache_store<thimble::file_store>::create(below, cache_bytes), "the cache");
      const auto is_measured = [&](std::size_t i) { return (i < n / 2) == (round % 2 == 0); };
      for (std::size_t i = 0; i < n; ++i)
        if (!is_measured(i)) (void)us_of(i, cache);
      const auto before = cache.counters();
      for (std::size_t i = 0; i < n; ++i) {
        if (!is_measured(i)) continue;
        if (cold) file_.drop();
        // Who is second has codes and links in the processor's caches.
        const bool memory_first = (i + round / 2) % 2 == 0;
        if (memory_first) memory_us[i].push_back(us_of(i, memory_));
        budget_us[i].push_back(us_of(i, cache));
        if (!memory_first) memory_us[i].push_back(us_of(i, memory_));
      }
      hits += cache.counters().hits - before.hits;
      asked += cache.counters().hits + cache.counters().misses - before.hits - before.misses;
    }
    times t{.hits = static_cast<double>(hits) / static_cast<double>(asked)};
    for (std::size_t i = 0; i < n; ++i) {
      t.memory_us.push_back(quantile(memory_us[i], .5));
      t.budget_us.push_back(quantile(budget_us[i], .5));
    }
    return t;
  }

 private:
  template <class Store>
  double us_of(std::size_t i, Store& from) {
    const auto query = queries_.subspan(i * index_.dim(), index_.dim());
    return 1e6 * seconds_of([&] {
             if (!index_.search(query, params_, from, scratch_)) give_up("a search failed");
           });
  }

  const thimble::any_index& index_;
  std::span<const float> queries_;
  thimble::memory_store<float>& memory_;
  const vectors_file& file_;
  std::size_t rounds_;
  thimble::search_params params_;
  thimble::search_scratch scratch_;
};

void print_line(const char* page_cache, const times& t) {
  const double p50 = quantile(t.memory_us, .5), p99 = quantile(t.memory_us, .99);
  const double budget_p50 = quantile(t.budget_us, .5), budget_p99 = quantile(t.budget_us, .99);
  std::printf(
      "  file %-22s hits %4.1f %%   p50 %7.1f us, in memory %6.1f (x%.2f)   p99 %7.1f us, in memory %6.1f (x%.2f)\n",
      page_cache, 100 * t.hits, budget_p50, p50, budget_p50 / p50, budget_p99, p99, budget_p99 / p99);
  (void)std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  settings s;
  CLI::App app("Searches in a fifth of the vectors' memory beside searches with all of them in memory");
  app.add_option("--data", s.data, "A folder with base.* and query.* (.fbin, .u8bin or .f16bin)")
      ->capture_default_str();
  app.add_option("--metric", s.metric)->capture_default_str();
  app.add_option("--folder", s.folder, "On a disk: where a file of the vectors is made, and removed again")
      ->capture_default_str();
  app.add_option("--quantizers", s.quantizers)->delimiter(',')->capture_default_str();
  app.add_option("--share", s.share, "Memory, as a share of the vectors' bytes in float32")->capture_default_str();
  app.add_option("--ef", s.ef)->capture_default_str();
  app.add_option("--rerank", s.rerank)->capture_default_str();
  app.add_option("--rounds", s.rounds)->capture_default_str();
  app.add_option("--threads", s.threads, "For the build")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const auto base = open_vectors(s.data + "/base");
  const auto values = read_all(base);
  const auto queries = read_all(open_vectors(s.data + "/query"));
  auto memory = must(thimble::memory_store<float>::create({values.data(), base.size(), base.dim()}), "the vectors");
  const vectors_file file(s.folder, values, base.dim());
  const auto budget = s.share * static_cast<double>(values.size() * sizeof(float));
  std::printf("%s: %zu x %zu, k 10, ef %zu, rerank %zu; %.1f MB for all\n", s.data.c_str(), base.size(), base.dim(),
              s.ef, s.rerank, budget / 1e6);
  for (const std::string& name : s.quantizers) {
    const auto index = must(
        thimble::any_index::build(must(thimble::parse_quantizer(name), name), base,
                                  {.metric = must(thimble::parse_metric(s.metric), s.metric), .threads = s.threads}),
        "building");
    const double left = budget - static_cast<double>(index.memory().total());
    std::printf("%s: index %.1f MB, cache %.1f MB\n", name.c_str(), static_cast<double>(index.memory().total()) / 1e6,
                left / 1e6);
    if (left < static_cast<double>(2 * base.dim() * sizeof(float))) {
      std::printf("  no room for a cache\n");
      continue;
    }
    comparison of(s, index, queries, memory, file);
    print_line("in the page cache", of.run(static_cast<std::size_t>(left), false));
    print_line("dropped from it", of.run(static_cast<std::size_t>(left), true));
  }
  return 0;
}
