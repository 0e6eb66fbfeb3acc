// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// How codes of B bits a dimension lie in a row, the same in files and for every instruction set. 8 bits: a byte a
// dimension, c = u - 128 as int8. Fewer: planes of 4, 2 and 1 bits, the most significant first (7 = 4 + 2 + 1), one
// behind the other. A plane of w bits has F = 8 / w fields a byte and T = ceil(dim w / 8) bytes in blocks of 16 (the
// last may be shorter, of nb bytes): field f (from the low bits) of byte j of block k is dimension 16 k F + f nb + j.
// So a field masked out of 16 bytes meets 16 neighbouring dimensions of the query.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS::simd {

inline constexpr std::size_t plane_block = 16;
inline constexpr std::size_t cache_line = 64;

[[nodiscard]] constexpr std::size_t plane_bytes(unsigned width, std::size_t dim) { return (dim * width + 7) / 8; }

// Calls visit(width, shift) for each plane of a code of so many bits, in their order; shift: of the plane's bits in u.
template <class Visit>
constexpr void for_each_plane(unsigned bits, Visit&& visit) {
  for (unsigned width = 8; width > 0; width /= 2)
    if ((bits & width) != 0) visit(width, bits & (width - 1));
}

// Bytes of all planes of one row.
[[nodiscard]] constexpr std::size_t packed_bytes(unsigned bits, std::size_t dim) {
  std::size_t bytes = 0;
  for_each_plane(bits, [&](unsigned width, unsigned) { bytes += plane_bytes(width, dim); });
  return bytes;
}

// Bytes from a row of codes to the next one: a row that lacks at most a fifteenth of whole lines gets it, zeros, for
// each of them lies in one line less then, as a rule. (60 bytes, 1 bit at 384 dims, in 64: .9 of a search.)
[[nodiscard]] constexpr std::size_t row_stride(std::size_t code_bytes) {
  const std::size_t lacking = (cache_line - code_bytes % cache_line) % cache_line;
  return lacking <= code_bytes / 15 && lacking <= cache_line / 4 ? code_bytes + lacking : code_bytes;
}

// Calls visit(byte, field, dimension) for every field of a plane. Dimensions from dim on are fields without meaning.
template <class Visit>
constexpr void for_each_field(unsigned width, std::size_t dim, Visit&& visit) {
  const std::size_t bytes = plane_bytes(width, dim);
  const unsigned fields = 8 / width;
  for (std::size_t block = 0; block < bytes; block += plane_block) {
    const std::size_t in_block = bytes - block < plane_block ? bytes - block : plane_block;
    for (unsigned field = 0; field < fields; ++field)
      for (std::size_t j = 0; j < in_block; ++j) visit(block + j, field, (block * fields) + field * in_block + j);
  }
}

// u: dim values below 2^bits; to: packed_bytes. Fields without meaning are 0.
inline void pack(unsigned bits, const std::uint8_t* u, std::size_t dim, std::byte* to) {
  auto* bytes = reinterpret_cast<std::uint8_t*>(to);
  if (bits == 8) {
    for (std::size_t j = 0; j < dim; ++j) bytes[j] = static_cast<std::uint8_t>(u[j] ^ 0x80u);
    return;
  }
  for_each_plane(bits, [&](unsigned width, unsigned shift) {
    const unsigned mask = (1u << width) - 1;
    for (std::size_t i = 0; i < plane_bytes(width, dim); ++i) bytes[i] = 0;
    for_each_field(width, dim, [&](std::size_t byte, unsigned field, std::size_t j) {
      if (j < dim) bytes[byte] = static_cast<std::uint8_t>(bytes[byte] | (u[j] >> shift & mask) << field * width);
    });
    bytes += plane_bytes(width, dim);
  });
}

// The inverse of pack.
inline void unpack(unsigned bits, const std::byte* from, std::size_t dim, std::uint8_t* u) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(from);
  for (std::size_t j = 0; j < dim; ++j) u[j] = bits == 8 ? static_cast<std::uint8_t>(bytes[j] ^ 0x80u) : 0;
  if (bits == 8) return;
  for_each_plane(bits, [&](unsigned width, unsigned shift) {
    const unsigned fields = 8 / width;
    const unsigned mask = (1u << width) - 1;
    const auto add = [=](unsigned sum, unsigned byte, unsigned field) {
      return static_cast<std::uint8_t>(sum | (byte >> field * width & mask) << shift);
    };
    std::size_t first = 0;
    // Whole blocks in vector registers: a build on 4 bits takes .8 of the time of one by one.
    for (; (first + plane_block) * fields <= dim; first += plane_block) {
      std::uint8_t block[plane_block], values[plane_block];
      std::memcpy(block, bytes + first, plane_block);
      for (unsigned field = 0; field < fields; ++field) {
        std::uint8_t* to = u + first * fields + field * plane_block;
        std::memcpy(values, to, plane_block);
        for (std::size_t j = 0; j < plane_block; ++j) values[j] = add(values[j], block[j], field);
        std::memcpy(to, values, plane_block);
      }
    }
    for_each_field(width, dim - first * fields, [&](std::size_t byte, unsigned field, std::size_t j) {
      if (first * fields + j < dim) u[first * fields + j] = add(u[first * fields + j], bytes[first + byte], field);
    });
    bytes += plane_bytes(width, dim);
  });
}

// Whether the fields without meaning are 0, as pack() leaves them.
[[nodiscard]] inline bool unused_fields_are_zero(unsigned bits, const std::byte* from, std::size_t dim) {
  if (bits == 8) return true;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(from);
  bool zero = true;
  for_each_plane(bits, [&](unsigned width, unsigned) {
    for_each_field(width, dim, [&](std::size_t byte, unsigned field, std::size_t j) {
      if (j >= dim) zero = zero && (bytes[byte] >> field * width & ((1u << width) - 1)) == 0;
    });
    bytes += plane_bytes(width, dim);
  });
  return zero;
}

}  // namespace thimble::inline THIMBLE_FLAGS::simd
