// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The layout is a promise to files that exist: where each field lies.

#include <gtest/gtest.h>

#include <cstddef>
#include <thimble/io/index_file.hpp>

namespace thimble {
namespace {

TEST(index_file, fields_lie_where_version_3_has_them) {
  static_assert(offsetof(file_header, magic) == 0 && offsetof(file_header, version) == 8);
  static_assert(offsetof(file_header, n_sections) == 12 && offsetof(file_header, file_bytes) == 16);
  static_assert(offsetof(section_entry, kind) == 0 && offsetof(section_entry, reserved) == 4);
  static_assert(offsetof(section_entry, offset) == 8 && offsetof(section_entry, bytes) == 16);
  static_assert(offsetof(section_entry, checksum) == 24);
  static_assert(offsetof(index_meta, n) == 0 && offsetof(index_meta, seed) == 8);
  static_assert(offsetof(index_meta, fingerprint) == 16 && offsetof(index_meta, dim) == 24);
  static_assert(offsetof(index_meta, quantizer) == 28 && offsetof(index_meta, code_bytes) == 32);
  static_assert(offsetof(index_meta, m) == 36 && offsetof(index_meta, ef_construction) == 40);
  static_assert(offsetof(index_meta, entry) == 44 && offsetof(index_meta, entry_level) == 48);
  static_assert(offsetof(index_meta, metric) == 52 && offsetof(index_meta, link_widths) == 56);
  static_assert(offsetof(index_meta, default_ef) == 60);
  static_assert(offsetof(index_description, meta) == 0 && offsetof(index_description, half_fingerprint) == 64);
  static_assert(offsetof(index_description, default_gamma) == 72 && offsetof(index_description, reserved) == 76);
  EXPECT_EQ(description_bytes(2), 0u);
  EXPECT_EQ(description_bytes(index_version), 64u);
  EXPECT_EQ(description_bytes(index_version_of_halfs), 72u);
  EXPECT_EQ(description_bytes(index_version_of_gamma), 80u);
  EXPECT_EQ(description_bytes(index_version_of_gamma + 1), 0u);
  EXPECT_EQ(header_bytes, 288u);
  EXPECT_EQ(section_alignment, 64u);
  EXPECT_EQ(static_cast<unsigned>(section::meta), 1u);
  EXPECT_EQ(static_cast<unsigned>(section::keys), 8u);
}

}  // namespace
}  // namespace thimble
