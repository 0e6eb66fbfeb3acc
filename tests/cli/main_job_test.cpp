// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/core/random.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/program.hpp"
#include "unit/io/vector_files.hpp"

namespace thimble::test {
namespace {

TEST(cli_build, reports_what_it_did_as_json) {
  const std::string path = test_path("built.thimble");
  const auto result = run({"build", "--input", base, "--metric", "cosine", "--quantizer", "float32", "--m", "8",
                           "--ef-construction", "40", "--threads", "1", "--seed", "7", "--output", path, "--json"});
  expect_success(result);
  const auto json = result.json();
  ASSERT_TRUE(json.is_object()) << result.out;
  EXPECT_EQ(json["n"], 9000);
  EXPECT_EQ(json["dim"], 784);
  EXPECT_EQ(json["metric"], "cosine");
  EXPECT_EQ(json["quantizer"], "float32");
  EXPECT_EQ(json["m"], 8);
  EXPECT_EQ(json["seed"], 7);
  EXPECT_EQ(json["build_quantizer"], "own");
  EXPECT_GT(json["seconds"].get<double>(), 0);
  EXPECT_GT(json["peak_rss_bytes"].get<std::uint64_t>(), 1'000'000u);
  EXPECT_GT(json["bytes_per_vector"].get<double>(), 3136);
  EXPECT_EQ(json["file_bytes"].get<std::uint64_t>(), std::filesystem::file_size(path));
  std::filesystem::remove(path);
}

TEST(cli_info, parts_add_up_to_the_bytes_of_a_vector) {
  const auto result = run({"info", "--index", pictures_index(), "--json"});
  expect_success(result);
  const auto json = result.json();
  ASSERT_TRUE(json.is_object()) << result.out;
  EXPECT_EQ(json["n"], 9000);
  EXPECT_EQ(json["dim"], 784);
  EXPECT_EQ(json["metric"], "l2");
  EXPECT_EQ(json["quantizer"], "sq8");
  EXPECT_EQ(json["m"], 16);
  EXPECT_EQ(json["seed"], 1);
  EXPECT_EQ(json["default_ef"], 64);
  EXPECT_TRUE(json["simd"].is_string());
  double sum = 0;
  for (const auto& part : json["parts"]) sum += part.get<double>();
  EXPECT_NEAR(sum, json["bytes_per_vector"].get<double>(), 0.01);
  EXPECT_GT(json["bytes_per_vector"].get<double>(), 784);
  EXPECT_LT(json["bytes_per_vector"].get<double>(), 1000);
}

TEST(cli_info, people_get_a_table) {
  const auto result = run({"info", "--index", pictures_index()});
  expect_success(result);
  EXPECT_NE(result.out.find("9,000 x 784"), std::string::npos);
  EXPECT_NE(result.out.find("codes"), std::string::npos);
}

TEST(cli_eval, every_ef_and_every_rerank_is_a_run) {
  const auto result = run({"eval", "--index", pictures_index(), "--vectors", base, "--queries", queries, "--k", "10",
                           "--ef", "20,64", "--rerank", "0,20,50", "--threads", "1", "--repeat", "1", "--json"});
  expect_success(result);
  const auto json = result.json();
  ASSERT_TRUE(json.is_object()) << result.out;
  EXPECT_EQ(json["n"], 9000);
  EXPECT_EQ(json["dim"], 784);
  EXPECT_TRUE(json["simd"].is_string());
  EXPECT_GT(json["bytes_per_vector"].get<double>(), 784);
  ASSERT_EQ(json["runs"].size(), 6u);
  const std::vector<std::pair<int, int>> wanted{{20, 0}, {20, 20}, {20, 50}, {64, 0}, {64, 20}, {64, 50}};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& run = json["runs"][i];
    const auto [ef, rerank] = wanted[i];
    EXPECT_EQ(run["ef"], ef);
    EXPECT_EQ(run["rerank"], rerank);
    EXPECT_GT(run["qps"].get<double>(), 0);
    EXPECT_GT(run["p50_us"].get<double>(), 0);
    EXPECT_GE(run["p99_us"].get<double>(), run["p50_us"].get<double>());
    EXPECT_EQ(run["vectors_read"].get<double>(), std::min(ef, rerank));
    EXPECT_EQ(run["batches"].get<double>(), rerank == 0 ? 0 : 1);
    EXPECT_GT(run["graph_us"].get<double>(), 0);
    EXPECT_EQ(run["read_us"].get<double>() > 0, rerank != 0);
    EXPECT_GT(run["rerank_us"].get<double>(), 0);
  }
  EXPECT_GE(json["runs"][3]["recall"].get<double>(), 0.95);
  EXPECT_GE(json["runs"][5]["recall"].get<double>(), 0.99);
}

TEST(cli_eval, float32_finds_nearly_all) {
  const pictures_index_file index("float32");
  const auto result = run({"eval", "--index", index.path(), "--vectors", base, "--queries", queries, "--ef", "64",
                           "--rerank", "0", "--threads", "2", "--repeat", "1", "--json"});
  expect_success(result);
  EXPECT_GE(result.json()["runs"][0]["recall"].get<double>(), 0.99);
}

// Few vectors with coordinates that every format can hold.
class small_set : public testing::Test {
 protected:
  static constexpr std::uint32_t n = 50;
  static constexpr std::uint32_t dim = 16;

