// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The graph that does not change any more: nodes renumbered so that neighbours stand side by side, level 0 in packed
// lists (graph/packed_links.hpp), the few rows of the levels above as they were. Memory at m = 16: 21 to 42 bytes a
// node for level 0, 4 for the levels above, 1 for its level, against 137.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/graph/adjacency.hpp>
#include <thimble/graph/graph.hpp>
#include <thimble/graph/levels.hpp>
#include <thimble/graph/packed_links.hpp>

namespace thimble::inline THIMBLE_FLAGS {

namespace detail {

// Sorts at most 2 max_m nodes and leaves out who is there twice; how many are left. Each is put where the number of
// smaller ones says: no branch that cannot be foretold. (A third of the time that std::sort takes for 32 of them.)
inline std::size_t sort_distinct(std::span<node> row) {
  std::array<node, 2 * max_m> sorted;
  std::fill_n(sorted.begin(), row.size(), no_node);
  for (const node x : row) {
    std::uint32_t smaller = 0;
    for (const node y : row) smaller += y < x ? 1 : 0;
    sorted[smaller] = x;
  }
  std::size_t n = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[n] = sorted[i];
    n += sorted[i] != no_node ? 1 : 0;
  }
  return n;
}

}  // namespace detail

class frozen_graph {
 public:
  frozen_graph() = default;

  // order[i] = the node of g that gets number i, each at most once; the others are left out with all links to them. If
  // the entry is, another node of the highest level is it. Nobody writes to g meanwhile. Error: out_of_memory.
  [[nodiscard]] static expected<frozen_graph> freeze(const adjacency& g, std::span<const node> order) {
    const std::size_t n = order.size();
    auto place = aligned_buffer<node>::create(g.size());
    if (!place) return std::unexpected(place.error());
    std::ranges::fill(place->span(), no_node);
    for (std::size_t i = 0; i < n; ++i) (*place)[order[i]] = static_cast<node>(i);

    frozen_graph frozen;
    frozen.m_ = g.m();
    node row[2 * max_m];
    auto base = packed_links::pack(n, [&](node x) {
      std::size_t count = 0;
      g.for_each_link(order[x], 0, [&](node y) {
        if ((*place)[y] != no_node) row[count++] = (*place)[y];
      });
      return std::span<const node>(row, detail::sort_distinct({row, count}));
    });
    if (!base) return std::unexpected(base.error());
    frozen.base_ = std::move(*base);

    auto levels = aligned_buffer<std::uint8_t>::create(n);
    if (!levels) return std::unexpected(levels.error());
    for (std::size_t i = 0; i < n; ++i) (*levels)[i] = static_cast<std::uint8_t>(g.level(order[i]));
    auto index = level_index::create(std::move(*levels));
    if (!index) return std::unexpected(index.error());
    frozen.levels_ = std::move(*index);
    auto upper = aligned_buffer<node>::create(saturated_product(frozen.levels_.upper_rows(), frozen.m_));
    if (!upper) return std::unexpected(upper.error());
    std::ranges::fill(upper->span(), no_node);
    for (std::size_t i = 0; i < n; ++i) {
      for (unsigned level = 1; level <= frozen.levels_[i]; ++level) {
        std::size_t at = frozen.upper_at(static_cast<node>(i), level);
        g.for_each_link(order[i], level, [&](node y) {
          if ((*place)[y] != no_node) (*upper)[at++] = (*place)[y];
        });
      }
    }
    frozen.upper_ = std::move(*upper);
    if (n > 0 && (*place)[g.entry().at] != no_node) {
      frozen.entry_ = {(*place)[g.entry().at], g.entry().level};
    } else if (n > 0) {
      const auto highest = std::ranges::max_element(frozen.levels_.levels());
      frozen.entry_ = {static_cast<node>(highest - frozen.levels_.levels().begin()), *highest};
    }
    return frozen;
  }

  // With the numbers that its nodes have.
  [[nodiscard]] static expected<frozen_graph> freeze(const adjacency& g) {
    auto as_is = aligned_buffer<node>::create(g.size());
    if (!as_is) return std::unexpected(as_is.error());
    std::iota(as_is->span().begin(), as_is->span().end(), node{0});
    return freeze(g, as_is->span());
  }

