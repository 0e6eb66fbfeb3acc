// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "cli/program.hpp"

namespace thimble::test {
namespace {

TEST(cli_usage, a_command_line_that_cannot_be_meant_ends_with_2) {
  const std::vector<std::vector<std::string>> lines{
      {},
      {"destroy"},
      {"build"},
      {"build", "--input", base},
      {"build", "--input", base, "--output", "x", "--metric", "l1"},
      {"build", "--input", base, "--output", "x", "--quantizer", "sq9"},
      {"build", "--input", base, "--output", "x", "--m", "1"},
      {"build", "--input", base, "--output", "x", "--m", "many"},
      {"build", "--input", base, "--output", "x", "--ef-construction", "0"},
      {"build", "--input", base, "--output", "x", "--ef-construction", "3"},
      {"build", "--input", base, "--output", "x", "--threads", "-1"},
      {"build", "--input", base, "--output", "x", "--seed", "-1"},
      {"build", "--input", base, "--output", "x", "--simd", "mmx"},
      {"build", "--input", base, "--output", "x", "--fast"},
      {"build", "--input", base, "--output", base},
      {"build", "--input", base, "--output", "x", "--build-quantizer", "sq4"},
      {"info"},
      {"info", "--index", "x", "y"},
      {"search", "--index", "x", "--queries", queries, "--query-row", "first"},
      {"search", "--index", "x", "--queries", queries, "--pictures", "x.jpg"},
      {"eval", "--index", "x", "--queries", queries},
      {"eval", "--index", "x", "--queries", queries, "--truth", "gt.ibin", "--rerank", "10"},
      {"eval", "--index", "x", "--vectors", base, "--queries", queries, "--k", "0"},
      {"eval", "--index", "x", "--vectors", base, "--queries", queries, "--k", "-1"},
      {"eval", "--index", "x", "--vectors", base, "--queries", queries, "--ef", "0"},
      {"eval", "--index", "x", "--vectors", base, "--queries", queries, "--ef", "10,x"},
      {"eval", "--index", "x", "--vectors", base, "--queries", queries, "--ef", "99999999999999999999"},
      {"eval", "--index", "x", "--vectors", base, "--queries", queries, "--rerank", ""},
      {"eval", "--index", "x", "--vectors", base, "--queries", queries, "--gamma", ".2", "--exhaustive"},
      {"search", "--index", "x", "--queries", queries, "--radius", "near"},
      {"search", "--index", "x", "--queries", queries, "--radius", "1", "--k", "3"},
      {"search", "--index", "x", "--queries", queries, "--radius", "1", "--gamma", ".2"},
      {"search", "--index", "x", "--queries", queries, "--max", "3"},
      {"tune", "--index", "x"},
      {"tune", "--index", "x", "--vectors", base, "--recall", "0"},
      {"tune", "--index", "x", "--vectors", base, "--recall", "95"},
      {"tune", "--index", "x", "--vectors", base, "--recall", "nan"},
      {"tune", "--index", "x", "--vectors", base, "--sample", "0"},
      {"tune", "--index", "x", "--vectors", base, "--truth", "gt.ibin"},
      {"tune", "--index", "x", "--vectors", base, "--queries", queries, "--sample", "5"}};
  for (const auto& line : lines) {
    std::string text;
    for (const std::string& word : line) text += word + " ";
    SCOPED_TRACE(text);
    expect_failure(run(line), 2, {"thimble: "});
  }
}

TEST(cli_usage, help_is_no_error_and_shows_an_example) {
  for (const std::string command : {"", "build", "info", "search", "eval", "tune"}) {
    const auto result =
        run(command.empty() ? std::vector<std::string>{"--help"} : std::vector{command, std::string("--help")});
    expect_success(result);
    EXPECT_NE(result.out.find("thimble " + command), std::string::npos) << result.out;
  }
}

TEST(cli_usage, an_unknown_quantizer_is_told_which_there_are) {
  for (const char* name : {"sq9", "rabitq", "rabitq0", "rabitq9", "SQ8", ""})
    expect_failure(run({"build", "--input", base, "--output", test_path("x"), "--quantizer", name}), 2,
                   {"--quantizer", "float32, float16, sq8, sq4, rabitq1,", "rabitq7 or rabitq8"});
  const auto help = run({"build", "--help"});
  for (const char* name : {"float32", "float16", "sq8", "sq4", "rabitq1", "rabitq8"})
    EXPECT_NE(help.out.find(name), std::string::npos) << name;
}

TEST(cli_usage, a_graph_is_not_decided_on_codes_that_are_too_coarse) {
  const std::string output = test_path("coarse.thimble");
  expect_failure(
      run({"build", "--input", base, "--output", output, "--quantizer", "rabitq1", "--build-quantizer", "own"}), 2,
      {"too coarse", "sq8"});
  EXPECT_FALSE(std::filesystem::exists(output));
}

TEST(cli_usage, a_scratch_folder_is_there_and_changes_nothing) {
  const std::string plain = test_path("plain.thimble"), output = test_path("scratch.thimble");
  const std::vector<std::string> line{"build", "--input", base, "--quantizer", "rabitq1", "--threads", "1"};
  auto without = line, with = line, absent = line;
  without.insert(without.end(), {"--output", plain});
  with.insert(with.end(), {"--output", output, "--scratch", THIMBLE_TEST_CACHE});
  absent.insert(absent.end(), {"--output", output, "--scratch", "/no/such/folder"});
  expect_failure(run(absent), 2, {"--scratch", "/no/such/folder"});
  EXPECT_FALSE(std::filesystem::exists(output));
  expect_success(run(without));
  expect_success(run(with));
  EXPECT_EQ(read_text(output), read_text(plain));
}

TEST(cli_usage, gamma_is_0_or_more) {
  for (const std::string command : {"search", "eval"})
    for (const char* gamma : {"-1", "-.001", "nan", "inf"})
      expect_failure(
          run({command, "--index", pictures_index(), "--vectors", base, "--queries", queries, "--gamma", gamma}), 2,
          {"gamma must be a number, 0 or more"});
}

TEST(cli_usage, an_unknown_instruction_set_is_refused_wherever_it_is_named) {
  for (const std::string command : {"search", "eval"}) {
    const std::vector<std::string> line{command, "--index", "x", "--vectors", base, "--queries", queries};
    auto with_option = line;
    with_option.insert(with_option.end(), {"--simd", "mmx"});
    expect_failure(run(with_option), 2, {"instruction set must be", "avx2"});
    expect_failure(run(line, {.environment = {"THIMBLE_SIMD=mmx"}}), 2, {"instruction set must be", "avx2"});
  }
}

TEST(cli_usage, output_that_cannot_be_written_is_found_out_before_the_build) {
  expect_failure(run({"build", "--input", base, "--output", "/no/such/folder/x.thimble"}), 1,
                 {"/no/such/folder/x.thimble"});
  expect_failure(run({"build", "--input", base, "--output", THIMBLE_TEST_CACHE}), 1, {THIMBLE_TEST_CACHE, "folder"});
}

TEST(cli_usage, json_output_is_one_object_and_nothing_else) {
  const auto result = run({"search", "--index", pictures_index(), "--vectors", base, "--queries", queries, "--json"});
  expect_success(result);
  EXPECT_TRUE(result.json().is_object());
  EXPECT_TRUE(result.out.starts_with("{"));
  EXPECT_TRUE(result.out.ends_with("}\n"));
}

}  // namespace
}  // namespace thimble::test
