// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The IndexedDB store where there is no IndexedDB: natively and under Node. With one it is tested in tests/browser.

#include <gtest/gtest.h>

#include <thimble/store/indexeddb_store.hpp>
#include <thimble/store/indexeddb_writer.hpp>

#include <array>
#include <cstdint>
#include <optional>

#include "unit/support/outcome.hpp"

#if THIMBLE_EMSCRIPTEN
#include <emscripten/emscripten.h>
#endif

namespace thimble {
namespace {

namespace indexeddb_cases {

bool has_one() {
#if THIMBLE_EMSCRIPTEN
  return emscripten_run_script_int("typeof indexedDB != 'undefined'") != 0;
#else
  return false;
#endif
}

constexpr errc absent = THIMBLE_EMSCRIPTEN ? errc::store_unavailable : errc::unsupported;

struct listener {
  std::optional<errc> code;
  int calls = 0;

  template <class T>
  [[nodiscard]] opened<T> opening() {
    return {this, [](void* self, expected<T>&& outcome) { static_cast<listener*>(self)->take(code_of(outcome)); }};
  }
  [[nodiscard]] completion then() {
    return {this, [](void* self, expected<void> outcome) { static_cast<listener*>(self)->take(code_of(outcome)); }};
  }

 private:
  template <class T>
  static std::optional<errc> code_of(const expected<T>& outcome) {
    return test::code_of(outcome);
  }
  void take(std::optional<errc> with) {
    ++calls;
    code = with;
  }
};

std::optional<errc> open(const char* name) {
  listener seen;
  indexeddb_store::open(name, seen.opening<indexeddb_store>());
  EXPECT_EQ(seen.calls, 1);
  return seen.code;
}

std::optional<errc> begin(const stored_layout& layout, const char* name = "set") {
  listener created;
  indexeddb_writer::create(name, layout, created.opening<indexeddb_writer>());
  EXPECT_EQ(created.calls, 1);
  listener resumed;
  indexeddb_writer::resume(name, layout, resumed.opening<indexeddb_writer>());
  EXPECT_EQ(resumed.calls, 1);
  EXPECT_EQ(resumed.code, created.code);
  return created.code;
}

TEST(indexeddb_store, without_indexed_db_every_request_ends_at_once_with_a_named_error) {
  if (has_one()) GTEST_SKIP() << "there is an IndexedDB: tests/browser";
  EXPECT_EQ(open("set"), absent);
  EXPECT_EQ(begin({.n = 3, .dim = 4}), absent);
  listener removed;
  indexeddb_remove("set", removed.then());
  EXPECT_EQ(removed.calls, 1);
  EXPECT_EQ(removed.code, absent);
}

TEST(indexeddb_store, a_database_needs_a_name) {
  EXPECT_EQ(open(""), errc::invalid_argument);
  EXPECT_EQ(begin({.n = 3, .dim = 4}, ""), errc::invalid_argument);
  listener removed;
  indexeddb_remove("", removed.then());
  EXPECT_EQ(removed.code, errc::invalid_argument);
}

TEST(indexeddb_writer, impossible_sets_are_refused_before_anything_is_stored) {
  EXPECT_EQ(begin({.n = 0, .dim = 4}), errc::empty_input);
  EXPECT_EQ(begin({.n = 3, .dim = 0}), errc::invalid_argument);
  EXPECT_EQ(begin({.n = 3, .dim = max_dim + 1}), errc::too_large);
  EXPECT_EQ(begin({.n = static_cast<std::size_t>(max_nodes) + 1, .dim = 4}), errc::too_many_vectors);
  EXPECT_EQ(begin({.n = 3, .dim = 4, .element = element_type::bfloat16}), errc::unsupported);
}

TEST(indexeddb_writer, one_that_was_never_opened_takes_no_rows) {
  indexeddb_writer writer;
  listener seen;
  constexpr std::array<float, 4> row{};
  writer.append(row, seen.then());
  EXPECT_EQ(seen.code, errc::cannot_write);
  writer.finish(seen.then());
  EXPECT_EQ(seen.code, errc::cannot_write);
  EXPECT_EQ(seen.calls, 2);
}

TEST(indexeddb_store, one_that_was_never_opened_has_no_rows) {
  indexeddb_store store;
  EXPECT_EQ(store.size(), 0u);
  listener seen;
  constexpr std::array<node, 1> nodes{0};
  std::array<float, 1> out{};
  store.read(nodes, out, seen.then());
  EXPECT_EQ(seen.calls, 1);
  EXPECT_EQ(seen.code, errc::missing_row);
  store.read({}, out, seen.then());
  EXPECT_EQ(seen.calls, 2);
  EXPECT_EQ(seen.code, std::nullopt);
}

}  // namespace indexeddb_cases

}  // namespace
}  // namespace thimble
