// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What the nodes of a frozen index are called outside of it: a node's row is the number of its vector where it was read
// from and in stores; a row's label is its number, or a key of the user's.

#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/permutation.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct numbering {
  const permutation* rows;
  std::span<const label> keys;  // of each row, ascending; empty where a row's label is its number

  [[nodiscard]] THIMBLE_ALWAYS_INLINE node row_of(node x) const { return (*rows)[x]; }
  [[nodiscard]] THIMBLE_ALWAYS_INLINE label label_of_row(node row) const { return keys.empty() ? row : keys[row]; }
  [[nodiscard]] THIMBLE_ALWAYS_INLINE label label_of(node x) const { return label_of_row(row_of(x)); }

  // The node of a label, no_node where there is none; by bisection where there are keys.
  [[nodiscard]] node find(label id) const {
    if (keys.empty()) return id < rows->size() ? rows->inverse(static_cast<std::size_t>(id)) : no_node;
    const auto key = std::ranges::lower_bound(keys, id);
    return key != keys.end() && *key == id ? rows->inverse(static_cast<std::size_t>(key - keys.begin())) : no_node;
  }
};

}  // namespace thimble::inline THIMBLE_FLAGS
