// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "cli/program.hpp"
#include "unit/io/vector_files.hpp"

namespace thimble::test {
namespace {

// A copy of the index of the bundled pictures, to be changed.
class cli_tune : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::copy_file(pictures_index(), index); }
  void TearDown() override { std::filesystem::remove(index); }

  [[nodiscard]] outcome tune(const std::vector<std::string>& more) const {
    std::vector<std::string> line{"tune", "--index", index, "--vectors", base, "--threads", "2"};
    line.insert(line.end(), more.begin(), more.end());
    return run(line);
  }

  // gamma: a number, or null for none.
  [[nodiscard]] double recall_by_eval(int ef, const nlohmann::json& gamma, const std::string& rerank) const {
    std::vector<std::string> line{
        "eval",     "--index", index,       "--vectors", base,       "--queries", queries, "--ef", std::to_string(ef),
        "--rerank", rerank,    "--threads", "2",         "--repeat", "1",         "--json"};
    if (!gamma.is_null()) line.insert(line.end(), {"--gamma", gamma.dump()});
    const auto measured = run(line);
    expect_success(measured);
    return measured.json()["runs"][0]["recall"].get<double>();
  }

  [[nodiscard]] int default_ef() const { return run({"info", "--index", index, "--json"}).json()["default_ef"]; }

  const std::string index = test_path("tuned.thimble");
};

TEST_F(cli_tune, stores_what_reaches_the_recall_the_fastest_and_searches_use_it) {
  const auto tuned = tune({"--queries", queries, "--recall", ".99", "--rerank", "30", "--json"});
  expect_success(tuned);
  const auto json = tuned.json();
  EXPECT_EQ(json["reached"], true);
  EXPECT_EQ(json["stored"], true);
  EXPECT_EQ(json["sampled"], false);
  EXPECT_EQ(json["queries"], 1000);
  EXPECT_EQ(json["default_ef_before"], 64);
  const int smallest = json["smallest_ef"];
  ASSERT_GT(smallest, 10);
  EXPECT_GE(recall_by_eval(smallest, nullptr, "30"), .99);
  EXPECT_LT(recall_by_eval(smallest - 1, nullptr, "30"), .99);
  // Without gamma from the smallest ef on, with one from the smallest gamma on.
  const nlohmann::json* least = nullptr;
  for (const auto& tried : json["tried"])
    if (!tried["gamma"].is_null() && tried["recall"] >= .99 && (least == nullptr || tried["gamma"] < (*least)["gamma"]))
      least = &tried;
  ASSERT_NE(least, nullptr);
  for (const auto& tried : json["tried"]) {
    const bool enough = tried["gamma"].is_null() ? tried["ef"] >= smallest : tried["gamma"] >= (*least)["gamma"];
    EXPECT_EQ(tried["recall"] >= .99, enough) << tried;
    if (!tried["gamma"].is_null()) {
      EXPECT_EQ(tried["ef"], 4 * smallest);
    }
  }
  EXPECT_EQ(recall_by_eval((*least)["ef"], (*least)["gamma"], "30"), (*least)["recall"]);
  const bool with_gamma = !json["best"]["gamma"].is_null();
  const double share = json["share_of_time_with_gamma"];
  EXPECT_TRUE(with_gamma ? share <= .97 : share >= .97) << share;
  const int chosen = with_gamma ? 4 * smallest : smallest;
  const nlohmann::json gamma = with_gamma ? (*least)["gamma"] : nlohmann::json();
  EXPECT_EQ(json["best"]["ef"], chosen);
  EXPECT_EQ(json["best"]["gamma"], gamma);
  EXPECT_EQ(json["default_ef"], chosen);
  EXPECT_EQ(json["default_gamma"], gamma);
  EXPECT_TRUE(json["default_gamma_before"].is_null());

  EXPECT_EQ(default_ef(), chosen);
  EXPECT_EQ(run({"info", "--index", index, "--json"}).json()["default_gamma"], gamma);
  std::vector<std::string> line{"search", "--index", index, "--vectors", base, "--queries", queries, "--json"};
  const auto by_default = run(line);
  expect_success(by_default);
  EXPECT_EQ(by_default.json()["ef"], chosen);
  line.insert(line.end(), {"--ef", std::to_string(chosen)});
  if (with_gamma) line.insert(line.end(), {"--gamma", gamma.dump()});
  EXPECT_EQ(run(line).json()["queries"][0]["hits"], by_default.json()["queries"][0]["hits"]);
}

