// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/io/atomic_file.hpp>

#if THIMBLE_POSIX

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "unit/support/folder.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;
using test::temporary_folder;

std::vector<std::byte> bytes_of(std::size_t n, int value) {
  return std::vector<std::byte>(n, static_cast<std::byte>(value));
}

expected<void> replace(const std::string& path, std::span<const std::byte> bytes) {
  auto file = atomic_file::create(path.c_str());
  if (!file) return std::unexpected(file.error());
  if (auto written = file->write(bytes); !written) return written;
  return file->commit();
}

TEST(atomic_file, holds_what_was_written_once_it_is_committed) {
  const temporary_folder folder("atomic_file.a");
  const std::string path = folder / "x";
  {
    auto file = atomic_file::create(path.c_str());
    ASSERT_TRUE(succeeded(file));
    ASSERT_TRUE(succeeded(file->write(bytes_of(3, 1))));
    ASSERT_TRUE(succeeded(file->write({})));
    ASSERT_TRUE(succeeded(file->write(bytes_of(100'000, 2))));
    EXPECT_TRUE(test::read_bytes(path).empty()) << "nothing is there under the name yet";
    ASSERT_TRUE(succeeded(file->commit()));
  }
  auto expected_bytes = bytes_of(3, 1);
  expected_bytes.resize(100'003, std::byte{2});
  EXPECT_EQ(test::read_bytes(path), expected_bytes);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"x"});
}

TEST(atomic_file, replaces_a_file_as_a_whole) {
  const temporary_folder folder("atomic_file.b");
  const std::string path = folder / "x";
  ASSERT_TRUE(succeeded(replace(path, bytes_of(1000, 1))));
  ASSERT_TRUE(succeeded(replace(path, bytes_of(10, 2))));
  EXPECT_EQ(test::read_bytes(path), bytes_of(10, 2));
}

TEST(atomic_file, without_a_commit_the_old_file_stays_and_no_other_is_left) {
  const temporary_folder folder("atomic_file.c");
  const std::string path = folder / "x";
  ASSERT_TRUE(succeeded(replace(path, bytes_of(10, 1))));
  {
    auto file = atomic_file::create(path.c_str());
    ASSERT_TRUE(succeeded(file));
    auto moved = std::move(*file);
    ASSERT_TRUE(succeeded(moved.write(bytes_of(5000, 2))));
    EXPECT_EQ(folder.names().size(), 2u);
  }
  EXPECT_EQ(test::read_bytes(path), bytes_of(10, 1));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"x"});
}

TEST(atomic_file, two_writers_of_one_path_do_not_meet) {
  const temporary_folder folder("atomic_file.d");
  const std::string path = folder / "x";
  auto a = atomic_file::create(path.c_str());
  auto b = atomic_file::create(path.c_str());
  ASSERT_TRUE(succeeded(a));
  ASSERT_TRUE(succeeded(b));
  ASSERT_TRUE(succeeded(a->write(bytes_of(10, 1))));
  ASSERT_TRUE(succeeded(b->write(bytes_of(20, 2))));
  ASSERT_TRUE(succeeded(b->commit()));
  ASSERT_TRUE(succeeded(a->commit()));
  EXPECT_EQ(test::read_bytes(path), bytes_of(10, 1));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"x"});
}

TEST(atomic_file, a_path_that_cannot_be_written_is_named) {
  const temporary_folder folder("atomic_file.e");
  const auto create = [](const std::string& path) { return code_of(atomic_file::create(path.c_str())); };
  EXPECT_EQ(create("/no/such/folder/x"), errc::cannot_write);
  EXPECT_EQ(create(folder / ""), errc::cannot_write);
  EXPECT_EQ(create("/dev/null"), errc::cannot_write);
  EXPECT_EQ(code_of(replace("", bytes_of(1, 1))), errc::cannot_write);
  ASSERT_TRUE(succeeded(replace(folder / "file", {})));
  EXPECT_EQ(create(folder / "file/x"), errc::cannot_write);
  if (::geteuid() != 0) {  // root may write anywhere
    ASSERT_EQ(::chmod((folder / ".").c_str(), 0500), 0);
    EXPECT_EQ(create(folder / "x"), errc::cannot_write);
    ASSERT_EQ(::chmod((folder / ".").c_str(), 0700), 0);
  }
}

TEST(atomic_file, a_relative_path_without_a_folder_is_written_here) {
  const temporary_folder folder("atomic_file.f");
  char here[4096];
  ASSERT_NE(::getcwd(here, sizeof here), nullptr);
  ASSERT_EQ(::chdir((folder / ".").c_str()), 0);
  const auto written = replace("x", bytes_of(4, 4));
  ASSERT_EQ(::chdir(here), 0);
  EXPECT_TRUE(succeeded(written));
  EXPECT_EQ(test::read_bytes(folder / "x"), bytes_of(4, 4));
}

// A limit of the size of files is met as a full disk is: a write fails in the middle.
TEST(atomic_file, a_full_disk_leaves_the_old_file_and_no_other) {
  const temporary_folder folder("atomic_file.g");
  const std::string path = folder / "x";
  ASSERT_TRUE(succeeded(replace(path, bytes_of(10, 1))));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 5000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto written = replace(path, bytes_of(20'000, 2));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)std::signal(SIGXFSZ, handler);
  EXPECT_EQ(code_of(written), errc::no_space);
  EXPECT_EQ(test::read_bytes(path), bytes_of(10, 1));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"x"});
}

TEST(atomic_file, needs_a_name) { EXPECT_EQ(code_of(atomic_file::create("")), errc::cannot_write); }

TEST(atomic_file, replaces_what_a_symbolic_link_leads_to_and_keeps_the_link) {
  const temporary_folder folder("atomic_file.i");
  const std::string path = folder / "x";
  const std::string link = folder / "link";
  ASSERT_TRUE(succeeded(replace(path, bytes_of(10, 1))));
  ASSERT_EQ(::symlink("x", link.c_str()), 0);
  ASSERT_TRUE(succeeded(replace(link, bytes_of(20, 2))));
  EXPECT_EQ(test::read_bytes(path), bytes_of(20, 2));
  struct stat status{};
  ASSERT_EQ(::lstat(link.c_str(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
}

TEST(atomic_file, a_commit_that_fails_leaves_no_other_file) {
  const temporary_folder folder("atomic_file.h");
  const std::string path = folder / "x";
  {
    auto file = atomic_file::create(path.c_str());
    ASSERT_TRUE(succeeded(file));
    ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);  // in the way of the rename
    EXPECT_EQ(code_of(file->commit()), errc::cannot_write);
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"x"});
}

TEST(atomic_file, a_replacement_is_as_private_as_what_it_replaces) {
  const temporary_folder folder("atomic_file.mode");
  const std::string path = folder / "x";
  for (const mode_t mode : {0600u, 0640u, 0644u}) {
    ASSERT_TRUE(succeeded(replace(path, {})));
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    auto file = atomic_file::create(path.c_str());
    ASSERT_TRUE(succeeded(file));
    ASSERT_TRUE(succeeded(file->commit()));
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, mode);
  }
}

}  // namespace
}  // namespace thimble

#endif
