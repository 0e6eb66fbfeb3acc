// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/io/mapped_file.hpp>

#if THIMBLE_POSIX

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "unit/io/vector_files.hpp"

namespace thimble {
namespace {

using test::byte_writer;
using test::temporary_file;

TEST(mapped_file, holds_the_bytes_of_the_file) {
  const auto bytes = byte_writer().text("thimble").bytes();
  const temporary_file on_disk("mapped_file.a", bytes);
  for (const auto access : {file_access::normal, file_access::random, file_access::sequential}) {
    const auto file = mapped_file::open(on_disk.path(), access);
    ASSERT_TRUE(file.has_value());
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), file->bytes().begin(), file->bytes().end()));
    EXPECT_EQ(file->current_size(), 7u);
  }
}

TEST(mapped_file, an_empty_file_has_no_bytes) {
  const temporary_file on_disk("mapped_file.b", {});
  const auto file = mapped_file::open(on_disk.path());
  ASSERT_TRUE(file.has_value());
  EXPECT_TRUE(file->bytes().empty());
}

TEST(mapped_file, a_path_that_cannot_be_read_is_a_named_error) {
  EXPECT_EQ(mapped_file::open("/no/such/file").error().code, errc::cannot_open);
  EXPECT_EQ(mapped_file::open(THIMBLE_TEST_CACHE).error().code, errc::cannot_open);
  EXPECT_EQ(mapped_file::open("/dev/null").error().code, errc::cannot_open);
  const temporary_file on_disk("mapped_file.c", byte_writer().put(1).bytes());
  ASSERT_EQ(::chmod(on_disk.path(), 0), 0);
  const bool may_read_anything = ::geteuid() == 0;
  EXPECT_EQ(mapped_file::open(on_disk.path()).has_value(), may_read_anything);
}

TEST(mapped_file, a_pipe_does_not_block) {
  const std::string path = std::string(THIMBLE_TEST_CACHE) + "/mapped_file.pipe";
  (void)::unlink(path.c_str());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(mapped_file::open(path.c_str()).error().code, errc::cannot_open);
  (void)::unlink(path.c_str());
}

TEST(mapped_file, moves_take_the_mapping_along) {
  const temporary_file on_disk("mapped_file.d", byte_writer().text("abc").bytes());
  auto first = mapped_file::open(on_disk.path());
  ASSERT_TRUE(first.has_value());
  mapped_file second = std::move(*first);
  EXPECT_EQ(second.bytes()[2], std::byte{'c'});
  mapped_file third;
  third = std::move(second);
  EXPECT_EQ(third.bytes()[0], std::byte{'a'});
}

TEST(mapped_file, tells_when_the_file_became_shorter) {
  const temporary_file on_disk("mapped_file.e", byte_writer().text("abc").bytes());
  const auto file = mapped_file::open(on_disk.path());
  ASSERT_TRUE(file.has_value());
  ASSERT_EQ(::truncate(on_disk.path(), 1), 0);
  EXPECT_EQ(file->current_size(), 1u);
  EXPECT_EQ(file->size(), 3u);
}

#ifdef POSIX_FADV_DONTNEED
TEST(mapped_file, tells_what_is_on_the_disk_alone_and_asks_for_it) {
  constexpr std::size_t size = 4 << 20;
  const temporary_file written("mapped_file_on_disk", std::vector<std::byte>(size, std::byte{7}));
  const int descriptor = ::open(written.path(), O_RDONLY);
  ASSERT_GE(descriptor, 0);
  (void)::fsync(descriptor);
  (void)::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  (void)::close(descriptor);
  const auto file = mapped_file::open(written.path(), file_access::random);
  ASSERT_TRUE(file.has_value());
  const auto part = file->bytes().subspan(size / 2 + 100, 10'000);
  if (file->is_cached(part.data())) GTEST_SKIP() << "this file system keeps all of its pages";
  file->request(part);
  for (int i = 0; i < 10'000 && !file->is_cached(&part.back()); ++i) ::usleep(1000);
  EXPECT_TRUE(file->is_cached(part.data()));
  EXPECT_TRUE(file->is_cached(&part.back()));
  EXPECT_FALSE(file->is_cached(file->bytes().data()));
  EXPECT_EQ(part.front(), std::byte{7});
}
#endif

}  // namespace
}  // namespace thimble

#endif  // THIMBLE_POSIX
