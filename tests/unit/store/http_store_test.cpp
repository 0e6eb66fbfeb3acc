// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The HTTP store in front of a server that is a function: what it asks for, what it makes of any answer. With fetch()
// and a real server it is tested in tests/browser.

#include <gtest/gtest.h>

#include <thimble/store/http_store.hpp>

#include <bit>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unit/io/vector_files.hpp"
#include "unit/support/http_server.hpp"
#include "unit/support/same_hits.hpp"

namespace thimble {
namespace {

namespace http_store_cases {

using detail::http_answer;
using test::byte_writer;
using test::code_of;
using test::open_served;
using test::read_served;
using test::succeeded;
using request = test::http_server_request;
using server = test::http_server;
using store = test::served_store;

constexpr std::size_t n_rows = 1000;
constexpr std::size_t dim = 25;  // 100 bytes a row
float value_at(std::size_t row, std::size_t j) { return static_cast<float>(row) + static_cast<float>(j) / 32; }

std::vector<std::byte> fbin(std::size_t n = n_rows) {
  byte_writer file;
  file.put(static_cast<std::uint32_t>(n)).put(static_cast<std::uint32_t>(dim));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < dim; ++j) file.put(value_at(i, j));
  return file.bytes();
}

std::vector<float> rows_of(const std::vector<node>& nodes) {
  std::vector<float> rows;
  for (const node x : nodes)
    for (std::size_t j = 0; j < dim; ++j) rows.push_back(value_at(x, j));
  return rows;
}

// A server and an opened store whose fingerprint was given, so that only the header was asked for.
struct opened_store {
  explicit opened_store(http_options options = {}) : from(fbin()) {
    options.fingerprint = 1;
    auto made = open_served(from, "https://example.org/base.fbin", options);
    EXPECT_TRUE(succeeded(made));
    if (made) rows = std::move(*made);
    from.requests.clear();
  }

