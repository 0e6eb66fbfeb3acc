// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The graph itself, whatever the codes: recall at equal ef beside hnswlib's graph, both on float32; how many vectors no
// search can come to; recall after half of the vectors were replaced, beside graphs built of what is there then; what
// the links of the frozen form take; and with --sizes how the time of a build grows with the rows.
//
//     build/release/bench/thimble_bench_graph --data ../shared/data/fashion-mnist-784 --metric l2

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <thimble/thimble.hpp>
#include <utility>
#include <vector>

#include "peer.hpp"
#include "support.hpp"

namespace {

using namespace bench;

struct settings {
  std::string data = THIMBLE_SHARED_DATA[0] != '\0' ? THIMBLE_SHARED_DATA "/fashion-mnist-784" : "";
  std::string metric = "l2";
  unsigned m = 16;
  unsigned ef_construction = 200;
  unsigned threads = 2;
  std::size_t k = 10;
  std::vector<std::size_t> ef = {10, 20, 40, 80, 160};
  std::vector<std::string> quantizers = {"float32", "sq8", "sq4"};
  std::vector<std::size_t> sizes;
};

// A set with its queries in memory, and what both libraries are built with.
struct problem {
  settings s;
  thimble::metric metric;
  thimble::mmap_store store;
  std::vector<float> base;
  std::vector<float> queries;
  std::unique_ptr<hnswlib::SpaceInterface<float>> space;

  explicit problem(const settings& given)
      : s(given),
        metric(must(thimble::parse_metric(s.metric), s.metric)),
        store(open_vectors(s.data + "/base")),
        base(read_all(store)),
        queries(read_all(open_vectors(s.data + "/query"))),
        space(peer_space(metric, dim())) {
    if (n() / 3 * 2 < s.k) give_up("too few vectors to replace half of them and still find k");
  }

  [[nodiscard]] std::size_t n() const { return base.size() / dim(); }
  [[nodiscard]] std::size_t dim() const { return store.dim(); }
  [[nodiscard]] std::size_t n_queries() const { return queries.size() / dim(); }
  [[nodiscard]] std::span<const float> row(std::size_t i) const { return std::span(base).subspan(i * dim(), dim()); }
  [[nodiscard]] std::span<const float> query(std::size_t q) const {
    return std::span(queries).subspan(q * dim(), dim());
  }
  [[nodiscard]] thimble::matrix_view<float> first_rows(std::size_t count) const { return {base.data(), count, dim()}; }
  [[nodiscard]] thimble::build_options options() const {
    return {.metric = metric, .m = s.m, .ef_construction = s.ef_construction, .threads = s.threads};
  }
  // each(i) for i < n.
  void on_threads(std::size_t n, auto&& each) const {
    thimble::thread_executor threads(s.threads);
    thimble::parallel_for(threads, n, [&](std::size_t i, unsigned) { each(i); });
  }
};

using label_list = std::vector<thimble::label>;

// For each query the k nearest of these rows.
std::vector<label_list> exact_answers(const problem& p, std::span<const thimble::label> rows) {
  const auto& kernels = *must(thimble::simd::kernels_for(thimble::simd::isa::automatic), "kernels");
  std::vector<label_list> answers(p.n_queries());
  p.on_threads(p.n_queries(), [&](std::size_t q) {
    const thimble::exact_query query(kernels, p.metric, p.query(q));
    std::vector<std::pair<float, thimble::label>> found;
    found.reserve(rows.size());
    for (const thimble::label id : rows) found.emplace_back(query.distance(p.row(id)), id);
    std::ranges::partial_sort(found, found.begin() + static_cast<std::ptrdiff_t>(p.s.k));
    for (std::size_t i = 0; i < p.s.k; ++i) answers[q].push_back(found[i].second);
  });
  return answers;
}

// A row of the table: recall@k of search(query, ef), which answers labels, at each ef.
void print_recall(const problem& p, const std::string& name, const std::vector<label_list>& answers,
                  const std::function<label_list(std::span<const float>, std::size_t)>& search) {
  std::printf("%-38s", name.c_str());
  for (const std::size_t ef : p.s.ef) {
    std::size_t hits = 0;
    for (std::size_t q = 0; q < p.n_queries(); ++q)
      for (const thimble::label id : search(p.query(q), ef))
        hits += static_cast<std::size_t>(std::ranges::count(answers[q], id));
    std::printf("  %.4f", static_cast<double>(hits) / static_cast<double>(p.n_queries() * p.s.k));
  }
  std::printf("\n");
  std::fflush(stdout);
}

// All that the walk found is measured exactly, so that the graph alone is judged.
auto search_ours(const problem& p, const auto& index) {
  return [&](std::span<const float> query, std::size_t ef) {
    label_list found;
    for (const thimble::neighbor& hit :
         must(index.search(query, {.k = p.s.k, .ef = ef, .rerank = ef}, p.store), "search"))
      found.push_back(hit.id);
    return found;
  };
}

auto search_peer(const problem& p, peer_graph& graph) {
  return [&](std::span<const float> query, std::size_t ef) {
    graph.setEf(ef);
    label_list found;
    for (auto hits = graph.searchKnn(query.data(), p.s.k); !hits.empty(); hits.pop())
      found.push_back(hits.top().second);
    return found;
  };
}

std::unique_ptr<peer_graph> peer_of(const problem& p, std::span<const thimble::label> rows) {
  return build_peer(
      *p.space, rows.size(), p.s.m, p.s.ef_construction, p.s.threads, [&](std::size_t i) { return rows[i]; },
      [&](std::size_t i) { return p.row(rows[i]).data(); });
}

template <class Quantizer>
thimble::mutable_index<Quantizer> build_changing(const problem& p, std::span<const thimble::label> rows) {
  auto index = must(thimble::mutable_index<Quantizer>::train(p.first_rows(p.n()), p.options()), "train");
  p.on_threads(rows.size(), [&](std::size_t i) { must(index.add(rows[i], p.row(rows[i])), "add"); });
  return index;
}

// Two thirds of the rows are there at first; half of them give way to the last third, in random order.
struct exchange {
  label_list before;
  label_list removed;
  label_list added;
  label_list after;

