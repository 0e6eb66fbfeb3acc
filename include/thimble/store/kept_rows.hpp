// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A set of vectors that has no better place than the program's memory: what the browser stores write to and read from
// storage, as bytes of the set's element type. Takes all its memory at once.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/half.hpp>
#include <thimble/core/types.hpp>
#include <thimble/store/arriving_rows.hpp>
#include <thimble/store/narrow.hpp>
#include <thimble/store/stored_set.hpp>
#include <thimble/store/widen.hpp>

namespace thimble::inline THIMBLE_FLAGS::detail {

// Move-only.
class kept_rows {
 public:
  kept_rows() = default;

  // Errors: those of stored_set::create(), out_of_memory.
  [[nodiscard]] static expected<kept_rows> create(const stored_layout& layout) {
    const auto set = stored_set::create(layout);
    if (!set) return std::unexpected(set.error());
    auto bytes = aligned_buffer<std::byte>::create(saturated_product(layout.n, set->row_bytes()));
    if (!bytes) return std::unexpected(bytes.error());
    return kept_rows(*set, std::move(*bytes));
  }

  // The next rows, whole ones, of the set's element type, or floats for float16. After an error the rows so far are no
  // more to be used. Errors: invalid_argument, wrong_dim, too_many_vectors, not_finite and too_large (name the row).
  template <class T>
  [[nodiscard]] expected<void> append(std::span<const T> rows) {
    const bool rounded = std::is_same_v<T, float> && set_.element == element_type::float16;
    if (!rounded && set_.element != element_of<T>)
      return fail(errc::invalid_argument, "the import was created for another element type");
    const std::size_t first = arrived_.size();
    if (const auto valid = arrived_.add(rows); !valid) return valid;
    std::byte* to = bytes_.data() + first * set_.row_bytes();
    if constexpr (std::is_same_v<T, float>) {
      if (rounded) return round_rows(rows, {reinterpret_cast<half*>(to), rows.size()}, set_.dim, first);
    }
    if (!rows.empty()) std::memcpy(to, rows.data(), rows.size_bytes());
    return {};
  }

  // Once all rows are there.
  void finish() {
    THIMBLE_ASSERT(arrived_.complete());
    set_.rows = set_.n;
    set_.fingerprint = arrived_.fingerprint();
    set_.finished = true;
  }

  // Row nodes[i] goes to out[i * dim ..]; nodes ascend.
  void read(std::span<const node> nodes, std::span<float> out) const {
    const auto values = out.first(nodes.size() * set_.dim);
    const std::size_t row_bytes = set_.row_bytes();
    // Narrow rows go to the end of their place and are widened from there.
    std::byte* to = reinterpret_cast<std::byte*>(values.data() + values.size()) - nodes.size() * row_bytes;
    for (const node row : nodes) {
      std::memcpy(to, bytes_.data() + row * row_bytes, row_bytes);
      to += row_bytes;
    }
    widen_from_end(set_.element, values);
  }

  [[nodiscard]] std::size_t rows() const { return arrived_.size(); }
  [[nodiscard]] const stored_set& set() const { return set_; }  // complete after finish()

 private:
  template <class T>
  static constexpr element_type element_of = std::is_same_v<T, float>  ? element_type::float32
                                             : std::is_same_v<T, half> ? element_type::float16
                                                                       : element_type::uint8;

  kept_rows(const stored_set& set, aligned_buffer<std::byte>&& bytes)
      : set_(set), bytes_(std::move(bytes)), arrived_(static_cast<std::size_t>(set.n), set.dim) {}

  stored_set set_{};
  aligned_buffer<std::byte> bytes_;
  arriving_rows arrived_;
};

}  // namespace thimble::inline THIMBLE_FLAGS::detail
