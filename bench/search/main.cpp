// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Build time, then queries a second at equal recall, against hnswlib on float32 (M and efConstruction as ours), in
// turns in one process. Ratios are what counts: other work may share the machine.
//
//     build/release/bench/thimble_bench_search --data ../shared/data/fashion-mnist-784 --metric l2
//
// A line is a quantizer and how many candidates are reranked from the mapped file: sq8, sq4+20, rabitq2+50. With /batch
// behind it all queries are given at once, to search_batch on one thread; with /mutable (sq8, sq4 and rabitq4) the same
// graph is searched in the form that changes. With /gamma at the end the largest --ef goes with one --gamma after
// another, instead of one ef after another. Where a line's time goes is told by the codes that it estimates a query: so
// much for each, and so much beside (the least squares through all its points).

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thimble/thimble.hpp>
#include <vector>

#include "counted.hpp"
#include "peer.hpp"
#include "support.hpp"

namespace {

using namespace bench;

// n x dim floats.
class query_matrix {
 public:
  query_matrix(std::vector<float> values, std::size_t dim) : values_(std::move(values)), dim_(dim) {}
  [[nodiscard]] std::size_t size() const { return values_.size() / dim_; }
  [[nodiscard]] std::span<const float> row(std::size_t i) const { return {values_.data() + i * dim_, dim_}; }
  [[nodiscard]] thimble::matrix_view<float> view() const { return {values_.data(), size(), dim_}; }

 private:
  std::vector<float> values_;
  std::size_t dim_;
};

struct settings {
  std::string data = THIMBLE_SHARED_DATA[0] != '\0' ? THIMBLE_SHARED_DATA "/fashion-mnist-784" : "";
  std::string metric = "l2";
  unsigned m = 16;
  unsigned ef_construction = 200;
  unsigned threads = 2;
  unsigned repeats = 5;
  std::size_t k = 10;
  std::vector<std::size_t> ef = {10, 12, 14, 17, 20, 25, 30, 40, 50, 64, 80, 100, 128, 160, 200, 256};
  std::vector<std::string> lines = {"sq8", "sq4+20", "rabitq4+20", "rabitq2+50", "rabitq1+100"};
  std::string rerank_by = "bound";
  float epsilon = thimble::search_params{}.epsilon;
  std::vector<float> gamma = {.01f, .02f, .03f, .04f, .05f, .06f, .08f, .1f, .12f, .14f, .16f, .2f, .25f, .3f, .4f};
  std::string peer_file;
};

// All queries at one setting: how long the searches took, and the ids they found, k a query.
struct outcome {
  double seconds = 0;
  std::vector<std::uint64_t> ids;
};
using searcher = std::function<outcome(const thimble::search_params&)>;

struct line {
  std::string name;
  std::string quantizer;
  std::size_t rerank;
  double bytes;
  searcher search;
};

// How far a search looks.
struct reach {
  std::size_t ef;
  std::optional<float> gamma{};
};

std::vector<reach> reaches(const settings& s, bool by_gamma) {
  std::vector<reach> all;
  if (by_gamma)
    for (const float gamma : s.gamma) all.push_back({std::ranges::max(s.ef), gamma});
  else
    for (const std::size_t ef : s.ef) all.push_back({ef});
  return all;
}

// search(query, found): appends the ids of what it finds to `found`.
template <class Search>
outcome one_by_one(const query_matrix& queries, std::size_t k, Search&& search) {
  outcome all;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    all.seconds += seconds_of([&] { search(queries.row(q), all.ids); });
    all.ids.resize((q + 1) * k, thimble::batch_hits::no_label);
  }
  return all;
}

line frozen_line(const std::string& name, const std::string& quantizer, std::size_t rerank,
                 const thimble::any_index& index, const query_matrix& queries, const thimble::mmap_store& base) {
  const auto scratch = std::make_shared<thimble::search_scratch>();
  const auto search = [&, scratch](const thimble::search_params& params) {
    return one_by_one(queries, params.k, [&](auto query, auto& found) {
      for (const thimble::neighbor& hit : must(index.search(query, params, base, *scratch), "search"))
        found.push_back(hit.id);
    });
  };
  return {name, quantizer, rerank, index.bytes_per_vector(), search};
}