  explicit exchange(std::size_t n) {
    label_list all(n);
    std::iota(all.begin(), all.end(), thimble::label{0});
    std::ranges::shuffle(all, std::mt19937(1));
    const auto third = static_cast<std::ptrdiff_t>(n / 3);
    before.assign(all.begin(), all.begin() + 2 * third);
    removed.assign(all.begin(), all.begin() + third);
    added.assign(all.begin() + 2 * third, all.begin() + 3 * third);
    after.assign(all.begin() + third, all.begin() + 3 * third);
    std::ranges::shuffle(removed, std::mt19937(2));
  }
};

template <class Quantizer>
void print_replaced(const problem& p, const exchange& change, const std::vector<label_list>& answers) {
  const std::string name(Quantizer::name);
  const auto fresh = build_changing<Quantizer>(p, change.after);
  print_recall(p, name + ", fresh", answers, search_ours(p, fresh));
  auto changed = build_changing<Quantizer>(p, change.before);
  p.on_threads(change.removed.size(), [&](std::size_t i) {
    must(changed.remove(change.removed[i]), "remove");
    must(changed.add(change.added[i], p.row(change.added[i])), "add");
  });
  print_recall(p, name + ", half replaced", answers, search_ours(p, changed));
  const auto frozen = must(thimble::freeze(changed), "freeze");
  print_recall(p, name + ", then frozen", answers, [&](std::span<const float> query, std::size_t ef) {
    label_list found;
    for (const thimble::neighbor& hit : must(frozen.search(query, {.k = ef, .ef = ef}), "search"))
      found.push_back(hit.id);
    const auto& kernels = *must(thimble::simd::kernels_for(thimble::simd::isa::automatic), "kernels");
    const thimble::exact_query exact(kernels, p.metric, query);
    std::ranges::sort(found, {}, [&](thimble::label id) { return std::pair(exact.distance(p.row(id)), id); });
    found.resize(std::min(found.size(), p.s.k));
    return found;
  });
}

void print_header(const problem& p, const char* what) {
  std::printf("\n%-38s", what);
  for (const std::size_t ef : p.s.ef) std::printf("  ef %-3zu", ef);
  std::printf("\n");
}

// Nodes that the links of level 0 do not lead to from the entry; each_link(x, visit) calls visit(y) for those of x.
std::size_t out_of_reach(std::size_t n, std::size_t entry, auto&& each_link) {
  std::vector<bool> seen(n);
  std::vector<std::size_t> open{entry};
  seen[entry] = true;
  while (!open.empty()) {
    const std::size_t x = open.back();
    open.pop_back();
    each_link(x, [&](std::size_t y) {
      if (seen[y]) return;
      seen[y] = true;
      open.push_back(y);
    });
  }
  return static_cast<std::size_t>(std::ranges::count(seen, false));
}

std::size_t out_of_reach(peer_graph& graph) {
  return out_of_reach(graph.cur_element_count, graph.enterpoint_node_, [&](std::size_t x, auto&& visit) {
    auto* links = graph.get_linklist0(static_cast<hnswlib::tableint>(x));
    for (std::size_t i = 0; i < graph.getListCount(links); ++i) visit(links[1 + i]);
  });
}

template <class Quantizer>
std::size_t out_of_reach(const problem& p) {
  const auto& kernels = *must(thimble::simd::kernels_for(thimble::simd::isa::automatic), "kernels");
  thimble::thread_executor on(p.s.threads);
  const auto built = must(thimble::build_parts<Quantizer>(p.first_rows(p.n()), kernels, p.options(), on), "build");
  return out_of_reach(p.n(), built.graph.entry().at, [&](std::size_t x, auto&& visit) {
    built.graph.for_each_link(static_cast<thimble::node>(x), 0, visit);
  });
}

void run_recall(const problem& p) {
  label_list all(p.n());
  std::iota(all.begin(), all.end(), thimble::label{0});
  const auto answers = exact_answers(p, all);
  print_header(p, "recall, all vectors");
  const auto peer = peer_of(p, all);
  print_recall(p, "hnswlib float32", answers, search_peer(p, *peer));
  std::printf("%-38s  out of reach: %zu of %zu vectors; ours on float32: %zu\n", "", out_of_reach(*peer), p.n(),
              out_of_reach<thimble::float32>(p));
  for (const std::string& name : p.s.quantizers) {
    const auto kind = must(thimble::parse_quantizer(name), name);
    const auto index = must(thimble::any_index::build(kind, p.store, p.options()), "build");
    print_recall(p, name, answers, search_ours(p, index));
    const thimble::memory_usage used = index.memory();
    const auto n = static_cast<double>(index.size());
    std::printf("%-38s  %.1f bytes a vector on level 0, %.1f above, %.1f of levels\n", "",
                static_cast<double>(used.links) / n, static_cast<double>(used.upper_links) / n,
                static_cast<double>(used.levels) / n);
  }
}

void run_replaced(const problem& p) {
  const exchange change(p.n());
  const auto answers = exact_answers(p, change.after);
  print_header(p, "recall, half of the vectors replaced");
  print_recall(p, "hnswlib, fresh", answers, search_peer(p, *peer_of(p, change.after)));
  for (const std::string& name : p.s.quantizers) {
    if (name == "float32")
      print_replaced<thimble::float32>(p, change, answers);
    else if (name == "sq8")
      print_replaced<thimble::sq8>(p, change, answers);
    else if (name == "sq4")
      print_replaced<thimble::sq4>(p, change, answers);
  }
}

void run_growth(const problem& p) {
  std::printf("\n%-10s %10s %10s %18s\n", "", "rows", "build, s", "of n log n");
  for (const std::string& name : p.s.quantizers) {
    const auto kind = must(thimble::parse_quantizer(name), name);
    double first = 0;
    for (const std::size_t n : p.s.sizes) {
      if (n < 2 || n > p.n()) give_up("--sizes: 2 to the number of rows");
      const double seconds =
          seconds_of([&] { must(thimble::any_index::build(kind, p.first_rows(n), p.options()), "build"); });
      const double unit = seconds / (static_cast<double>(n) * std::log(static_cast<double>(n)));
      if (first == 0) first = unit;
      std::printf("%-10s %10zu %10.2f %18.3f\n", name.c_str(), n, seconds, unit / first);
      std::fflush(stdout);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The graph: recall beside hnswlib's, after changes, its bytes and the growth of its build"};
  settings s;
  app.add_option("--data", s.data, "folder with base.* and query.*")->capture_default_str()->required(s.data.empty());
  app.add_option("--metric", s.metric, "l2 or ip")->capture_default_str();
  app.add_option("--m", s.m)->capture_default_str();
  app.add_option("--ef-construction", s.ef_construction)->capture_default_str();
  app.add_option("--threads", s.threads, "for all builds and changes")->capture_default_str();
  app.add_option("--ef", s.ef)->delimiter(',')->capture_default_str();
  app.add_option("--quantizers", s.quantizers, "of those that change float32, sq8 and sq4")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--sizes", s.sizes, "only times builds of the first so many rows")->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  const problem p(s);
  std::printf("%s: %zu x %zu, %s, m %u, ef_construction %u, %u threads\n", s.data.c_str(), p.n(), p.dim(),
              s.metric.c_str(), s.m, s.ef_construction, s.threads);
  if (!s.sizes.empty()) {
    run_growth(p);
    return 0;
  }
  run_recall(p);
  run_replaced(p);
}
