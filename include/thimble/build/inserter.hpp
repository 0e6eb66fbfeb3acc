// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Connects one node to those that are in the graph already (HNSW, algorithm 1), on distances between codes alone: no
// float copy of the vectors is needed. Any number of threads insert at once, each with its own scratch.

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <thimble/build/select_neighbors.hpp>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/graph/adjacency.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/search/candidate_list.hpp>
#include <thimble/search/traversal.hpp>
#include <thimble/search/visited_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// What one thread needs to insert.
class insert_scratch {
 public:
  // For a graph of n nodes. Error: out_of_memory.
  [[nodiscard]] expected<void> reserve(std::size_t n, unsigned ef_construction, std::size_t query_bytes) {
    if (auto done = visited.reserve(n); !done) return done;
    if (auto done = candidates.reserve(ef_construction); !done) return done;
    // The inserted node's query, that of a node whose links are pruned, and one for each link taken.
    auto queries = aligned_buffer<std::byte>::create((2 + 2 * max_m) * query_bytes);
    if (!queries) return std::unexpected(queries.error());
    queries_ = std::move(*queries);
    query_bytes_ = query_bytes;
    return {};
  }

  [[nodiscard]] std::byte* inserted_query() { return queries_.data(); }
  [[nodiscard]] std::byte* pruned_query() { return queries_.data() + query_bytes_; }
  [[nodiscard]] std::byte* link_query(std::size_t i) { return queries_.data() + (2 + i) * query_bytes_; }

  visited_set visited;
  candidate_list candidates;
  link_batch batch;
  std::array<node, 2 * max_m> taken;
  std::array<std::array<node, max_m>, max_level + 1> links;  // of the inserted node, on each level
  std::array<candidate, 2 * max_m + 1> pruned;

 private:
  aligned_buffer<std::byte> queries_;
  std::size_t query_bytes_ = 0;
};

template <symmetric_quantizer Quantizer>
class inserter {
 public:
  inserter(adjacency& g, const Quantizer& q, const simd::kernel_set& kernels, simd::code_rows codes,
           unsigned ef_construction)
      : graph_(g), quantizer_(q), kernels_(kernels), codes_(codes), ef_construction_(ef_construction) {}

  // The codes of x are in place; x has no links yet. Thread-safe.
  void insert(node x, insert_scratch& scratch) {
    const unsigned top = graph_.level(x);
    std::byte* query = scratch.inserted_query();
    quantizer_.prepare_from_code(kernels_, code(x), query);

    entry_point entry = graph_.entry();
    // A node above the entry changes it: one at a time, with the entry as it is then.
    const bool above = entry.at == no_node || top > entry.level;
    if (above) {
      lock_entry();
      entry = graph_.entry();
    }
    if (entry.at != no_node) connect(x, std::min(top, entry.level), entry, query, scratch);
    if (above) {
      if (entry.at == no_node || top > entry.level) graph_.set_entry({x, top});
      entry_lock_.clear(std::memory_order_release);
    }
  }

 private:
  [[nodiscard]] const std::byte* code(node x) const { return codes_.data + x * codes_.stride; }

  [[nodiscard]] auto distances_from(const std::byte* query) const {
    return [this, query](const node* nodes, std::size_t n, float* out) {
      quantizer_.estimate(kernels_, query, codes_, nodes, n, out);
    };
  }

  void lock_entry() {
    while (entry_lock_.test_and_set(std::memory_order_acquire)) {
    }
  }

  // First the links of x on all its levels, then the links back to it, so that whoever meets x on an upper level can go
  // on from it below. (Found top-down and linked level by level, x is met while its lower rows are empty: another
  // thread's node then knows nothing but x, and is lost when the row of x is written. Seen: 1 % of the nodes out of
  // reach.)
  void connect(node x, unsigned top, entry_point entry, const std::byte* query, insert_scratch& scratch) {
    const auto estimate = distances_from(query);
    located nearest = descend(graph_, estimate, entry, top, scratch.batch);
    std::array<std::size_t, max_level + 1> n_links;
    for (unsigned level = top;; --level) {
      scratch.candidates.clear(ef_construction_);
      beam_search(graph_, estimate, nearest, level, scratch.candidates, scratch.visited, scratch.batch);
      const std::span<const candidate> found = scratch.candidates.items();
      nearest = {found.front().id(), found.front().distance()};
      n_links[level] = select(found, graph_.m(), scratch);
      std::copy_n(scratch.taken.begin(), n_links[level], scratch.links[level].begin());
      if (level == 0) break;
    }
    for (unsigned level = 0; level <= top; ++level) {
      const auto guard = graph_.lock(x);
      graph_.set_links(x, level, {scratch.links[level].data(), n_links[level]});
    }
    for (unsigned level = 0; level <= top; ++level)
      for (std::size_t i = 0; i < n_links[level]; ++i) link_back(scratch.links[level][i], level, x, scratch);
  }

  void link_back(node y, unsigned level, node x, insert_scratch& scratch) {
    const auto guard = graph_.lock(y);
    bool known = false;
    graph_.for_each_link(y, level, [&](node z) { known = known || z == x; });
    if (known || graph_.append_link(y, level, x)) return;

    // The row is full: choose again among its links and x.
    std::size_t n = 0;
    graph_.for_each_link(y, level, [&](node z) { scratch.batch.nodes[n++] = z; });
    quantizer_.prepare_from_code(kernels_, code(y), scratch.pruned_query());
    const auto estimate = distances_from(scratch.pruned_query());
    estimate(scratch.batch.nodes, n, scratch.batch.distances);
    float distance_of_x;
    estimate(&x, 1, &distance_of_x);
    for (std::size_t i = 0; i < n; ++i)
      scratch.pruned[i] = candidate::of(scratch.batch.distances[i], scratch.batch.nodes[i]);
    scratch.pruned[n++] = candidate::of(distance_of_x, x);
    std::sort(scratch.pruned.begin(), scratch.pruned.begin() + static_cast<std::ptrdiff_t>(n));
    const std::size_t kept = select({scratch.pruned.data(), n}, graph_.max_degree(level), scratch);
    graph_.set_links(y, level, {scratch.taken.data(), kept});
  }

  [[nodiscard]] std::size_t select(std::span<const candidate> candidates, std::size_t most,
                                   insert_scratch& scratch) const {
    return select_neighbors(
        candidates, most, scratch.taken.data(),
        [&](std::size_t i, node taken) { quantizer_.prepare_from_code(kernels_, code(taken), scratch.link_query(i)); },
        [&](node c, std::size_t i, float distance) {
          float between;
          quantizer_.estimate(kernels_, scratch.link_query(i), codes_, &c, 1, &between);
          return between < distance;
        });
  }

  adjacency& graph_;
  const Quantizer& quantizer_;
  const simd::kernel_set& kernels_;
  simd::code_rows codes_;
  unsigned ef_construction_;
  std::atomic_flag entry_lock_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
