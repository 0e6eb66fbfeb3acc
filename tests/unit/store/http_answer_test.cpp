// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/store/http_answer.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include <thimble/core/random.hpp>

#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

namespace http_answer_cases {

using detail::check_first;
using detail::check_rows_answer;
using detail::http_answer;
using detail::http_content_range;
using detail::http_pin;
using detail::http_wait_ms;
using detail::parse_content_range;
using test::code_of;
using test::succeeded;

constexpr std::uint32_t not_asked = http_answer::no_retry_after;

template <std::size_t Room>
void set(std::array<char, Room>& to, std::string_view text) {
  to = {};
  std::ranges::copy(text, to.begin());
}

http_answer partial(std::string_view content_range, std::uint32_t received, std::string_view etag = "\"a\"",
                    std::string_view modified = "") {
  http_answer answer{.status = 206, .received = received, .same_origin = 1};
  set(answer.content_range, content_range);
  set(answer.etag, etag);
  set(answer.modified, modified);
  return answer;
}

http_answer with_status(std::uint32_t status) {
  http_answer answer = partial("", 0);
  answer.status = status;
  return answer;
}

http_pin pin_of(std::uint64_t size, std::string_view etag = "\"a\"") {
  http_pin pin{.size = size, .same_origin = true};
  set(pin.etag, etag);
  return pin;
}

TEST(content_range, is_read) {
  EXPECT_EQ(parse_content_range("bytes 0-99/1000"), (http_content_range{.first = 0, .end = 100, .size = 1000}));
  EXPECT_EQ(parse_content_range("Bytes 5-5/6"), (http_content_range{.first = 5, .end = 6, .size = 6}));
  EXPECT_EQ(parse_content_range("bytes 0-99/*"), (http_content_range{.first = 0, .end = 100}));
  EXPECT_EQ(parse_content_range("bytes */0"), (http_content_range{.size = 0}));
  EXPECT_EQ(parse_content_range("bytes 9007199254740990-9007199254740990/9007199254740991"),
            (http_content_range{.first = 9007199254740990u, .end = 9007199254740991u, .size = 9007199254740991u}));
}

TEST(content_range, that_means_nothing_is_refused) {
  for (const std::string_view text : {"",
                                      "bytes",
                                      "bytes ",
                                      "bytes 0-99",
                                      "bytes 0-99/",
                                      "bytes -99/100",
                                      "bytes 0-/100",
                                      "bytes 99-0/100",
                                      "bytes 0-100/100",
                                      "bytes */*",
                                      "bytes *",
                                      "items 0-99/100",
                                      "bytes 0-99/100 ",
                                      "bytes 0-99/100, 5-6/100",
                                      "bytes  0-99/100",
                                      "bytes 0--1/100",
                                      "bytes 0x0-99/100",
                                      "bytes +0-99/100",
                                      "bytes 0-9007199254740992/*",
                                      "bytes 0-99/18446744073709551716",
                                      "bytes 0-99/99999999999999999999999",
                                      "bytes=0-99/100"})
    EXPECT_EQ(parse_content_range(text), std::nullopt) << text;
}

TEST(content_range, whatever_is_read_lies_within_the_file) {
  constexpr std::string_view pieces[] = {"bytes ",           "BYTES ", "0", "1", "7", "99",
                                         "9007199254740991", "-",      "/", "*", " "};
  random_generator random(5);
  std::size_t n_read = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string text = random.below(8) == 0 ? "" : "bytes ";
    for (std::size_t j = random.below(6) + 1; j > 0; --j) text += pieces[random.below(std::size(pieces))];
    const auto range = parse_content_range(text);
    if (!range) continue;
    ++n_read;
    EXPECT_TRUE(range->end == 0 ? range->first == 0 : range->first < range->end) << text;
    EXPECT_LE(range->end, range->size) << text;
  }
  EXPECT_GT(n_read, 100u);
}

TEST(http_answer, statuses_that_pass_are_tried_again_and_others_are_not) {
  for (const std::uint32_t status : {0u, 408u, 429u, 500u, 502u, 503u, 504u, 520u})
    EXPECT_TRUE(detail::is_passing(status)) << status;
  for (const std::uint32_t status : {200u, 206u, 304u, 400u, 401u, 403u, 404u, 410u, 412u, 416u, 501u, 505u})
    EXPECT_FALSE(detail::is_passing(status)) << status;
}