  // Row i, value j: 0..127, signed or not.
  static std::uint8_t value(std::uint32_t i, std::uint32_t j) {
    return static_cast<std::uint8_t>(mix(i * dim + j) % 128);
  }

  template <class Head, class Put>
  static std::vector<std::byte> rows(byte_writer file, Head&& head, Put&& put) {
    for (std::uint32_t i = 0; i < n; ++i) {
      head(file);
      for (std::uint32_t j = 0; j < dim; ++j) put(file, value(i, j));
    }
    return file.bytes();
  }

  static std::vector<std::byte> fbin() {
    return rows(byte_writer().put(n).put(dim), [](auto&) {}, put_float);
  }

  static void put_float(byte_writer& file, std::uint8_t v) { file.put(static_cast<float>(v)); }
  static void put_byte(byte_writer& file, std::uint8_t v) { file.put(v); }
  // Eight bits are significant, and 127 has seven.
  static void put_bfloat16(byte_writer& file, std::uint8_t v) {
    file.put(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(v)) >> 16));
  }
  static void put_half(byte_writer& file, std::uint8_t v) {
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(v));
    file.put(static_cast<std::uint16_t>(v == 0 ? 0 : ((bits >> 13) - (112u << 10))));
  }
};

TEST_F(small_set, every_format_gives_the_same_hits) {
  const auto none = [](byte_writer&) {};
  const auto dim_first = [](byte_writer& file) { file.put(dim); };
  byte_writer npy;
  const auto npy_head = npy_file("{'descr': '<f2', 'fortran_order': False, 'shape': (50, 16), }", 0);
  for (const std::byte b : npy_head) npy.put(b);
  byte_writer signed_npy;
  const auto signed_head = npy_file("{'descr': '|i1', 'fortran_order': False, 'shape': (50, 16), }", 0);
  for (const std::byte b : signed_head) signed_npy.put(b);
  byte_writer idx;
  idx.put(std::uint32_t{0x03080000}).put_big_endian(n).put_big_endian(4).put_big_endian(4);
  const std::vector<std::pair<std::string, std::vector<std::byte>>> files{
      {"set.fbin", fbin()},
      {"set.u8bin", rows(byte_writer().put(n).put(dim), none, put_byte)},
      {"set.i8bin", rows(byte_writer().put(n).put(dim), none, put_byte)},
      {"set.bf16bin", rows(byte_writer().put(n).put(dim), none, put_bfloat16)},
      {"signed.npy", rows(signed_npy, none, put_byte)},
      {"set.f16bin", rows(byte_writer().put(n).put(dim), none, put_half)},
      {"set.fvecs", rows({}, dim_first, put_float)},
      {"set.bvecs", rows({}, dim_first, put_byte)},
      {"set.npy", rows(npy, none, put_half)},
      {"set-images-idx3-ubyte", rows(idx, none, put_byte)}};
  const std::string index = test_path("formats.thimble");
  std::string wanted;
  for (const auto& [name, bytes] : files) {
    const std::string path = test_path(name);
    write_bytes(path, bytes);
    expect_success(run({"build", "--input", path, "--quantizer", "float32", "--threads", "1", "--output", index}));
    const auto found =
        run({"search", "--index", index, "--vectors", path, "--queries", path, "--query-row", "0,7,49", "--json"});
    expect_success(found);
    std::string hits;
    for (const auto& query : found.json()["queries"]) hits += query["hits"].dump();
    if (wanted.empty()) wanted = hits;
    EXPECT_EQ(hits, wanted) << name;
    EXPECT_EQ(found.json()["queries"][1]["hits"][0]["id"], 7);
    EXPECT_EQ(found.json()["queries"][1]["hits"][0]["distance"], 0.0);
    std::filesystem::remove(path);
  }
  std::filesystem::remove(index);
}

TEST_F(small_set, more_results_than_vectors_gives_them_all) {
  const std::string vectors = test_path("few.fbin");
  const std::string index = test_path("few.thimble");
  write_bytes(vectors, fbin());
  expect_success(run({"build", "--input", vectors, "--output", index}));
  const auto found =
      run({"search", "--index", index, "--vectors", vectors, "--queries", vectors, "--k", "1000", "--json"});
  expect_success(found);
  EXPECT_EQ(found.json()["queries"][0]["hits"].size(), n);
  const auto measured =
      run({"eval", "--index", index, "--vectors", vectors, "--queries", vectors, "--k", "1000", "--json"});
  expect_success(measured);
  EXPECT_EQ(measured.json()["runs"][0]["recall"], 1.0);
  std::filesystem::remove(vectors);
  std::filesystem::remove(index);
}

