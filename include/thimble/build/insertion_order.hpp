// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// In which order nodes come into a graph that is built at once, where their numbers are places along a line through
// space (build/locality_order.hpp). By halves: every second of those that are left is inserted last, of the rest again
// every second before, and so on; so the graph is about as dense everywhere at any time, as if the order were random.
// Each of these rounds goes by blocks of neighbours, and the blocks as far from each other as they can: the codes and
// links that one walk has read are those that the next one reads (a build takes .83 to .95 of the time of a random
// order; longer blocks cost recall at small ef).

#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>

#include <thimble/core/config.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class insertion_order {
 public:
  explicit insertion_order(std::size_t n) : n_(n), places_(std::bit_ceil(n)) {}

  // Blocks, to be gone through one after another or by several threads at once.
  [[nodiscard]] std::size_t blocks() const { return (places_ + block - 1) / block; }

  // The nodes of a block, none or some; each node below n is in one block.
  template <class Visit>
  void for_each(std::size_t of, Visit&& visit) const {
    for (std::size_t i = of * block; i < std::min(places_, (of + 1) * block); ++i)
      if (const std::size_t x = place(i); x < n_) visit(static_cast<node>(x));
  }

 private:
  static constexpr std::size_t block = 16;

  // Where the i-th of places_ stands: 0 first; then those of round r, 2^r of them, at odd multiples of a step.
  [[nodiscard]] std::size_t place(std::size_t i) const {
    if (i == 0) return 0;
    const std::size_t in_round = std::bit_floor(i);
    const std::size_t step = places_ / (2 * in_round);
    return (2 * scattered(i - in_round, in_round) + 1) * step;
  }

  // Moves blocks among each other; n is a power of two. An odd factor leaves no number out.
  [[nodiscard]] static std::size_t scattered(std::size_t i, std::size_t n) {
    if (n <= block) return i;
    constexpr std::size_t golden = 0x9e3779b1;
    return (i / block * golden % (n / block)) * block + i % block;
  }

  std::size_t n_;
  std::size_t places_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
