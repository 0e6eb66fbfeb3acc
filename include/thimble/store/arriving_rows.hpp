// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The rows of a set on their way into a store, batch after batch in order: whether they are what was announced, and the
// fingerprint of all of them, which is an index's that was built from the same rows. Needs no memory; a few words carry
// an import on after an interruption.

#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/metric/vector_check.hpp>
#include <thimble/store/fingerprint.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class arriving_rows {
 public:
  arriving_rows() = default;
  arriving_rows(std::size_t n, std::size_t dim) : n_(n), dim_(dim), fingerprint_(n, dim) {}

  // Goes on where another one stood, with its size() and fingerprint().
  arriving_rows(std::size_t n, std::size_t dim, std::size_t rows, std::uint64_t fingerprint)
      : n_(n), dim_(dim), rows_(rows), fingerprint_(fingerprint) {
    while (next_of_fingerprint() < rows_) ++fingerprinted_;
  }

  [[nodiscard]] std::size_t size() const { return rows_; }
  [[nodiscard]] bool complete() const { return rows_ == n_; }
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_.value(); }  // of those so far until complete

  // How many rows so many values are. Errors: wrong_dim, too_many_vectors.
  [[nodiscard]] expected<std::size_t> count(std::size_t values) const {
    if (values % dim_ != 0) return fail(errc::wrong_dim, "append takes whole rows", values);
    const std::size_t rows = values / dim_;
    if (rows > n_ - rows_)
      return fail(errc::too_many_vectors, "more rows than the import was created for", rows_ + rows);
    return rows;
  }

  // The next whole rows. Errors: those of count(), not_finite (names the row).
  template <vector_element T>
  [[nodiscard]] expected<void> add(std::span<const T> values) {
    const auto rows = count(values.size());
    if (!rows) return std::unexpected(rows.error());
    for (std::size_t i = 0; i < *rows; ++i, ++rows_) {
      const auto row = values.subspan(i * dim_, dim_);
      if (!finite(row)) return fail(errc::not_finite, "a vector holds NaN or infinity or is too large", rows_);
      if (rows_ == next_of_fingerprint()) add_to_fingerprint(row);
    }
    return {};
  }

 private:
  template <vector_element T>
  [[nodiscard]] static bool finite(std::span<const T> row) {
    if constexpr (std::same_as<T, float>) {
      return is_finite(row);
    } else {
      return std::integral<T> || std::ranges::all_of(row, [](T value) {
               const auto as_float = static_cast<float>(value);
               return is_finite({&as_float, 1});
             });
    }
  }

  [[nodiscard]] std::size_t next_of_fingerprint() const {
    return fingerprinted_ < fingerprint_rows(n_) ? fingerprint_row(fingerprinted_, n_) : n_;
  }

  template <vector_element T>
  void add_to_fingerprint(std::span<const T> row) {
    for (const T value : row) {
      const auto as_float = static_cast<float>(value);
      fingerprint_.add({&as_float, 1});
    }
    ++fingerprinted_;
  }

  std::size_t n_ = 0;
  std::size_t dim_ = 0;
  std::size_t rows_ = 0;
  std::size_t fingerprinted_ = 0;
  fingerprint_builder fingerprint_{0, 0};
};

}  // namespace thimble::inline THIMBLE_FLAGS
