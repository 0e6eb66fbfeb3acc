// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Recall and speed of an index for one setting after another: what eval prints and tune decides on. Queries are those
// of a file, or rows of the index's own vectors, each of which is then left out of its own answers.

#pragma once

#include <thimble/core/executor.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "progress.hpp"
#include "vectors.hpp"

namespace thimble::cli {

struct subject_request {
  std::string index;
  std::string vectors;  // empty: estimates only
  std::string queries;  // empty: rows of the vectors
  std::string truth;    // empty: computed
  std::size_t k = 10;
  std::size_t sample = 0;  // how many rows, where there are no queries
  std::uint64_t seed = 1;  // of the choice among them
  std::string simd = "auto";
};

// What is measured, and where it came from.
struct subject {
  subject_request from;
  any_index index;
  std::optional<mmap_store> vectors;
  std::size_t n_queries = 0;
  std::vector<float> queries;   // n_queries x dim
  std::vector<label> left_out;  // the row that each query is, no answer to it; empty: queries of their own
  exact_answers truth;          // of fewer than k where the index has no more
};

// Opens and reads all of it, and finds the exact answers if they are not given. Throws a failure.
[[nodiscard]] subject read_subject(const subject_request& request, progress_bar& bar);

// Whether there are vectors, rounded to halfs. Answers that were computed from them are then those of rounded vectors.
[[nodiscard]] bool is_rounded(const subject& s);

// "index: 9,000 x 784, l2, ..." and "1,000 queries of ..., recall@10 against ...", without a line's end.
[[nodiscard]] std::string describe(const subject& s, unsigned threads);

struct measure_options {
  rerank_policy rerank_by = rerank_policy::bound;
  float epsilon = search_params{}.epsilon;
  unsigned threads = 1;
  unsigned repeat = 1;  // timed passes at most, of 2 seconds together
  bool stages = false;  // in a pass of its own, so that the other figures are those of searches without clocks
};

struct measured {
  std::size_t ef = 0;
  std::optional<float> gamma{};
  std::size_t rerank = 0;
  double recall = 0;
  double qps = 0;
  double p50_us = 0;
  double p99_us = 0;
  double vectors_read = 0;
  double batches = 0;
  // Medians.
  double graph_us = 0;
  double read_us = 0;
  double rerank_us = 0;
};

class measurement {
 public:
  measurement(subject& of, const measure_options& options, progress_bar& bar)
      : subject_(of), options_(options), bar_(bar), on_(options.threads), workers_(on_.workers()) {}

  [[nodiscard]] unsigned threads() const { return on_.workers(); }

  // exhaustive: by a scan of all codes, of which the best ef are kept. Throws a failure or an interruption.
  [[nodiscard]] measured measure(std::size_t ef, std::size_t rerank, std::optional<float> gamma = {},
                                 bool exhaustive = false);

 private:
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
    std::vector<stage_times> times;
  };

  one_pass pass(const search_params& params, std::size_t n_queries, const std::string& stage);
  expected<std::span<const neighbor>> search_one(std::span<const float> query, const search_params& params,
                                                 search_scratch& scratch);
  [[nodiscard]] double recall(const one_pass& p) const;

  subject& subject_;
  measure_options options_;
  progress_bar& bar_;
  thread_executor on_;
  std::vector<worker_state> workers_;
};

}  // namespace thimble::cli
