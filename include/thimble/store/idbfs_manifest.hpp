// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The file `<mount>/<name>/manifest` beside the row files of an IDBFS store: what the rows are. It is written last, so
// that a folder without one is an import that never finished. 64 bytes, little-endian:
//   0 magic "thimbleV" | 8 version | 12 element | 16 n | 24 fingerprint | 32 dim | 36 rows per file | 40 zeros | 56
//   checksum
// Plain C++ that compiles everywhere: any program that mounts IDBFS can write a set of vectors with it.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/store/stored_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// How a value is stored. uint8 is for originals that are bytes: exact, and a quarter of the space.
enum class idbfs_element : std::uint32_t { float32 = 0, uint8 = 1 };

struct idbfs_manifest {
  static constexpr std::size_t encoded_bytes = 64;

  std::uint64_t n = 0;            // rows
  std::uint64_t fingerprint = 0;  // store/fingerprint.hpp
  std::uint32_t dim = 0;          // values per row
  std::uint32_t rows_per_file = 1;
  idbfs_element element = idbfs_element::float32;

  [[nodiscard]] constexpr std::size_t row_bytes() const {
    return std::size_t{dim} * (element == idbfs_element::uint8 ? 1 : sizeof(float));
  }

  friend bool operator==(const idbfs_manifest&, const idbfs_manifest&) = default;

  // Whether such a set can exist. Errors: empty_input, too_many_vectors, too_large, invalid_argument, unsupported.
  [[nodiscard]] expected<void> validate() const {
    if (element != idbfs_element::float32 && element != idbfs_element::uint8)
      return fail(errc::unsupported, "the stored vectors are of an element type that this version does not know",
                  static_cast<std::uint64_t>(element));
    if (const auto valid = detail::check_set_shape(n, dim); !valid) return valid;
    if (rows_per_file == 0 || rows_per_file > max_rows_per_file)
      return fail(errc::invalid_argument, "rows per file go from 1 to 1024", rows_per_file);
    return {};
  }

  [[nodiscard]] std::array<std::byte, encoded_bytes> encode() const {
    std::array<std::byte, encoded_bytes> bytes{};
    std::memcpy(bytes.data(), magic, sizeof(magic));
    store_as(bytes.data() + 8, version);
    store_as(bytes.data() + 12, static_cast<std::uint32_t>(element));
    store_as(bytes.data() + 16, n);
    store_as(bytes.data() + 24, fingerprint);
    store_as(bytes.data() + 32, dim);
    store_as(bytes.data() + 36, rows_per_file);
    store_as(bytes.data() + checksum_at, detail::block_checksum(bytes));
    return bytes;
  }

  // Errors: truncated, unknown_format (no manifest of thimble's), wrong_version, unsupported, corrupt.
  [[nodiscard]] static expected<idbfs_manifest> decode(std::span<const std::byte> file) {
    if (file.size() < encoded_bytes) return fail(errc::truncated, "the manifest ends too early", file.size());
    const auto bytes = file.first<encoded_bytes>();
    if (std::memcmp(bytes.data(), magic, sizeof(magic)) != 0)
      return fail(errc::unknown_format, "the manifest is not one of thimble's: import the vectors again");
    if (const auto found = load_as<std::uint32_t>(bytes.data() + 8); found != version)
      return fail(errc::wrong_version, "the manifest was written by another version of thimble", found);
    if (file.size() != encoded_bytes ||
        load_as<std::uint64_t>(bytes.data() + checksum_at) != detail::block_checksum(bytes))
      return fail(errc::corrupt, "the manifest is damaged: import the vectors again");
    idbfs_manifest manifest{.n = load_as<std::uint64_t>(bytes.data() + 16),
                            .fingerprint = load_as<std::uint64_t>(bytes.data() + 24),
                            .dim = load_as<std::uint32_t>(bytes.data() + 32),
                            .rows_per_file = load_as<std::uint32_t>(bytes.data() + 36),
                            .element = static_cast<idbfs_element>(load_as<std::uint32_t>(bytes.data() + 12))};
    if (const auto valid = manifest.validate(); !valid) {
      if (valid.error().code == errc::unsupported) return std::unexpected(valid.error());
      return fail(errc::corrupt, "the manifest describes no possible set of vectors: import them again");
    }
    return manifest;
  }

 private:
  static constexpr char magic[8] = {'t', 'h', 'i', 'm', 'b', 'l', 'e', 'V'};
  static constexpr std::uint32_t version = 1;
  static constexpr std::size_t checksum_at = 56;
  static constexpr std::uint32_t max_rows_per_file = 1024;
};

}  // namespace thimble::inline THIMBLE_FLAGS
