// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Every quantizer from the command line on the bundled pictures: it builds, saves, opens and finds.

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "cli/program.hpp"
#include "unit/io/vector_files.hpp"
#include "unit/support/environment.hpp"

namespace thimble::test {
namespace {

struct quantizer_case {
  const char* name;
  double bits;             // a value
  double least_estimated;  // recall@10 of 100 candidates by their estimates
};

void PrintTo(const quantizer_case& c, std::ostream* out) { *out << c.name; }

// The first pictures of a bundled file.
std::string first_pictures(const std::string& from, const char* name, std::uint32_t n) {
  std::string path = test_path(name);
  const std::string text = read_text(from);
  byte_writer file;
  file.put(n).put(784u);
  for (std::size_t i = 8; i < 8 + std::size_t{n} * 784; ++i) file.put(static_cast<std::uint8_t>(text[i]));
  write_bytes(path, file.bytes());
  return path;
}

class cli_quantizers : public testing::TestWithParam<quantizer_case> {
 protected:
  // Sanitized builds look at fewer.
  static constexpr std::uint32_t n = sanitized ? 1500 : 9000;
  static constexpr std::uint32_t n_queries = sanitized ? 50 : 200;

  static void SetUpTestSuite() {
    vectors = first_pictures(base, "some.u8bin", n);
    asked = first_pictures(queries, "some_queries.u8bin", n_queries);
  }
  static void TearDownTestSuite() {
    std::filesystem::remove(vectors);
    std::filesystem::remove(asked);
  }

  static inline std::string vectors;
  static inline std::string asked;
};

TEST_P(cli_quantizers, builds_opens_and_finds_by_the_graph_and_exhaustively) {
  const quantizer_case& c = GetParam();
  const std::string index = test_path(std::string(c.name) + ".thimble");
  const auto built = run({"build", "--input", vectors, "--quantizer", c.name, "--ef-construction", "100", "--threads",
                          "2", "--output", index, "--json"});
  expect_success(built);
  EXPECT_EQ(built.json()["quantizer"], c.name);

  const auto info = run({"info", "--index", index, "--json"}).json();
  EXPECT_EQ(info["quantizer"], c.name);
  // Codes and at most 20 bytes of factors beside them; rabitq rounds 784 dimensions up to 832.
  EXPECT_GE(info["parts"]["codes"].get<double>(), 784 * c.bits / 8);
  EXPECT_LE(info["parts"]["codes"].get<double>(), 832 * c.bits / 8 + 20);

  double exhaustive_estimated = 0;
  for (const bool exhaustive : {true, false}) {
    std::vector<std::string> line{"eval", "--index",  index,   "--vectors", vectors, "--queries", asked, "--ef",
                                  "100",  "--rerank", "0,100", "--threads", "2",     "--repeat",  "1",   "--json"};
    if (exhaustive) line.push_back("--exhaustive");
    const auto measured = run(line);
    expect_success(measured);
    const auto json = measured.json();
    EXPECT_EQ(json["exhaustive"], exhaustive);
    ASSERT_EQ(json["runs"].size(), 2u);
    EXPECT_EQ(json["runs"][1]["ef"], 100);
    EXPECT_EQ(json["runs"][1]["rerank"], 100);
    EXPECT_LE(json["runs"][1]["vectors_read"].get<double>(), 100.0);
    const double estimated = json["runs"][0]["recall"].get<double>();
    const double reranked = json["runs"][1]["recall"].get<double>();
    EXPECT_GE(estimated, c.least_estimated) << (exhaustive ? "exhaustive" : "graph");
    EXPECT_GE(reranked, .99) << (exhaustive ? "exhaustive" : "graph");
    // The graph may miss a candidate, and not find one that a scan does not.
    if (exhaustive) exhaustive_estimated = estimated;
    EXPECT_NEAR(estimated, exhaustive_estimated, .01);
    RecordProperty(exhaustive ? "exhaustive" : "graph", std::to_string(estimated) + " " + std::to_string(reranked));
  }
  std::filesystem::remove(index);
}

INSTANTIATE_TEST_SUITE_P(all, cli_quantizers,
                         testing::Values(quantizer_case{"float32", 32, .999}, quantizer_case{"float16", 16, .999},
                                         quantizer_case{"sq8", 8, .985}, quantizer_case{"sq4", 4, .955},
                                         quantizer_case{"rabitq1", 1, .85}, quantizer_case{"rabitq2", 2, .915},
                                         quantizer_case{"rabitq3", 3, .945}, quantizer_case{"rabitq4", 4, .945},
                                         quantizer_case{"rabitq5", 5, .965}, quantizer_case{"rabitq6", 6, .975},
                                         quantizer_case{"rabitq7", 7, .98}, quantizer_case{"rabitq8", 8, .985}),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace thimble::test
