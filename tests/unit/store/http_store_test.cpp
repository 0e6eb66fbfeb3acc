// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The HTTP store in front of a server that is a function: what it asks for, what it makes of any answer. With fetch()
// and a real server it is tested in tests/browser.

#include <gtest/gtest.h>

#include <thimble/store/http_store.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iterator>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unit/io/vector_files.hpp"
#include "unit/support/same_hits.hpp"

namespace thimble {
namespace {

namespace http_store_cases {

using detail::http_answer;
using detail::http_get;
using test::byte_writer;
using test::code_of;
using test::succeeded;

struct request {
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
  std::string if_range;

  friend bool operator==(const request&, const request&) = default;
};

// One file, and what becomes of each request for it: the queue is what is under way.
class server {
 public:
  explicit server(std::vector<std::byte> bytes) : file(std::move(bytes)) { current = this; }
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server() {
    EXPECT_TRUE(queue_.empty());
    current = nullptr;
  }

  // Changes the answer to requests[i], whose bytes are in place.
  std::function<void(std::size_t i, http_answer& answer)> meddle = [](std::size_t, http_answer&) {};
  std::vector<std::byte> file;
  std::string etag = "\"one\"";
  std::string modified;
  std::int32_t refuse = 0;  // an outcome: no request can be made
  std::vector<request> requests;
  std::vector<std::uint32_t> waits;
  std::size_t aborted = 0;
  std::size_t most_at_once = 0;

  // Until nothing is under way; the last request is answered first where `last_first`.
  void run(bool last_first = false) {
    while (!queue_.empty()) {
      most_at_once = std::max(most_at_once, queue_.size());
      const auto at = last_first ? std::prev(queue_.end()) : queue_.begin();
      const waiting next = *at;
      queue_.erase(at);
      if (next.get) answer(next);
      next.then(next.context, 0, 0);
    }
  }

  // The transport.
  static std::int32_t get(const http_get& what, detail::browser_then then, void* context) {
    if (current == nullptr) return detail::not_in_a_browser();
    if (current->refuse != 0) return current->refuse;
    current->requests.push_back({what.offset, what.bytes, what.if_range == nullptr ? "" : what.if_range});
    current->queue_.push_back({what, current->requests.size() - 1, then, context});
    return 0;
  }
  static std::int32_t wait(std::uint32_t ms, detail::browser_then then, void* context) {
    current->waits.push_back(ms);
    current->queue_.push_back({std::nullopt, 0, then, context});
    return 0;
  }
  static void abort(void* /*context*/) { ++current->aborted; }

 private:
  struct waiting {
    std::optional<http_get> get;
    std::size_t i;
    detail::browser_then then;
    void* context;
  };

  void answer(const waiting& to) const {
    http_answer made{.status = 206, .same_origin = 1};
    const std::uint64_t end = std::min<std::uint64_t>(to.get->offset + to.get->bytes, file.size());
    if (to.get->offset < end) {
      made.received = static_cast<std::uint32_t>(end - to.get->offset);
      std::memcpy(to.get->body, file.data() + to.get->offset, made.received);
    } else {
      made.status = 416;
    }
    const std::string last =
        to.get->offset < end ? std::to_string(to.get->offset) + "-" + std::to_string(end - 1) : "*";
    std::ranges::copy("bytes " + last + "/" + std::to_string(file.size()), made.content_range.begin());
    std::ranges::copy(etag, made.etag.begin());
    std::ranges::copy(modified, made.modified.begin());
    meddle(to.i, made);
    *to.get->answer = made;
  }

  std::vector<waiting> queue_;

  static inline server* current = nullptr;
};

using store = basic_http_store<server>;

struct outcome_of_open {
  int calls = 0;
  expected<store> outcome = fail(errc::cancelled, "never called");
};

expected<store> open(server& from, std::string_view url = "https://example.org/base.fbin",
                     const http_options& options = {}) {
  outcome_of_open seen;
  store::open(url, options, {&seen, [](void* to, expected<store>&& outcome) {
                               auto& noted = *static_cast<outcome_of_open*>(to);
                               ++noted.calls;
                               noted.outcome = std::move(outcome);
                             }});
  from.run();
  EXPECT_EQ(seen.calls, 1);
  return std::move(seen.outcome);
}

struct outcome_of_read {
  int calls = 0;
  expected<void> outcome = fail(errc::cancelled, "never called");

