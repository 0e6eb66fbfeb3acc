// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The choice of a place where there is neither OPFS nor IndexedDB, natively and under Node: it falls on memory. In
// browsers it is tested in tests/browser.

#include <gtest/gtest.h>

#include <thimble/store/browser_store.hpp>
#include <thimble/store/browser_writer.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <thimble/core/matrix_view.hpp>
#include <thimble/store/memory_store.hpp>

#include "unit/support/outcome.hpp"

#if THIMBLE_EMSCRIPTEN
#include <emscripten/emscripten.h>
#endif

namespace thimble {
namespace {

namespace browser_cases {

bool has_storage() {
#if THIMBLE_EMSCRIPTEN
  return emscripten_run_script_int("typeof navigator != 'undefined' && !!navigator.storage") != 0;
#else
  return false;
#endif
}

// Where a browser has storage nothing is answered before the test ends.
class no_browser : public testing::Test {
 protected:
  void SetUp() override {
    if (has_storage()) GTEST_SKIP() << "there is storage: tests/browser";
  }
};
using browser_writer_alone = no_browser;
using browser_store_alone = no_browser;

constexpr errc absent = THIMBLE_EMSCRIPTEN ? errc::store_unavailable : errc::unsupported;

template <class T>
struct answer {
  std::optional<T> got;
  std::optional<errc> code;
  int calls = 0;

  [[nodiscard]] opened<T> opening() {
    return {this, [](void* context, expected<T>&& outcome) {
              auto& self = *static_cast<answer*>(context);
              ++self.calls;
              self.code = test::code_of(outcome);
              if (outcome) self.got.emplace(std::move(*outcome));
            }};
  }
};

struct outcome_of_call {
  std::optional<errc> code;
  int calls = 0;