TEST_F(cli_tune, only_the_default_differs_in_the_file) {
  const std::string before = read_text(index);
  expect_success(tune({"--recall", ".9", "--k", "20", "--sample", "50"}));
  EXPECT_NE(default_ef(), 64);
  const std::string after = read_text(index);
  EXPECT_NE(after, before);
  EXPECT_LE(after.size(), before.size() + 64) << "a gamma takes a line more of the description";
  const auto hits = [](const std::string& path) {
    const auto found = run({"search", "--index", path, "--vectors", base, "--queries", queries, "--query-row",
                            "0,1,2,3", "--ef", "50", "--json"});
    std::string text;
    for (const auto& query : found.json()["queries"]) text += query["hits"].dump();
    return text;
  };
  EXPECT_EQ(hits(index), hits(pictures_index()));
}

TEST_F(cli_tune, rows_are_queries_that_are_no_answers_to_themselves) {
  const auto tuned = tune({"--k", "1", "--recall", ".98", "--sample", "300", "--json"});
  expect_success(tuned);
  EXPECT_EQ(tuned.json()["sampled"], true);
  EXPECT_EQ(tuned.json()["queries"], 300);
  // Each finds itself at once: only its neighbour is worth more than two candidates.
  EXPECT_LT(tuned.json()["tried"][0]["recall"].get<double>(), .98);
  EXPECT_GT(tuned.json()["default_ef"].get<int>(), 2);
  const auto again = tune({"--k", "1", "--recall", ".98", "--sample", "300", "--dry-run", "--json"});
  EXPECT_EQ(again.json()["smallest_ef"], tuned.json()["smallest_ef"]);
  EXPECT_EQ(again.json()["default_ef"], tuned.json()["default_ef"]);
  EXPECT_EQ(again.json()["default_gamma_before"], tuned.json()["default_gamma"]);
}

TEST_F(cli_tune, a_recall_out_of_reach_leaves_the_file_byte_for_byte) {
  const std::string before = read_text(index);
  const auto written = std::filesystem::last_write_time(index);
  const auto tuned = tune({"--queries", queries, "--recall", "1", "--rerank", "0", "--json"});
  EXPECT_EQ(tuned.exit_code, 1);
  EXPECT_NE(tuned.err.find("out of reach"), std::string::npos) << tuned.err;
  EXPECT_NE(tuned.err.find("--rerank"), std::string::npos) << tuned.err;
  const auto json = tuned.json();
  EXPECT_EQ(json["reached"], false);
  EXPECT_EQ(json["stored"], false);
  EXPECT_EQ(json["default_ef"], 64);
  for (const auto& tried : json["tried"]) EXPECT_LE(tried["recall"], json["best"]["recall"]);
  EXPECT_LT(json["recall_of_a_scan"], 1.0);
  EXPECT_EQ(read_text(index), before);
  EXPECT_EQ(std::filesystem::last_write_time(index), written);
}

TEST_F(cli_tune, a_dry_run_writes_nothing) {
  const std::string before = read_text(index);
  const auto written = std::filesystem::last_write_time(index);
  std::filesystem::permissions(index, std::filesystem::perms::owner_read);
  const auto tuned = tune({"--recall", ".9", "--sample", "100", "--dry-run"});
  expect_success(tuned);
  EXPECT_NE(tuned.out.find("not stored"), std::string::npos) << tuned.out;
  EXPECT_EQ(read_text(index), before);
  EXPECT_EQ(std::filesystem::last_write_time(index), written);
}

TEST_F(cli_tune, permissions_of_the_file_stay) {
  using std::filesystem::perms;
  std::filesystem::permissions(index, perms::owner_read | perms::owner_write);
  expect_success(tune({"--recall", ".9", "--sample", "50"}));
  EXPECT_EQ(std::filesystem::status(index).permissions(), perms::owner_read | perms::owner_write);
}

TEST_F(cli_tune, the_truth_file_is_what_recall_is_measured_against) {
  const std::string truth = test_path("tune_truth.ibin");
  write_bytes(truth, byte_writer().put(1000u).put(10u).zeros(40'000).bytes());  // vector 0, ten times
  const auto tuned = tune({"--queries", queries, "--truth", truth, "--recall", ".5"});
  EXPECT_EQ(tuned.exit_code, 1);
  EXPECT_NE(tuned.err.find("out of reach"), std::string::npos) << tuned.err;
  std::filesystem::remove(truth);
}

TEST(cli_tune_few, an_index_of_one_vector_needs_queries) {
  const std::string vectors = test_path("one.fbin");
  const std::string index = test_path("one.thimble");
  write_bytes(vectors, byte_writer().put(1u).put(2u).put(1.f).put(2.f).bytes());
  expect_success(run({"build", "--input", vectors, "--output", index}));
  expect_failure(run({"tune", "--index", index, "--vectors", vectors}), 1, {index, "--queries"});
  expect_success(run({"tune", "--index", index, "--vectors", vectors, "--queries", vectors}));
  std::filesystem::remove(vectors);
  std::filesystem::remove(index);
}

}  // namespace
}  // namespace thimble::test
