// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The results of one search, nearest first, and what they cost.

#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/rerank/reranker.hpp>
#include <thimble/search/stage_times.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class hits {
 public:
  // label_of(id): what the user calls what the reranker calls so. Error: out_of_memory.
  template <class LabelOf = std::identity>
  [[nodiscard]] static expected<hits> copy(const reranker& from, const LabelOf& label_of = {}) {
    auto neighbors = aligned_buffer<neighbor>::create(from.results().size());
    if (!neighbors) return std::unexpected(neighbors.error());
    std::ranges::transform(from.results(), neighbors->data(),
                           [&](const neighbor& n) { return neighbor{.id = label_of(n.id), .distance = n.distance}; });
    hits result;
    result.neighbors_ = std::move(*neighbors);
    result.vectors_read_ = from.vectors_read();
    result.batches_ = from.batches();
    result.times_ = from.times();
    return result;
  }

  [[nodiscard]] const neighbor* begin() const { return neighbors_.data(); }
  [[nodiscard]] const neighbor* end() const { return neighbors_.data() + neighbors_.size(); }
  [[nodiscard]] std::size_t size() const { return neighbors_.size(); }
  [[nodiscard]] bool empty() const { return neighbors_.empty(); }
  [[nodiscard]] const neighbor& operator[](std::size_t i) const { return neighbors_[i]; }

  // Rows fetched from the store, and in how many batches.
  [[nodiscard]] std::size_t vectors_read() const { return vectors_read_; }
  [[nodiscard]] std::size_t batches() const { return batches_; }
  // All 0 where search_params::clock was not set.
  [[nodiscard]] const stage_times& times() const { return times_; }

 private:
  aligned_buffer<neighbor> neighbors_;
  std::size_t vectors_read_ = 0;
  std::size_t batches_ = 0;
  stage_times times_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
