// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The IDBFS store where there is no IndexedDB: natively and under Node. With one it is tested in tests/browser.

#include <gtest/gtest.h>

#include <thimble/store/idbfs_store.hpp>
#include <thimble/store/idbfs_writer.hpp>

#include <array>
#include <cstdint>
#include <optional>

#include "unit/support/outcome.hpp"

#if THIMBLE_EMSCRIPTEN
#include <emscripten/emscripten.h>
#endif

namespace thimble {
namespace {

bool has_indexed_db() {
#if THIMBLE_EMSCRIPTEN
  return emscripten_run_script_int("typeof indexedDB != 'undefined'") != 0;
#else
  return false;
#endif
}

constexpr errc not_here = THIMBLE_EMSCRIPTEN ? errc::store_unavailable : errc::unsupported;

struct answers {
  std::optional<errc> code;
  int calls = 0;

  void take(const error* e) {
    ++calls;
    if (e != nullptr) code = e->code;
  }
};

template <class T>
void note(void* context, expected<T> outcome) {
  static_cast<answers*>(context)->take(outcome ? nullptr : &outcome.error());
}

std::optional<errc> open(const char* mount, const char* name) {
  answers seen;
  idbfs_store::open(mount, name, {&seen, [](void* context, expected<idbfs_store>&& outcome) {
                                    static_cast<answers*>(context)->take(outcome ? nullptr : &outcome.error());
                                  }});
  EXPECT_EQ(seen.calls, 1);
  return seen.code;
}

std::optional<errc> create(const idbfs_layout& layout, const char* mount = "/v", const char* name = "set") {
  answers seen;
  idbfs_writer::create(mount, name, layout,
                       {&seen, [](void* context, expected<idbfs_writer>&& outcome) {
                          static_cast<answers*>(context)->take(outcome ? nullptr : &outcome.error());
                        }});
  EXPECT_EQ(seen.calls, 1);
  return seen.code;
}

TEST(idbfs_store, without_indexed_db_every_request_ends_at_once_with_a_named_error) {
  if (has_indexed_db()) GTEST_SKIP() << "there is an IndexedDB: tests/browser";
  EXPECT_EQ(open("/v", "set"), not_here);
  EXPECT_EQ(create({.n = 3, .dim = 4}), not_here);
  answers seen;
  idbfs_remove("/v", "set", {&seen, &note<void>});
  EXPECT_EQ(seen.calls, 1);
  EXPECT_EQ(seen.code, not_here);
}

TEST(idbfs_store, names_that_idbfs_could_not_have_are_refused) {
  for (const char* mount : {"", "v", "/", "/v/"}) EXPECT_EQ(open(mount, "set"), errc::invalid_argument) << mount;
  for (const char* name : {"", ".", "..", "a/b", "/a"}) EXPECT_EQ(open("/v", name), errc::invalid_argument) << name;
  EXPECT_EQ(create({.n = 3, .dim = 4}, "v"), errc::invalid_argument);
}

TEST(idbfs_writer, impossible_sets_are_refused_before_anything_is_stored) {
  EXPECT_EQ(create({.n = 0, .dim = 4}), errc::empty_input);
  EXPECT_EQ(create({.n = 3, .dim = 0}), errc::invalid_argument);
  EXPECT_EQ(create({.n = 3, .dim = max_dim + 1}), errc::too_large);
  EXPECT_EQ(create({.n = static_cast<std::size_t>(max_nodes) + 1, .dim = 4}), errc::too_many_vectors);
  EXPECT_EQ(create({.n = 3, .dim = 4, .rows_per_file = 0}), errc::invalid_argument);
}

TEST(idbfs_store, one_that_was_never_opened_has_no_rows) {
  idbfs_store store;
  EXPECT_EQ(store.size(), 0u);
  answers seen;
  constexpr std::array<node, 1> nodes{0};
  std::array<float, 1> out{};
  store.read(nodes, out, {&seen, &note<void>});
  EXPECT_EQ(seen.calls, 1);
  EXPECT_EQ(seen.code, errc::missing_row);
  store.read({}, out, {&seen, &note<void>});
  EXPECT_EQ(seen.calls, 2);
}

}  // namespace
}  // namespace thimble
