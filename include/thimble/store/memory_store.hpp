// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Full-precision vectors that the program holds in memory anyway: a view with an identity. Exact; costs no copy.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bfloat16.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/half.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/store/fingerprint.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

template <vector_element T>
class memory_store {
 public:
  // vectors: n x dim, in the order the index was built from; they stay where they are, unchanged, while the store
  // lives. Allocates one row for a moment. Error: out_of_memory.
  [[nodiscard]] static expected<memory_store> create(const matrix_view<T>& vectors) {
    auto scratch = aligned_buffer<float>::create(vectors.dim());
    if (!scratch) return std::unexpected(scratch.error());
    const auto identity = thimble::fingerprint(vectors, scratch->span());
    if (!identity) return std::unexpected(identity.error());
    return memory_store(vectors, *identity);
  }

  [[nodiscard]] std::size_t size() const { return vectors_.size(); }
  [[nodiscard]] std::size_t dim() const { return vectors_.dim(); }
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }

  [[nodiscard]] expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    return vectors_.row(i, scratch);
  }

  // Brings a row nearer that is read soon.
  THIMBLE_ALWAYS_INLINE void prefetch(std::size_t i) const {
    detail::prefetch_bytes(vectors_.row_bytes(i), dim() * sizeof(T));
  }

 private:
  memory_store(const matrix_view<T>& vectors, std::uint64_t identity) : vectors_(vectors), fingerprint_(identity) {}

  matrix_view<T> vectors_;
  std::uint64_t fingerprint_;
};

static_assert(row_store<memory_store<float>>);
static_assert(row_store<memory_store<half>>);
static_assert(row_store<memory_store<bfloat16>>);
static_assert(row_store<memory_store<std::uint8_t>>);
static_assert(row_store<memory_store<std::int8_t>>);

}  // namespace thimble::inline THIMBLE_FLAGS
