// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The OPFS store where there is no OPFS: natively and under Node. With one it is tested in tests/browser.

#include <gtest/gtest.h>

#include <thimble/store/opfs_store.hpp>
#include <thimble/store/opfs_writer.hpp>

#include <array>
#include <cstdint>
#include <optional>

#include "unit/support/outcome.hpp"

#if THIMBLE_EMSCRIPTEN
#include <emscripten/emscripten.h>
#endif

namespace thimble {
namespace {

bool has_opfs() {
#if THIMBLE_EMSCRIPTEN
  return emscripten_run_script_int("typeof FileSystemSyncAccessHandle != 'undefined'") != 0;
#else
  return false;
#endif
}

constexpr errc without_opfs = THIMBLE_EMSCRIPTEN ? errc::store_unavailable : errc::unsupported;

struct opfs_answers {
  std::optional<errc> code;
  int calls = 0;

  template <class T>
  static void take(void* context, expected<T>&& outcome) {
    auto& self = *static_cast<opfs_answers*>(context);
    ++self.calls;
    self.code = test::code_of(outcome);
  }
};

std::optional<errc> open_opfs(const char* name) {
  opfs_answers seen;
  opfs_store::open(name, {&seen, &opfs_answers::take<opfs_store>});
  EXPECT_EQ(seen.calls, 1);
  return seen.code;
}

std::optional<errc> create_opfs(const stored_layout& layout, const char* name = "set") {
  opfs_answers seen;
  opfs_writer::create(name, layout, {&seen, &opfs_answers::take<opfs_writer>});
  EXPECT_EQ(seen.calls, 1);
  opfs_answers again;
  opfs_writer::resume(name, layout, {&again, &opfs_answers::take<opfs_writer>});
  EXPECT_EQ(again.calls, 1);
  EXPECT_EQ(again.code, seen.code);
  return seen.code;
}

std::optional<errc> remove_opfs(const char* name) {
  opfs_answers seen;
  opfs_remove(name, {&seen, [](void* context, expected<void> outcome) {
                       opfs_answers::take<void>(context, std::move(outcome));
                     }});
  EXPECT_EQ(seen.calls, 1);
  return seen.code;
}

TEST(opfs_store, without_opfs_every_request_ends_at_once_with_a_named_error) {
  if (has_opfs()) GTEST_SKIP() << "there is an OPFS: tests/browser";
  EXPECT_EQ(open_opfs("set"), without_opfs);
  EXPECT_EQ(open_opfs("folder/set"), without_opfs);
  EXPECT_EQ(create_opfs({.n = 3, .dim = 4}), without_opfs);
  EXPECT_EQ(remove_opfs("set"), without_opfs);
}

TEST(opfs_store, names_that_no_file_could_have_are_refused) {
  for (const char* name : {"", ".", "..", "/", "/a", "a/", "a//b", "a/../b", "./a", "a\\b"}) {
    EXPECT_EQ(open_opfs(name), errc::invalid_argument) << name;
    EXPECT_EQ(create_opfs({.n = 3, .dim = 4}, name), errc::invalid_argument) << name;
    EXPECT_EQ(remove_opfs(name), errc::invalid_argument) << name;
  }
}

TEST(opfs_writer, impossible_sets_are_refused_before_anything_is_stored) {
  EXPECT_EQ(create_opfs({.n = 0, .dim = 4}), errc::empty_input);
  EXPECT_EQ(create_opfs({.n = 3, .dim = 0}), errc::invalid_argument);
  EXPECT_EQ(create_opfs({.n = 3, .dim = max_dim + 1}), errc::too_large);
  EXPECT_EQ(create_opfs({.n = static_cast<std::size_t>(max_nodes) + 1, .dim = 4}), errc::too_many_vectors);
  EXPECT_EQ(create_opfs({.n = 3, .dim = 4, .element = element_type::int8}), errc::unsupported);
}

TEST(opfs_writer, one_that_was_never_created_takes_nothing) {
  opfs_writer writer;
  constexpr std::array<float, 1> row{1};
  EXPECT_EQ(test::code_of(writer.append(row)), errc::cannot_write);
  EXPECT_EQ(test::code_of(writer.checkpoint()), errc::cannot_write);
  EXPECT_EQ(test::code_of(writer.finish()), errc::cannot_write);
  EXPECT_EQ(writer.rows(), 0u);
}

TEST(opfs_store, one_that_was_never_opened_has_no_rows_and_fails_to_read) {
  const opfs_store store;
  EXPECT_EQ(store.size(), 0u);
  EXPECT_EQ(store.dim(), 0u);
  EXPECT_TRUE(store.exact());
  EXPECT_EQ(test::code_of(store.read({}, {})), without_opfs);
}

static_assert(opfs_store::rows_at_once() < 100 && !concurrent_store<opfs_store>);

}  // namespace
}  // namespace thimble
