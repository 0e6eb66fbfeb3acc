// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include "measure.hpp"

#include <thimble/core/random.hpp>
#include <thimble/metric/vector_check.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "exact.hpp"
#include "failure.hpp"
#include "text.hpp"

namespace thimble::cli {

namespace {

using clock = std::chrono::steady_clock;

double seconds_since(clock::time_point began) { return std::chrono::duration<double>(clock::now() - began).count(); }

double quantile(std::vector<double> values, double q) {
  const auto at = static_cast<std::size_t>(std::lround(q * static_cast<double>(values.size() - 1)));
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(at));
  return values[at];
}

double median_us(const std::vector<stage_times>& times, std::uint64_t stage_times::* stage) {
  std::vector<double> us(times.size());
  std::ranges::transform(times, us.begin(),
                         [stage](const stage_times& t) { return static_cast<double>(t.*stage) / 1e3; });
  return quantile(std::move(us), 0.5);
}

// These rows, one after another.
std::vector<float> read_rows(const mmap_store& store, std::span<const label> rows, const std::string& path) {
  const std::size_t dim = store.dim();
  std::vector<float> values(rows.size() * dim);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto to = std::span(values).subspan(i * dim, dim);
    const auto row = take(store.row(static_cast<std::size_t>(rows[i]), to), path);
    if (!is_finite(row))
      throw failure(path,
                    "row " + std::to_string(rows[i]) + " holds NaN, infinity or a value beyond 1e15 [not_finite]");
    if (row.data() != to.data()) std::ranges::copy(row, to.begin());
  }
  return values;
}

std::vector<label> all_rows(std::size_t n) {
  std::vector<label> rows(n);
  for (std::size_t i = 0; i < n; ++i) rows[i] = i;
  return rows;
}

// Any `wanted` of n rows are as likely as any others; ascending. (Knuth, The Art of Computer Programming 2, 3.4.2 S.)
std::vector<label> some_rows(std::size_t n, std::size_t wanted, std::uint64_t seed) {
  random_generator random(seed);
  std::vector<label> rows;
  for (std::size_t i = 0; i < n && rows.size() < wanted; ++i)
    if (random.below(n - i) < wanted - rows.size()) rows.push_back(i);
  return rows;
}

// One answer fewer for each query: without the row that it is, or without the last where that is not among them.
exact_answers without(const exact_answers& answers, std::span<const label> left_out) {
  exact_answers rest{.k = answers.k - 1, .ids = {}};
  for (std::size_t i = 0; i < left_out.size(); ++i) {
    std::size_t taken = 0;
    for (std::size_t j = 0; j < answers.k && taken < rest.k; ++j)
      if (const std::int32_t id = answers.ids[i * answers.k + j]; static_cast<label>(id) != left_out[i]) {
        rest.ids.push_back(id);
        ++taken;
      }
  }
  return rest;
}

}  // namespace

subject read_subject(const subject_request& request, progress_bar& bar) {
  subject s{.from = request,
            .index = open_index(request.index, request.simd),
            .vectors = {},
            .n_queries = 0,
            .queries = {},
            .left_out = {},
            .truth = {}};
  const std::size_t n = s.index.size();
  if (n == 0) throw failure(request.index, "holds no vectors [empty_index]");
  if (!request.vectors.empty()) s.vectors.emplace(open_vectors(request.vectors, s.index, request.index));
  const bool sampled = request.queries.empty();
  if (sampled && n == 1) throw failure(request.index, "holds one vector, which has no neighbours: give --queries");
  if (sampled) {
    s.left_out = some_rows(n, request.sample, request.seed);
    s.queries = read_rows(*s.vectors, s.left_out, request.vectors);
    s.n_queries = s.left_out.size();
  } else {
    const mmap_store queries = open_queries(request.queries, s.index);
    s.queries = read_rows(queries, all_rows(queries.size()), request.queries);
    s.n_queries = queries.size();
    if (s.n_queries == 0) throw failure(request.queries, "holds no queries [empty_input]");
  }

  // An index of fewer than k vectors answers with all it has.
  const std::size_t k = std::min(request.k + (sampled ? 1 : 0), n);
  if (!request.truth.empty()) {
    s.truth = read_answers(request.truth, s.n_queries, k, n);
    return s;
  }
  s.truth = find_exact(*s.vectors, request.vectors, s.queries, s.index.metric(), k,
                       *take(simd::kernels_for(s.index.simd()), request.index), bar);
  if (sampled) s.truth = without(s.truth, s.left_out);
  bar.clear();
  return s;
}

bool is_rounded(const subject& s) { return s.vectors && s.index.rounded(*s.vectors); }

