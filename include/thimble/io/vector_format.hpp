// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Files of vectors: what their first bytes say, checked against the file's size before anything is believed. A pure
// function of bytes: the mapped file of a native program and the stream of a browser go through the same checks.
//
//   .fbin .f16bin .bf16bin
//   .u8bin .i8bin          u32 n, u32 dim, then the rows                                     (Big-ANN)
//   .fvecs .bvecs          every row behind an int32 dim                                      (TEXMEX)
//   .npy                   two-dimensional, C order, <f4, <f2, |u1 or |i1                     (NumPy)
//   .idx  *-idx3-ubyte     big-endian header, unsigned bytes, one picture a row               (MNIST)

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/io/npy_header.hpp>

namespace thimble::inline THIMBLE_FLAGS {

enum class vector_format : std::uint8_t { fbin, u8bin, i8bin, f16bin, bf16bin, fvecs, bvecs, npy, idx };

// The numbers are in files (store/stored_set.hpp).
enum class element_type : std::uint8_t { float32, float16, bfloat16, uint8, int8 };

[[nodiscard]] constexpr std::uint32_t element_bytes(element_type type) {
  switch (type) {
    case element_type::float32:
      return 4;
    case element_type::float16:
    case element_type::bfloat16:
      return 2;
    case element_type::uint8:
    case element_type::int8:
      return 1;
  }
  return 1;
}

// Where the rows are: value j of row i at byte offset + i * stride_bytes + j * element_bytes(type). Row i's prefix, if
// any, ends where its values begin.
struct vector_layout {
  element_type type = element_type::float32;
  std::uint64_t n = 0;
  std::uint32_t dim = 0;
  std::uint64_t offset = 0;
  std::uint64_t stride_bytes = 0;
  std::uint32_t row_prefix_bytes = 0;  // 4 where each row repeats its dim

  friend bool operator==(const vector_layout&, const vector_layout&) = default;
};

// Bytes of a file's beginning that hold every header this library reads.
inline constexpr std::size_t vector_header_bytes = 4096;

// By the end of the name, whatever its case. Error: unknown_format.
[[nodiscard]] constexpr expected<vector_format> vector_format_of(std::string_view path);

// head: the file's first bytes, vector_header_bytes of them or the whole file if it is shorter. A layout that comes
// back lies within file_size exactly. Errors: truncated, corrupt, empty_input, too_large, too_many_vectors,
// unsupported.
[[nodiscard]] constexpr expected<vector_layout> parse_vector_header(std::span<const std::byte> head,
                                                                    std::uint64_t file_size, vector_format format);

namespace detail {

// Ends with the given lower-case text, in any case.
[[nodiscard]] constexpr bool ends_with_any_case(std::string_view text, std::string_view end) {
  if (text.size() < end.size()) return false;
  text.remove_prefix(text.size() - end.size());
  for (std::size_t i = 0; i < end.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != end[i]) return false;
  }
  return true;
}

[[nodiscard]] constexpr std::uint32_t load_u32(std::span<const std::byte> bytes, std::size_t at,
                                               bool big_endian = false) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value |= std::to_integer<std::uint32_t>(bytes[at + i]) << (big_endian ? 24 - 8 * i : 8 * i);
  return value;
}

[[nodiscard]] constexpr std::unexpected<error> header_truncated(std::uint64_t file_size) {
  return fail(errc::truncated, "the file ends within its header: it was not copied or written completely", file_size);
}

// Fills in the stride and checks every bound. The limits keep offset + n * stride_bytes below 2^50.
[[nodiscard]] constexpr expected<vector_layout> check_layout(std::uint64_t n, std::uint64_t dim, element_type type,
                                                             std::uint64_t offset, std::uint32_t row_prefix_bytes,
                                                             std::uint64_t file_size) {
  if (n == 0) return fail(errc::empty_input, "the file holds no vectors");
  if (dim == 0) return fail(errc::corrupt, "the header says that vectors have no values: is this the right format?");
  if (dim > max_dim) return fail(errc::too_large, "more values a vector than 65535: is this the right format?", dim);
  if (n > max_nodes) return fail(errc::too_many_vectors, "more than 2^31 - 1 vectors: is this the right format?", n);
  const std::uint64_t stride = row_prefix_bytes + dim * element_bytes(type);
  const std::uint64_t wanted = offset + n * stride;
  if (file_size < wanted)
    return fail(errc::truncated, "the file is shorter than its header says: copy it again", wanted);
  if (file_size > wanted)
    return fail(errc::corrupt, "the file is longer than its header says: is this the right format?", wanted);
  return vector_layout{.type = type,
                       .n = n,
                       .dim = static_cast<std::uint32_t>(dim),
                       .offset = offset + row_prefix_bytes,
                       .stride_bytes = stride,
                       .row_prefix_bytes = row_prefix_bytes};
}

[[nodiscard]] constexpr expected<vector_layout> parse_counted(std::span<const std::byte> head, std::uint64_t file_size,
                                                              element_type type) {
  if (head.size() < 8) return header_truncated(file_size);
  return check_layout(load_u32(head, 0), load_u32(head, 4), type, 8, 0, file_size);
}

