// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What the programs that the browser tests drive one store with share: a store, rows that were read from it, and a
// search that reranks from it beside one that reranks from memory. JavaScript (pages/store_lab.mjs) hands in a ticket
// and gets lab_answer(ticket, code, value) once. store_lab_calls.inl has the calls.

#pragma once

#include <emscripten/em_js.h>
#include <emscripten/em_macros.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <thimble/core/error.hpp>
#include <thimble/index/index.hpp>
#include <thimble/quant/rabitq.hpp>
#include <thimble/rerank/callback.hpp>
#include <thimble/store/memory_store.hpp>
#include <thimble/store/store.hpp>

// clang-format off
EM_JS(void, lab_answer, (unsigned ticket, const char* code, unsigned length, double value), {
  Module["answered"](ticket, length === 0 ? null : UTF8ToString(code, length), value);
});
// clang-format on

namespace lab {

inline void answer(unsigned ticket, const thimble::expected<void>& outcome) {
  if (outcome) return lab_answer(ticket, nullptr, 0, 0);
  const auto code = thimble::name(outcome.error().code);
  lab_answer(ticket, code.data(), static_cast<unsigned>(code.size()), static_cast<double>(outcome.error().value));
}

// Whether reranking from the store gives the hits of memory: one query after another, each from a completion.
template <thimble::async_store Store>
class comparison {
 public:
  void start(Store& store, const float* values, std::size_t n, std::size_t dim, unsigned ticket) {
    store_ = &store;
    values_ = {values, n * dim};
    ticket_ = ticket;
    next_ = 0;
    const thimble::matrix_view<float> rows(values, n, dim);
    auto memory = thimble::memory_store<float>::create(rows);
    auto built = thimble::index<thimble::rabitq<4>>::build(rows, {.m = 8, .ef_construction = 60});
    if (!memory || !built) return answer(ticket_, thimble::fail(thimble::errc::out_of_memory, "no index to compare"));
    memory_.emplace(std::move(*memory));
    index_.emplace(std::move(*built));
    if (const auto same = index_->check_store(store); !same) return answer(ticket_, same);
    step();
  }

 private:
  static constexpr std::size_t n_queries = 20;

  void step() {
    if (next_ == n_queries) return answer(ticket_, {});
    const std::size_t dim = index_->dim();
    const std::size_t row = next_ * (index_->size() / n_queries);
    query_.assign(values_.begin() + static_cast<std::ptrdiff_t>(row * dim),
                  values_.begin() + static_cast<std::ptrdiff_t>((row + 1) * dim));
    query_[0] += 3;
    if (const auto begun = index_->begin(query_, params, scratch_, thimble::rows_at_once(*store_)); !begun)
      return answer(ticket_, begun);
    rows_.resize(scratch_.rerank().most_at_once() * dim);
    rerank_.start(scratch_.rerank(), *store_, rows_, {this, [](void* self, thimble::expected<void> outcome) {
                                                        static_cast<comparison*>(self)->compare(outcome);
                                                      }});
  }

  void compare(const thimble::expected<void>& outcome) {
    if (!outcome) return answer(ticket_, outcome);
    const auto wanted = index_->search(query_, params, *memory_);
    if (!wanted || !std::ranges::equal(*wanted, scratch_.rerank().results()))
      return answer(ticket_, thimble::fail(thimble::errc::corrupt, "other hits than from memory", next_));
    ++next_;
    step();
  }

  static constexpr thimble::search_params params{.k = 10, .ef = 60, .rerank = 50};

  Store* store_ = nullptr;
  std::span<const float> values_;
  unsigned ticket_ = 0;
  std::size_t next_ = 0;
  std::optional<thimble::memory_store<float>> memory_;
  std::optional<thimble::index<thimble::rabitq<4>>> index_;
  thimble::search_scratch scratch_;
  thimble::async_rerank<Store> rerank_;
  std::vector<float> query_;
  std::vector<float> rows_;
};

template <thimble::async_store Store>
struct session {
  std::optional<Store> store;
  std::vector<thimble::node> nodes;
  std::vector<float> rows;
  comparison<Store> compared;
  unsigned ticket = 0;

  // Keeps what was opened.
  [[nodiscard]] thimble::opened<Store> keep(unsigned for_whom) {
    ticket = for_whom;
    store.reset();
    return {this, [](void* self, thimble::expected<Store>&& outcome) {
              auto& at = *static_cast<session*>(self);
              if (!outcome) return answer(at.ticket, std::unexpected(outcome.error()));
              at.store.emplace(std::move(*outcome));
              answer(at.ticket, {});
            }};
  }
  [[nodiscard]] thimble::completion tell(unsigned for_whom) {
    ticket = for_whom;
    return {this,
            [](void* self, thimble::expected<void> outcome) { answer(static_cast<session*>(self)->ticket, outcome); }};
  }
};

}  // namespace lab