  // As a file has it. Everything is checked: sizes, every link, every level, the entry. Errors: corrupt, out_of_memory.
  [[nodiscard]] static expected<frozen_graph> from_parts(unsigned m, aligned_buffer<std::uint8_t> levels,
                                                         link_widths widths, aligned_buffer<std::byte> base,
                                                         aligned_buffer<node> upper, entry_point entry) {
    constexpr auto corrupt = [](const char* what, std::uint64_t at) { return fail(errc::corrupt, what, at); };
    const std::size_t n = levels.size();
    if (m < min_m || m > max_m) return corrupt("the graph's m is out of range", m);
    frozen_graph g;
    g.m_ = m;
    auto index = level_index::create(std::move(levels));
    if (!index) return std::unexpected(index.error());
    g.levels_ = std::move(*index);
    auto links = packed_links::from_parts(n, widths, std::move(base), 2 * std::size_t{m});
    if (!links) return std::unexpected(links.error());
    g.base_ = std::move(*links);
    g.upper_ = std::move(upper);
    if (g.upper_.size() != std::uint64_t{g.levels_.upper_rows()} * m)
      return corrupt("the upper levels have a wrong size", g.upper_.size());
    if (n != 0 && (entry.at >= n || g.levels_[entry.at] != entry.level))
      return corrupt("the entry point is wrong", entry.at);
    for (std::size_t x = 0; x < n; ++x) {
      if (g.levels_[x] > entry.level) return corrupt("a node stands above the entry point", x);
      for (unsigned level = 1; level <= g.levels_[x]; ++level)
        if (!g.valid_row(static_cast<node>(x), level)) return corrupt("a link is wrong", x);
    }
    g.entry_ = entry;
    return g;
  }

  [[nodiscard]] std::size_t size() const { return levels_.size(); }
  [[nodiscard]] unsigned m() const { return m_; }
  [[nodiscard]] unsigned level(node x) const { return levels_[x]; }
  [[nodiscard]] std::size_t max_degree(unsigned level) const { return level == 0 ? 2 * m_ : m_; }
  [[nodiscard]] entry_point entry() const { return entry_; }

  template <class Visit>
  THIMBLE_ALWAYS_INLINE void for_each_link(node x, unsigned level, Visit&& visit) const {
    if (level == 0) return base_.for_each(x, visit);
    for (const node y : upper_row(x, level)) {
      if (y == no_node) return;
      visit(y);
    }
  }
  THIMBLE_ALWAYS_INLINE void prefetch_place(node x) const { base_.prefetch_start(x); }
  THIMBLE_ALWAYS_INLINE void prefetch_links(node x) const { base_.prefetch(x); }

  // The parts of a file.
  [[nodiscard]] const packed_links& base() const { return base_; }
  [[nodiscard]] std::span<const node> upper_links() const { return upper_.span(); }
  [[nodiscard]] std::span<const std::uint8_t> levels() const { return levels_.levels(); }

  // Bytes beside the links: the index of the upper rows.
  [[nodiscard]] std::size_t overhead_bytes() const { return levels_.index_bytes(); }

 private:
  [[nodiscard]] std::size_t upper_at(node x, unsigned level) const { return (levels_.upper_row(x) + level - 1) * m_; }
  [[nodiscard]] std::span<const node> upper_row(node x, unsigned level) const {
    return upper_.span().subspan(upper_at(x, level), m_);
  }

  // Links stay on nodes that reach this level, and nothing follows the end of a row.
  [[nodiscard]] bool valid_row(node x, unsigned level) const {
    bool ended = false;
    for (const node y : upper_row(x, level)) {
      if (y == no_node) {
        ended = true;
      } else if (ended || y >= size() || levels_[y] < level) {
        return false;
      }
    }
    return true;
  }

  unsigned m_ = 0;
  packed_links base_;
  aligned_buffer<node> upper_;
  level_index levels_;
  entry_point entry_;
};

static_assert(graph<frozen_graph>);

}  // namespace thimble::inline THIMBLE_FLAGS