  [[nodiscard]] completion then() {
    return {this, [](void* self, expected<void> result) {
              ++static_cast<outcome_of_read*>(self)->calls;
              static_cast<outcome_of_read*>(self)->outcome = result;
            }};
  }
};

expected<void> read(server& from, store& rows, const std::vector<node>& nodes, std::vector<float>& out,
                    bool last_first = false) {
  out.assign(nodes.size() * rows.dim(), -1);
  outcome_of_read seen;
  rows.read(nodes, out, seen.then());
  from.run(last_first);
  EXPECT_EQ(seen.calls, 1);
  return seen.outcome;
}

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
    auto made = open(from, "https://example.org/base.fbin", options);
    EXPECT_TRUE(succeeded(made));
    if (made) rows = std::move(*made);
    from.requests.clear();
  }

  server from;
  store rows;
};

TEST(http_store, one_small_request_opens_where_the_fingerprint_is_known) {
  server from(fbin());
  const auto opened = open(from, "https://example.org/base.fbin", {.fingerprint = 77});
  ASSERT_TRUE(succeeded(opened));
  EXPECT_EQ(opened->size(), n_rows);
  EXPECT_EQ(opened->dim(), dim);
  EXPECT_EQ(opened->fingerprint(), 77u);
  EXPECT_EQ(from.requests, (std::vector<request>{{.offset = 0, .bytes = 4096, .if_range = ""}}));
}

TEST(http_store, the_fingerprint_is_read_by_a_few_requests_at_once) {
  server from(fbin());
  const auto opened = open(from);
  ASSERT_TRUE(succeeded(opened));
  std::vector<float> all(n_rows * dim);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = value_at(i / dim, i % dim);
  std::vector<float> scratch(dim);
  EXPECT_EQ(opened->fingerprint(), *fingerprint(matrix_view<float>(all.data(), n_rows, dim), scratch));
  // 64 rows, 15 rows apart: 1.5 KB, less than the largest gap.
  EXPECT_EQ(from.requests.size(), 2u);
  const auto apart = open(from, "https://example.org/base.fbin", {.largest_gap = 0});
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
      auto opened = open(from, k.url);
      ASSERT_TRUE(succeeded(opened)) << k.url;
      ASSERT_EQ(opened->size(), n);
      ASSERT_EQ(opened->dim(), width);
      std::vector<node> all(n);
      std::iota(all.begin(), all.end(), 0u);
      for (const std::vector<node>& nodes : {std::vector<node>{0}, {399}, {5, 6, 9, 200, 399}, {3, 3, 4}, all}) {
        std::vector<float> out;
        ASSERT_TRUE(succeeded(read(from, *opened, nodes, out)));
        for (std::size_t i = 0; i < out.size(); ++i)
          ASSERT_EQ(out[i], value(nodes[i / width], i % width)) << k.url << ", " << width << ", " << i;
      }
    }
}

TEST(http_store, an_address_without_an_ending_needs_its_format) {
  server from(fbin());
  EXPECT_EQ(code_of(open(from, "https://example.org/vectors?name=base.fbin")), errc::unknown_format);
  EXPECT_TRUE(from.requests.empty());
  EXPECT_TRUE(succeeded(open(from, "https://example.org/vectors", {.format = vector_format::fbin})));
}

TEST(http_store, rows_near_each_other_are_joined_and_the_others_come_a_few_at_once) {
  opened_store opened({.largest_gap = 300, .most_requests = 3});
  std::vector<float> out;
  const std::vector<node> nodes{1, 2, 6, 11, 100, 300, 500, 999};
  ASSERT_TRUE(succeeded(read(opened.from, opened.rows, nodes, out)));
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
  ASSERT_TRUE(succeeded(read(opened.from, opened.rows, nodes, out, true)));
  EXPECT_EQ(out, rows_of(nodes));
}

