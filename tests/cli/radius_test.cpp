// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The options of a search beside k and ef: a radius, the early stop, and which codes the graph was built on.

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <thimble/index/any_index.hpp>
#include <vector>

#include "cli/program.hpp"

namespace thimble::test {
namespace {

// Squared distances between the first query and every bundled picture, by id, up to the radius.
std::map<std::uint64_t, double> pictures_within(double radius) {
  const std::string vectors = read_text(base);
  const std::string asked = read_text(queries);
  std::map<std::uint64_t, double> within;
  for (std::uint64_t i = 0; i < 9000; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < 784; ++j) {
      const int difference =
          static_cast<std::uint8_t>(vectors[8 + i * 784 + j]) - static_cast<std::uint8_t>(asked[8 + j]);
      sum += difference * difference;
    }
    if (sum <= radius) within[i] = sum;
  }
  return within;
}

std::vector<std::string> radius_line(const std::string& radius) {
  return {"search", "--index", pictures_index(), "--vectors", base, "--queries", queries, "--radius", radius};
}

TEST(cli_radius, gives_exactly_those_within) {
  for (const int radius : {0, 829'717, 829'718, 1'500'000, 2'500'000}) {
    SCOPED_TRACE(radius);
    auto line = radius_line(std::to_string(radius));
    line.insert(line.end(), {"--ef", "200", "--json"});
    const auto found = run(line);
    expect_success(found);
    const auto json = found.json();
    EXPECT_EQ(json["radius"], radius);
    EXPECT_EQ(json["ef"], 200);
    EXPECT_EQ(json["queries"][0]["cut"], false);
    std::map<std::uint64_t, double> hits;
    double before = 0;
    for (const auto& hit : json["queries"][0]["hits"]) {
      EXPECT_GE(hit["distance"].get<double>(), before);
      before = hit["distance"].get<double>();
      hits[hit["id"].get<std::uint64_t>()] = before;
    }
    EXPECT_EQ(hits, pictures_within(radius));
  }
}

TEST(cli_radius, the_ef_is_the_default_but_not_one_that_goes_with_a_gamma) {
  const std::string path = test_path("with_default.thimble");
  auto index = any_index::open(pictures_index().c_str());
  ASSERT_TRUE(index.has_value());
  for (const std::optional<float> gamma : {std::optional<float>{}, std::optional<float>{.2f}}) {
    ASSERT_TRUE(index->set_default_ef(300, gamma).has_value() && index->save(path.c_str()).has_value());
    const auto found =
        run({"search", "--index", path, "--vectors", base, "--queries", queries, "--radius", "829718", "--json"});
    expect_success(found);
    EXPECT_EQ(found.json()["ef"], gamma ? usual_ef : 300u);
  }
  std::filesystem::remove(path);
}

TEST(cli_radius, a_cut_is_told) {
  auto line = radius_line("2500000");
  line.insert(line.end(), {"--max", "20"});
  const auto text = run(line);
  expect_success(text);
  EXPECT_NE(text.out.find("--max"), std::string::npos) << text.out;
  line.push_back("--json");
  const auto json = run(line).json();
  EXPECT_EQ(json["max"], 20);
  EXPECT_EQ(json["queries"][0]["cut"], true);
  EXPECT_LE(json["queries"][0]["hits"].size(), 20u);
  const auto whole = run(radius_line("2500000"));
  EXPECT_EQ(whole.out.find("--max"), std::string::npos);
}

TEST(cli_radius, a_radius_that_is_no_number_is_a_slip) { expect_failure(run(radius_line("nan")), 2, {"radius"}); }

TEST(cli_gamma, a_large_one_changes_nothing_and_a_small_one_finds_less) {
  const auto hits = [](const std::string& gamma) {
    std::vector<std::string> line{"search",      "--index", pictures_index(), "--queries", queries,
                                  "--query-row", "0,1,2",   "--ef",           "100",       "--json"};
    if (!gamma.empty()) line.insert(line.end(), {"--gamma", gamma});
    const auto found = run(line);
    expect_success(found);
    EXPECT_EQ(found.json().contains("gamma"), !gamma.empty());
    std::string text;
    for (const auto& query : found.json()["queries"]) text += query["hits"].dump();
    return text;
  };
  EXPECT_EQ(hits("1000000"), hits(""));

  const auto recall = [](const std::string& gamma) {
    const auto measured = run({"eval", "--index", pictures_index(), "--vectors", base, "--queries", queries, "--ef",
                               "100", "--rerank", "0", "--threads", "2", "--repeat", "1", "--gamma", gamma, "--json"});
    expect_success(measured);
    return measured.json()["runs"][0]["recall"].get<double>();
  };
  EXPECT_LT(recall("0"), recall("1000000"));
}

TEST(cli_build_quantizer, says_what_the_graph_was_built_on_and_the_graph_is_good) {
  struct choice {
    const char* quantizer;
    const char* asked;
    const char* used;
  };
  const std::string path = test_path("built_on.thimble");
  for (const auto& [quantizer, asked, used] :
       {choice{"rabitq1", "auto", "sq8"}, choice{"float32", "sq8", "sq8"}, choice{"sq4", "own", "own"}}) {
    SCOPED_TRACE(std::string(quantizer) + " " + asked);
    const auto built = run({"build", "--input", base, "--quantizer", quantizer, "--build-quantizer", asked, "--threads",
                            "2", "--output", path, "--json"});
    expect_success(built);
    EXPECT_EQ(built.json()["build_quantizer"], used);
    EXPECT_EQ(built.json()["quantizer"], quantizer);
    const auto measured = run({"eval", "--index", path, "--vectors", base, "--queries", queries, "--ef", "100",
                               "--rerank", "100", "--threads", "2", "--repeat", "1", "--json"});
    EXPECT_GE(measured.json()["runs"][0]["recall"].get<double>(), .99);
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace thimble::test
