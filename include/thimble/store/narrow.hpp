// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Rows of floats become halfs on their way into a store.

#pragma once

#include <cstddef>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/half.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

// To nearest. halfs: room for as many values; first: the row that they begin with. Error: too_large (beyond float16;
// value: the row).
[[nodiscard]] inline expected<void> round_rows(std::span<const float> values, std::span<half> halfs, std::size_t dim,
                                               std::size_t first) {
  for (std::size_t j = 0; j < values.size(); ++j) {
    halfs[j] = half::nearest(values[j]);
    if ((halfs[j].bits & 0x7fffu) == 0x7c00u)
      return fail(errc::too_large, "a value beyond 65,504 is no float16: store these vectors as float32",
                  first + j / dim);
  }
  return {};
}

}  // namespace thimble::inline THIMBLE_FLAGS::detail