// No count: it follows from the size. A last row that is cut off is a truncated file.
[[nodiscard]] constexpr expected<vector_layout> parse_prefixed(std::span<const std::byte> head, std::uint64_t file_size,
                                                               element_type type) {
  if (file_size == 0) return fail(errc::empty_input, "the file is empty");
  if (head.size() < 4) return header_truncated(file_size);
  const std::uint64_t stride = 4 + std::uint64_t{load_u32(head, 0)} * element_bytes(type);
  const std::uint64_t n = (file_size + stride - 1) / stride;
  return check_layout(n, load_u32(head, 0), type, 0, 4, file_size);
}

[[nodiscard]] constexpr expected<vector_layout> parse_npy(std::span<const std::byte> head, std::uint64_t file_size) {
  const auto header = parse_npy_header(head, file_size, vector_header_bytes);
  if (!header) return std::unexpected(header.error());
  element_type type = element_type::float32;
  if (header->descr == "<f2")
    type = element_type::float16;
  else if (header->descr == "|u1")
    type = element_type::uint8;
  else if (header->descr == "|i1")
    type = element_type::int8;
  else if (header->descr != "<f4")
    return fail(errc::unsupported, "values are not <f4, <f2, |u1 or |i1: convert with array.astype(numpy.float32)");
  if (header->n_dims != 2)
    return fail(errc::unsupported, "not a two-dimensional array: reshape it to (n, dim)", header->n_dims);
  if (header->fortran_order) return fail(errc::unsupported, "stored by columns: save numpy.ascontiguousarray(array)");
  return check_layout(header->shape[0], header->shape[1], type, header->offset, 0, file_size);
}

// Two zero bytes, the type of the values, the number of dimensions, then their sizes; all but the first make one row.
[[nodiscard]] constexpr expected<vector_layout> parse_idx(std::span<const std::byte> head, std::uint64_t file_size) {
  if (head.size() < 4) return header_truncated(file_size);
  if (head[0] != std::byte{0} || head[1] != std::byte{0})
    return fail(errc::corrupt, "not an idx file: if it is compressed, decompress it first");
  if (head[2] != std::byte{8}) return fail(errc::unsupported, "values are not unsigned bytes: convert the file to npy");
  const auto n_dims = std::to_integer<std::size_t>(head[3]);
  if (n_dims < 2) return fail(errc::unsupported, "one number a row, probably labels: the pictures are in another file");
  if (head.size() < 4 + 4 * n_dims) return header_truncated(file_size);
  std::uint64_t dim = 1;
  for (std::size_t i = 1; i < n_dims && dim <= max_dim; ++i) dim *= load_u32(head, 4 + 4 * i, true);
  return check_layout(load_u32(head, 4, true), dim, element_type::uint8, 4 + 4 * n_dims, 0, file_size);
}

}  // namespace detail

constexpr expected<vector_format> vector_format_of(std::string_view path) {
  if (const auto slash = path.rfind('/'); slash != std::string_view::npos) path.remove_prefix(slash + 1);
  const auto ends_with = [path](std::string_view end) { return detail::ends_with_any_case(path, end); };
  if (ends_with(".fbin")) return vector_format::fbin;
  if (ends_with(".u8bin")) return vector_format::u8bin;
  if (ends_with(".i8bin")) return vector_format::i8bin;
  if (ends_with(".f16bin")) return vector_format::f16bin;
  if (ends_with(".bf16bin")) return vector_format::bf16bin;
  if (ends_with(".fvecs")) return vector_format::fvecs;
  if (ends_with(".bvecs")) return vector_format::bvecs;
  if (ends_with(".npy")) return vector_format::npy;
  if (ends_with(".idx") || ends_with("-idx2-ubyte") || ends_with("-idx3-ubyte") || ends_with(".idx3-ubyte"))
    return vector_format::idx;
  if (ends_with(".gz")) return fail(errc::unknown_format, "compressed: decompress the file first");
  return fail(
      errc::unknown_format,
      "unknown type of file: vectors are read from .fbin .u8bin .i8bin .f16bin .bf16bin .fvecs .bvecs .npy .idx");
}

constexpr expected<vector_layout> parse_vector_header(std::span<const std::byte> head, std::uint64_t file_size,
                                                      vector_format format) {
  if (head.size() > file_size) head = head.first(static_cast<std::size_t>(file_size));
  switch (format) {
    case vector_format::fbin:
      return detail::parse_counted(head, file_size, element_type::float32);
    case vector_format::u8bin:
      return detail::parse_counted(head, file_size, element_type::uint8);
    case vector_format::i8bin:
      return detail::parse_counted(head, file_size, element_type::int8);
    case vector_format::f16bin:
      return detail::parse_counted(head, file_size, element_type::float16);
    case vector_format::bf16bin:
      return detail::parse_counted(head, file_size, element_type::bfloat16);
    case vector_format::fvecs:
      return detail::parse_prefixed(head, file_size, element_type::float32);
    case vector_format::bvecs:
      return detail::parse_prefixed(head, file_size, element_type::uint8);
    case vector_format::npy:
      return detail::parse_npy(head, file_size);
    case vector_format::idx:
      return detail::parse_idx(head, file_size);
  }
  return fail(errc::unknown_format, "unknown type of file");
}

}  // namespace thimble::inline THIMBLE_FLAGS
