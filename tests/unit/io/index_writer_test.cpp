// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <thimble/io/index_reader.hpp>
#include <thimble/io/index_writer.hpp>
#include <vector>

#include "unit/support/files.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::succeeded;

// Sections of awkward sizes, one of them empty.
const std::array<std::vector<std::byte>, n_sections>& contents() {
  static const std::array<std::vector<std::byte>, n_sections> made = [] {
    std::array<std::vector<std::byte>, n_sections> all;
    const std::size_t sizes[] = {56, 0, 1, 64, 63, 65, 8, 3};
    for (std::size_t i = 0; i < n_sections; ++i) all[i].assign(sizes[i], static_cast<std::byte>(i + 1));
    return all;
  }();
  return made;
}

std::array<section_bytes, n_sections> sections() {
  std::array<section_bytes, n_sections> all{};
  for (std::uint32_t i = 0; i < n_sections; ++i) all[i] = {static_cast<section>(i + 1), contents()[i]};
  return all;
}

TEST(index_writer, what_it_writes_is_read_back) {
  std::vector<std::byte> bytes;
  const auto append = [&](std::span<const std::byte> more) -> expected<void> {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return {};
  };
  ASSERT_TRUE(succeeded(write_index_file(index_version, sections(), append)));
  EXPECT_EQ(bytes.size() % 64, 0u);
  EXPECT_EQ(load_as<file_header>(bytes.data()).file_bytes, bytes.size());
  const auto buffer = test::buffer_of(bytes);
  const auto read = index_sections::parse(buffer.span());
  ASSERT_TRUE(succeeded(read));
  for (std::uint32_t i = 0; i < n_sections; ++i) {
    const auto section_read = (*read)[static_cast<section>(i + 1)];
    EXPECT_TRUE(std::ranges::equal(section_read, contents()[i]));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(section_read.data()) % section_alignment, 0u);
  }
}

TEST(index_writer, an_error_of_the_sink_comes_back_whenever_it_happens) {
  for (int good = 0;; ++good) {
    int calls = 0;
    const auto full = [&](std::span<const std::byte>) -> expected<void> {
      if (calls++ == good) return fail(errc::no_space, "full");
      return {};
    };
    const auto written = write_index_file(index_version, sections(), full);
    if (written) {
      EXPECT_GE(good, 7);
      break;
    }
    EXPECT_EQ(written.error().code, errc::no_space);
    EXPECT_EQ(calls, good + 1) << "nothing is written after an error";
  }
}

}  // namespace
}  // namespace thimble
