// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/io/id_format.hpp>

#include <vector>

#include "unit/io/vector_files.hpp"

namespace thimble {
namespace {

using test::byte_writer;

expected<id_layout> parse(const std::vector<std::byte>& file, id_format format) {
  return parse_id_header(file, file.size(), format);
}

TEST(id_format_of, goes_by_the_end_of_the_name) {
  EXPECT_EQ(id_format_of("gt.ibin"), id_format::ibin);
  EXPECT_EQ(id_format_of("sift_groundtruth.IVECS"), id_format::ivecs);
  EXPECT_EQ(id_format_of("gt.fbin").error().code, errc::unknown_format);
}

TEST(id_rows, read_what_was_written) {
  const auto ibin = byte_writer().put(2u).put(3u).put(1).put(2).put(3).put(4).put(5).put(6).bytes();
  const auto ivecs = byte_writer().put(3).put(1).put(2).put(3).put(3).put(4).put(5).put(6).bytes();
  for (const auto& [file, format] : {std::pair{ibin, id_format::ibin}, std::pair{ivecs, id_format::ivecs}}) {
    const auto layout = parse(file, format);
    ASSERT_TRUE(layout.has_value());
    const id_rows rows(file.data(), *layout);
    ASSERT_EQ(rows.size(), 2u);
    ASSERT_EQ(rows.k(), 3u);
    EXPECT_EQ(rows.id(0, 0), 1);
    EXPECT_EQ(rows.id(1, 2), 6);
    EXPECT_TRUE(rows.check(7).has_value());
    EXPECT_EQ(rows.check(6).error(), (error{errc::corrupt, ""}));
    EXPECT_EQ(rows.check(6).error().value, 1u);
  }
}

TEST(id_rows, distances_behind_the_ids_are_skipped) {
  const auto file = byte_writer().put(2u).put(1u).put(7).put(8).put(0.5f).put(0.25f).bytes();
  const auto layout = parse(file, id_format::ibin);
  ASSERT_TRUE(layout.has_value());
  EXPECT_EQ(id_rows(file.data(), *layout).id(1, 0), 8);
}

TEST(id_rows, negative_ids_and_uneven_rows_are_corrupt) {
  const auto negative = byte_writer().put(1u).put(1u).put(-1).bytes();
  EXPECT_EQ(id_rows(negative.data(), *parse(negative, id_format::ibin)).check(10).error().code, errc::corrupt);
  const auto uneven = byte_writer().put(1).put(0).put(2).put(0).bytes();
  EXPECT_EQ(id_rows(uneven.data(), *parse(uneven, id_format::ivecs)).check(10).error().code, errc::corrupt);
}

TEST(id_header, sizes_that_do_not_fit_are_errors) {
  EXPECT_EQ(parse({}, id_format::ibin).error().code, errc::truncated);
  EXPECT_EQ(parse(byte_writer().put(2u).put(3u).zeros(23).bytes(), id_format::ibin).error().code, errc::truncated);
  EXPECT_EQ(parse(byte_writer().put(2u).put(3u).zeros(25).bytes(), id_format::ibin).error().code, errc::corrupt);
  EXPECT_EQ(parse(byte_writer().put(0u).put(3u).bytes(), id_format::ibin).error().code, errc::empty_input);
  EXPECT_EQ(parse(byte_writer().put(0xffffffffu).put(0xffffffffu).zeros(8).bytes(), id_format::ibin).error().code,
            errc::too_large);
}

}  // namespace
}  // namespace thimble
