// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A permutation of n numbers and its inverse in as few bits as a number below n needs: 4 bytes a number for both at
// 65,536, 5 at a million.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class permutation {
 public:
  permutation() = default;

  // i -> of[i]; each number below of.size() once. Error: out_of_memory.
  [[nodiscard]] static expected<permutation> of(std::span<const node> of) {
    auto forward = aligned_buffer<std::byte>::create(bytes_for(of.size()));
    if (!forward) return std::unexpected(forward.error());
    const unsigned bits = bits_for(of.size());
    for (std::size_t i = 0; i < of.size(); ++i) put(forward->data(), bits, i, of[i]);
    return inverted(of.size(), std::move(*forward));
  }

  // As a file has it (forward()). Errors: corrupt, out_of_memory.
  [[nodiscard]] static expected<permutation> from_parts(std::size_t n, aligned_buffer<std::byte> forward) {
    if (forward.size() != bytes_for(n)) return fail(errc::corrupt, "a permutation has a wrong size", forward.size());
    return inverted(n, std::move(forward));
  }

  [[nodiscard]] std::size_t size() const { return n_; }
  [[nodiscard]] node operator[](std::size_t i) const { return get(forward_.data(), i); }
  // Asks for what [i] reads, ahead of its use.
  THIMBLE_ALWAYS_INLINE void prefetch(std::size_t i) const {
    THIMBLE_PREFETCH_SECOND(forward_.data() + std::uint64_t{i} * bits_ / 8);
  }
  // The i that is sent to y.
  [[nodiscard]] node inverse(std::size_t y) const { return get(inverse_.data(), y); }

  [[nodiscard]] std::span<const std::byte> forward() const { return forward_.span(); }
  [[nodiscard]] std::size_t bytes() const { return forward_.bytes() + inverse_.bytes(); }

 private:
  [[nodiscard]] static unsigned bits_for(std::size_t n) {
    return n < 2 ? 1u : static_cast<unsigned>(std::bit_width(n - 1));
  }
  // 8 more than the numbers take, zeros: any number is read as 8 bytes.
  [[nodiscard]] static std::size_t bytes_for(std::size_t n) {
    return static_cast<std::size_t>((std::uint64_t{n} * bits_for(n) + 7) / 8) + sizeof(std::uint64_t);
  }

  static void put(std::byte* numbers, unsigned bits, std::size_t i, node value) {
    std::byte* const at = numbers + std::uint64_t{i} * bits / 8;
    const unsigned shift = static_cast<unsigned>(std::uint64_t{i} * bits % 8);
    store_as(at, load_as<std::uint64_t>(at) | std::uint64_t{value} << shift);
  }
  [[nodiscard]] THIMBLE_ALWAYS_INLINE node get(const std::byte* numbers, std::size_t i) const {
    const std::uint64_t at = std::uint64_t{i} * bits_;
    const auto word = load_as<std::uint64_t>(numbers + at / 8);
    return static_cast<node>(word >> (at % 8) & mask_);
  }

  [[nodiscard]] static expected<permutation> inverted(std::size_t n, aligned_buffer<std::byte> forward) {
    auto inverse = aligned_buffer<std::byte>::create(bytes_for(n));
    if (!inverse) return std::unexpected(inverse.error());
    auto seen = aligned_buffer<std::uint8_t>::create(n);
    if (!seen) return std::unexpected(seen.error());
    permutation p;
    p.n_ = n;
    p.bits_ = bits_for(n);
    p.mask_ = (std::uint64_t{1} << p.bits_) - 1;
    p.forward_ = std::move(forward);
    for (std::size_t i = 0; i < n; ++i) {
      const node y = p[i];
      if (y >= n || (*seen)[y] != 0)
        return fail(errc::corrupt, "a permutation holds a number twice, or a wrong one", i);
      (*seen)[y] = 1;
      put(inverse->data(), p.bits_, y, static_cast<node>(i));
    }
    p.inverse_ = std::move(*inverse);
    return p;
  }

  aligned_buffer<std::byte> forward_;
  aligned_buffer<std::byte> inverse_;
  std::size_t n_ = 0;
  std::uint64_t mask_ = 0;
  unsigned bits_ = 1;
};

}  // namespace thimble::inline THIMBLE_FLAGS
