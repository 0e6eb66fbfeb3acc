// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <set>
#include <string_view>
#include <thimble/core/error.hpp>

namespace thimble {
namespace {

TEST(error, every_code_has_a_name_of_its_own) {
  std::set<std::string_view> names;
  for (unsigned code = 0; code <= static_cast<unsigned>(errc::unknown_label); ++code)
    EXPECT_TRUE(names.insert(name(static_cast<errc>(code))).second) << code;
  EXPECT_EQ(names.count("unknown"), 0u);
  EXPECT_EQ(name(static_cast<errc>(255)), "unknown");
  EXPECT_EQ(name(errc::out_of_memory), "out_of_memory");
  EXPECT_EQ(name(errc::cancelled), "cancelled");
}

TEST(error, carries_code_sentence_and_number) {
  const expected<int> outcome = fail(errc::wrong_dim, "a sentence", 7);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code, errc::wrong_dim);
  EXPECT_STREQ(outcome.error().message, "a sentence");
  EXPECT_EQ(outcome.error().value, 7u);
}

TEST(error, errors_are_equal_when_their_codes_are) {
  EXPECT_EQ((error{errc::corrupt, "here", 1}), (error{errc::corrupt, "there", 2}));
  EXPECT_FALSE((error{errc::corrupt, "here"}) == (error{errc::truncated, "here"}));
}

}  // namespace
}  // namespace thimble