  server from;
  store rows;
};

TEST(http_store, one_small_request_opens_where_the_fingerprint_is_known) {
  server from(fbin());
  const auto opened = open_served(from, "https://example.org/base.fbin", {.fingerprint = 77});
  ASSERT_TRUE(succeeded(opened));
  EXPECT_EQ(opened->size(), n_rows);
  EXPECT_EQ(opened->dim(), dim);
  EXPECT_EQ(opened->fingerprint(), 77u);
  EXPECT_EQ(from.requests, (std::vector<request>{{.offset = 0, .bytes = 4096, .if_range = ""}}));
}

TEST(http_store, the_fingerprint_is_read_by_a_few_requests_at_once) {
  server from(fbin());
  const auto opened = open_served(from);
  ASSERT_TRUE(succeeded(opened));
  std::vector<float> all(n_rows * dim);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = value_at(i / dim, i % dim);
  std::vector<float> scratch(dim);
  EXPECT_EQ(opened->fingerprint(), *fingerprint(matrix_view<float>(all.data(), n_rows, dim), scratch));
  // 64 rows, 15 rows apart: 1.5 KB, less than the largest gap.
  EXPECT_EQ(from.requests.size(), 2u);
  const auto apart = open_served(from, "https://example.org/base.fbin", {.largest_gap = 0});
  EXPECT_EQ(apart->fingerprint(), opened->fingerprint());
  EXPECT_EQ(from.requests.size(), 2 + 1 + 64u);
  EXPECT_EQ(from.most_at_once, 6u);
}

TEST(http_store, every_format_gives_its_rows) {
  struct kind {
    const char* url;
    vector_format format;
  };
  for (const kind k : {kind{"a.fbin", vector_format::fbin},
                       {"a.f16bin", vector_format::f16bin},
                       {"a.bf16bin?version=2", vector_format::bf16bin},
                       {"/data/a.u8bin#x", vector_format::u8bin},
                       {"a.i8bin", vector_format::i8bin},
                       {"a.fvecs", vector_format::fvecs},
                       {"a.bvecs?file=b.fbin", vector_format::bvecs},
                       {"a.npy", vector_format::npy}})
    for (const std::size_t width : {1u, 7u, 300u}) {
      const std::size_t n = 400;
      byte_writer file;
      const bool prefixed = k.format == vector_format::fvecs || k.format == vector_format::bvecs;
      if (k.format == vector_format::npy) {
        const auto empty = test::npy_file(
            "{'descr': '|i1', 'fortran_order': False, 'shape': (400, " + std::to_string(width) + "), }", 0);
        for (const std::byte b : empty) file.put(b);
      } else if (!prefixed) {
        file.put(static_cast<std::uint32_t>(n)).put(static_cast<std::uint32_t>(width));
      }
      const auto value = [](std::size_t i, std::size_t j) { return static_cast<std::int8_t>((i * 31 + j * 7) % 128); };
      for (std::size_t i = 0; i < n; ++i) {
        if (prefixed) file.put(static_cast<std::uint32_t>(width));
        for (std::size_t j = 0; j < width; ++j) {
          const auto real = static_cast<float>(value(i, j));
          if (k.format == vector_format::fbin || k.format == vector_format::fvecs)
            file.put(real);
          else if (k.format == vector_format::f16bin)
            file.put(half::nearest(real));
          else if (k.format == vector_format::bf16bin)
            file.put(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(real) >> 16));
          else
            file.put(value(i, j));
        }
      }
      server from(file.bytes());
      auto opened = open_served(from, k.url);
      ASSERT_TRUE(succeeded(opened)) << k.url;
      ASSERT_EQ(opened->size(), n);
      ASSERT_EQ(opened->dim(), width);
      std::vector<node> all(n);
      std::iota(all.begin(), all.end(), 0u);
      for (const std::vector<node>& nodes : {std::vector<node>{0}, {399}, {5, 6, 9, 200, 399}, {3, 3, 4}, all}) {
        std::vector<float> out;
        ASSERT_TRUE(succeeded(read_served(from, *opened, nodes, out)));
        for (std::size_t i = 0; i < out.size(); ++i)
          ASSERT_EQ(out[i], value(nodes[i / width], i % width)) << k.url << ", " << width << ", " << i;
      }
    }
}

TEST(http_store, an_address_without_an_ending_needs_its_format) {
  server from(fbin());
  EXPECT_EQ(code_of(open_served(from, "https://example.org/vectors?name=base.fbin")), errc::unknown_format);
  EXPECT_TRUE(from.requests.empty());
  EXPECT_TRUE(succeeded(open_served(from, "https://example.org/vectors", {.format = vector_format::fbin})));
}

TEST(http_store, rows_near_each_other_are_joined_and_the_others_come_a_few_at_once) {
  opened_store opened({.largest_gap = 300, .most_requests = 3});
  std::vector<float> out;
  const std::vector<node> nodes{1, 2, 6, 11, 100, 300, 500, 999};
  ASSERT_TRUE(succeeded(read_served(opened.from, opened.rows, nodes, out)));
  EXPECT_EQ(out, rows_of(nodes));
  const std::vector<request> wanted{{108, 600, "\"one\""},    {1108, 100, "\"one\""},   {10'008, 100, "\"one\""},
                                    {30'008, 100, "\"one\""}, {50'008, 100, "\"one\""}, {99'908, 100, "\"one\""}};
  EXPECT_EQ(opened.from.requests, wanted);
  EXPECT_EQ(opened.from.most_at_once, 3u);
}

TEST(http_store, answers_come_in_any_order) {
  opened_store opened({.largest_gap = 0});
  std::vector<node> nodes;
  for (node x = 0; x < 100; ++x) nodes.push_back(x * 10 + x % 3);
  std::vector<float> out;
  ASSERT_TRUE(succeeded(read_served(opened.from, opened.rows, nodes, out, true)));
  EXPECT_EQ(out, rows_of(nodes));
}

TEST(http_store, reads_may_overlap_and_the_store_may_move_meanwhile) {
  opened_store opened({.largest_gap = 0});
  const std::vector<node> some{1, 20, 300};
  const std::vector<node> others{2, 20, 400, 999};
  std::vector<float> first(some.size() * dim);
  std::vector<float> second(others.size() * dim);
  test::served_reading a;
  test::served_reading b;
  opened.rows.read(some, first, a.then());
  opened.rows.read(others, second, b.then());
  store moved(std::move(opened.rows));
  opened.from.run();
  EXPECT_TRUE(succeeded(a.outcome));
  EXPECT_TRUE(succeeded(b.outcome));
  EXPECT_EQ(first, rows_of(some));
  EXPECT_EQ(second, rows_of(others));
}

TEST(http_store, nothing_is_asked_for_no_rows_or_for_one_that_does_not_exist) {
  opened_store opened;
  std::vector<float> out;
  EXPECT_TRUE(succeeded(read_served(opened.from, opened.rows, {}, out)));
  const auto beyond = read_served(opened.from, opened.rows, {1, 1000}, out);
  EXPECT_EQ(code_of(beyond), errc::missing_row);
  EXPECT_EQ(beyond.error().value, 1000u);
  EXPECT_TRUE(opened.from.requests.empty());
  store none;
  EXPECT_EQ(none.size(), 0u);
  EXPECT_EQ(code_of(read_served(opened.from, none, {0}, out)), errc::missing_row);
}

TEST(http_store, trouble_that_passes_is_waited_for) {
  opened_store opened({.largest_gap = 0, .most_tries = 4, .first_wait_ms = 100});
  opened.from.meddle = [](std::size_t i, http_answer& answer) {
    if (i == 0) answer = {.status = 503};
    if (i == 1) answer = {.status = 0};
    if (i == 2) answer = {.status = 429, .retry_after_ms = 3000};
  };
  std::vector<float> out;
  ASSERT_TRUE(succeeded(read_served(opened.from, opened.rows, {42}, out)));
  EXPECT_EQ(out, rows_of({42}));
  EXPECT_EQ(opened.from.waits, (std::vector<std::uint32_t>{100, 200, 3000}));
  EXPECT_EQ(opened.from.requests.size(), 4u);
}

TEST(http_store, tries_have_an_end) {
  opened_store opened({.most_tries = 3});
  opened.from.meddle = [](std::size_t, http_answer& answer) { answer = {.status = 500}; };
  std::vector<float> out;
  const auto outcome = read_served(opened.from, opened.rows, {42}, out);
  EXPECT_EQ(code_of(outcome), errc::cannot_read);
  EXPECT_EQ(outcome.error().value, 500u);
  EXPECT_EQ(opened.from.requests.size(), 3u);
}

TEST(http_store, a_server_that_asks_for_too_long_a_wait_is_not_asked_again) {
  opened_store opened({.longest_wait_ms = 10'000});
  opened.from.meddle = [](std::size_t, http_answer& answer) { answer = {.status = 429, .retry_after_ms = 60'000}; };
  std::vector<float> out;
  EXPECT_EQ(code_of(read_served(opened.from, opened.rows, {42}, out)), errc::cannot_read);
  EXPECT_EQ(opened.from.requests.size(), 1u);
  EXPECT_TRUE(opened.from.waits.empty());
}

TEST(http_store, the_first_error_ends_a_read_and_aborts_the_rest) {
  opened_store opened({.largest_gap = 0, .most_requests = 4});
  opened.from.meddle = [](std::size_t i, http_answer& answer) {
    if (i == 1) answer.status = 404;
    if (i > 1) answer.status = 500;
  };
  std::vector<float> out;
  const auto outcome = read_served(opened.from, opened.rows, {10, 20, 30, 40, 50, 60, 70, 80}, out);
  EXPECT_EQ(code_of(outcome), errc::cannot_read);
  EXPECT_EQ(outcome.error().value, 404u);
  // The first was answered, the second fails; then three were under way, and no others followed.
  EXPECT_EQ(opened.from.requests.size(), 5u);
  EXPECT_EQ(opened.from.aborted, 3u);
  EXPECT_TRUE(opened.from.waits.empty());
  // The store is as good as before.
  opened.from.meddle = [](std::size_t, http_answer&) {};
  ASSERT_TRUE(succeeded(read_served(opened.from, opened.rows, {10, 20}, out)));
  EXPECT_EQ(out, rows_of({10, 20}));
}

TEST(http_store, rows_of_two_versions_are_never_mixed) {
  opened_store opened({.largest_gap = 0, .most_requests = 1});
  opened.from.meddle = [&](std::size_t i, http_answer&) {
    if (i == 1) opened.from.etag = "\"two\"";
  };
  std::vector<float> out;
  EXPECT_EQ(code_of(read_served(opened.from, opened.rows, {10, 20, 30}, out)), errc::store_mismatch);
}

TEST(http_store, without_etag_the_time_of_the_last_change_pins) {
  server from(fbin());
  from.etag = "";
  from.modified = "Sun, 06 Nov 1994 08:49:37 GMT";
  auto opened = open_served(from);
  ASSERT_TRUE(succeeded(opened));
  std::vector<float> out;
  EXPECT_TRUE(succeeded(read_served(from, *opened, {10}, out)));
  EXPECT_EQ(from.requests.back().if_range, "");
  from.modified = "Sun, 06 Nov 1994 08:49:38 GMT";
  EXPECT_EQ(code_of(read_served(from, *opened, {10}, out)), errc::store_mismatch);
}

// Any field of any answer becomes another one: what a read says is right are the right rows.
TEST(http_store, whatever_a_server_answers_a_read_gives_the_rows_or_an_error) {
  random_generator random(11);
  const auto text = [&](auto& field) {
    constexpr std::string_view texts[] = {"",
                                          "\"one\"",
                                          "\"two\"",
                                          "bytes 0-99/100008",
                                          "bytes 1008-1107/100008",
                                          "bytes 1008-1107/*",
                                          "bytes */100008",
                                          "bytes 0-9007199254740990/9007199254740991"};
    const std::string_view chosen = texts[random.below(std::size(texts))];
    field = {};
    chosen.copy(field.data(), field.size() - 1);
  };
  opened_store opened({.largest_gap = 300, .most_requests = 2, .most_tries = 2});
  std::size_t n_right = 0;
  for (int round = 0; round < 3000; ++round) {
    opened.from.meddle = [&](std::size_t, http_answer& answer) {
      constexpr std::uint32_t statuses[] = {0, 200, 206, 304, 404, 412, 416, 429, 500};
      switch (random.below(12)) {
        case 0:
          answer.status = statuses[random.below(std::size(statuses))];
          break;
        case 1:
          answer.received = static_cast<std::uint32_t>(random.below(700));
          break;
        case 2:
          answer.retry_after_ms = static_cast<std::uint32_t>(random.below(20'000));
          break;
        case 3:
          text(answer.etag);
          break;
        case 4:
          text(answer.content_range);
          break;
        default:
          break;
      }
    };
    std::vector<float> out;
    const std::vector<node> nodes{10, 12, 300, 999};
    if (!read_served(opened.from, opened.rows, nodes, out)) continue;
    ++n_right;
    ASSERT_EQ(out, rows_of(nodes));
  }
  EXPECT_GT(n_right, 300u);
  EXPECT_LT(n_right, 2700u);
}

TEST(http_store, a_row_of_another_dim_is_corrupt_and_named) {
  byte_writer file;
  for (std::uint32_t i = 0; i < 10; ++i) file.put(i == 7 ? 3u : 4u).put(0u);
  server from(file.bytes());
  auto opened = open_served(from, "a.bvecs", {.fingerprint = 1});
  ASSERT_TRUE(succeeded(opened));
  std::vector<float> out;
  EXPECT_TRUE(succeeded(read_served(from, *opened, {5, 6, 8}, out)));
  const auto outcome = read_served(from, *opened, {5, 7, 8}, out);
  EXPECT_EQ(code_of(outcome), errc::corrupt);
  EXPECT_EQ(outcome.error().value, 7u);
}

TEST(http_store, a_file_that_is_none_is_refused) {
  const auto refused = [](std::vector<std::byte> file) {
    server from(std::move(file));
    return code_of(open_served(from));
  };
  EXPECT_EQ(refused({}), errc::truncated);
  EXPECT_EQ(refused(byte_writer().put(1u).bytes()), errc::truncated);
  EXPECT_EQ(refused(byte_writer().put(0u).put(3u).bytes()), errc::empty_input);
  EXPECT_EQ(refused(byte_writer().put(5u).put(3u).zeros(59).bytes()), errc::truncated);
  EXPECT_EQ(refused(byte_writer().put(5u).put(3u).zeros(61).bytes()), errc::corrupt);
  EXPECT_EQ(refused(byte_writer().put(5u).put(70'000u).zeros(61).bytes()), errc::too_large);
}

TEST(http_store, a_server_without_ranges_is_refused) {
  server from(fbin());
  from.meddle = [](std::size_t, http_answer& answer) { answer.status = 200; };
  EXPECT_EQ(code_of(open_served(from)), errc::unsupported);
  EXPECT_EQ(from.requests.size(), 1u);
}

TEST(http_store, an_error_while_the_fingerprint_is_read_ends_the_opening) {
  server from(fbin());
  from.meddle = [](std::size_t i, http_answer& answer) {
    if (i == 1) answer.received = 10;
  };
  EXPECT_EQ(code_of(open_served(from)), errc::truncated);
}

TEST(http_store, options_out_of_their_range_are_refused) {
  server from(fbin());
  EXPECT_EQ(code_of(open_served(from, "a.fbin", {.most_requests = 0})), errc::invalid_argument);
  EXPECT_EQ(code_of(open_served(from, "a.fbin", {.most_requests = 17})), errc::invalid_argument);
  EXPECT_EQ(code_of(open_served(from, "a.fbin", {.most_tries = 0})), errc::invalid_argument);
  EXPECT_EQ(code_of(open_served(from, "a.fbin", {.silence_ms = 0})), errc::invalid_argument);
  EXPECT_EQ(code_of(open_served(from, "a.fbin", {.silence_ms = 3'600'001})), errc::invalid_argument);
  EXPECT_EQ(code_of(open_served(from, "a.fbin", {.longest_wait_ms = 3'600'001})), errc::invalid_argument);
  EXPECT_TRUE(from.requests.empty());
}

TEST(http_store, a_request_that_cannot_be_made_ends_at_once) {
  opened_store opened({.largest_gap = 0});
  opened.from.refuse = static_cast<std::int32_t>(detail::browser_outcome::unavailable);
  std::vector<float> out;
  EXPECT_EQ(code_of(read_served(opened.from, opened.rows, {10, 20, 30}, out)), errc::store_unavailable);
  EXPECT_EQ(code_of(open_served(opened.from)), errc::store_unavailable);
  opened.from.refuse = static_cast<std::int32_t>(detail::browser_outcome::not_found);
  EXPECT_EQ(code_of(open_served(opened.from)), errc::invalid_argument);
}

TEST(http_store, gives_the_hits_of_memory) {
  byte_writer file;
  file.put(static_cast<std::uint32_t>(test::n_searched_rows)).put(static_cast<std::uint32_t>(test::searched_dim));
  for (const std::uint8_t value : test::searched_values()) file.put(value);
  server from(file.bytes());
  auto opened = open_served(from, "base.u8bin");
  ASSERT_TRUE(succeeded(opened));
  test::served_rows rows(from, *opened);
  test::expect_hits_of_memory(rows);
}

#if !THIMBLE_EMSCRIPTEN
TEST(http_store, outside_browsers_and_node_it_is_unsupported) {
  std::optional<errc> code;
  http_store::open("https://example.org/base.fbin", {}, {&code, [](void* to, expected<http_store>&& outcome) {
                                                           *static_cast<std::optional<errc>*>(to) = code_of(outcome);
                                                         }});
  EXPECT_EQ(code, errc::unsupported);
}
#endif

}  // namespace http_store_cases

}  // namespace
}  // namespace thimble