TEST(http_store, reads_may_overlap_and_the_store_may_move_meanwhile) {
  opened_store opened({.largest_gap = 0});
  const std::vector<node> some{1, 20, 300};
  const std::vector<node> others{2, 20, 400, 999};
  std::vector<float> first(some.size() * dim);
  std::vector<float> second(others.size() * dim);
  outcome_of_read a;
  outcome_of_read b;
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
  EXPECT_TRUE(succeeded(read(opened.from, opened.rows, {}, out)));
  const auto beyond = read(opened.from, opened.rows, {1, 1000}, out);
  EXPECT_EQ(code_of(beyond), errc::missing_row);
  EXPECT_EQ(beyond.error().value, 1000u);
  EXPECT_TRUE(opened.from.requests.empty());
  store none;
  EXPECT_EQ(none.size(), 0u);
  EXPECT_EQ(code_of(read(opened.from, none, {0}, out)), errc::missing_row);
}

TEST(http_store, trouble_that_passes_is_waited_for) {
  opened_store opened({.largest_gap = 0, .most_tries = 4, .first_wait_ms = 100});
  opened.from.meddle = [](std::size_t i, http_answer& answer) {
    if (i == 0) answer = {.status = 503};
    if (i == 1) answer = {.status = 0};
    if (i == 2) answer = {.status = 429, .retry_after_ms = 3000};
  };
  std::vector<float> out;
  ASSERT_TRUE(succeeded(read(opened.from, opened.rows, {42}, out)));
  EXPECT_EQ(out, rows_of({42}));
  EXPECT_EQ(opened.from.waits, (std::vector<std::uint32_t>{100, 200, 3000}));
  EXPECT_EQ(opened.from.requests.size(), 4u);
}

TEST(http_store, tries_have_an_end) {
  opened_store opened({.most_tries = 3});
  opened.from.meddle = [](std::size_t, http_answer& answer) { answer = {.status = 500}; };
  std::vector<float> out;
  const auto outcome = read(opened.from, opened.rows, {42}, out);
  EXPECT_EQ(code_of(outcome), errc::cannot_read);
  EXPECT_EQ(outcome.error().value, 500u);
  EXPECT_EQ(opened.from.requests.size(), 3u);
}

