// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The rows of a file of vectors that is in memory or mapped, as floats. Costs nothing for aligned float32, a conversion
// a row for the other types.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <thimble/core/bfloat16.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/half.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/io/vector_format.hpp>
#include <thimble/simd/dispatch.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class vector_rows {
 public:
  vector_rows() = default;

  // file: the whole file, which stays where it is; layout: what parse_vector_header made of it.
  vector_rows(const std::byte* file, const vector_layout& layout)
      : kernels_(*simd::kernels_for(simd::isa::automatic)), file_(file), layout_(layout) {}

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(layout_.n); }
  [[nodiscard]] std::size_t dim() const { return layout_.dim; }
  [[nodiscard]] const vector_layout& layout() const { return layout_; }

  // Error: corrupt when the row says another dim than the first one.
  [[nodiscard]] expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    THIMBLE_ASSERT(i < size());
    const std::byte* values = values_of(i);
    if (layout_.row_prefix_bytes != 0 && load_as<std::uint32_t>(values - 4) != layout_.dim)
      return fail(errc::corrupt, "rows of different dims", i);
    switch (layout_.type) {
      case element_type::float32:
        return matrix_view(reinterpret_cast<const float*>(values), 1, dim()).row(0, scratch);
      case element_type::float16:
        if (reinterpret_cast<std::uintptr_t>(values) % alignof(half) == 0) {
          kernels_->widen_halfs(reinterpret_cast<const half*>(values), dim(), scratch.data());
          return scratch.first(dim());
        }
        return matrix_view(reinterpret_cast<const half*>(values), 1, dim()).row(0, scratch);
      case element_type::bfloat16:
        return matrix_view(reinterpret_cast<const bfloat16*>(values), 1, dim()).row(0, scratch);
      case element_type::uint8:
        kernels_->widen_bytes(reinterpret_cast<const std::uint8_t*>(values), dim(), scratch.data());
        return scratch.first(dim());
      case element_type::int8:
        return matrix_view(reinterpret_cast<const std::int8_t*>(values), 1, dim()).row(0, scratch);
    }
    return fail(errc::unsupported, "unknown type of values");
  }

  // The values of a row as the file has them.
  [[nodiscard]] std::span<const std::byte> row_bytes(std::size_t i) const {
    return {values_of(i), layout_.dim * element_bytes(layout_.type)};
  }

  // Brings the cache lines of a row nearer that is read soon.
  THIMBLE_ALWAYS_INLINE void prefetch(std::size_t i) const {
    const auto values = row_bytes(i);
    detail::prefetch_bytes(values.data(), values.size());
  }

 private:
  [[nodiscard]] const std::byte* values_of(std::size_t i) const {
    return file_ + static_cast<std::size_t>(layout_.offset) + i * static_cast<std::size_t>(layout_.stride_bytes);
  }

  const simd::kernel_set* kernels_ = nullptr;
  const std::byte* file_ = nullptr;
  vector_layout layout_;
};

static_assert(row_source<vector_rows>);

}  // namespace thimble::inline THIMBLE_FLAGS
