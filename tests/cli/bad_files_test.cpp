// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/core/bytes.hpp>
#include <thimble/core/random.hpp>
#include <thimble/io/checksum.hpp>
#include <thimble/io/index_file.hpp>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "cli/program.hpp"
#include "unit/io/vector_files.hpp"

namespace thimble::test {
namespace {

// A file of this content under the name, for one test.
class file_of {
 public:
  file_of(std::string_view name, const std::vector<std::byte>& bytes) : path_(test_path(name)) {
    write_bytes(path_, bytes);
  }
  file_of(const file_of&) = delete;
  file_of& operator=(const file_of&) = delete;
  ~file_of() { std::filesystem::remove(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

outcome build_from(const std::string& input, const std::string& metric = "l2") {
  const std::string output = test_path("never.thimble");
  auto result = run({"build", "--input", input, "--metric", metric, "--output", output});
  EXPECT_FALSE(std::filesystem::exists(output));
  return result;
}

outcome eval_of(const std::string& index, const std::string& vectors, const std::string& asked) {
  return run({"eval", "--index", index, "--vectors", vectors, "--queries", asked, "--ef", "20", "--rerank", "20"});
}

TEST(cli_bad_vectors, each_has_a_line_that_names_the_file_and_the_error) {
  expect_failure(build_from("/no/such.fbin"), 1, {"/no/such.fbin", "cannot_open"});
  const file_of unknown("vectors.txt", byte_writer().text("1 2 3\n").bytes());
  expect_failure(build_from(unknown.path()), 1, {unknown.path(), "unknown_format"});
  const file_of empty("empty.fbin", {});
  expect_failure(build_from(empty.path()), 1, {empty.path(), "truncated"});
  const file_of none("none.fbin", byte_writer().put(0u).put(4u).bytes());
  expect_failure(build_from(none.path()), 1, {none.path(), "empty_input"});
  const file_of cut("cut.fbin", byte_writer().put(2u).put(4u).zeros(31).bytes());
  expect_failure(build_from(cut.path()), 1, {cut.path(), "truncated"});
  const file_of longer("longer.fbin", byte_writer().put(2u).put(4u).zeros(33).bytes());
  expect_failure(build_from(longer.path()), 1, {longer.path(), "corrupt"});
  const file_of huge("huge.fbin", byte_writer().put(0x7fffffffu).put(0xffffu).zeros(64).bytes());
  expect_failure(build_from(huge.path()), 1, {huge.path(), "truncated"});
}

TEST(cli_bad_vectors, values_that_no_index_can_hold) {
  const file_of nan("nan.fbin", byte_writer().put(2u).put(1u).put(1.f).put(std::nanf("")).bytes());
  expect_failure(build_from(nan.path()), 1, {nan.path(), "not_finite"});
  const file_of infinite("inf.fbin",
                         byte_writer().put(2u).put(1u).put(1.f).put(std::numeric_limits<float>::infinity()).bytes());
  expect_failure(build_from(infinite.path()), 1, {infinite.path(), "not_finite"});
  const file_of zero("zero.fbin", byte_writer().put(2u).put(1u).put(1.f).put(0.f).bytes());
  expect_failure(build_from(zero.path(), "cosine"), 1, {zero.path(), "zero_vector"});
  const file_of uneven("uneven.fvecs", byte_writer().put(1).put(1.f).put(2).put(1.f).bytes());
  expect_failure(build_from(uneven.path()), 1, {uneven.path(), "corrupt"});
}

TEST(cli_bad_vectors, queries_and_vectors_must_be_those_of_the_index) {
  const file_of small("small.fbin", byte_writer().put(2u).put(2u).put(1.f).put(2.f).put(3.f).put(4.f).bytes());
  expect_failure(eval_of(pictures_index(), base, small.path()), 1, {small.path(), "wrong_dim"});
  expect_failure(eval_of(pictures_index(), small.path(), queries), 1, {small.path(), "store_mismatch"});
  expect_failure(eval_of(pictures_index(), queries, queries), 1, {queries, "store_mismatch"});
  expect_failure(run({"search", "--index", pictures_index(), "--queries", queries, "--query-row", "1000"}), 1,
                 {queries, "no row 1000"});
  auto other = read_text(base);
  other[other.size() / 2 + 100] ^= 1;  // row 4500 is one that the fingerprint covers
  std::vector<std::byte> bytes(other.size());
  std::ranges::transform(other, bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
  const file_of changed("changed.u8bin", bytes);
  expect_failure(eval_of(pictures_index(), changed.path(), queries), 1, {changed.path(), "store_mismatch"});
}

TEST(cli_bad_vectors, a_query_with_nan_is_an_error) {
  std::vector<float> row(784, 1.0f);
  row[400] = std::nanf("");
  byte_writer file;
  file.put(1u).put(784u);
  for (const float value : row) file.put(value);
  const file_of asked("nan_query.fbin", file.bytes());
  expect_failure(eval_of(pictures_index(), base, asked.path()), 1, {asked.path(), "not_finite"});
}

// A small index, its vectors, and changed copies of it.
class cli_hostile_index : public testing::Test {
 protected:
  void SetUp() override {
    byte_writer file;
    file.put(400u).put(24u);
    random_generator random(1);
    for (int i = 0; i < 400 * 24; ++i) file.put(static_cast<float>(random.uniform()));
    write_bytes(vectors, file.bytes());
    for (const char* quantizer : {"sq8", "float32", "sq4", "float16", "rabitq1", "rabitq8"}) {
      expect_success(run({"build", "--input", vectors, "--quantizer", quantizer, "--m", "6", "--ef-construction", "40",
                          "--threads", "1", "--output", index}));
      const std::string text = read_text(index);
      auto& bytes = whole.emplace_back(text.size());
      std::ranges::transform(text, bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
    }
  }

  void TearDown() override {
    std::filesystem::remove(vectors);
    std::filesystem::remove(index);
  }

  // An error that names the file, or results: within seconds and within a memory that its size justifies.
  int eval(const std::vector<std::byte>& bytes) {
    write_bytes(index, bytes);
    const auto result = run({"eval", "--index", index, "--vectors", vectors, "--queries", vectors, "--ef", "10,40",
                             "--rerank", "0,10", "--repeat", "1", "--json"},
                            {.memory_bytes = std::uint64_t{512} << 20, .seconds = 20});
    if (result.exit_code == 0)
      EXPECT_TRUE(result.json().is_object());
    else
      expect_failure(result, 1, {"thimble: "});
    return result.exit_code;
  }

  const std::string vectors = test_path("hostile.fbin");
  const std::string index = test_path("hostile.thimble");
  std::vector<std::vector<std::byte>> whole;
};

TEST_F(cli_hostile_index, the_whole_file_is_fine) {
  for (const auto& bytes : whole) EXPECT_EQ(eval(bytes), 0);
}

TEST_F(cli_hostile_index, a_cut_file_is_an_error) {
  for (const auto& bytes : whole)
    for (std::size_t size = 0; size < bytes.size(); size += bytes.size() / 17)
      EXPECT_EQ(eval(std::vector(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))), 1) << size;
}

TEST_F(cli_hostile_index, random_changes_are_an_error) {
  random_generator random(2);
  for (int trial = 0; trial < 100; ++trial) {
    auto bytes = whole[random.below(whole.size())];
    const bool in_header = random.below(2) == 0;
    const std::size_t at = random.below(in_header ? header_bytes : bytes.size());
    bytes[at] ^= static_cast<std::byte>(1 + random.below(255));
    EXPECT_EQ(eval(bytes), 1) << "byte " << at;
  }
}

// With right checksums over wrong contents: what an adversary would send.
TEST_F(cli_hostile_index, sealed_changes_are_an_error_or_give_results) {
  random_generator random(3);
  for (int trial = 0; trial < 200; ++trial) {
    auto bytes = whole[random.below(whole.size())];
    const std::size_t entry_at = sizeof(file_header) + random.below(n_sections) * sizeof(section_entry);
    auto entry = load_as<section_entry>(bytes.data() + entry_at);
    if (entry.bytes == 0) continue;
    const std::size_t at = entry.offset + random.below(entry.bytes);
    for (std::uint64_t count = 1 + random.below(8); count > 0 && at + count <= entry.offset + entry.bytes; --count)
      bytes[at + count - 1] = static_cast<std::byte>(random.below(4) == 0 ? 255 : random.below(256));
    entry.checksum = checksum({bytes.data() + entry.offset, entry.bytes});
    store_as(bytes.data() + entry_at, entry);
    const std::size_t covered = header_bytes - sizeof(std::uint64_t);
    store_as(bytes.data() + covered, checksum({bytes.data(), covered}));
    SCOPED_TRACE("section " + std::to_string(entry.kind) + ", byte " + std::to_string(at - entry.offset));
    (void)eval(bytes);
  }
}

}  // namespace
}  // namespace thimble::test
