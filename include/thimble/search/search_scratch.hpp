// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// All that one search at a time needs beside the index. Reused, it allocates nothing; it belongs to one thread at a
// time and fits any index (it grows to the largest). Memory: 1 byte a vector, 44 a candidate, rows for one rerank.

#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/rerank/reranker.hpp>
#include <thimble/search/candidate_list.hpp>
#include <thimble/search/traversal.hpp>
#include <thimble/search/visited_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class search_scratch {
 public:
  // Room for a search among n vectors that keeps so many candidates, and with a filter walks so many. Error:
  // out_of_memory.
  [[nodiscard]] expected<void> reserve(std::size_t n, std::size_t n_candidates, std::size_t n_walked, std::size_t dim,
                                       std::size_t query_bytes) {
    if (auto done = visited.reserve(n); !done) return done;
    if (auto done = candidates.reserve(n_candidates); !done) return done;
    if (auto done = walk.reserve(n_walked); !done) return done;
    if (auto done = rerank_.reserve(n_candidates, dim); !done) return done;
    if (auto done = grow(query_, query_bytes); !done) return done;
    return grow(vector_, dim);
  }

  // The last stage of the search that begin() set up.
  [[nodiscard]] reranker& rerank() { return rerank_; }

  // At least n floats for rows of a store. Error: out_of_memory.
  [[nodiscard]] expected<std::span<float>> rows(std::size_t n) {
    if (auto done = grow(rows_, n); !done) return std::unexpected(done.error());
    return rows_.span();
  }

  [[nodiscard]] std::byte* query() { return query_.data(); }
  [[nodiscard]] std::span<float> vector(std::size_t dim) { return vector_.span().first(dim); }

  visited_set visited;
  candidate_list candidates;
  candidate_list walk;  // of a filtered search
  link_batch batch;

 private:
  template <class T>
  [[nodiscard]] static expected<void> grow(aligned_buffer<T>& buffer, std::size_t n) {
    if (buffer.size() >= n) return {};
    auto larger = aligned_buffer<T>::create(n);
    if (!larger) return std::unexpected(larger.error());
    buffer = std::move(*larger);
    return {};
  }

  aligned_buffer<std::byte> query_;
  aligned_buffer<float> vector_;  // the query, normalised
  aligned_buffer<float> rows_;
  reranker rerank_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