line batch_line(const std::string& name, const std::string& quantizer, std::size_t rerank,
                const thimble::any_index& index, const query_matrix& queries, const thimble::mmap_store& base) {
  const auto search = [&](const thimble::search_params& params) {
    outcome all;
    thimble::inline_executor here;
    all.seconds = seconds_of([&] {
      const auto hits = must(thimble::search_batch(index, queries.view(), params, base, {}, here), "search");
      all.ids.assign(hits.ids().begin(), hits.ids().end());
    });
    return all;
  };
  return {name, quantizer, rerank, index.bytes_per_vector(), search};
}

template <class Quantizer>
line mutable_line(const std::string& name, std::size_t rerank, const thimble::any_index& frozen,
                  const query_matrix& queries, const thimble::mmap_store& base) {
  const auto file = std::filesystem::temp_directory_path() / ("thimble_bench_" + std::to_string(::getpid()));
  must(frozen.save(file.c_str()), "save");
  const auto opened = must(thimble::index<Quantizer>::open(file.c_str()), "open");
  const auto index = std::make_shared<thimble::mutable_index<Quantizer>>(must(thimble::thaw(opened), "thaw"));
  std::filesystem::remove(file);
  const auto search = [&, index](const thimble::search_params& params) {
    return one_by_one(queries, params.k, [&](auto query, auto& found) {
      for (const thimble::neighbor& hit : must(index->search(query, params, base), "search")) found.push_back(hit.id);
    });
  };
  return {name, std::string(Quantizer::name), rerank, index->bytes_per_vector(), search};
}

// One way to search at one setting, over all queries: its best time, and what it found.
struct point {
  reach looked;
  double recall = 0;
  double us = 1e9;
  double estimates = 0;  // a query; 0: not counted
};

class curve {
 public:
  curve(std::string name, double bytes, const std::vector<reach>& settings) : name_(std::move(name)), bytes_(bytes) {
    for (const reach& r : settings) points_.push_back({.looked = r});
  }

  [[nodiscard]] std::size_t size() const { return points_.size(); }
  [[nodiscard]] const reach& setting(std::size_t at) const { return points_[at].looked; }

  void add(std::size_t at, const truth_table& truth, std::size_t k, const outcome& searched) {
    const std::size_t n_queries = searched.ids.size() / k;
    std::size_t hits = 0;
    for (std::size_t i = 0; i < searched.ids.size(); ++i) {
      const auto* wanted = truth.ids.data() + i / k * truth.k;
      hits += std::find(wanted, wanted + k, searched.ids[i]) != wanted + k ? 1u : 0u;
    }
    points_[at].recall = static_cast<double>(hits) / static_cast<double>(n_queries * k);
    points_[at].us = std::min(points_[at].us, searched.seconds * 1e6 / static_cast<double>(n_queries));
  }

  void counted(std::size_t at, double estimates) { points_[at].estimates = estimates; }

  // Microseconds (or estimates) a query at this recall, between the points around it; 0 where the curve does not reach
  // it.
  [[nodiscard]] double at(double recall, double point::* what = &point::us) const {
    const auto scale = [](double r) { return -std::log(std::max(1 - r, 1e-5)); };
    for (std::size_t i = 0; i < points_.size(); ++i) {
      if (points_[i].recall < recall) continue;
      if (i == 0) return points_[0].*what;
      const point& a = points_[i - 1];
      const point& b = points_[i];
      const double t = (scale(recall) - scale(a.recall)) / (scale(b.recall) - scale(a.recall));
      return std::exp(std::log(a.*what) + t * (std::log(b.*what) - std::log(a.*what)));
    }
    return 0;
  }

  void print(const curve& baseline) const {
    std::printf("%-18s %6.0f B/vector ", name_.c_str(), bytes_);
    for (const double recall : {.90, .95, .98, .99}) {
      const double us = at(recall);
      us > 0 ? std::printf("  %6.1f us x%-5.2f", us, baseline.at(recall) / us) : std::printf("  %17s", "-");
    }
    std::printf("\n");
  }
  void print_points() const {
    for (const point& p : points_) {
      std::printf("  %-18s ef %3zu", name_.c_str(), p.looked.ef);
      if (p.looked.gamma) std::printf(" gamma %.2f", static_cast<double>(*p.looked.gamma));
      std::printf("  recall %.4f  %7.1f us", p.recall, p.us);
      p.estimates > 0 ? std::printf("  %6.0f codes\n", p.estimates) : std::printf("\n");
    }
  }
  // Nothing at one setting only.
  void print_estimates() const {
    if (points_.size() < 2) return;
    const auto n = static_cast<double>(points_.size());
    double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
    for (const point& p : points_) {
      sum_x += p.estimates;
      sum_y += p.us;
      sum_xx += p.estimates * p.estimates;
      sum_xy += p.estimates * p.us;
    }
    const double each = (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x);
    std::printf("%-18s %6.1f ns each %+5.1f us;", name_.c_str(), each * 1e3, (sum_y - each * sum_x) / n);
    for (const double recall : {.90, .95, .98, .99})
      if (const double codes = at(recall, &point::estimates); codes > 0) std::printf("  %.0f at %.2f", codes, recall);
    std::printf("\n");
  }