TEST(http_answer, waits_double_up_to_the_longest) {
  EXPECT_EQ(http_wait_ms(1, 250, 10'000, not_asked), 250u);
  EXPECT_EQ(http_wait_ms(2, 250, 10'000, not_asked), 500u);
  EXPECT_EQ(http_wait_ms(5, 250, 10'000, not_asked), 4000u);
  EXPECT_EQ(http_wait_ms(7, 250, 10'000, not_asked), 10'000u);
  EXPECT_EQ(http_wait_ms(4'000'000'000, 250, 10'000, not_asked), 10'000u);
  EXPECT_EQ(http_wait_ms(3, 0, 10'000, not_asked), 0u);
}

TEST(http_answer, retry_after_is_honoured_or_not_waited_for) {
  EXPECT_EQ(http_wait_ms(1, 250, 10'000, 3000), 3000u);
  EXPECT_EQ(http_wait_ms(1, 250, 10'000, 0), 250u);
  EXPECT_EQ(http_wait_ms(5, 250, 10'000, 3000), 4000u);
  EXPECT_EQ(http_wait_ms(1, 250, 10'000, 10'000), 10'000u);
  EXPECT_EQ(http_wait_ms(1, 250, 10'000, 10'001), std::nullopt);
}

TEST(http_answer, the_first_one_tells_size_and_version) {
  const auto pin = check_first(partial("bytes 0-4095/123456", 4096), 4096);
  ASSERT_TRUE(succeeded(pin));
  EXPECT_EQ(pin->size, 123456u);
  EXPECT_STREQ(pin->if_range(), "\"a\"");
  const auto small = check_first(partial("bytes 0-99/100", 100), 4096);
  ASSERT_TRUE(succeeded(small));
  EXPECT_EQ(small->size, 100u);
  // An empty file has no first byte.
  http_answer empty = with_status(416);
  set(empty.content_range, "bytes */0");
  const auto none = check_first(empty, 4096);
  ASSERT_TRUE(succeeded(none));
  EXPECT_EQ(none->size, 0u);
}

TEST(http_answer, a_first_one_without_use_is_a_named_error) {
  const auto first = [](const http_answer& answer) { return code_of(check_first(answer, 4096)); };
  EXPECT_EQ(first(with_status(200)), errc::unsupported);
  EXPECT_EQ(first(with_status(404)), errc::cannot_open);
  EXPECT_EQ(first(with_status(403)), errc::cannot_open);
  EXPECT_EQ(first(with_status(416)), errc::cannot_open);
  EXPECT_EQ(first(with_status(503)), errc::cannot_read);
  EXPECT_EQ(first(with_status(0)), errc::cannot_read);
  EXPECT_EQ(check_first(with_status(404), 4096).error().value, 404u);
  EXPECT_EQ(first(partial("", 4096)), errc::unsupported);
  EXPECT_EQ(first(partial("bytes 0-4095/*", 4096)), errc::unsupported);
  EXPECT_EQ(first(partial("bytes */0", 0)), errc::corrupt);
  EXPECT_EQ(first(partial("bytes 1-4096/123456", 4096)), errc::corrupt);
  EXPECT_EQ(first(partial("bytes 0-4096/123456", 4097)), errc::corrupt);
  EXPECT_EQ(first(partial("bytes 0-4095/123456", 4097)), errc::corrupt);
  EXPECT_EQ(first(partial("bytes 0-4095/123456", 4095)), errc::truncated);
  EXPECT_EQ(first(partial("bytes 0-99/123456", 100)), errc::truncated);
  EXPECT_EQ(first(partial("bytes 0-4095/123456", 4096, "", "")), errc::unsupported);
}

TEST(http_answer, only_a_strong_tag_of_the_same_origin_goes_into_if_range) {
  EXPECT_STREQ(check_first(partial("bytes 0-4095/5000", 4096, "\"x\""), 4096)->if_range(), "\"x\"");
  EXPECT_EQ(check_first(partial("bytes 0-4095/5000", 4096, "W/\"x\""), 4096)->if_range(), nullptr);
  EXPECT_EQ(check_first(partial("bytes 0-4095/5000", 4096, "", "Sun, 06 Nov 1994 08:49:37 GMT"), 4096)->if_range(),
            nullptr);
  http_answer elsewhere = partial("bytes 0-4095/5000", 4096);
  elsewhere.same_origin = 0;
  EXPECT_EQ(check_first(elsewhere, 4096)->if_range(), nullptr);
}

TEST(http_answer, rows_of_the_pinned_file_are_taken) {
  EXPECT_TRUE(succeeded(check_rows_answer(partial("bytes 100-199/1000", 100), pin_of(1000), 100, 100)));
  EXPECT_TRUE(succeeded(check_rows_answer(partial("bytes 900-999/1000", 100), pin_of(1000), 900, 100)));
}

TEST(http_answer, rows_of_another_version_are_refused) {
  const auto rows = [](const http_answer& answer) {
    return code_of(check_rows_answer(answer, pin_of(1000), 100, 100));
  };
  EXPECT_EQ(rows(partial("bytes 100-199/1000", 100, "\"b\"")), errc::store_mismatch);
  EXPECT_EQ(rows(partial("bytes 100-199/1000", 100, "")), errc::store_mismatch);
  EXPECT_EQ(rows(partial("bytes 100-199/1000", 100, "W/\"a\"")), errc::store_mismatch);
  EXPECT_EQ(rows(partial("bytes 100-199/1001", 100)), errc::store_mismatch);
  EXPECT_EQ(rows(partial("bytes 100-149/150", 50)), errc::store_mismatch);
  EXPECT_EQ(rows(with_status(412)), errc::store_mismatch);
  EXPECT_EQ(rows(with_status(416)), errc::store_mismatch);
  http_answer whole = partial("", 0, "\"b\"");
  whole.status = 200;
  EXPECT_EQ(rows(whole), errc::store_mismatch);
}

TEST(http_answer, where_the_tag_is_not_strong_the_time_counts_too) {
  const char* time = "Sun, 06 Nov 1994 08:49:37 GMT";
  const char* later = "Sun, 06 Nov 1994 08:49:38 GMT";
  for (const char* tag : {"\"a\"", "W/\"a\"", ""}) {
    const auto pin = check_first(partial("bytes 0-4095/5000", 4096, tag, time), 4096);
    ASSERT_TRUE(succeeded(pin));
    const auto rows = [&](const char* modified) {
      return code_of(check_rows_answer(partial("bytes 100-199/5000", 100, tag, modified), *pin, 100, 100));
    };
    EXPECT_EQ(rows(time), std::nullopt) << tag;
    EXPECT_EQ(rows(later), tag[0] == '"' ? std::nullopt : std::optional(errc::store_mismatch)) << tag;
  }
}

TEST(http_answer, rows_that_do_not_come_are_a_named_error) {
  const auto rows = [](const http_answer& answer) {
    return code_of(check_rows_answer(answer, pin_of(1000), 100, 100));
  };
  EXPECT_EQ(rows(with_status(200)), errc::unsupported);
  EXPECT_EQ(rows(with_status(404)), errc::cannot_read);
  EXPECT_EQ(rows(with_status(429)), errc::cannot_read);
  EXPECT_EQ(rows(with_status(0)), errc::cannot_read);
  EXPECT_EQ(check_rows_answer(with_status(502), pin_of(1000), 100, 100).error().value, 502u);
  EXPECT_EQ(rows(partial("", 100)), errc::unsupported);
  EXPECT_EQ(rows(partial("bytes 100-199/*", 100)), errc::unsupported);
  EXPECT_EQ(rows(partial("bytes 0-99/1000", 100)), errc::corrupt);
  EXPECT_EQ(rows(partial("bytes 100-299/1000", 200)), errc::corrupt);
  EXPECT_EQ(rows(partial("bytes 100-199/1000", 99)), errc::truncated);
  EXPECT_EQ(rows(partial("bytes 100-149/1000", 50)), errc::truncated);
  EXPECT_EQ(rows(partial("bytes 100-199/1000", 101)), errc::corrupt);
}

}  // namespace http_answer_cases

}  // namespace
}  // namespace thimble
