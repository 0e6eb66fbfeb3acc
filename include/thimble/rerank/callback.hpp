// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Drives a rerank from a store whose reads complete later. Nothing waits: each completion feeds the state machine and
// starts the next batch, until `then` is called, once.

#pragma once

#include <cstddef>
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
    step();
  }

 private:
  void step() {
    if (reranker_->done()) return then_({});
    const std::span<const node> needed = reranker_->needs();
    store_->read(needed, rows_.first(needed.size() * store_->dim()), completion{this, &async_rerank::arrived});
  }

  static void arrived(void* self, expected<void> outcome) {
    auto& rerank = *static_cast<async_rerank*>(self);
    if (!outcome) return rerank.then_(outcome);
    const std::size_t dim = rerank.store_->dim();
    for (std::size_t i = 0; i < rerank.reranker_->needs().size(); ++i)
      rerank.reranker_->accept(i, rerank.rows_.subspan(i * dim, dim));
    rerank.reranker_->advance();
    rerank.step();
  }

  reranker* reranker_ = nullptr;
  Store* store_ = nullptr;
  std::span<float> rows_;
  completion then_{};
};

}  // namespace thimble::inline THIMBLE_FLAGS
