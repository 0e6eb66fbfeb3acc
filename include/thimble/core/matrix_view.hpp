// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Vectors as the user has them: n x dim, row-major, any stride, not owned. What a build reads from is the concept
// row_source; a matrix_view of rows of any vector_element is one, a range of ranges (core/range_rows.hpp) another, a
// mapped file a third.

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include <thimble/core/bfloat16.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/half.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <class R>
concept row_source = requires(const R& rows, std::size_t i, std::span<float> scratch) {
  { rows.size() } -> std::convertible_to<std::size_t>;
  { rows.dim() } -> std::convertible_to<std::size_t>;
  // Row i as dim floats: in scratch (dim floats, the caller's), or where they already are. Any number of threads at
  // once, each with its own scratch. May fail (a row of a broken file).
  { rows.row(i, scratch) } -> std::same_as<expected<std::span<const float>>>;
};

// What the values of vectors may be: each is a float too, so that nothing is rounded on the way in.
template <class T>
concept vector_element = std::same_as<T, float> || std::same_as<T, half> || std::same_as<T, bfloat16> ||
                         std::same_as<T, std::int8_t> || std::same_as<T, std::uint8_t>;

template <vector_element T>
class matrix_view {
 public:
  matrix_view() = default;

  // n x dim values at data, row i at byte i * stride_bytes (0: rows follow each other). Rows need no alignment.
  matrix_view(const T* data, std::size_t n, std::size_t dim, std::size_t stride_bytes = 0)
      : data_(reinterpret_cast<const std::byte*>(data)),
        n_(n),
        dim_(dim),
        stride_(stride_bytes == 0 ? dim * sizeof(T) : stride_bytes) {
    THIMBLE_ASSERT(stride_ >= dim * sizeof(T));
  }

  [[nodiscard]] std::size_t size() const { return n_; }
  [[nodiscard]] std::size_t dim() const { return dim_; }
  [[nodiscard]] const std::byte* row_bytes(std::size_t i) const { return data_ + i * stride_; }

  [[nodiscard]] expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    const std::byte* from = row_bytes(i);
    if constexpr (std::same_as<T, float>) {
      if (reinterpret_cast<std::uintptr_t>(from) % alignof(float) == 0)
        return std::span<const float>(reinterpret_cast<const float*>(from), dim_);
      std::memcpy(scratch.data(), from, dim_ * sizeof(float));
    } else {
      for (std::size_t j = 0; j < dim_; ++j) {
        T value;
        std::memcpy(&value, from + j * sizeof(T), sizeof(T));
        scratch[j] = static_cast<float>(value);
      }
    }
    return std::span<const float>(scratch.data(), dim_);
  }

 private:
  const std::byte* data_ = nullptr;
  std::size_t n_ = 0;
  std::size_t dim_ = 0;
  std::size_t stride_ = 0;
};

}  // namespace thimble::inline THIMBLE_FLAGS
