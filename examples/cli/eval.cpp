// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "commands.hpp"
#include "failure.hpp"
#include "measure.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace thimble::cli {

namespace {

nlohmann::ordered_json to_json(const measured& r) {
  return {{"ef", r.ef},
          {"rerank", r.rerank},
          {"recall", rounded(r.recall, 6)},
          {"qps", rounded(r.qps, 1)},
          {"p50_us", rounded(r.p50_us, 2)},
          {"p99_us", rounded(r.p99_us, 2)},
          {"vectors_read", rounded(r.vectors_read, 3)},
          {"batches", rounded(r.batches, 3)},
          {"graph_us", rounded(r.graph_us, 2)},
          {"read_us", rounded(r.read_us, 2)},
          {"rerank_us", rounded(r.rerank_us, 2)}};
}

}  // namespace

void eval(const eval_request& request) {
  if (request.vectors.empty() && request.truth.empty())
    throw usage_failure("without --truth, exact answers are computed from --vectors: give one of them");
  if (request.vectors.empty() && std::ranges::any_of(request.rerank, [](std::size_t r) { return r > 0; }))
    throw usage_failure("--rerank reads from --vectors: give them, or --rerank 0");
  if (request.gamma && request.exhaustive) throw usage_failure("--gamma ends a walk, and --exhaustive does not walk");
  catch_interrupts();
  progress_bar bar;
  subject s = read_subject({.index = request.index,
                            .vectors = request.vectors,
                            .queries = request.queries,
                            .truth = request.truth,
                            .k = request.k,
                            .simd = request.simd},
                           bar);
  std::vector<std::size_t> reranks = request.rerank;
  if (reranks.empty()) reranks = s.vectors ? std::vector<std::size_t>{0, 20, 50} : std::vector<std::size_t>{0};

  measurement m(s,
                {.rerank_by = request.rerank_by,
                 .epsilon = request.epsilon,
                 .threads = request.threads,
                 .repeat = request.repeat,
                 .stages = true},
                bar);
  const table runs_table{{"ef", 5},     {"rerank", 6},    {"recall", 7},   {"queries/s", 10}, {"p50 us", 8},
                         {"p99 us", 8}, {"rows read", 9}, {"graph us", 8}, {"read us", 8},    {"rerank us", 9}};
  const std::string head =
      describe(s, m.threads()) + (request.exhaustive ? ", all codes scanned" : "") + "\n\n" + runs_table.head();

  nlohmann::ordered_json runs = nlohmann::ordered_json::array();
  for (const std::size_t ef : request.ef)
    for (const std::size_t rerank : reranks) {
      const measured r = m.measure(ef, rerank, request.gamma, request.exhaustive);
      bar.clear();
      runs.push_back(to_json(r));
      if (request.json) continue;
      if (runs.size() == 1) print(head);
      print(runs_table.row({std::to_string(ef), std::to_string(rerank), fixed(r.recall, 4), fixed(r.qps, 0),
                            fixed(r.p50_us, 1), fixed(r.p99_us, 1), fixed(r.vectors_read, 1), fixed(r.graph_us, 1),
                            fixed(r.read_us, 1), fixed(r.rerank_us, 1)}));
    }
  if (!request.json) return;
  nlohmann::ordered_json result{{"index", request.index},
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
                                {"exhaustive", request.exhaustive}};
  if (s.vectors) result["vectors_rounded"] = is_rounded(s);
  if (request.gamma) result["gamma"] = *request.gamma;
  result["runs"] = std::move(runs);
  print(result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace thimble::cli
