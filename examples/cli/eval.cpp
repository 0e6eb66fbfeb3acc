// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <thimble/core/executor.hpp>
#include <thimble/metric/vector_check.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "commands.hpp"
#include "exact.hpp"
#include "failure.hpp"
#include "progress.hpp"
#include "text.hpp"
#include "vectors.hpp"

namespace thimble::cli {

namespace {

using clock = std::chrono::steady_clock;

double seconds_since(clock::time_point began) { return std::chrono::duration<double>(clock::now() - began).count(); }

// What is measured, and where it came from.
struct subject {
  any_index index;
  std::optional<mmap_store> vectors;
  std::size_t n_queries = 0;
  std::vector<float> queries;  // n_queries x dim
  exact_answers truth;
};

struct measured {
  std::size_t ef = 0;
  std::size_t rerank = 0;
  double recall = 0;
  double qps = 0;
  double p50_us = 0;
  double p99_us = 0;
  double vectors_read = 0;
  double batches = 0;
};

// One thread's own: scratch, and the error that stopped it.
struct worker_state {
  search_scratch scratch;
  std::optional<error> failed;
};

struct one_pass {
  double seconds = 0;
  std::vector<double> latencies_us;
  std::vector<label> found;  // n_queries x k
  std::vector<std::size_t> n_found;
  std::size_t vectors_read = 0;
  std::size_t batches = 0;
};

class measurement {
 public:
  measurement(subject& of, const eval_request& request, progress_bar& bar)
      : subject_(of), request_(request), bar_(bar), on_(request.threads), workers_(on_.workers()) {}

  [[nodiscard]] unsigned threads() const { return on_.workers(); }

  measured measure(std::size_t ef, std::size_t rerank) {
    const search_params params{.k = subject_.truth.k,
                               .ef = ef,
                               .rerank = rerank,
                               .exhaustive = request_.exhaustive,
                               .rerank_by = request_.rerank_by,
                               .epsilon = request_.epsilon};
    const std::string stage = "ef " + std::to_string(ef) + ", rerank " + std::to_string(rerank);
    // Until everything is in the caches that will be, but no longer than a second.
    constexpr std::size_t most_warm_up = 1000;
    (void)pass(params, std::min(subject_.n_queries, most_warm_up), stage);
    std::vector<double> pass_qps;
    std::vector<double> latencies;
    one_pass last;
    const auto began = clock::now();
    do {
      last = pass(params, subject_.n_queries, stage);
      pass_qps.push_back(static_cast<double>(subject_.n_queries) / last.seconds);
      latencies.insert(latencies.end(), last.latencies_us.begin(), last.latencies_us.end());
    } while (pass_qps.size() < request_.repeat && seconds_since(began) < most_seconds);

    const auto n = static_cast<double>(subject_.n_queries);
    return {.ef = ef,
            .rerank = rerank,
            .recall = recall(last),
            .qps = quantile(pass_qps, 0.5),
            .p50_us = quantile(latencies, 0.5),
            .p99_us = quantile(latencies, 0.99),
            .vectors_read = static_cast<double>(last.vectors_read) / n,
            .batches = static_cast<double>(last.batches) / n};
  }

 private:
  // Passes after the first are for a steadier figure: not worth more than this.
  static constexpr double most_seconds = 2;

  one_pass pass(const search_params& params, std::size_t n_queries, const std::string& stage) {
    const std::size_t dim = subject_.index.dim();
    one_pass p{.latencies_us = std::vector<double>(n_queries),
               .found = std::vector<label>(n_queries * params.k),
               .n_found = std::vector<std::size_t>(n_queries)};
    std::vector<std::size_t> read(n_queries);
    std::vector<std::size_t> batches(n_queries);
    const auto began = clock::now();
    parallel_for(on_, n_queries, [&](std::size_t i, unsigned w) {
      worker_state& worker = workers_[w];
      if (worker.failed || interrupted() != 0) return;
      const auto query = std::span<const float>(subject_.queries).subspan(i * dim, dim);
      const auto started = clock::now();
      const auto hits = search_one(query, params, worker.scratch);
      p.latencies_us[i] = seconds_since(started) * 1e6;
      if (!hits) {
        worker.failed = hits.error();
        return;
      }
      p.n_found[i] = std::min(hits->size(), params.k);
      for (std::size_t j = 0; j < p.n_found[i]; ++j) p.found[i * params.k + j] = (*hits)[j].id;
      read[i] = worker.scratch.rerank().vectors_read();
      batches[i] = worker.scratch.rerank().batches();
      if (i % 64 == 0) (void)bar_.show(stage, i, n_queries);
    });
    p.seconds = seconds_since(began);
    stop_if_interrupted();
    for (const worker_state& worker : workers_)
      if (worker.failed)
        throw failure(to_blame(*worker.failed, request_.index, request_.vectors, request_.queries), *worker.failed);
    for (std::size_t i = 0; i < n_queries; ++i) {
      p.vectors_read += read[i];
      p.batches += batches[i];
    }
    return p;
  }

  expected<std::span<const neighbor>> search_one(std::span<const float> query, const search_params& params,
                                                 search_scratch& scratch) {
    if (subject_.vectors) return subject_.index.search(query, params, *subject_.vectors, scratch);
    if (auto begun = subject_.index.begin(query, params, scratch); !begun) return std::unexpected(begun.error());
    return scratch.rerank().results();
  }

