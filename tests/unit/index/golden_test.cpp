// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The committed index files (tests/golden) in this build: natively with every instruction set, under Node, in a
// browser.

#include "golden/golden.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "unit/support/exact.hpp"
#include "unit/support/files.hpp"
#include "unit/support/golden_folder.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::golden_folder;
using test::succeeded;

std::string text_of(const char* name) {
  std::ifstream file(golden_folder() + "/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}
std::string expected_hits() { return text_of("expected_hits.txt"); }

TEST(golden, files_are_there_and_of_the_vectors_that_their_header_makes) {
  EXPECT_GT(expected_hits().size(), golden::files.size() * 3000);
  for (const golden::golden_file& file : golden::files) {
    const auto opened = any_index::open(golden::read_file(golden::path_of(golden_folder(), file)));
    ASSERT_TRUE(succeeded(opened)) << file.name;
    EXPECT_EQ(opened->size(), golden::n);
    EXPECT_EQ(opened->metric(), file.metric);
    EXPECT_EQ(opened->quantizer_name(), name(file.quantizer));
    EXPECT_EQ(opened->m(), golden::options.m);
    EXPECT_EQ(opened->seed(), golden::options.seed);
    const auto store = memory_store<float>::create(golden::view(file));
    EXPECT_TRUE(succeeded(opened->check_store(*store)));
    // A file of version 4 knows its vectors also where they are kept as halfs.
    const auto version = load_as<file_header>(golden::read_file(golden::path_of(golden_folder(), file)).data()).version;
    EXPECT_EQ(version, file.gamma      ? index_version_of_gamma
                       : file.sevenths ? index_version_of_halfs
                                       : index_version)
        << file.name;
    EXPECT_EQ(opened->default_gamma(), file.gamma) << file.name;
    std::vector<half> rounded;
    for (std::size_t i = 0; i < golden::n; ++i) {
      const auto row = golden::view(file).row(i, {});
      for (const float value : *row) rounded.push_back(half::nearest(value));
    }
    const auto halfs = memory_store<half>::create({rounded.data(), golden::n, golden::dim});
    EXPECT_TRUE(succeeded(opened->check_store(*halfs))) << file.name;
    EXPECT_EQ(opened->rounded(*halfs), file.sevenths) << file.name;
  }
}

TEST(golden, every_instruction_set_gives_the_hits_that_were_committed) {
  const std::string expected = expected_hits();
  for (const auto set : simd::attainable()) {
    // Not EXPECT_EQ: the texts are long, the first difference is what one wants to see.
    const std::string hits = golden::hits_of_all(golden_folder(), set);
    const auto [a, b] = std::ranges::mismatch(hits, expected);
    EXPECT_TRUE(a == hits.end() && b == expected.end())
        << name(set) << " differs at byte " << a - hits.begin() << ": "
        << hits.substr(static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, a - hits.begin() - 60)), 120);
  }
}

TEST(golden, every_compiler_and_instruction_set_makes_the_same_parameters_and_codes) {
  const std::string expected = text_of("expected_codes.txt");
  EXPECT_EQ(std::ranges::count(expected, '\n'), 2 * std::ssize(any_index::kinds));
  for (const auto set : simd::attainable()) EXPECT_EQ(golden::codes_of_all(set), expected) << name(set);
}

TEST(golden, saving_what_was_opened_gives_the_same_bytes) {
  for (const golden::golden_file& file : golden::files) {
    const auto bytes = golden::read_file(golden::path_of(golden_folder(), file));
    const auto opened = any_index::open(golden::read_file(golden::path_of(golden_folder(), file)));
    ASSERT_TRUE(succeeded(opened));
    EXPECT_TRUE(std::ranges::equal(test::saved(*opened), bytes.span())) << file.name;
  }
}

TEST(golden, the_committed_hits_are_right) {
  // So that the files prove more than that nothing changes.
  for (const golden::golden_file& file : golden::files) {
    auto store = memory_store<float>::create(golden::view(file));
    const auto opened = any_index::open(golden::read_file(golden::path_of(golden_folder(), file)));
    ASSERT_TRUE(succeeded(opened));
    std::size_t found = 0;
    for (std::size_t i = 0; i < golden::n_queries; ++i) {
      const auto query = std::span(golden::queries()).subspan(i * golden::dim, golden::dim);
      const auto row = [&](std::size_t x) { return *golden::view(file).row(x, {}); };
      const auto truth = test::exact_nearest(file.metric, query, golden::n, 10, row);
      const auto hits = opened->search(query, golden::params_of(file, 20), *store);
      ASSERT_TRUE(succeeded(hits));
      found += test::n_common(*hits, truth);
    }
    EXPECT_GE(found, file.least_found) << file.name << ": of " << 10 * golden::n_queries;
  }
}

}  // namespace
}  // namespace thimble
