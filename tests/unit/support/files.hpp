// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Index files as bytes in memory: what a save wrote, and how to open it again.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/io/index_file.hpp>
#include <thimble/io/index_writer.hpp>
#include <vector>

#include "fuzz/open_bytes.hpp"
#include "unit/support/outcome.hpp"

namespace thimble::test {

using file_bytes = std::vector<std::byte>;

template <class Index>
[[nodiscard]] file_bytes saved(const Index& index) {
  file_bytes bytes;
  EXPECT_TRUE(succeeded(index.save([&](std::span<const std::byte> more) -> expected<void> {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return {};
  })));
  return bytes;
}

[[nodiscard]] inline aligned_buffer<std::byte> buffer_of(std::span<const std::byte> bytes) {
  auto buffer = aligned_buffer<std::byte>::create(bytes.size());
  std::ranges::copy(bytes, buffer->data());
  return std::move(*buffer);
}

// A copy of exactly these bytes, so that reading past them is seen by sanitizers.
template <class Index, class... Options>
[[nodiscard]] expected<Index> opened(std::span<const std::byte> bytes, const Options&... options) {
  return Index::open(buffer_of(bytes), options...);
}

// The entry of a section in a whole file.
[[nodiscard]] inline section_entry entry_of(std::span<const std::byte> file, section kind) {
  const auto i = static_cast<std::size_t>(kind) - 1;
  return load_as<section_entry>(file.data() + sizeof(file_header) + i * sizeof(section_entry));
}

inline void set_entry(std::span<std::byte> file, section kind, const section_entry& entry) {
  const auto i = static_cast<std::size_t>(kind) - 1;
  store_as(file.data() + sizeof(file_header) + i * sizeof(section_entry), entry);
}

// The values of a section, to be changed.
template <class T>
[[nodiscard]] std::span<T> values_of(std::span<std::byte> file, section kind) {
  const section_entry entry = entry_of(file, kind);
  return {reinterpret_cast<T*>(file.data() + entry.offset), static_cast<std::size_t>(entry.bytes / sizeof(T))};
}

using fuzz::fix_checksums;

// The file with other bytes in a section.
[[nodiscard]] inline file_bytes with_section(const file_bytes& file, section kind, std::span<const std::byte> bytes) {
  std::array<section_bytes, n_sections> sections;
  for (std::uint32_t i = 0; i < n_sections; ++i) {
    const auto each = static_cast<section>(i + 1);
    const section_entry entry = entry_of(file, each);
    const auto old =
        std::span(file).subspan(static_cast<std::size_t>(entry.offset), static_cast<std::size_t>(entry.bytes));
    sections[i] = {each, each == kind ? bytes : old};
  }
  file_bytes made;
  EXPECT_TRUE(succeeded(write_index_file(load_as<file_header>(file.data()).version, sections,
                                         [&](std::span<const std::byte> more) -> expected<void> {
                                           made.insert(made.end(), more.begin(), more.end());
                                           return {};
                                         })));
  return made;
}

}  // namespace thimble::test
