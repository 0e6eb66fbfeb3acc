// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// All vectors within a distance: index::search_radius(). A walk that goes on (search/resumable_walk.hpp) until none of
// its ef nearest candidates may be within the radius; with a store those that may be are measured exactly. Costs about
// what a search with ef + (those within) candidates costs, and a row of the store for each that may be within.

#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/growing_buffer.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/graph.hpp>
#include <thimble/metric/exact_query.hpp>
#include <thimble/search/candidate_list.hpp>
#include <thimble/search/label_filter.hpp>
#include <thimble/search/numbering.hpp>
#include <thimble/search/resumable_walk.hpp>
#include <thimble/search/search_scratch.hpp>
#include <thimble/search/traversal.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

struct radius_params {
  // How many candidates in a row must be outside before the walk ends: more is slower and finds more.
  std::size_t ef = 64;
  // At most so many candidates are kept, those met first, which are about the nearest; where there are more the result
  // is cut. 8 bytes each, and with a store one row to read.
  std::size_t max = 100'000;
  // With a store, what is measured beside the candidates within by estimate. Where the quantizer knows its errors:
  // those whose estimate less so many standard errors is within, 0..1000.
  float epsilon = 2.75f;
  // Where it does not: so many of the nearest outside, at most ef.
  std::size_t rim = 50;
  // Which labels may be results.
  label_filter filter{};
};

// Nearest first, ties by label.
class radius_hits {
 public:
  radius_hits() = default;
  radius_hits(growing_buffer<neighbor> neighbors, std::size_t vectors_read, bool cut)
      : neighbors_(std::move(neighbors)), vectors_read_(vectors_read), cut_(cut) {
    std::ranges::sort(neighbors_.span(), [](const neighbor& a, const neighbor& b) {
      return a.distance != b.distance ? a.distance < b.distance : a.id < b.id;
    });
  }

  [[nodiscard]] const neighbor* begin() const { return neighbors_.span().data(); }
  [[nodiscard]] const neighbor* end() const { return begin() + size(); }
  [[nodiscard]] std::size_t size() const { return neighbors_.size(); }
  [[nodiscard]] bool empty() const { return neighbors_.empty(); }
  [[nodiscard]] const neighbor& operator[](std::size_t i) const { return neighbors_.span()[i]; }

  // Whether radius_params::max left some out.
  [[nodiscard]] bool cut() const { return cut_; }
  // Rows fetched from the store.
  [[nodiscard]] std::size_t vectors_read() const { return vectors_read_; }

 private:
  growing_buffer<neighbor> neighbors_;
  std::size_t vectors_read_ = 0;
  bool cut_ = false;
};

// Candidates by row, in the order they were met; whether there were more.
struct candidates_within {
  growing_buffer<candidate> items;
  bool cut = false;
};

// Those that the walk from `start` meets: may_be_within(candidate), and `rim` that follow. scratch has room for the
// graph. Error: out_of_memory.
template <graph Graph, estimator Estimator, class MayBeWithin>
[[nodiscard]] expected<candidates_within> walk_within(const Graph& g, const Estimator& estimate, located start,
                                                      const radius_params& params, std::size_t rim,
                                                      search_scratch& scratch, const numbering& names,
                                                      MayBeWithin&& may_be_within) {
  const std::size_t ef = std::clamp(params.ef, std::size_t{1}, std::size_t{g.size()});
  auto walk = resumable_walk::create(ef, start, scratch.visited);
  if (!walk) return std::unexpected(walk.error());
  candidates_within found;
  for (;;) {
    if (auto settled = walk->settle(g, estimate, scratch.visited, scratch.batch); !settled)
      return std::unexpected(settled.error());
    if (std::ranges::none_of(walk->window(), may_be_within)) break;
    const candidate nearest = walk->take();
    const node row = names.row_of(nearest.id());
    if (!may_be_within(nearest) || !params.filter(names.label_of_row(row))) continue;
    if (found.items.size() >= params.max) {
      found.cut = true;
      return found;
    }
    if (auto room = found.items.make_room(1); !room) return std::unexpected(room.error());
    found.items.push(candidate::of(nearest.distance(), row));
  }
  rim = std::min({rim, walk->window().size(), params.max - found.items.size()});
  if (auto room = found.items.make_room(rim); !room) return std::unexpected(room.error());
  for (const candidate c : walk->window().first(rim))
    if (const node row = names.row_of(c.id()); params.filter(names.label_of_row(row)))
      found.items.push(candidate::of(c.distance(), row));
  return found;
}

// The candidates as they are: by estimate. Error: out_of_memory.
[[nodiscard]] inline expected<radius_hits> estimated_within(const candidates_within& found, const numbering& names) {
  growing_buffer<neighbor> neighbors;
  if (auto room = neighbors.make_room(found.items.size()); !room) return std::unexpected(room.error());
  for (const candidate c : found.items.span())
    neighbors.push({.id = names.label_of_row(c.id()), .distance = c.distance()});
  return radius_hits(std::move(neighbors), 0, found.cut);
}

// Those of the candidates whose exact distance is within the radius. Rows are read in ascending order, in place or a
// few hundred in a batch. Errors: out_of_memory, and what the store answers.
template <store Store>
[[nodiscard]] expected<radius_hits> measured_within(candidates_within found, const exact_query& exact, float radius,
                                                    Store& from, const numbering& names, search_scratch& scratch) {
  constexpr std::size_t most = 256;
  const std::size_t dim = from.dim();
  const auto room = scratch.rows(row_store<Store> ? dim : saturated_product(most, dim));
  if (!room) return std::unexpected(room.error());
  growing_buffer<neighbor> neighbors;
  if (auto space = neighbors.make_room(found.items.size()); !space) return std::unexpected(space.error());
  std::ranges::sort(found.items.span(), {}, &candidate::id);
  const auto measure = [&](node x, std::span<const float> row) {
    const float distance = exact.distance(row);
    if (distance <= radius) neighbors.push({.id = names.label_of_row(x), .distance = distance});
  };
  for (std::span<const candidate> left = found.items.span(); !left.empty();) {
    const auto now = left.first(std::min(left.size(), most));
    left = left.subspan(now.size());
    if constexpr (row_store<Store>) {
      if (auto there = check_rows(from); !there) return std::unexpected(there.error());
      for (std::size_t i = 0; i < now.size(); ++i) {
        const auto row = from.row(now[i].id(), room->first(dim));
        if (!row) return std::unexpected(row.error());
        if constexpr (requires { from.prefetch(node{}); })
          if (i + 1 < now.size()) from.prefetch(now[i + 1].id());
        measure(now[i].id(), *row);
      }
    } else {
      node nodes[most];
      std::ranges::transform(now, nodes, &candidate::id);
      if (auto read = from.read(std::span<const node>(nodes, now.size()), room->first(now.size() * dim)); !read)
        return std::unexpected(read.error());
      for (std::size_t i = 0; i < now.size(); ++i) measure(nodes[i], room->subspan(i * dim, dim));
    }
  }
  return radius_hits(std::move(neighbors), found.items.size(), found.cut);
}

}  // namespace thimble::inline THIMBLE_FLAGS