  // |found and exact| / k over all queries.
  [[nodiscard]] double recall(const one_pass& p) const {
    const std::size_t k = subject_.truth.k;
    std::size_t common = 0;
    for (std::size_t i = 0; i < subject_.n_queries; ++i) {
      std::vector<label> exact(subject_.truth.ids.begin() + static_cast<std::ptrdiff_t>(i * k),
                               subject_.truth.ids.begin() + static_cast<std::ptrdiff_t>((i + 1) * k));
      std::ranges::sort(exact);
      for (std::size_t j = 0; j < p.n_found[i]; ++j)
        common += std::ranges::binary_search(exact, p.found[i * k + j]) ? 1 : 0;
    }
    return static_cast<double>(common) / static_cast<double>(subject_.n_queries * k);
  }

  static double quantile(std::vector<double> values, double q) {
    const auto at = static_cast<std::size_t>(std::lround(q * static_cast<double>(values.size() - 1)));
    std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(at));
    return values[at];
  }

  subject& subject_;
  const eval_request& request_;
  progress_bar& bar_;
  thread_executor on_;
  std::vector<worker_state> workers_;
};

subject read_subject(const eval_request& request, progress_bar& bar) {
  subject s{.index = open_index(request.index, request.simd), .vectors = {}, .queries = {}, .truth = {}};
  if (s.index.size() == 0) throw failure(request.index, "holds no vectors [empty_index]");
  if (!request.vectors.empty()) s.vectors.emplace(open_vectors(request.vectors, s.index, request.index));
  const mmap_store queries = open_queries(request.queries, s.index);
  const std::size_t dim = queries.dim();
  s.n_queries = queries.size();
  s.queries.resize(s.n_queries * dim);
  for (std::size_t i = 0; i < s.n_queries; ++i) {
    const auto to = std::span(s.queries).subspan(i * dim, dim);
    const auto row = take(queries.row(i, to), request.queries);
    if (!is_finite(row))
      throw failure(request.queries,
                    "row " + std::to_string(i) + " holds NaN, infinity or a value beyond 1e15 [not_finite]");
    if (row.data() != to.data()) std::ranges::copy(row, to.begin());
  }
  // An index of fewer than k vectors answers with all it has.
  const std::size_t k = std::min(request.k, s.index.size());
  s.truth = request.truth.empty() ? find_exact(*s.vectors, request.vectors, queries, s.index.metric(), k,
                                               *take(simd::kernels_for(s.index.simd()), request.index), bar)
                                  : read_answers(request.truth, queries.size(), k, s.index.size());
  return s;
}

nlohmann::ordered_json to_json(const measured& r) {
  return {{"ef", r.ef},
          {"rerank", r.rerank},
          {"recall", rounded(r.recall, 6)},
          {"qps", rounded(r.qps, 1)},
          {"p50_us", rounded(r.p50_us, 2)},
          {"p99_us", rounded(r.p99_us, 2)},
          {"vectors_read", rounded(r.vectors_read, 3)},
          {"batches", rounded(r.batches, 3)}};
}

}  // namespace

void eval(const eval_request& request) {
  if (request.vectors.empty() && request.truth.empty())
    throw usage_failure("without --truth, exact answers are computed from --vectors: give one of them");
  if (request.vectors.empty() && std::ranges::any_of(request.rerank, [](std::size_t r) { return r > 0; }))
    throw usage_failure("--rerank reads from --vectors: give them, or --rerank 0");
  catch_interrupts();
  progress_bar bar;
  subject s = read_subject(request, bar);
  bar.clear();
  std::vector<std::size_t> reranks = request.rerank;
  if (reranks.empty()) reranks = s.vectors ? std::vector<std::size_t>{0, 20, 50} : std::vector<std::size_t>{0};

  measurement m(s, request, bar);
  const table runs_table{{"ef", 5},     {"rerank", 6}, {"recall", 7},   {"queries/s", 10},
                         {"p50 us", 8}, {"p99 us", 8}, {"rows read", 9}};
  const std::string head = request.index + ": " + with_commas(s.index.size()) + " x " + std::to_string(s.index.dim()) +
                           ", " + std::string(name(s.index.metric())) + ", " + std::string(s.index.quantizer_name()) +
                           ", " + fixed(s.index.bytes_per_vector(), 1) + " bytes a vector, " +
                           std::string(simd::name(s.index.simd())) + ", " + std::to_string(m.threads()) +
                           (m.threads() == 1 ? " thread" : " threads") + "\n" + with_commas(s.n_queries) +
                           " queries of " + request.queries + ", recall@" + std::to_string(request.k) + " against " +
                           (request.truth.empty() ? "exact answers computed now" : request.truth) +
                           (request.exhaustive ? ", all codes scanned" : "") + "\n\n" + runs_table.head();

  nlohmann::ordered_json runs = nlohmann::ordered_json::array();
  for (const std::size_t ef : request.ef)
    for (const std::size_t rerank : reranks) {
      const measured r = m.measure(ef, rerank);
      bar.clear();
      runs.push_back(to_json(r));
      if (request.json) continue;
      if (runs.size() == 1) print(head);
      print(runs_table.row({std::to_string(ef), std::to_string(rerank), fixed(r.recall, 4), fixed(r.qps, 0),
                            fixed(r.p50_us, 1), fixed(r.p99_us, 1), fixed(r.vectors_read, 1)}));
    }
  if (!request.json) return;
  const nlohmann::ordered_json result{{"index", request.index},
                                      {"n", s.index.size()},
                                      {"dim", s.index.dim()},
                                      {"metric", name(s.index.metric())},
                                      {"quantizer", s.index.quantizer_name()},
                                      {"m", s.index.m()},
                                      {"bytes_per_vector", rounded(s.index.bytes_per_vector(), 3)},
                                      {"simd", simd::name(s.index.simd())},
                                      {"threads", m.threads()},
                                      {"k", request.k},
                                      {"queries", s.n_queries},
                                      {"exhaustive", request.exhaustive},
                                      {"runs", std::move(runs)}};
  print(result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace thimble::cli
