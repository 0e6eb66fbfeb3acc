// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What the nodes of a frozen index are called outside of it: a node's row is the number of its vector where it was read
// from and in stores; a row's label is its number, or a key of the user's.

#pragma once

#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/permutation.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct numbering {
  const permutation* rows;
  std::span<const label> keys;  // of each row; empty where a row's label is its number

  [[nodiscard]] THIMBLE_ALWAYS_INLINE node row_of(node x) const { return (*rows)[x]; }
  [[nodiscard]] THIMBLE_ALWAYS_INLINE label label_of_row(node row) const { return keys.empty() ? row : keys[row]; }
  [[nodiscard]] THIMBLE_ALWAYS_INLINE label label_of(node x) const { return label_of_row(row_of(x)); }
};

}  // namespace thimble::inline THIMBLE_FLAGS
