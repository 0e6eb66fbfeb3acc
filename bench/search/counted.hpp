// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// How many codes searches estimate: a quantizer that counts, and an index of it opened from what another one saved.
// It walks as that one does, so the count is that of the searches that were timed, which count nothing.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thimble/thimble.hpp>
#include <utility>
#include <vector>

#include "support.hpp"

namespace bench {

// Estimates since it was set to 0. One thread.
inline std::uint64_t n_estimated = 0;

template <thimble::quantizer Quantizer>
class counted : public Quantizer {
 public:
  explicit counted(Quantizer quantizer) : Quantizer(std::move(quantizer)) {}

  template <thimble::row_source Rows>
  [[nodiscard]] static thimble::expected<counted> train(const Rows& rows, thimble::metric m,
                                                        const thimble::train_options& options) {
    return of(Quantizer::train(rows, m, options));
  }
  [[nodiscard]] static thimble::expected<counted> load(std::span<const std::byte> parameters, std::size_t dim,
                                                       thimble::metric m) {
    return of(Quantizer::load(parameters, dim, m));
  }

  void estimate(const thimble::simd::kernel_set& kernels, const std::byte* query, thimble::simd::code_rows codes,
                const thimble::node* nodes, std::size_t n, float* out) const {
    n_estimated += n;
    Quantizer::estimate(kernels, query, codes, nodes, n, out);
  }
  void scout(const thimble::simd::kernel_set& kernels, const std::byte* query, thimble::simd::code_rows codes,
             const thimble::node* nodes, std::size_t n, float* out) const
    requires thimble::scouting_quantizer<Quantizer>
  {
    n_estimated += n;
    Quantizer::scout(kernels, query, codes, nodes, n, out);
  }

 private:
  [[nodiscard]] static thimble::expected<counted> of(thimble::expected<Quantizer> made) {
    if (!made) return std::unexpected(made.error());
    return counted(std::move(*made));
  }
};

template <class Index>
struct counting_form;
template <class... Quantizers>
struct counting_form<thimble::any_index_of<Quantizers...>> {
  using type = thimble::any_index_of<counted<Quantizers>...>;
};
using counting_index = counting_form<thimble::any_index>::type;

inline counting_index counting(const thimble::any_index& index) {
  std::vector<std::byte> bytes;
  must(index.save([&](std::span<const std::byte> more) -> thimble::expected<void> {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return {};
  }),
       "save");
  auto file = must(thimble::aligned_buffer<std::byte>::create(bytes.size()), "memory");
  std::ranges::copy(bytes, file.data());
  return must(counting_index::open(std::move(file)), "open");
}

}  // namespace bench
