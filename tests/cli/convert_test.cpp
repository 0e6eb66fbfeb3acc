// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>

#include "cli/program.hpp"
#include "unit/io/vector_files.hpp"

namespace thimble::test {
namespace {

// 300 points of 12 values that are no halfs, in float32; removed at the end with all that was made of them.
class cli_convert : public testing::Test {
 protected:
  static constexpr std::uint32_t n = 300;
  static constexpr std::uint32_t dim = 12;

  static std::vector<std::byte> points(float scale) {
    byte_writer file;
    file.put(n).put(dim);
    for (std::uint32_t i = 0; i < n * dim; ++i) file.put(scale * std::sin(static_cast<float>(i * i % 997)));
    return file.bytes();
  }

  void SetUp() override { write_bytes(floats_, points(1)); }
  void TearDown() override {
    for (const std::string& path : {floats_, halfs_, index_}) std::filesystem::remove(path);
  }

  nlohmann::json search(const std::string& vectors) const {
    const auto result = run({"search", "--index", index_, "--vectors", vectors, "--queries", floats_, "--query-row",
                             "17", "--rerank", "50", "--json"});
    expect_success(result);
    return result.json();
  }

  const std::string floats_ = test_path("points.fbin");
  const std::string halfs_ = test_path("points.f16bin");
  const std::string index_ = test_path("points.thimble");
};

TEST_F(cli_convert, gives_halfs_that_the_index_of_the_floats_takes_and_says_are_rounded) {
  const auto made = run({"convert", "--input", floats_, "--output", halfs_, "--json"});
  expect_success(made);
  EXPECT_EQ(made.json()["n"], n);
  EXPECT_EQ(made.json()["type"], "float16");
  EXPECT_EQ(std::filesystem::file_size(halfs_), 8 + n * dim * 2);
  expect_success(run({"build", "--input", floats_, "--output", index_}));

  const auto exact = search(floats_), rounded = search(halfs_);
  EXPECT_EQ(exact["vectors_rounded"], false);
  EXPECT_EQ(rounded["vectors_rounded"], true);
  ASSERT_EQ(exact["queries"][0]["hits"].size(), rounded["queries"][0]["hits"].size());
  EXPECT_EQ(exact["queries"][0]["hits"][0]["id"], 17);
  EXPECT_EQ(rounded["queries"][0]["hits"][0]["id"], 17);
  EXPECT_EQ(exact["queries"][0]["hits"][0]["distance"].get<double>(), 0);
  EXPECT_GT(rounded["queries"][0]["hits"][0]["distance"].get<double>(), 0);

  const auto told =
      run({"eval", "--index", index_, "--vectors", halfs_, "--queries", floats_, "--ef", "20", "--rerank", "20"});
  expect_success(told);
  EXPECT_NE(told.out.find("rounded to float16"), std::string::npos) << told.out;
}

TEST_F(cli_convert, gives_floats_again_that_are_the_halfs) {
  expect_success(run({"convert", "--input", floats_, "--output", halfs_}));
  expect_success(run({"convert", "--input", halfs_, "--output", floats_}));
  EXPECT_EQ(std::filesystem::file_size(floats_), 8 + n * dim * 4);
  expect_success(run({"build", "--input", halfs_, "--output", index_}));
  EXPECT_EQ(search(floats_)["vectors_rounded"], false);
}

TEST_F(cli_convert, halfs_of_other_vectors_are_refused) {
  expect_success(run({"build", "--input", floats_, "--output", index_}));
  write_bytes(floats_, points(1.5f));
  expect_success(run({"convert", "--input", floats_, "--output", halfs_}));
  expect_failure(run({"search", "--index", index_, "--vectors", halfs_, "--queries", floats_}), 1,
                 {halfs_, "store_mismatch"});
}

TEST_F(cli_convert, leaves_no_file_where_it_fails) {
  write_bytes(floats_, points(1e5f));
  expect_failure(run({"convert", "--input", floats_, "--output", halfs_}), 1, {floats_, "65,504", "row "});
  EXPECT_FALSE(std::filesystem::exists(halfs_));
  expect_failure(run({"convert", "--input", floats_, "--output", test_path("points.npy")}), 2, {".f16bin"});
  expect_failure(run({"convert", "--input", floats_, "--output", floats_}), 2, {"input"});
  expect_failure(run({"convert", "--input", "/no/such.fbin", "--output", halfs_}), 1, {"/no/such.fbin", "cannot_open"});
}

}  // namespace
}  // namespace thimble::test
