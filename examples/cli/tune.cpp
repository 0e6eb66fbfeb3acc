// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "commands.hpp"
#include "failure.hpp"
#include "measure.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace thimble::cli {

namespace {

// Tries one ef after another, and tells of each as it goes.
class tuning {
 public:
  tuning(subject& of, const tune_request& request, progress_bar& bar)
      : request_(request),
        bar_(bar),
        // A query that is left out of its own answers takes a place among the candidates.
        first_(std::min(request.k + (of.left_out.empty() ? 0 : 1), of.index.size())),
        most_(std::max(first_, std::min<std::size_t>(of.index.size(), max_default_ef))),
        measurement_(of, {.rerank_by = request.rerank_by, .epsilon = request.epsilon, .threads = request.threads},
                     bar) {
    if (!request_.json)
      print(describe(of, measurement_.threads()) + ", rerank " + std::to_string(request_.rerank) + "\n\n" +
            tried_table_.head());
  }

  [[nodiscard]] unsigned threads() const { return measurement_.threads(); }
  [[nodiscard]] const std::vector<measured>& tried() const { return tried_; }
  [[nodiscard]] const measured& best() const { return *std::ranges::max_element(tried_, {}, &measured::recall); }

  // The smallest ef that reaches the recall: doubled until one does, then bisected. None: out of reach.
  [[nodiscard]] std::optional<measured> smallest() {
    std::size_t below = 0;  // does not reach it
    measured reached = attempt(first_);
    while (!enough(reached)) {
      if (reached.ef == most_ || stalled()) return std::nullopt;
      below = reached.ef;
      reached = attempt(std::min(2 * below, most_));
    }
    // A smaller one than the first counts as the first.
    while (below != 0 && reached.ef - below > 1) {
      const measured middle = attempt(below + (reached.ef - below) / 2);
      if (enough(middle))
        reached = middle;
      else
        below = middle.ef;
    }
    return reached;
  }

  // What would be found if the graph led to every candidate.
  [[nodiscard]] double recall_of_a_scan() {
    const double recall = measurement_.measure(std::max(request_.rerank, request_.k), request_.rerank, true).recall;
    bar_.clear();
    return recall;
  }

 private:
  [[nodiscard]] bool enough(const measured& m) const { return m.recall >= request_.recall; }

  measured attempt(std::size_t ef) {
    tried_.push_back(measurement_.measure(ef, request_.rerank));
    bar_.clear();
    const measured& m = tried_.back();
    if (!request_.json) print(tried_table_.row({std::to_string(ef), fixed(m.recall, 4), fixed(m.p50_us, 1)}));
    return m;
  }

  // More than rerank candidates, and the last two doublings gained less than a tenth of what is missing: it would take
  // 20 more of them, if ever.
  [[nodiscard]] bool stalled() const {
    if (tried_.size() < 3) return false;
    const measured& last = tried_.back();
    const measured& before = tried_[tried_.size() - 3];
    return before.ef >= request_.rerank && last.recall - before.recall < (request_.recall - last.recall) / 10;
  }

  const tune_request& request_;
  progress_bar& bar_;
  std::size_t first_;
  std::size_t most_;
  measurement measurement_;
  const table tried_table_{{"ef", 7}, {"recall", 7}, {"p50 us", 8}};
  std::vector<measured> tried_;
};

nlohmann::ordered_json json_of(const measured& m) {
  return {{"ef", m.ef}, {"recall", rounded(m.recall, 6)}, {"p50_us", rounded(m.p50_us, 2)}};
}

std::string out_of_reach(const tune_request& request, const measured& best, double scanned) {
  const bool codes = scanned < request.recall;
  return "recall@" + std::to_string(request.k) + " of " + fixed(request.recall, 4) + " is out of reach: at best " +
         fixed(best.recall, 4) + ", with ef " + std::to_string(best.ef) + " and rerank " +
         std::to_string(request.rerank) + "; a scan of all codes gives " + fixed(scanned, 4) +
         (codes ? ", so that a greater --rerank or codes of more bits are needed"
                : ", so that a graph with a greater --m or --ef-construction is needed") +
         (request.dry_run ? "" : "; the index is as it was");
}

// The file that is open stays what it was: its replacement is another one, by rename.
void store_ef(any_index& index, std::size_t ef, const std::string& path) {
  take(index.set_default_ef(ef), path);
  take(index.save(path.c_str()), path);
}

}  // namespace

void tune(const tune_request& request) {
  if (!(request.recall > 0 && request.recall <= 1)) throw usage_failure("--recall must be above 0 and at most 1");
  if (!request.dry_run) check_output(request.index);
  catch_interrupts();
  progress_bar bar;
  subject s = read_subject({.index = request.index,
                            .vectors = request.vectors,
                            .queries = request.queries,
                            .truth = request.truth,
                            .k = request.k,
                            .sample = request.sample,
                            .seed = request.seed,
                            .simd = request.simd},
                           bar);
  const unsigned default_before = s.index.default_ef();
  tuning attempts(s, request, bar);
  const auto chosen = attempts.smallest();
  const double scanned = chosen ? 0 : attempts.recall_of_a_scan();
  const bool stored = chosen && !request.dry_run;
  if (stored) store_ef(s.index, chosen->ef, request.index);

  if (request.json) {
    nlohmann::ordered_json result{{"index", request.index},
                                  {"k", request.k},
                                  {"recall_wanted", request.recall},
                                  {"rerank", request.rerank},
                                  {"simd", simd::name(s.index.simd())},
                                  {"threads", attempts.threads()},
                                  {"queries", s.n_queries},
                                  {"sampled", !s.left_out.empty()},
                                  {"reached", chosen.has_value()},
                                  {"stored", stored},
                                  {"default_ef", s.index.default_ef()},
                                  {"default_ef_before", default_before}};
    result["best"] = json_of(chosen ? *chosen : attempts.best());
    if (!chosen) result["recall_of_a_scan"] = rounded(scanned, 6);
    result["tried"] = nlohmann::ordered_json::array();
    for (const measured& m : attempts.tried()) result["tried"].push_back(json_of(m));
    print(result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }
  if (!chosen) throw failure(request.index, out_of_reach(request, attempts.best(), scanned));
  if (request.json) return;
  print("\nef " + std::to_string(chosen->ef) + " is the smallest with recall@" + std::to_string(request.k) + " of " +
        fixed(request.recall, 4) + ", and " +
        (stored ? "the default of " + request.index + " now" : "was not stored (--dry-run)") + "; before it was " +
        std::to_string(default_before) + "\n");
}

}  // namespace thimble::cli
