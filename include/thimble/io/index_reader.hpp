// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Finds the sections of an index file and proves that they are what was written: sizes, order, checksums. What the
// sections mean is checked by who uses them. Nothing is allocated.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/io/checksum.hpp>
#include <thimble/io/index_file.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class index_sections {
 public:
  // file: a whole file at a 64-byte boundary, unchanged while the sections are used.
  [[nodiscard]] static expected<index_sections> parse(std::span<const std::byte> file) {
    THIMBLE_ASSERT(reinterpret_cast<std::uintptr_t>(file.data()) % section_alignment == 0);
    if (file.size() < sizeof(file_header)) return truncated(file.size());
    const auto header = load_as<file_header>(file.data());
    if (header.magic != index_magic)
      return fail(errc::not_an_index, "not a thimble index: make one with 'thimble build'");
    if (description_bytes(header.version) == 0)
      return fail(errc::wrong_version, "the index was written by another version: build it again", header.version);
    if (file.size() < header_bytes || file.size() < header.file_bytes) return truncated(file.size());
    constexpr std::size_t covered = header_bytes - sizeof(std::uint64_t);
    if (checksum(file.first(covered)) != load_as<std::uint64_t>(file.data() + covered))
      return corrupt("the header is damaged", 0);
    if (header.n_sections != n_sections || header.file_bytes != file.size())
      return corrupt("the header is wrong", file.size());

    index_sections result;
    result.version_ = header.version;
    std::uint64_t end = header_bytes;
    if (const auto padded = skip_padding(file, end); !padded) return std::unexpected(padded.error());
    for (std::uint32_t i = 0; i < n_sections; ++i) {
      const auto entry = load_as<section_entry>(file.data() + sizeof(file_header) + i * sizeof(section_entry));
      if (entry.kind != i + 1 || entry.reserved != 0 || entry.offset != end || entry.bytes > file.size() - end)
        return corrupt("the table of sections is wrong", i);
      const auto bytes = file.subspan(static_cast<std::size_t>(entry.offset), static_cast<std::size_t>(entry.bytes));
      if (checksum(bytes) != entry.checksum) return corrupt(damaged(entry.kind), entry.offset);
      end += entry.bytes;
      if (const auto padded = skip_padding(file, end); !padded) return std::unexpected(padded.error());
      result.sections_[i] = bytes;
    }
    if (end != file.size()) return corrupt("bytes follow the last section", end);
    return result;
  }

  [[nodiscard]] std::uint32_t version() const { return version_; }

  [[nodiscard]] std::span<const std::byte> operator[](section kind) const {
    return sections_[static_cast<std::uint32_t>(kind) - 1];
  }

 private:
  // Moves end (within the file) to where the next section begins; what lies between is zero.
  static expected<void> skip_padding(std::span<const std::byte> file, std::uint64_t& end) {
    const std::uint64_t next = round_up<std::uint64_t>(end, section_alignment);
    if (next > file.size()) return truncated(file.size());
    for (; end < next; ++end)
      if (file[static_cast<std::size_t>(end)] != std::byte{})
        return corrupt("the space between two sections is damaged", end);
    return {};
  }

  static std::unexpected<error> truncated(std::uint64_t bytes) {
    return fail(errc::truncated, "the index file is cut short: copy or build it again", bytes);
  }
  static std::unexpected<error> corrupt(const char* what, std::uint64_t at) { return fail(errc::corrupt, what, at); }

  static const char* damaged(std::uint32_t kind) {
    switch (static_cast<section>(kind)) {
      case section::meta:
        return "the index file is damaged in its description: copy or build it again";
      case section::quantizer:
        return "the index file is damaged in the quantizer: copy or build it again";
      case section::codes:
        return "the index file is damaged in the codes: copy or build it again";
      case section::levels:
        return "the index file is damaged in the levels: copy or build it again";
      case section::base_links:
        return "the index file is damaged in the links: copy or build it again";
      case section::upper_links:
        return "the index file is damaged in the upper levels: copy or build it again";
      case section::rows:
        return "the index file is damaged in the rows' numbers: copy or build it again";
      case section::keys:
        return "the index file is damaged in the labels: copy or build it again";
    }
    return "the index file is damaged";
  }

  std::array<std::span<const std::byte>, n_sections> sections_;
  std::uint32_t version_ = 0;
};

// Which quantizer a file holds (Quantizer::file_id), for those who choose by it. Proves nothing: opening does.
[[nodiscard]] inline expected<std::uint32_t> index_quantizer(std::span<const std::byte> file) {
  constexpr std::size_t meta_offset = round_up(header_bytes, section_alignment);
  if (file.size() >= index_magic.size() && load_as<std::array<char, index_magic.size()>>(file.data()) != index_magic)
    return fail(errc::not_an_index, "not a thimble index: make one with 'thimble build'");
  if (file.size() < meta_offset + sizeof(index_meta))
    return fail(errc::truncated, "the index file is cut short: copy or build it again", file.size());
  return load_as<index_meta>(file.data() + meta_offset).quantizer;
}

}  // namespace thimble::inline THIMBLE_FLAGS
