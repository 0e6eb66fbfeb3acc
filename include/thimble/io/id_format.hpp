// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Files of exact answers: for each query the rows of its k nearest vectors, nearest first, as int32.
//
//   .ibin    u32 n, u32 k, n x k ids; n x k float32 distances may follow (Big-ANN)
//   .ivecs   every row behind an int32 k                                  (TEXMEX)

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/io/vector_format.hpp>

namespace thimble::inline THIMBLE_FLAGS {

enum class id_format : std::uint8_t { ibin, ivecs };

// Id j of row i at byte offset + i * stride_bytes + 4 * j.
struct id_layout {
  std::uint64_t n = 0;
  std::uint32_t k = 0;
  std::uint64_t offset = 0;
  std::uint64_t stride_bytes = 0;
  std::uint32_t row_prefix_bytes = 0;  // 4 where each row repeats its k
};

// By the end of the name, whatever its case. Error: unknown_format.
[[nodiscard]] constexpr expected<id_format> id_format_of(std::string_view path) {
  if (detail::ends_with_any_case(path, ".ibin")) return id_format::ibin;
  if (detail::ends_with_any_case(path, ".ivecs")) return id_format::ivecs;
  return fail(errc::unknown_format, "unknown type of file: exact answers are read from .ibin and .ivecs");
}

// As parse_vector_header. An int32 takes a float's place, so that the same checks serve.
[[nodiscard]] constexpr expected<id_layout> parse_id_header(std::span<const std::byte> head, std::uint64_t file_size,
                                                            id_format format) {
  if (format == id_format::ibin && head.size() >= 8) {
    const std::uint64_t ids = std::uint64_t{detail::load_u32(head, 0)} * detail::load_u32(head, 4);
    if (ids != 0 && ids < file_size && file_size - 8 == 8 * ids) file_size -= 4 * ids;
  }
  const auto layout =
      parse_vector_header(head, file_size, format == id_format::ibin ? vector_format::fbin : vector_format::fvecs);
  if (!layout) return std::unexpected(layout.error());
  return id_layout{.n = layout->n,
                   .k = layout->dim,
                   .offset = layout->offset,
                   .stride_bytes = layout->stride_bytes,
                   .row_prefix_bytes = layout->row_prefix_bytes};
}

// The ids of a file in memory that has this layout.
class id_rows {
 public:
  id_rows() = default;
  id_rows(const std::byte* file, const id_layout& layout) : file_(file), layout_(layout) {}

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(layout_.n); }
  [[nodiscard]] std::size_t k() const { return layout_.k; }

  [[nodiscard]] std::int32_t id(std::size_t row, std::size_t j) const {
    return load_as<std::int32_t>(row_bytes(row) + 4 * j);
  }

  // Every row says k and holds rows 0 .. n-1 of the vectors. Error: corrupt with the first row that does not.
  [[nodiscard]] expected<void> check(std::uint64_t n_vectors) const {
    for (std::size_t i = 0; i < size(); ++i) {
      if (layout_.row_prefix_bytes != 0 && load_as<std::uint32_t>(row_bytes(i) - 4) != layout_.k)
        return fail(errc::corrupt, "rows of different lengths", i);
      for (std::size_t j = 0; j < k(); ++j)
        if (id(i, j) < 0 || static_cast<std::uint64_t>(id(i, j)) >= n_vectors)
          return fail(errc::corrupt,
                      "a row names a vector that does not exist: these are the answers for other vectors", i);
    }
    return {};
  }

 private:
  [[nodiscard]] const std::byte* row_bytes(std::size_t i) const {
    return file_ + static_cast<std::size_t>(layout_.offset) + i * static_cast<std::size_t>(layout_.stride_bytes);
  }

  const std::byte* file_ = nullptr;
  id_layout layout_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