  [[nodiscard]] completion then() {
    return {this, [](void* context, expected<void> outcome) {
              auto& self = *static_cast<outcome_of_call*>(context);
              ++self.calls;
              self.code = test::code_of(outcome);
            }};
  }
};

answer<browser_writer> begin(const stored_layout& layout, const char* name = "set") {
  answer<browser_writer> created;
  browser_writer::create(name, layout, created.opening());
  EXPECT_EQ(created.calls, 1);
  answer<browser_writer> resumed;
  browser_writer::resume(name, layout, resumed.opening());
  EXPECT_EQ(resumed.calls, 1);
  EXPECT_EQ(resumed.code, created.code);
  return created;
}

template <class T>
std::optional<errc> append(browser_writer& writer, std::span<const T> rows) {
  outcome_of_call seen;
  writer.append(rows, seen.then());
  EXPECT_EQ(seen.calls, 1);
  return seen.code;
}

answer<browser_store> finish(browser_writer& writer) {
  answer<browser_store> store;
  writer.finish(store.opening());
  EXPECT_EQ(store.calls, 1);
  return store;
}

std::optional<errc> read(browser_store& store, std::span<const node> nodes, std::span<float> out) {
  outcome_of_call seen;
  store.read(nodes, out, seen.then());
  EXPECT_EQ(seen.calls, 1);
  return seen.code;
}

TEST_F(browser_writer_alone, without_a_browser_takes_memory_and_says_why) {
  const auto writer = begin({.n = 3, .dim = 4});
  ASSERT_EQ(writer.code, std::nullopt);
  EXPECT_EQ(writer.got->where(), browser_place::memory);
  for (const auto place : {browser_place::opfs, browser_place::indexeddb}) {
    ASSERT_TRUE(writer.got->reason(place).has_value());
    EXPECT_EQ(writer.got->reason(place)->code, absent);
  }
  EXPECT_EQ(writer.got->reason(browser_place::memory), std::nullopt);
  EXPECT_EQ(writer.got->persisted(), std::nullopt);
}

TEST_F(browser_writer_alone, hands_over_the_rows_in_memory_bit_for_bit_with_their_identity) {
  constexpr std::size_t n = 200;
  constexpr std::size_t dim = 7;
  std::vector<float> floats(n * dim);
  std::vector<std::uint8_t> bytes(n * dim);
  for (std::size_t i = 0; i < floats.size(); ++i) {
    floats[i] = static_cast<float>(i) / 3;
    bytes[i] = static_cast<std::uint8_t>(i * 31);
  }
  const auto check = [&]<class T>(const std::vector<T>& values, element_type element) {
    auto writer = begin({.n = n, .dim = dim, .element = element});
    ASSERT_EQ(writer.code, std::nullopt);
    const std::span<const T> all(values);
    EXPECT_EQ(append(*writer.got, all.first(90 * dim)), std::nullopt);
    EXPECT_EQ(writer.got->rows(), 90u);
    EXPECT_EQ(append(*writer.got, all.first(0)), std::nullopt);
    EXPECT_EQ(append(*writer.got, all.subspan(90 * dim)), std::nullopt);
    auto store = finish(*writer.got);
    ASSERT_EQ(store.code, std::nullopt);
    EXPECT_EQ(store.got->where(), browser_place::memory);
    EXPECT_FALSE(store.got->through_another_tab());
    EXPECT_EQ(store.got->reason(browser_place::opfs)->code, absent);
    EXPECT_EQ(store.got->size(), n);
    EXPECT_EQ(store.got->dim(), dim);
    EXPECT_TRUE(store.got->exact());
    EXPECT_TRUE(store.got->set().finished);
    const auto memory = memory_store<T>::create(matrix_view<T>(values.data(), n, dim));
    ASSERT_TRUE(test::succeeded(memory));
    EXPECT_EQ(store.got->fingerprint(), memory->fingerprint());
    constexpr std::array<node, 4> nodes{0, 89, 90, n - 1};
    std::array<float, nodes.size() * dim> rows{};
    EXPECT_EQ(read(*store.got, nodes, rows), std::nullopt);
    for (std::size_t i = 0; i < nodes.size(); ++i)
      for (std::size_t j = 0; j < dim; ++j)
        EXPECT_EQ(rows[i * dim + j], static_cast<float>(values[nodes[i] * dim + j])) << nodes[i];
    EXPECT_EQ(rows_at_once(*store.got), few_rows_at_once) << "each read is done when it returns";
    constexpr std::array<node, 2> beyond{1, n};
    EXPECT_EQ(read(*store.got, beyond, rows), errc::missing_row);
  };
  check(floats, element_type::float32);
  check(bytes, element_type::uint8);
}

TEST_F(browser_writer_alone, rounds_floats_where_they_are_kept_as_float16) {
  constexpr std::array<float, 4> values{1, 2049, -0.1f, 65504};
  auto writer = begin({.n = 2, .dim = 2, .element = element_type::float16});
  ASSERT_EQ(writer.code, std::nullopt);
  EXPECT_EQ(append(*writer.got, std::span<const float>(values).first(2)), std::nullopt);
  const std::array<half, 2> halfs{half::nearest(values[2]), half::nearest(values[3])};
  EXPECT_EQ(append(*writer.got, std::span<const half>(halfs)), std::nullopt);
  auto store = finish(*writer.got);
  ASSERT_EQ(store.code, std::nullopt);
  EXPECT_FALSE(store.got->exact());
  constexpr std::array<node, 2> nodes{0, 1};
  std::array<float, 4> rows{};
  EXPECT_EQ(read(*store.got, nodes, rows), std::nullopt);
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(rows[i], static_cast<float>(half::nearest(values[i])));
}

TEST_F(browser_writer_alone, refuses_rows_that_are_not_what_was_announced_and_is_over_then) {
  constexpr std::array<float, 12> zeros{};
  const std::span<const float> rows(zeros);
  const auto refused = [&](errc code, auto values, element_type element = element_type::float32) {
    auto writer = begin({.n = 2, .dim = 4, .element = element});
    ASSERT_EQ(writer.code, std::nullopt);
    EXPECT_EQ(append(*writer.got, values), code);
    EXPECT_EQ(append(*writer.got, rows.first(0)), errc::cannot_write);
    EXPECT_EQ(finish(*writer.got).code, errc::cannot_write);
  };
  refused(errc::wrong_dim, rows.first(5));
  refused(errc::too_many_vectors, rows);
  constexpr std::array<std::uint8_t, 4> bytes{};
  refused(errc::invalid_argument, std::span<const std::uint8_t>(bytes));
  refused(errc::invalid_argument, rows.first(4), element_type::uint8);
  constexpr std::array<float, 4> infinite{0, std::numeric_limits<float>::infinity()};
  refused(errc::not_finite, std::span<const float>(infinite));
  constexpr std::array<float, 4> large{65520};
  refused(errc::too_large, std::span<const float>(large), element_type::float16);
}

TEST_F(browser_writer_alone, goes_on_after_a_finish_that_came_too_early) {
  constexpr std::array<float, 8> zeros{};
  const std::span<const float> rows(zeros);
  auto writer = begin({.n = 2, .dim = 4});
  ASSERT_EQ(writer.code, std::nullopt);
  EXPECT_EQ(append(*writer.got, rows.first(4)), std::nullopt);
  EXPECT_EQ(finish(*writer.got).code, errc::truncated);
  EXPECT_EQ(append(*writer.got, rows.first(4)), std::nullopt);
  EXPECT_EQ(finish(*writer.got).code, std::nullopt);
  EXPECT_EQ(finish(*writer.got).code, errc::cannot_write);
}

TEST(browser_writer, impossible_sets_are_refused) {
  EXPECT_EQ(begin({.n = 0, .dim = 4}).code, errc::empty_input);
  EXPECT_EQ(begin({.n = 3, .dim = 0}).code, errc::invalid_argument);
  EXPECT_EQ(begin({.n = 3, .dim = max_dim + 1}).code, errc::too_large);
  EXPECT_EQ(begin({.n = static_cast<std::size_t>(max_nodes) + 1, .dim = 4}).code, errc::too_many_vectors);
  EXPECT_EQ(begin({.n = 3, .dim = 4, .element = element_type::bfloat16}).code, errc::unsupported);
}

TEST_F(browser_store_alone, without_a_browser_nothing_opens_and_nothing_is_removed) {
  answer<browser_store> store;
  browser_store::open("set", store.opening());
  EXPECT_EQ(store.calls, 1);
  EXPECT_EQ(store.code, absent);
  outcome_of_call removed;
  browser_remove("set", removed.then());
  EXPECT_EQ(removed.calls, 1);
  EXPECT_EQ(removed.code, absent);
}

TEST(browser_store, names_that_no_file_could_have_are_refused) {
  for (const char* name : {"", "..", "/a", "a/", "a//b", "a\\b"}) {
    answer<browser_store> store;
    browser_store::open(name, store.opening());
    EXPECT_EQ(store.code, errc::invalid_argument) << name;
    EXPECT_EQ(begin({.n = 3, .dim = 4}, name).code, errc::invalid_argument) << name;
    outcome_of_call removed;
    browser_remove(name, removed.then());
    EXPECT_EQ(removed.code, errc::invalid_argument) << name;
  }
}

TEST(browser_store, one_that_was_never_opened_has_no_rows) {
  browser_store store;
  EXPECT_EQ(store.size(), 0u);
  constexpr std::array<node, 1> nodes{0};
  EXPECT_EQ(read(store, nodes, {}), errc::missing_row);
  EXPECT_EQ(read(store, {}, {}), std::nullopt);
}

}  // namespace browser_cases

}  // namespace
}  // namespace thimble