std::string describe(const subject& s, unsigned threads) {
  const std::string asked = s.left_out.empty() ? " queries of " + s.from.queries
                                               : " rows of " + s.from.vectors + " as queries, each without itself";
  return s.from.index + ": " + with_commas(s.index.size()) + " x " + std::to_string(s.index.dim()) + ", " +
         std::string(name(s.index.metric())) + ", " + std::string(s.index.quantizer_name()) + ", " +
         fixed(s.index.bytes_per_vector(), 1) + " bytes a vector, " + std::string(simd::name(s.index.simd())) + ", " +
         std::to_string(threads) + (threads == 1 ? " thread" : " threads") + "\n" + with_commas(s.n_queries) + asked +
         ", recall@" + std::to_string(s.from.k) + " against " +
         (s.from.truth.empty() ? "exact answers computed now" : s.from.truth) +
         (is_rounded(s) ? "; " + s.from.vectors + " holds the vectors rounded to float16" : "");
}

measured measurement::measure(std::size_t ef, std::size_t rerank, std::optional<float> gamma, bool exhaustive) {
  // A query that is left out of its answers takes the place of one.
  search_params params{.k = subject_.from.k + (subject_.left_out.empty() ? 0 : 1),
                       .ef = ef,
                       .gamma = gamma,
                       .rerank = rerank,
                       .exhaustive = exhaustive,
                       .rerank_by = options_.rerank_by,
                       .epsilon = options_.epsilon};
  const std::string stage = "ef " + std::to_string(ef) + ", rerank " + std::to_string(rerank);
  // Passes after the first are for a steadier figure: not worth more than this.
  constexpr double most_seconds = 2;
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
  } while (pass_qps.size() < options_.repeat && seconds_since(began) < most_seconds);
  if (options_.stages) {
    params.clock = steady_clock_ns;
    last = pass(params, subject_.n_queries, stage);
  }

  const auto n = static_cast<double>(subject_.n_queries);
  return {.ef = ef,
          .gamma = gamma,
          .rerank = rerank,
          .recall = recall(last),
          .qps = quantile(pass_qps, 0.5),
          .p50_us = quantile(latencies, 0.5),
          .p99_us = quantile(latencies, 0.99),
          .vectors_read = static_cast<double>(last.vectors_read) / n,
          .batches = static_cast<double>(last.batches) / n,
          .graph_us = median_us(last.times, &stage_times::graph_ns),
          .read_us = median_us(last.times, &stage_times::read_ns),
          .rerank_us = median_us(last.times, &stage_times::rerank_ns)};
}

measurement::one_pass measurement::pass(const search_params& params, std::size_t n_queries, const std::string& stage) {
  const std::size_t dim = subject_.index.dim();
  const std::size_t k = subject_.from.k;
  one_pass p{.latencies_us = std::vector<double>(n_queries),
             .found = std::vector<label>(n_queries * k),
             .n_found = std::vector<std::size_t>(n_queries),
             .times = std::vector<stage_times>(n_queries)};
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
    for (const neighbor& hit : *hits)
      if (p.n_found[i] < k && (subject_.left_out.empty() || hit.id != subject_.left_out[i]))
        p.found[i * k + p.n_found[i]++] = hit.id;
    read[i] = worker.scratch.rerank().vectors_read();
    batches[i] = worker.scratch.rerank().batches();
    p.times[i] = worker.scratch.rerank().times();
    if (i % 64 == 0) (void)bar_.show(stage, i, n_queries);
  });
  p.seconds = seconds_since(began);
  stop_if_interrupted();
  for (const worker_state& worker : workers_)
    if (worker.failed)
      fail_search(*worker.failed, subject_.from.index, subject_.from.vectors,
                  subject_.left_out.empty() ? subject_.from.queries : subject_.from.vectors);
  for (std::size_t i = 0; i < n_queries; ++i) {
    p.vectors_read += read[i];
    p.batches += batches[i];
  }
  return p;
}

expected<std::span<const neighbor>> measurement::search_one(std::span<const float> query, const search_params& params,
                                                            search_scratch& scratch) {
  if (subject_.vectors) return subject_.index.search(query, params, *subject_.vectors, scratch);
  if (auto begun = subject_.index.begin(query, params, scratch); !begun) return std::unexpected(begun.error());
  return scratch.rerank().results();
}

// |found and exact| / k over all queries.
double measurement::recall(const one_pass& p) const {
  const std::size_t k = subject_.truth.k;
  std::size_t common = 0;
  for (std::size_t i = 0; i < subject_.n_queries; ++i) {
    std::vector<label> exact(subject_.truth.ids.begin() + static_cast<std::ptrdiff_t>(i * k),
                             subject_.truth.ids.begin() + static_cast<std::ptrdiff_t>((i + 1) * k));
    std::ranges::sort(exact);
    for (std::size_t j = 0; j < p.n_found[i]; ++j)
      common += std::ranges::binary_search(exact, p.found[i * subject_.from.k + j]) ? 1 : 0;
  }
  return static_cast<double>(common) / static_cast<double>(subject_.n_queries * k);
}

}  // namespace thimble::cli
