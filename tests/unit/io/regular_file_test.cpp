// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/io/regular_file.hpp>

#if THIMBLE_POSIX

#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "unit/io/vector_files.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::byte_writer;
using test::code_of;
using test::succeeded;
using test::temporary_file;

// "Reads" from a text: no more than `most` bytes a call, and every second call is interrupted.
class hesitant_file {
 public:
  hesitant_file(std::string_view text, std::size_t most) : text_(text), most_(most) {}

  ssize_t operator()(std::uint64_t offset, std::span<const iovec> pieces) {
    if (++calls_ % 2 == 0) {
      errno = EINTR;
      return -1;
    }
    std::size_t done = 0;
    for (const iovec& piece : pieces) {
      const std::string_view rest = text_.substr(std::min<std::size_t>(offset + done, text_.size()));
      const std::size_t n = std::min({piece.iov_len, most_ - done, rest.size()});
      std::memcpy(piece.iov_base, rest.data(), n);
      done += n;
      if (n < piece.iov_len) break;
    }
    return static_cast<ssize_t>(done);
  }
  [[nodiscard]] int calls() const { return calls_; }

 private:
  std::string_view text_;
  std::size_t most_;
  int calls_ = 0;
};

TEST(read_fully, short_reads_and_signals_go_on_where_they_stopped) {
  for (const std::size_t most : {1u, 2u, 3u, 4u, 5u, 7u, 100u}) {
    hesitant_file file("0123456789", most);
    std::array<char, 9> out{};
    std::array<iovec, 3> pieces{{{out.data(), 2}, {out.data() + 2, 3}, {out.data() + 5, 4}}};
    const auto got = detail::read_fully(1, pieces, file);
    ASSERT_TRUE(succeeded(got));
    EXPECT_EQ(*got, 9u);
    EXPECT_EQ(std::string_view(out.data(), out.size()), "123456789") << most;
    EXPECT_GE(file.calls(), 9 / static_cast<int>(most));
  }
}

TEST(read_fully, ends_where_the_file_ends) {
  hesitant_file file("0123456789", 3);
  std::array<char, 8> out{};
  std::array<iovec, 2> pieces{{{out.data(), 3}, {out.data() + 3, 5}}};
  EXPECT_EQ(*detail::read_fully(6, pieces, file), 4u);
  EXPECT_EQ(std::string_view(out.data(), 4), "6789");
}

TEST(read_fully, another_error_is_named_with_its_number) {
  std::array<char, 8> out{};
  iovec piece{out.data(), out.size()};
  const auto failed = detail::read_fully(0, {&piece, 1}, [](std::uint64_t, std::span<const iovec>) -> ssize_t {
    errno = EIO;
    return -1;
  });
  EXPECT_EQ(code_of(failed), errc::cannot_read);
  EXPECT_EQ(failed.error().value, static_cast<std::uint64_t>(EIO));
}

TEST(regular_file, reads_pieces_from_any_place) {
  const temporary_file on_disk("regular_file.a", byte_writer().text("0123456789").bytes());
  auto opened = regular_file::open(on_disk.path());
  ASSERT_TRUE(succeeded(opened));
  const regular_file file = std::move(*opened);
  EXPECT_EQ(file.size(), 10u);
  file.reads_are_random();
  file.will_need(2, 5);
  std::array<char, 5> out{};
  std::array<iovec, 2> pieces{{{out.data(), 2}, {out.data() + 2, 3}}};
  EXPECT_EQ(*file.read(4, pieces), 5u);
  EXPECT_EQ(std::string_view(out.data(), out.size()), "45678");
  iovec beyond{out.data(), out.size()};
  EXPECT_EQ(*file.read(8, {&beyond, 1}), 2u);
}

TEST(regular_file, reads_from_the_page_cache_all_or_it_is_told) {
  const temporary_file on_disk("regular_file.b", byte_writer().text("0123456789").bytes());
  const auto file = regular_file::open(on_disk.path());
  ASSERT_TRUE(succeeded(file));
  std::array<char, 5> out{};
  const iovec piece{out.data(), out.size()};
  const std::uint64_t got = file->read_cached(4, {&piece, 1});
  EXPECT_TRUE(got == 0 || (got == 5 && std::string_view(out.data(), out.size()) == "45678")) << got;
  EXPECT_LE(file->read_cached(8, {&piece, 1}), 2u) << "the file ends there";
}

TEST(regular_file, what_cannot_be_read_is_a_named_error) {
  EXPECT_EQ(code_of(regular_file::open("/no/such/file")), errc::cannot_open);
  EXPECT_EQ(code_of(regular_file::open(THIMBLE_TEST_CACHE)), errc::cannot_open);
  EXPECT_EQ(code_of(regular_file::open("/dev/null")), errc::cannot_open);
  const std::string pipe = std::string(THIMBLE_TEST_CACHE) + "/regular_file.pipe";
  (void)::unlink(pipe.c_str());
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(code_of(regular_file::open(pipe.c_str())), errc::cannot_open);
  (void)::unlink(pipe.c_str());
}

TEST(regular_file, knows_how_long_the_file_is_now) {
  const temporary_file on_disk("regular_file.c", byte_writer().text("abc").bytes());
  const auto file = regular_file::open(on_disk.path());
  ASSERT_TRUE(succeeded(file));
  ASSERT_EQ(::truncate(on_disk.path(), 1), 0);
  EXPECT_EQ(*file->current_size(), 1u);
  EXPECT_EQ(file->size(), 3u);
}

}  // namespace
}  // namespace thimble

#endif  // THIMBLE_POSIX
