// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/io/scratch_file.hpp>

#include "unit/support/outcome.hpp"

#if THIMBLE_RESERVED_BLOCKS

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <limits>
#include <utility>

#include "unit/support/folder.hpp"

namespace thimble {
namespace {

TEST(scratch_file, is_zeroed_memory_that_keeps_what_is_written_and_has_no_name) {
  const test::temporary_folder folder("scratch_file.a");
  auto file = scratch_file::create(folder / "", 1'000'000, 64);
  ASSERT_TRUE(test::succeeded(file));
  const auto bytes = file->bytes();
  ASSERT_EQ(bytes.size(), 1'000'064u);
  EXPECT_TRUE(folder.names().empty());
  EXPECT_TRUE(std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{}; }));
  std::ranges::fill(bytes, std::byte{7});
  const scratch_file moved = std::move(*file);
  EXPECT_TRUE(file->bytes().empty());
  EXPECT_EQ(moved.bytes().data(), bytes.data());
  EXPECT_TRUE(std::ranges::all_of(moved.bytes(), [](std::byte b) { return b == std::byte{7}; }));
}

TEST(scratch_file, of_no_bytes_needs_no_file) {
  const auto file = scratch_file::create("/no such folder", 0);
  ASSERT_TRUE(test::succeeded(file));
  EXPECT_TRUE(file->bytes().empty());
}

TEST(scratch_file, names_what_went_wrong) {
  const test::temporary_folder folder("scratch_file.b");
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(test::code_of(scratch_file::create(folder / "absent", 100)), errc::cannot_write);
  EXPECT_EQ(test::code_of(scratch_file::create("/dev/null", 100)), errc::cannot_write);
  EXPECT_EQ(test::code_of(scratch_file::create(folder / "", most)), errc::out_of_memory);
  EXPECT_EQ(test::code_of(scratch_file::create(folder / "", most / 2, most / 2)), errc::out_of_memory);
  EXPECT_TRUE(folder.names().empty());
}

// A limit on the size of files stands for a full disk.
TEST(scratch_file, that_the_disk_has_no_room_for_is_an_error_and_leaves_nothing) {
  const test::temporary_folder folder("scratch_file.c");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 5000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto file = scratch_file::create(folder / "", 20'000);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)std::signal(SIGXFSZ, handler);
  EXPECT_EQ(test::code_of(file), errc::no_space);
  EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace thimble

#else

namespace thimble {
namespace {

TEST(scratch_file, is_refused_where_blocks_cannot_be_reserved) {
  EXPECT_EQ(test::code_of(scratch_file::create(".", 100)), errc::unsupported);
}

}  // namespace
}  // namespace thimble

#endif