TEST(http_store, a_server_that_asks_for_too_long_a_wait_is_not_asked_again) {
  opened_store opened({.longest_wait_ms = 10'000});
  opened.from.meddle = [](std::size_t, http_answer& answer) { answer = {.status = 429, .retry_after_ms = 60'000}; };
  std::vector<float> out;
  EXPECT_EQ(code_of(read(opened.from, opened.rows, {42}, out)), errc::cannot_read);
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
  const auto outcome = read(opened.from, opened.rows, {10, 20, 30, 40, 50, 60, 70, 80}, out);
  EXPECT_EQ(code_of(outcome), errc::cannot_read);
  EXPECT_EQ(outcome.error().value, 404u);
  // The first was answered, the second fails; then three were under way, and no others followed.
  EXPECT_EQ(opened.from.requests.size(), 5u);
  EXPECT_EQ(opened.from.aborted, 3u);
  EXPECT_TRUE(opened.from.waits.empty());
  // The store is as good as before.
  opened.from.meddle = [](std::size_t, http_answer&) {};
  ASSERT_TRUE(succeeded(read(opened.from, opened.rows, {10, 20}, out)));
  EXPECT_EQ(out, rows_of({10, 20}));
}

TEST(http_store, rows_of_two_versions_are_never_mixed) {
  opened_store opened({.largest_gap = 0, .most_requests = 1});
  opened.from.meddle = [&](std::size_t i, http_answer&) {
    if (i == 1) opened.from.etag = "\"two\"";
  };
  std::vector<float> out;
  EXPECT_EQ(code_of(read(opened.from, opened.rows, {10, 20, 30}, out)), errc::store_mismatch);
}

TEST(http_store, without_etag_the_time_of_the_last_change_pins) {
  server from(fbin());
  from.etag = "";
  from.modified = "Sun, 06 Nov 1994 08:49:37 GMT";
  auto opened = open(from);
  ASSERT_TRUE(succeeded(opened));
  std::vector<float> out;
  EXPECT_TRUE(succeeded(read(from, *opened, {10}, out)));
  EXPECT_EQ(from.requests.back().if_range, "");
  from.modified = "Sun, 06 Nov 1994 08:49:38 GMT";
  EXPECT_EQ(code_of(read(from, *opened, {10}, out)), errc::store_mismatch);
}

TEST(http_store, a_row_of_another_dim_is_corrupt_and_named) {
  byte_writer file;
  for (std::uint32_t i = 0; i < 10; ++i) file.put(i == 7 ? 3u : 4u).put(0u);
  server from(file.bytes());
  auto opened = open(from, "a.bvecs", {.fingerprint = 1});
  ASSERT_TRUE(succeeded(opened));
  std::vector<float> out;
  EXPECT_TRUE(succeeded(read(from, *opened, {5, 6, 8}, out)));
  const auto outcome = read(from, *opened, {5, 7, 8}, out);
  EXPECT_EQ(code_of(outcome), errc::corrupt);
  EXPECT_EQ(outcome.error().value, 7u);
}

TEST(http_store, a_file_that_is_none_is_refused) {
  const auto refused = [](std::vector<std::byte> file) {
    server from(std::move(file));
    return code_of(open(from));
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
  EXPECT_EQ(code_of(open(from)), errc::unsupported);
  EXPECT_EQ(from.requests.size(), 1u);
}

TEST(http_store, an_error_while_the_fingerprint_is_read_ends_the_opening) {
  server from(fbin());
  from.meddle = [](std::size_t i, http_answer& answer) {
    if (i == 1) answer.received = 10;
  };
  EXPECT_EQ(code_of(open(from)), errc::truncated);
}

TEST(http_store, options_out_of_their_range_are_refused) {
  server from(fbin());
  EXPECT_EQ(code_of(open(from, "a.fbin", {.most_requests = 0})), errc::invalid_argument);
  EXPECT_EQ(code_of(open(from, "a.fbin", {.most_requests = 17})), errc::invalid_argument);
  EXPECT_EQ(code_of(open(from, "a.fbin", {.most_tries = 0})), errc::invalid_argument);
  EXPECT_EQ(code_of(open(from, "a.fbin", {.silence_ms = 0})), errc::invalid_argument);
  EXPECT_EQ(code_of(open(from, "a.fbin", {.silence_ms = 3'600'001})), errc::invalid_argument);
  EXPECT_EQ(code_of(open(from, "a.fbin", {.longest_wait_ms = 3'600'001})), errc::invalid_argument);
  EXPECT_TRUE(from.requests.empty());
}

TEST(http_store, a_request_that_cannot_be_made_ends_at_once) {
  opened_store opened({.largest_gap = 0});
  opened.from.refuse = static_cast<std::int32_t>(detail::browser_outcome::unavailable);
  std::vector<float> out;
  EXPECT_EQ(code_of(read(opened.from, opened.rows, {10, 20, 30}, out)), errc::store_unavailable);
  EXPECT_EQ(code_of(open(opened.from)), errc::store_unavailable);
  opened.from.refuse = static_cast<std::int32_t>(detail::browser_outcome::not_found);
  EXPECT_EQ(code_of(open(opened.from)), errc::invalid_argument);
}

// Blocks, as a batch_store does.
class waited_for {
 public:
  waited_for(server& from, store& rows) : from_(&from), rows_(&rows) {}
  [[nodiscard]] std::size_t size() const { return rows_->size(); }
  [[nodiscard]] std::size_t dim() const { return rows_->dim(); }
  [[nodiscard]] std::uint64_t fingerprint() const { return rows_->fingerprint(); }
  [[nodiscard]] expected<void> read(std::span<const node> nodes, std::span<float> out) {
    outcome_of_read seen;
    rows_->read(nodes, out, seen.then());
    from_->run();
    return seen.outcome;
  }

 private:
  server* from_;
  store* rows_;
};

TEST(http_store, gives_the_hits_of_memory) {
  byte_writer file;
  file.put(static_cast<std::uint32_t>(test::n_searched_rows)).put(static_cast<std::uint32_t>(test::searched_dim));
  for (const std::uint8_t value : test::searched_values()) file.put(value);
  server from(file.bytes());
  auto opened = open(from, "base.u8bin");
  ASSERT_TRUE(succeeded(opened));
  waited_for rows(from, *opened);
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
