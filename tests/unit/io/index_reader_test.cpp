// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Accidents and attacks on the container: what the sections mean is index/index_file_test.cpp's.

#include <gtest/gtest.h>

#include <limits>
#include <thimble/io/index_reader.hpp>
#include <thimble/io/index_writer.hpp>

#include "unit/support/files.hpp"
#include "unit/support/outcome.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::file_bytes;
using test::succeeded;

// Bytes in sections: 56, 12, 200, 5, 0, 64 and 9, so that there are gaps and an empty one.
file_bytes good_file() {
  std::array<file_bytes, n_sections> contents;
  const std::size_t sizes[] = {56, 12, 200, 5, 0, 64, 9, 16};
  std::array<section_bytes, n_sections> sections{};
  for (std::uint32_t i = 0; i < n_sections; ++i) {
    contents[i].assign(sizes[i], static_cast<std::byte>(0x11 * (i + 1)));
    sections[i] = {static_cast<section>(i + 1), contents[i]};
  }
  file_bytes bytes;
  EXPECT_TRUE(
      succeeded(write_index_file(index_version, sections, [&](std::span<const std::byte> more) -> expected<void> {
        bytes.insert(bytes.end(), more.begin(), more.end());
        return {};
      })));
  return bytes;
}

std::optional<errc> parsed(std::span<const std::byte> file) {
  const auto buffer = test::buffer_of(file);
  return code_of(index_sections::parse(buffer.span()));
}

// The file after a change that its writer could have made: with right checksums.
template <class Change>
std::optional<errc> forged(Change&& change) {
  file_bytes file = good_file();
  change(file);
  test::fix_checksums(file);
  return parsed(file);
}

template <class Change>
auto header_changed(Change&& change) {
  return forged([&](file_bytes& file) {
    auto header = load_as<file_header>(file.data());
    change(header);
    store_as(file.data(), header);
  });
}

template <class Change>
auto entry_changed(section kind, Change&& change) {
  return forged([&](file_bytes& file) {
    auto entry = test::entry_of(file, kind);
    change(entry);
    test::set_entry(file, kind, entry);
  });
}

TEST(index_reader, a_good_file_is_good) { EXPECT_EQ(parsed(good_file()), std::nullopt); }

TEST(index_reader, a_file_cut_anywhere_is_truncated) {
  const file_bytes file = good_file();
  for (std::size_t bytes = 0; bytes < file.size(); ++bytes)
    EXPECT_EQ(parsed(std::span(file).first(bytes)), errc::truncated) << bytes;
}

TEST(index_reader, a_file_cut_anywhere_whose_header_was_forged_to_fit_is_an_error) {
  for (std::size_t bytes = 0; bytes < good_file().size(); ++bytes) {
    const auto code = forged([&](file_bytes& file) {
      file.resize(bytes);
      if (bytes < sizeof(file_header)) return;
      auto header = load_as<file_header>(file.data());
      header.file_bytes = bytes;
      store_as(file.data(), header);
    });
    EXPECT_TRUE(code == errc::truncated || code == errc::corrupt) << bytes;
  }
}