TEST_F(small_set, the_truth_file_is_what_recall_is_measured_against) {
  const std::string vectors = test_path("truth.fbin");
  const std::string index = test_path("truth.thimble");
  const std::string truth = test_path("truth.ibin");
  write_bytes(vectors, fbin());
  expect_success(run({"build", "--input", vectors, "--output", index}));
  const auto eval = [&] {
    return run({"eval", "--index", index, "--vectors", vectors, "--queries", vectors, "--truth", truth, "--k", "1",
                "--ef", "50", "--rerank", "50", "--json"});
  };
  byte_writer right;
  right.put(n).put(1u);
  for (std::uint32_t i = 0; i < n; ++i) right.put(i);
  write_bytes(truth, right.bytes());
  EXPECT_EQ(eval().json()["runs"][0]["recall"], 1.0);
  byte_writer half_wrong;
  half_wrong.put(n).put(1u);
  for (std::uint32_t i = 0; i < n; ++i) half_wrong.put(i % 2 == 0 ? i : i - 1);
  write_bytes(truth, half_wrong.bytes());
  EXPECT_EQ(eval().json()["runs"][0]["recall"], 0.5);

  byte_writer too_few;
  write_bytes(truth, too_few.put(n - 1).put(1u).zeros(4 * (n - 1)).bytes());
  expect_failure(eval(), 1, {truth, "49"});
  byte_writer out_of_range;
  out_of_range.put(n).put(1u).zeros(4 * (n - 1)).put(n);
  write_bytes(truth, out_of_range.bytes());
  expect_failure(eval(), 1, {truth, "corrupt"});
  write_bytes(truth, right.bytes());
  expect_failure(
      run({"eval", "--index", index, "--vectors", vectors, "--queries", vectors, "--truth", truth, "--k", "2"}), 1,
      {truth, "fewer than --k 2"});
  for (const std::string& path : {vectors, index, truth}) std::filesystem::remove(path);
}

TEST(cli_search, every_instruction_set_gives_the_same_hits) {
  const auto search = [](const run_options& options, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"search", "--index",     pictures_index(),      "--queries",
                                       queries,  "--query-row", "0,1,2,3,4,5,6,7,8,9", "--vectors",
                                       base,     "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, options);
  };
  const auto hits = [](const outcome& found) {
    std::string text;
    for (const auto& query : found.json()["queries"]) text += query["hits"].dump();
    return text;
  };
  const auto scalar = search({}, {"--simd", "scalar"});
  expect_success(scalar);
  EXPECT_EQ(scalar.json()["simd"], "scalar");
  for (const char* set : {"auto", "avx2", "avx512", "neon", "dotprod"}) {
    const auto found = search({}, {"--simd", set});
    if (found.exit_code == 1) {
      expect_failure(found, 1, {"unsupported"});  // not this processor
      continue;
    }
    EXPECT_EQ(hits(found), hits(scalar)) << set;
    if (set != std::string("auto")) {
      EXPECT_EQ(found.json()["simd"], set);
    }
  }
  const auto by_environment = search({.environment = {"THIMBLE_SIMD=scalar"}}, {});
  EXPECT_EQ(by_environment.json()["simd"], "scalar");
}

TEST(cli_search, pictures_become_a_file) {
  for (const char* name : {"sheet.png", "sheet.pgm"}) {
    const std::string path = test_path(name);
    const auto found = run({"search", "--index", pictures_index(), "--vectors", base, "--queries", queries,
                            "--query-row", "0,1", "--pictures", path});
    expect_success(found);
    EXPECT_NE(found.out.find(path), std::string::npos);
    const std::string bytes = read_text(path);
    EXPECT_TRUE(bytes.starts_with("\x89PNG") || bytes.starts_with("P5\n1014 186\n255\n")) << bytes.substr(0, 20);
    std::filesystem::remove(path);
  }
}

TEST(cli_build, ctrl_c_leaves_nothing_behind) {
  const std::string folder = test_path("interrupted");
  std::filesystem::create_directory(folder);
  const auto result = run({"build", "--input", base, "--quantizer", "float32", "--m", "64", "--ef-construction",
                           "100000", "--threads", "2", "--output", folder + "/x.thimble"},
                          {.environment = {"THIMBLE_SIMD=scalar"}, .interrupt_after_ms = 400});
  expect_failure(result, 130, {"interrupted"});
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace thimble::test
