// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The six commands: what each is asked for (main.cpp fills it in from the command line) and the function that does it.
// They throw what failure.hpp names; results go to standard output.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thimble/index/options.hpp>
#include <thimble/search/radius_search.hpp>
#include <thimble/search/search_params.hpp>
#include <vector>

namespace thimble::cli {

struct build_request {
  std::string input;
  std::string output;
  std::string metric = "l2";
  std::string quantizer = "sq8";
  unsigned m = 16;
  unsigned ef_construction = 200;
  graph_codes build_quantizer = graph_codes::automatic;
  std::string scratch;
  unsigned threads = 0;
  std::uint64_t seed = 1;
  std::string simd = "auto";
  bool json = false;
};

struct convert_request {
  std::string input;
  std::string output;
  bool json = false;
};

struct info_request {
  std::string index;
  bool json = false;
};

struct search_request {
  std::string index;
  std::string vectors;  // empty: estimates only
  std::string queries;
  std::vector<std::size_t> query_rows = {0};
  std::size_t k = 10;
  std::size_t ef = 0;  // the index's default
  std::optional<float> gamma;
  std::optional<float> radius;  // all within instead of the k nearest
  std::size_t max = radius_params{}.max;
  std::size_t rerank = 50;
  rerank_policy rerank_by = rerank_policy::bound;
  float epsilon = search_params{}.epsilon;
  std::string simd = "auto";
  std::string draw = "auto";
  std::string pictures;  // a file to write, or empty
  bool json = false;
};

struct eval_request {
  std::string index;
  std::string vectors;  // empty: estimates only
  std::string queries;
  std::string truth;  // empty: computed
  std::size_t k = 10;
  std::vector<std::size_t> ef = {10, 20, 40, 80, 160};
  std::vector<std::size_t> rerank;  // empty: 0,20,50 with vectors, else 0
  rerank_policy rerank_by = rerank_policy::bound;
  float epsilon = search_params{}.epsilon;
  std::optional<float> gamma;
  bool exhaustive = false;
  unsigned threads = 1;
  unsigned repeat = 3;
  std::string simd = "auto";
  bool json = false;
};

struct tune_request {
  std::string index;  // read, and written where --dry-run is not given
  std::string vectors;
  std::string queries;  // empty: a sample of the vectors
  std::string truth;    // empty: computed
  double recall = .95;
  std::size_t k = 10;
  std::size_t rerank = 50;
  rerank_policy rerank_by = rerank_policy::bound;
  float epsilon = search_params{}.epsilon;
  std::size_t sample = 1000;
  std::uint64_t seed = 1;
  unsigned threads = 0;
  std::string simd = "auto";
  bool dry_run = false;
  bool json = false;
};

void build(const build_request& request);
void convert(const convert_request& request);
void info(const info_request& request);
void search(const search_request& request);
void eval(const eval_request& request);
void tune(const tune_request& request);

}  // namespace thimble::cli
