// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Vectors as a range of ranges (a vector of vectors, a deque of arrays, a view that finds row i somewhere) as the
// row_source that a build reads from. Rows of floats are read in place, others converted one at a time; no other copy.

#pragma once

#include <concepts>
#include <cstddef>
#include <cstring>
#include <ranges>
#include <span>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/matrix_view.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <class R>
concept range_of_rows =
    // Row i is found in constant time.
    std::ranges::random_access_range<R> && std::ranges::sized_range<R> &&
    // Each is an array of known length, whether it lies somewhere or is made when it is asked for.
    std::ranges::contiguous_range<std::ranges::range_reference_t<R>> &&
    std::ranges::sized_range<std::ranges::range_reference_t<R>> &&
    vector_element<std::ranges::range_value_t<std::ranges::range_reference_t<R>>>;

// range_rows(range) refers to a container that has a name, holds a copy of a view, and takes over a temporary.
template <std::ranges::view Range>
  requires range_of_rows<const Range>
class range_rows {
 public:
  using element = std::ranges::range_value_t<std::ranges::range_reference_t<const Range>>;

  // Reads the first row for its length. The rows stay as they are while this lives.
  explicit range_rows(Range rows) : rows_(std::move(rows)) {
    if (size() != 0) dim_ = std::ranges::size(at(0));
  }

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(std::ranges::size(rows_)); }
  [[nodiscard]] std::size_t dim() const { return dim_; }

  // Any number of threads at once, if the range allows reading from them (containers do; a view's function must).
  // Error: wrong_dim when the row is not as long as the first one (value: the row).
  [[nodiscard]] expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    THIMBLE_ASSERT(i < size());
    auto&& values = at(i);
    if (std::ranges::size(values) != dim_)
      return fail(errc::wrong_dim, "a vector is not as long as the first one: all need the same dim", i);
    const element* from = std::ranges::data(values);
    if constexpr (std::same_as<element, float> && !rows_stay) {
      if (dim_ != 0) std::memcpy(scratch.data(), from, dim_ * sizeof(float));
      return std::span<const float>(scratch.data(), dim_);
    } else {
      return matrix_view(from, 1, dim_).row(0, scratch);
    }
  }

 private:
  using reference = std::ranges::range_reference_t<const Range>;

  // Not so where the range makes a row that owns its values: they go with it.
  static constexpr bool rows_stay = std::ranges::borrowed_range<reference>;

  [[nodiscard]] reference at(std::size_t i) const {
    return std::ranges::begin(rows_)[static_cast<std::ranges::range_difference_t<const Range>>(i)];
  }

  Range rows_;
  std::size_t dim_ = 0;
};

template <class Range>
range_rows(Range&&) -> range_rows<std::views::all_t<Range>>;

static_assert(row_source<range_rows<std::span<const std::span<const float>>>>);

}  // namespace thimble::inline THIMBLE_FLAGS
