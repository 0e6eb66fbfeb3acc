// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// hnswlib's exact search over pictures as floats.

#pragma once

#if THIMBLE_HAS_HNSWLIB

#include <hnswlib/hnswlib.h>

#include <thimble/core/types.hpp>
#include <vector>

#include "unit/support/vectors.hpp"

namespace thimble::test {

class hnswlib_oracle {
 public:
  explicit hnswlib_oracle(const pictures& base) : space_(base.dim), search_(&space_, base.size()) {
    for (std::size_t i = 0; i < base.size(); ++i) search_.addPoint(base.row(i).data(), i);
  }

  // Nearest first.
  [[nodiscard]] std::vector<label> nearest(const std::vector<float>& query, std::size_t k) const {
    auto found = search_.searchKnn(query.data(), k);
    std::vector<label> labels(found.size());
    for (std::size_t i = labels.size(); i-- > 0; found.pop()) labels[i] = found.top().second;
    return labels;
  }

 private:
  hnswlib::L2Space space_;
  hnswlib::BruteforceSearch<float> search_;
};

}  // namespace thimble::test

#endif
