// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
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

// Tries one setting after another, and tells of each as it goes.
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
    measured reached = attempt(first_, {});
    while (!enough(reached)) {
      if (reached.ef == most_ || stalled()) return std::nullopt;
      below = reached.ef;
      reached = attempt(std::min(2 * below, most_), {});
    }
    // A smaller one than the first counts as the first.
    while (below != 0 && reached.ef - below > 1) {
      const measured middle = attempt(below + (reached.ef - below) / 2, {});
      if (enough(middle))
        reached = middle;
      else
        below = middle.ef;
    }
    return reached;
  }

  // The smallest gamma that reaches the recall with four times as many candidates as are needed without. None: out of
  // reach.
  [[nodiscard]] std::optional<measured> smallest_gamma(std::size_t needed) {
    std::optional<measured> reached;
    for (std::size_t low = 0, high = n_gammas; low < high;) {
      const std::size_t middle = low + (high - low) / 2;
      const measured tried = attempt(std::min(4 * needed, most_), gamma(middle));
      if (enough(tried)) {
        reached = tried;
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return reached;
  }

  // Measures both again, in turns, and gives the time of the second as a share of the first's.
  [[nodiscard]] double share_of_time(const measured& first, const measured& second) {
    double first_qps = 0, second_qps = 0;
    for (int turn = 0; turn < 3; ++turn) {
      first_qps = std::max(first_qps, measure(first.ef, first.gamma).qps);
      second_qps = std::max(second_qps, measure(second.ef, second.gamma).qps);
    }
    return first_qps / second_qps;
  }

  // What would be found if the graph led to every candidate.
  [[nodiscard]] double recall_of_a_scan() {
    const double recall = measurement_.measure(std::max(request_.rerank, request_.k), request_.rerank, {}, true).recall;
    bar_.clear();
    return recall;
  }

 private:
  [[nodiscard]] bool enough(const measured& m) const { return m.recall >= request_.recall; }

  // .01, .011, .012, .013, .014 ... .587
  static constexpr std::size_t n_gammas = 48;
  [[nodiscard]] static float gamma(std::size_t i) {
    return static_cast<float>(std::round(10 * std::exp2(static_cast<double>(i) / 8)) / 1000);
  }

  [[nodiscard]] measured measure(std::size_t ef, std::optional<float> gamma) {
    const measured m = measurement_.measure(ef, request_.rerank, gamma);
    bar_.clear();
    return m;
  }

  measured attempt(std::size_t ef, std::optional<float> gamma) {
    tried_.push_back(measure(ef, gamma));
    const measured& m = tried_.back();
    if (!request_.json)
      print(tried_table_.row({std::to_string(ef), gamma ? fixed(static_cast<double>(*gamma), 3) : "-",
                              fixed(m.recall, 4), fixed(m.p50_us, 1)}));
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
  const table tried_table_{{"ef", 7}, {"gamma", 6}, {"recall", 7}, {"p50 us", 8}};
  std::vector<measured> tried_;
};

nlohmann::ordered_json json_of(const measured& m) {
  return {{"ef", m.ef},
          {"gamma", number_or_null(m.gamma)},
          {"recall", rounded(m.recall, 6)},
          {"p50_us", rounded(m.p50_us, 2)}};
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

// Of the time: less is not worth a second number to know of.
constexpr double worth_a_gamma = .97;

// The file that is open stays what it was: its replacement is another one, by rename.
void store(const measured& chosen, any_index& index, const std::string& path) {
  take(index.set_default_ef(chosen.ef, chosen.gamma), path);
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
  const std::optional<float> gamma_before = s.index.default_gamma();
  tuning attempts(s, request, bar);
  const auto smallest = attempts.smallest();
  const auto with_gamma = smallest ? attempts.smallest_gamma(smallest->ef) : std::nullopt;
  const double share = with_gamma ? attempts.share_of_time(*smallest, *with_gamma) : 1;
  const auto chosen = share < worth_a_gamma ? with_gamma : smallest;
  const double scanned = chosen ? 0 : attempts.recall_of_a_scan();
  const bool stored = chosen && !request.dry_run;
  if (stored) store(*chosen, s.index, request.index);

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
                                  {"default_gamma", number_or_null(s.index.default_gamma())},
                                  {"default_ef_before", default_before},
                                  {"default_gamma_before", number_or_null(gamma_before)}};
    if (smallest) result["smallest_ef"] = smallest->ef;
    if (with_gamma) result["share_of_time_with_gamma"] = rounded(share, 3);
    result["best"] = json_of(chosen ? *chosen : attempts.best());
    if (!chosen) result["recall_of_a_scan"] = rounded(scanned, 6);
    result["tried"] = nlohmann::ordered_json::array();
    for (const measured& m : attempts.tried()) result["tried"].push_back(json_of(m));
    print(result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }
  if (!chosen) throw failure(request.index, out_of_reach(request, attempts.best(), scanned));
  if (request.json) return;
  print("\nef " + std::to_string(smallest->ef) + " is the smallest with recall@" + std::to_string(request.k) + " of " +
        fixed(request.recall, 4) + "\n");
  if (chosen->gamma)
    print("ef " + std::to_string(chosen->ef) + " with gamma " + fixed(static_cast<double>(*chosen->gamma), 3) +
          " reaches it too, and searches take " + fixed(share, 2) + " of the time\n");
  print((stored ? "it is the default of " + request.index + " now" : std::string("it was not stored (--dry-run)")) +
        "; before it was ef " + std::to_string(default_before) +
        (gamma_before ? " with gamma " + fixed(static_cast<double>(*gamma_before), 3) : "") + "\n");
}

}  // namespace thimble::cli