 private:
  std::string name_;
  double bytes_;
  std::vector<point> points_;
};

void run(const settings& s, bool all_points) {
  const auto base = open_vectors(s.data + "/base");
  const auto query_file = open_vectors(s.data + "/query");
  const truth_table truth(s.data + "/gt.ibin");
  const std::vector<float> rows = read_all(base);
  const std::size_t n = base.size(), dim = base.dim();
  const query_matrix queries(read_all(query_file), dim);
  const auto metric = must(thimble::parse_metric(s.metric), s.metric);

  const auto space = peer_space(metric, dim);
  std::unique_ptr<peer_graph> peer;
  double peer_seconds = 0;
  if (!s.peer_file.empty() && std::filesystem::exists(s.peer_file)) {
    peer = std::make_unique<peer_graph>(space.get(), s.peer_file);
  } else {
    peer_seconds = seconds_of([&] {
      peer = build_peer(
          *space, n, s.m, s.ef_construction, s.threads, [](std::size_t i) { return i; },
          [&](std::size_t i) { return rows.data() + i * dim; });
    });
    if (!s.peer_file.empty()) peer->saveIndex(s.peer_file);
  }
  std::printf("%s: %zu x %zu, %s, m %u, ef_construction %u\n", s.data.c_str(), n, dim, s.metric.c_str(), s.m,
              s.ef_construction);

  const thimble::build_options options{
      .metric = metric, .m = s.m, .ef_construction = s.ef_construction, .threads = s.threads};
  std::map<std::string, thimble::any_index> indexes;
  std::vector<line> lines;
  const auto build = [&](const std::string& quantizer) -> const thimble::any_index& {
    if (const auto known = indexes.find(quantizer); known != indexes.end()) return known->second;
    const auto kind = must(thimble::parse_quantizer(quantizer), quantizer);
    thimble::expected<thimble::any_index> built = thimble::fail(thimble::errc::empty_index, "not built");
    const double seconds = seconds_of([&] { built = thimble::any_index::build(kind, base, options); });
    std::printf("build %-8s with %u threads: %.2f s", quantizer.c_str(), s.threads, seconds);
    peer_seconds > 0 ? std::printf(", %.3f of the %.2f s of hnswlib float32\n", seconds / peer_seconds, peer_seconds)
                     : std::printf("\n");
    return indexes.emplace(quantizer, must(std::move(built), "build")).first->second;
  };
  const std::string by_gamma = "/gamma";
  for (const std::string& text : s.lines) {
    const std::string codes = text.substr(0, text.find('/'));
    const std::string quantizer = codes.substr(0, codes.find('+'));
    const std::size_t rerank = quantizer.size() == codes.size() ? 0 : std::stoul(codes.substr(quantizer.size() + 1));
    const thimble::any_index& index = build(quantizer);
    std::string form = text.substr(codes.size());
    if (form.ends_with(by_gamma)) form.resize(form.size() - by_gamma.size());
    if (form.empty())
      lines.push_back(frozen_line(text, quantizer, rerank, index, queries, base));
    else if (form == "/batch")
      lines.push_back(batch_line(text, quantizer, rerank, index, queries, base));
    else if (form != "/mutable")
      give_up(text + ": there are /batch and /mutable, and /gamma behind them");
    else if (quantizer == "sq8")
      lines.push_back(mutable_line<thimble::sq8>(text, rerank, index, queries, base));
    else if (quantizer == "sq4")
      lines.push_back(mutable_line<thimble::sq4>(text, rerank, index, queries, base));
    else if (quantizer == "rabitq4")
      lines.push_back(mutable_line<thimble::rabitq<4>>(text, rerank, index, queries, base));
    else
      give_up(text + ": only sq8, sq4 and rabitq4 are searched in the form that changes");
  }

  const double peer_bytes = static_cast<double>(peer->size_data_per_element_) + 4.0 + 8.0 + 4.0 * s.m / (s.m - 1);
  curve baseline("hnswlib float32", peer_bytes, reaches(s, false));
  std::vector<curve> curves;
  for (const line& l : lines) curves.emplace_back(l.name, l.bytes, reaches(s, l.name.ends_with(by_gamma)));
  const auto policy = s.rerank_by == "fixed" ? thimble::rerank_policy::fixed : thimble::rerank_policy::bound;
  for (unsigned repeat = 0; repeat < s.repeats; ++repeat) {
    for (std::size_t at = 0; at < std::max(s.ef.size(), s.gamma.size()); ++at) {
      if (at < baseline.size()) {
        peer->setEf(baseline.setting(at).ef);
        baseline.add(at, truth, s.k, one_by_one(queries, s.k, [&](auto query, auto& found) {
                       for (auto hits = peer->searchKnn(query.data(), s.k); !hits.empty(); hits.pop())
                         found.push_back(hits.top().second);
                     }));
      }
      for (std::size_t c = 0; c < curves.size(); ++c) {
        if (at >= curves[c].size()) continue;
        const thimble::search_params params{.k = s.k,
                                            .ef = curves[c].setting(at).ef,
                                            .gamma = curves[c].setting(at).gamma,
                                            .rerank = lines[c].rerank,
                                            .rerank_by = policy,
                                            .epsilon = s.epsilon};
        curves[c].add(at, truth, s.k, lines[c].search(params));
      }
    }
  }
  for (const auto& [quantizer, index] : indexes) {
    const counting_index counting = bench::counting(index);
    for (std::size_t c = 0; c < curves.size(); ++c) {
      if (lines[c].quantizer != quantizer) continue;
      for (std::size_t at = 0; at < curves[c].size(); ++at) {
        const reach& r = curves[c].setting(at);
        n_estimated = 0;
        for (std::size_t q = 0; q < queries.size(); ++q)
          must(counting.search(queries.row(q), {.k = s.k, .ef = r.ef, .gamma = r.gamma}), "search");
        curves[c].counted(at, static_cast<double>(n_estimated) / static_cast<double>(queries.size()));
      }
    }
  }
  std::printf("one thread, recall@%zu, %s; microseconds a query, x: times hnswlib's speed at the same recall\n", s.k,
              std::string(thimble::simd::name(indexes.begin()->second.simd())).c_str());
  std::printf("%-35s %17s %18s %18s %18s\n", "", ".90", ".95", ".98", ".99");
  baseline.print(baseline);
  for (const curve& c : curves) c.print(baseline);
  std::printf("codes estimated a query\n");
  for (const curve& c : curves) c.print_estimates();
  if (!all_points) return;
  baseline.print_points();
  for (const curve& c : curves) c.print_points();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Build time and speed at equal recall, thimble beside hnswlib float32"};
  settings s;
  bool all_points = false;
  app.add_option("--data", s.data, "folder with base.*, query.* and gt.ibin")
      ->capture_default_str()
      ->required(s.data.empty());
  app.add_option("--metric", s.metric, "l2 or ip")->capture_default_str();
  app.add_option("--m", s.m)->capture_default_str();
  app.add_option("--ef-construction", s.ef_construction)->capture_default_str();
  app.add_option("--threads", s.threads, "for both builds")->capture_default_str();
  app.add_option("--repeats", s.repeats, "turns; the best of each setting counts")->capture_default_str();
  app.add_option("--ef", s.ef)->delimiter(',')->capture_default_str();
  app.add_option("--lines", s.lines,
                 "QUANTIZER or QUANTIZER+RERANK; with /batch behind it all queries at once, with /mutable the form "
                 "that changes; with /gamma at the end one gamma after another at the largest ef")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--rerank-by", s.rerank_by)->check(CLI::IsMember({"bound", "fixed"}))->capture_default_str();
  app.add_option("--epsilon", s.epsilon, "of --rerank-by bound")->capture_default_str();
  app.add_option("--gamma", s.gamma, "of lines with /gamma: search_params::gamma, ascending")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--peer-file", s.peer_file, "keeps hnswlib's index there, and takes it from there the next time");
  app.add_flag("--points", all_points, "print every measured point");
  CLI11_PARSE(app, argc, argv);
  run(s, all_points);
}
