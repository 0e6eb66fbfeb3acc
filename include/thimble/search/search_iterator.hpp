// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The results of one query, as many as the caller turns out to want, without starting again: index::iterate().
//
//     auto nearest = index.iterate(query);
//     auto hits = nearest->next(10);   // a span: the ten nearest
//     hits = nearest->next(10);        // the ten after them
//
// Costs a beam of ef for the first result and about one expansion for each further one; memory 8 bytes a vector met,
// beside scratch that it borrows from the index.

#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/growing_buffer.hpp>
#include <thimble/core/permutation.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/frozen_graph.hpp>
#include <thimble/search/label_filter.hpp>
#include <thimble/search/numbering.hpp>
#include <thimble/search/resumable_walk.hpp>
#include <thimble/search/scratch_pool.hpp>
#include <thimble/search/traversal.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct iterator_params {
  // Candidates that are looked at ahead of each result: more is slower and finds more.
  std::size_t ef = 64;
  // Which labels may be results. The walk passes through the others: it is the longer, the fewer pass, and where they
  // are few search() is faster, which scans them.
  label_filter filter{};
};

// What an iterator walks through: parts of an index, none of its types.
struct walked_index {
  const frozen_graph* graph;
  numbering names;
  const void* index;
  // From the query that the scratch holds, prepared.
  void (*estimate)(const void* index, const std::byte* query, const node* nodes, std::size_t n, float* distances);
};

// Moved, never copied; for one thread at a time. The index stays where it is while its iterators live, and so do the
// filter's bits or predicate.
class search_iterator {
 public:
  // scratch: holds the prepared query, and has room for the index. Error: out_of_memory.
  [[nodiscard]] static expected<search_iterator> create(const walked_index& through, scratch_pool::lease scratch,
                                                        const iterator_params& params) {
    search_scratch& room = *scratch;
    const located start =
        descend(*through.graph, estimator_of{through, room.query()}, through.graph->entry(), 0, room.batch);
    const std::size_t ef = std::clamp(params.ef, std::size_t{1}, through.graph->size());
    auto walk = resumable_walk::create(ef, start, room.visited);
    if (!walk) return std::unexpected(walk.error());
    return search_iterator(through, std::move(scratch), std::move(*walk), params.filter);
  }

  // The next n results by estimate, valid until the next call. Fewer at the end of all that the graph's links lead to,
  // or where memory ran out, which the next call then reports; none: the end. Together they hold every such label that
  // passes, each once, and are the same however they are divided into calls.
  //
  // A result is given away when the ef nearest of all that were met and not given away are expanded: nothing that was
  // met is nearer. A vector that is met only later, from behind those ef, may be nearer than results before it, and
  // then comes at once: with ef >= size() distances never decrease, with less they do as rarely as a search with ef
  // misses a neighbour. Error: out_of_memory; nothing is lost, and it may be called again.
  [[nodiscard]] expected<std::span<const neighbor>> next(std::size_t n) {
    results_.clear();
    while (results_.size() < n && !done_) {
      if (auto stepped = step(); !stepped) {
        if (results_.empty()) return std::unexpected(stepped.error());
        break;
      }
    }
    return results_.span();
  }

  // Whether the end was met: there is nothing more.
  [[nodiscard]] bool done() const { return done_; }

 private:
  struct estimator_of {
    const walked_index& through;
    const std::byte* query;

    void operator()(const node* nodes, std::size_t n, float* out) const {
      through.estimate(through.index, query, nodes, n, out);
    }
  };

  search_iterator(const walked_index& through, scratch_pool::lease scratch, resumable_walk walk,
                  const label_filter& filter)
      : through_(through), scratch_(std::move(scratch)), walk_(std::move(walk)), filter_(filter) {}

  // Takes one node, a result if it passes.
  [[nodiscard]] expected<void> step() {
    search_scratch& room = *scratch_;
    if (auto space = results_.make_room(1); !space) return space;
    if (auto settled = walk_.settle(*through_.graph, estimator_of{through_, room.query()}, room.visited, room.batch);
        !settled)
      return settled;
    done_ = walk_.window().empty();
    if (done_) return {};
    const candidate nearest = walk_.take();
    const label id = through_.names.label_of(nearest.id());
    if (filter_(id)) results_.push({.id = id, .distance = nearest.distance()});
    return {};
  }

  walked_index through_;
  scratch_pool::lease scratch_;
  resumable_walk walk_;
  label_filter filter_;
  growing_buffer<neighbor> results_;
  bool done_ = false;
};

}  // namespace thimble::inline THIMBLE_FLAGS
