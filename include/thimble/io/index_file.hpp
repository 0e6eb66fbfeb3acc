// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The layout of a .thimble file, versions 3 to 5 (links of versions 1 and 2 were rows of fixed degree). Little-endian,
// fixed widths, every section at a multiple of 64 bytes, so that it is used in place where it is mapped or read:
//
//     file_header | section_entry x n_sections | header checksum (8 bytes) | sections, zero bytes between them
//
// The header checksum covers everything before it; each section has its own. A reader refuses an unknown version or an
// unknown section: there are no silent extensions. Version 4 is written where there is a fingerprint of rounded vectors
// to keep, version 5 where there is a default gamma; they are version 3 but for that.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS {

inline constexpr std::array<char, 8> index_magic = {'t', 'h', 'i', 'm', 'b', 'l', 'e', '\x1a'};
inline constexpr std::uint32_t index_version = 3;
inline constexpr std::uint32_t index_version_of_halfs = 4;
inline constexpr std::uint32_t index_version_of_gamma = 5;
inline constexpr std::size_t section_alignment = 64;

struct file_header {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t n_sections;
  std::uint64_t file_bytes;
};
static_assert(sizeof(file_header) == 24 && std::is_trivially_copyable_v<file_header>);

// Values in files: never renumbered.
enum class section : std::uint32_t {
  meta = 1,         // the first bytes of an index_description, as many as its version has
  quantizer = 2,    // the quantizer's parameters
  codes = 3,        // n rows of code_bytes (simd::row_stride), then 64 zero bytes that kernels may read
  levels = 4,       // n bytes
  base_links = 5,   // n lists (graph/packed_links.hpp), then 8 zero bytes
  upper_links = 6,  // (sum of the levels) x m nodes, in the order of the nodes, each row ended by no_node or full
  rows = 7,         // the number of each node's vector (core/permutation.hpp)
  keys = 8,         // the label of each row, ascending (8 bytes each); empty where labels are the rows' numbers
};
inline constexpr std::uint32_t n_sections = 8;

struct section_entry {
  std::uint32_t kind;
  std::uint32_t reserved;  // 0
  std::uint64_t offset;
  std::uint64_t bytes;
  std::uint64_t checksum;
};
static_assert(sizeof(section_entry) == 32 && std::is_trivially_copyable_v<section_entry>);

struct index_meta {
  std::uint64_t n;
  std::uint64_t seed;
  std::uint64_t fingerprint;  // of the vectors: store/fingerprint.hpp
  std::uint32_t dim;
  std::uint32_t quantizer;  // Quantizer::file_id
  std::uint32_t code_bytes;
  std::uint32_t m;
  std::uint32_t ef_construction;
  std::uint32_t entry;
  std::uint32_t entry_level;
  std::uint32_t metric;
  std::array<std::uint8_t, 4> link_widths;
  std::uint32_t default_ef;  // of a search that names none
};
static_assert(sizeof(index_meta) == 64 && std::is_trivially_copyable_v<index_meta>);

struct index_description {
  index_meta meta;
  // From version 4 on: of the vectors, each value as its nearest half (store/fingerprint.hpp). 0: there is none.
  std::uint64_t half_fingerprint;
  // From version 5 on: of a search that names no ef, 0 or more.
  float default_gamma;
  std::uint32_t reserved;  // 0
};
static_assert(sizeof(index_description) == 80 && std::is_trivially_copyable_v<index_description>);

// Of the description. 0: an unknown version.
[[nodiscard]] constexpr std::size_t description_bytes(std::uint32_t version) {
  switch (version) {
    case index_version:
      return sizeof(index_meta);
    case index_version_of_halfs:
      return offsetof(index_description, default_gamma);
    case index_version_of_gamma:
      return sizeof(index_description);
    default:
      return 0;
  }
}

inline constexpr std::size_t header_bytes =
    sizeof(file_header) + n_sections * sizeof(section_entry) + sizeof(std::uint64_t);

}  // namespace thimble::inline THIMBLE_FLAGS
