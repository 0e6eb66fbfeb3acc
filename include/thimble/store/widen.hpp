// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Rows of narrow values become floats where they were read to, for stores that read into the caller's floats.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/io/vector_format.hpp>
#include <thimble/io/vector_rows.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

// Values at the end of the floats' place become floats in all of it: what is written never reaches what was not read
// yet.
inline void widen_from_end(element_type type, std::span<float> values) {
  if (type == element_type::float32) return;
  constexpr std::size_t at_once = 256;
  alignas(float) std::array<std::byte, at_once * 2> narrow;
  const std::size_t width = element_bytes(type);
  const std::byte* from = reinterpret_cast<const std::byte*>(values.data() + values.size()) - values.size() * width;
  for (std::size_t j = 0; j < values.size(); j += at_once) {
    const auto n = static_cast<std::uint32_t>(std::min(at_once, values.size() - j));
    std::memcpy(narrow.data(), from + j * width, n * width);
    const vector_rows part(narrow.data(), {.type = type, .n = 1, .dim = n, .stride_bytes = n * width});
    (void)part.row(0, values.subspan(j, n));
  }
}

}  // namespace thimble::inline THIMBLE_FLAGS::detail