TEST(index_reader, every_flipped_bit_is_noticed) {
  file_bytes file = good_file();
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    file[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_NE(parsed(file), std::nullopt) << "byte " << bit / 8 << ", bit " << bit % 8;
    file[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST(index_reader, damage_is_named_by_its_section) {
  const file_bytes good = good_file();
  for (const section kind : {section::meta, section::quantizer, section::codes, section::levels, section::upper_links,
                             section::rows, section::keys}) {
    file_bytes file = good;
    const auto entry = test::entry_of(file, kind);
    file[static_cast<std::size_t>(entry.offset + entry.bytes / 2)] ^= std::byte{0x40};
    const auto buffer = test::buffer_of(file);
    const auto read = index_sections::parse(buffer.span());
    ASSERT_EQ(code_of(read), errc::corrupt);
    EXPECT_EQ(read.error().value, entry.offset);
  }
}

TEST(index_reader, another_kind_of_file_is_not_an_index) {
  file_bytes file(1000, std::byte{0x42});
  EXPECT_EQ(parsed(file), errc::not_an_index);
  EXPECT_EQ(header_changed([](file_header& h) { h.magic[7] = '\n'; }), errc::not_an_index);
}

TEST(index_reader, another_version_is_named_even_if_the_rest_is_unknown) {
  EXPECT_EQ(header_changed([](file_header& h) { h.version = index_version_of_gamma + 1; }), errc::wrong_version);
  EXPECT_EQ(header_changed([](file_header& h) { h.version = index_version - 1; }), errc::wrong_version);
  EXPECT_EQ(header_changed([](file_header& h) { h.version = 0; }), errc::wrong_version);
}

TEST(index_reader, a_forged_header_is_corrupt_or_truncated) {
  constexpr auto huge = std::numeric_limits<std::uint64_t>::max();
  for (const std::uint32_t n : {0u, n_sections - 1, n_sections + 1, 0xffffffffu})
    EXPECT_EQ(header_changed([&](file_header& h) { h.n_sections = n; }), errc::corrupt);
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{64}, std::uint64_t{good_file().size() - 64}})
    EXPECT_EQ(header_changed([&](file_header& h) { h.file_bytes = bytes; }), errc::corrupt);
  for (const std::uint64_t bytes : {std::uint64_t{good_file().size() + 64}, huge})
    EXPECT_EQ(header_changed([&](file_header& h) { h.file_bytes = bytes; }), errc::truncated);
}

TEST(index_reader, a_forged_table_of_sections_is_corrupt) {
  constexpr auto huge = std::numeric_limits<std::uint64_t>::max();
  for (std::uint32_t i = 1; i <= n_sections; ++i) {
    const auto kind = static_cast<section>(i);
    EXPECT_EQ(entry_changed(kind, [](section_entry& e) { e.kind = 0; }), errc::corrupt);
    EXPECT_EQ(entry_changed(kind, [](section_entry& e) { e.kind += 1; }), errc::corrupt);
    EXPECT_EQ(entry_changed(kind, [](section_entry& e) { e.reserved = 1; }), errc::corrupt);
    for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{63}, std::uint64_t{1} << 40, huge, huge - 63})
      EXPECT_EQ(entry_changed(kind, [&](section_entry& e) { e.offset = offset; }), errc::corrupt);
    EXPECT_EQ(entry_changed(kind, [](section_entry& e) { e.offset += 64; }), errc::corrupt);
    EXPECT_EQ(entry_changed(kind, [](section_entry& e) { e.offset -= 64; }), errc::corrupt);
    for (const std::uint64_t bytes : {std::uint64_t{1} << 40, huge, huge - 63, huge - 255, std::uint64_t{1} << 63})
      EXPECT_EQ(entry_changed(kind, [&](section_entry& e) { e.bytes = bytes; }), errc::corrupt);
    EXPECT_NE(entry_changed(kind, [](section_entry& e) { e.bytes += 64; }), std::nullopt);
  }
}

TEST(index_reader, bytes_behind_the_last_section_are_corrupt_however_they_are_declared) {
  file_bytes file = good_file();
  file.resize(file.size() + 64);
  EXPECT_EQ(parsed(file), errc::corrupt);
  EXPECT_EQ(forged([](file_bytes& f) {
              f.resize(f.size() + 64);
              auto header = load_as<file_header>(f.data());
              header.file_bytes = f.size();
              store_as(f.data(), header);
            }),
            errc::corrupt);
}

TEST(index_reader, the_space_between_sections_hides_nothing) {
  const file_bytes good = good_file();
  // From the header's end to the first section, and behind the quantizer's 12 bytes.
  const auto quantizer = test::entry_of(good, section::quantizer);
  for (const std::size_t at :
       {header_bytes, std::size_t{319}, static_cast<std::size_t>(quantizer.offset + quantizer.bytes)})
    EXPECT_EQ(forged([&](file_bytes& file) { file[at] = std::byte{1}; }), errc::corrupt) << at;
}

TEST(index_quantizer, is_told_without_reading_the_rest) {
  constexpr std::size_t first_section = round_up(header_bytes, section_alignment);
  file_bytes file = good_file();
  const auto quantizer = [&](std::size_t bytes) { return index_quantizer(std::span(file).first(bytes)); };
  ASSERT_TRUE(succeeded(quantizer(first_section + sizeof(index_meta))));
  EXPECT_EQ(*quantizer(first_section + sizeof(index_meta)), 0x11111111u);
  EXPECT_EQ(code_of(quantizer(first_section + sizeof(index_meta) - 1)), errc::truncated);
  EXPECT_EQ(code_of(quantizer(0)), errc::truncated);
  file[0] = std::byte{'T'};
  EXPECT_EQ(code_of(quantizer(8)), errc::not_an_index);
  EXPECT_EQ(code_of(quantizer(file.size())), errc::not_an_index);
}

}  // namespace
}  // namespace thimble
