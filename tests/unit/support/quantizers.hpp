// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What typed tests of quantizers run over.

#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <thimble/index/any_index.hpp>
#include <thimble/metric/metric.hpp>
#include <thimble/quant/rabitq.hpp>

namespace thimble::test {

template <class Any>
struct quantizers_of;
template <class... Quantizers>
struct quantizers_of<any_index_of<Quantizers...>> {
  using type = ::testing::Types<Quantizers...>;
};
// Those of the library, in the order of any_index.
using all_quantizers = quantizers_of<any_index>::type;

// Each plane alone, all planes but 8 bits together, and 8 bits.
using some_rabitqs = ::testing::Types<rabitq<1>, rabitq<2>, rabitq<4>, rabitq<7>, rabitq<8>>;

// Names the instances of a typed suite.
struct quantizer_names {
  template <class Quantizer>
  static std::string GetName(int /*position*/) {  // NOLINT(readability-identifier-naming): GoogleTest's name
    return std::string(Quantizer::name);
  }
};

// Those that quantizers tell apart: cosine is the inner product of unit vectors.
inline constexpr metric metrics[] = {metric::l2, metric::inner_product};

// Around the sizes of vector registers and of blocks; common ones; one that is large and odd.
inline constexpr std::size_t usual_dims[] = {1, 7, 8, 63, 64, 65, 100, 768, 1536, 4097};

}  // namespace thimble::test
