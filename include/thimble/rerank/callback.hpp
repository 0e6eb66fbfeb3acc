// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Drives a rerank from a store whose reads complete later. Nothing waits: each completion feeds the state machine and
// starts the next batch, until `then` is called, once. Batches that complete before read() returns are taken in a loop:
// the stack does not grow with their number.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/rerank/reranker.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// One rerank under way. It, the reranker, the store and the room for rows stay where they are until `then` is called.
template <async_store Store>
class async_rerank {
 public:
  // rows: (number of rows needed at most) x dim floats.
  void start(reranker& r, Store& from, std::span<float> rows, completion then) {
    reranker_ = &r;
    store_ = &from;
    rows_ = rows;
    then_ = then;
    go_on({});
  }

 private:
  enum class batch : std::uint8_t { asked_for, under_way, arrived };

  void go_on(expected<void> outcome) {
    while (outcome && !reranker_->done()) {
      batch_.store(batch::asked_for, std::memory_order_relaxed);
      const std::span<const node> needed = reranker_->needs();
      store_->read(needed, rows_.first(needed.size() * store_->dim()), completion{this, &async_rerank::arrived});
      // Whoever comes second goes on, this or arrived(): nothing is touched here after that.
      if (batch_.exchange(batch::under_way) == batch::asked_for) return;
      outcome = take();
    }
    then_(outcome);
  }

  static void arrived(void* self, expected<void> outcome) {
    auto& rerank = *static_cast<async_rerank*>(self);
    rerank.outcome_ = outcome;
    if (rerank.batch_.exchange(batch::arrived) == batch::under_way) rerank.go_on(rerank.take());
  }

  [[nodiscard]] expected<void> take() {
    if (!outcome_) return outcome_;
    const std::size_t dim = store_->dim();
    for (std::size_t i = 0; i < reranker_->needs().size(); ++i) reranker_->accept(i, rows_.subspan(i * dim, dim));
    reranker_->advance();
    return {};
  }

  reranker* reranker_ = nullptr;
  Store* store_ = nullptr;
  std::span<float> rows_;
  completion then_{};
  expected<void> outcome_;
  std::atomic<batch> batch_{batch::asked_for};
};

}  // namespace thimble::inline THIMBLE_FLAGS
