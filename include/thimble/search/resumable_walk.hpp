// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A beam search that can go on: one node after another, nearest first, as far as the caller wants. Before each of them
// it has expanded the nearest ef of all it met and did not give away yet; so the first costs what a beam of ef costs,
// and each further one about one expansion.

#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/graph.hpp>
#include <thimble/search/candidate_list.hpp>
#include <thimble/search/candidate_queue.hpp>
#include <thimble/search/traversal.hpp>
#include <thimble/search/visited_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class resumable_walk {
 public:
  // From `start` on level 0, with a window of ef, at least 1. visited (with room for the graph) is cleared, and is the
  // walk's from now on. Error: out_of_memory.
  [[nodiscard]] static expected<resumable_walk> create(std::size_t ef, located start, visited_set& visited) {
    auto queue = candidate_queue::create(ef);
    if (!queue) return std::unexpected(queue.error());
    if (auto room = queue->make_room(1); !room) return std::unexpected(room.error());
    visited.clear();
    (void)visited.insert(start.at);
    queue->insert(start.distance, start.at);
    return resumable_walk(std::move(*queue));
  }

  // Expands until all of the window are expanded. Then nothing that was met and not taken is nearer than its first, and
  // window() is what a beam of ef that expands one after another would keep, if it may not keep what was taken. Error:
  // out_of_memory; nothing is lost, and it may be called again.
  template <graph Graph, estimator Estimator>
  [[nodiscard]] expected<void> settle(const Graph& g, const Estimator& estimate, visited_set& visited,
                                      link_batch& batch) {
    while (queue_.next() != nullptr) {
      if (auto room = queue_.make_room(g.max_degree(0)); !room) return room;
      std::size_t n = 0;
      g.for_each_link(queue_.expand_next(), 0, [&](node y) {
        batch.nodes[n] = y;
        n += visited.insert(y) ? 1 : 0;
      });
      if (const candidate* after = queue_.next(); after != nullptr) g.prefetch_links(after->id());
      estimate(batch.nodes, n, batch.distances);
      for (std::size_t i = 0; i < n; ++i) queue_.insert(batch.distances[i], batch.nodes[i]);
    }
    return {};
  }

  // Nearest first; empty, once settled, when all that the links lead to were taken.
  [[nodiscard]] std::span<const candidate> window() const { return queue_.window(); }

  // Takes the first of the window out.
  candidate take() { return queue_.take(); }

  [[nodiscard]] std::size_t bytes() const { return queue_.bytes(); }

 private:
  explicit resumable_walk(candidate_queue queue) : queue_(std::move(queue)) {}

  candidate_queue queue_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
