// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The mutable graph: rows of fixed degree, 2m links a node on level 0 and m on each level above, ended by no_node. Any
// number of threads read while others rewrite rows, each under the one-byte lock of its node.
// Memory: 8m bytes a node, 1 for its level, 1 for its lock while building, 1/m of 4m bytes for the levels above.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/atomic.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/graph/graph.hpp>
#include <thimble/graph/levels.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class adjacency {
 public:
  adjacency() = default;

  // n nodes without links, their levels drawn from the seed. No entry yet. Error: out_of_memory.
  [[nodiscard]] static expected<adjacency> create(std::size_t n, unsigned m, std::uint64_t seed) {
    auto levels = draw_levels(n, m, seed);
    if (!levels) return std::unexpected(levels.error());
    auto locks = aligned_buffer<std::uint8_t>::create(n);
    if (!locks) return std::unexpected(locks.error());
    auto base = aligned_buffer<node>::create(saturated_product(n, std::size_t{2} * m));
    if (!base) return std::unexpected(base.error());
    std::ranges::fill(base->span(), no_node);
    adjacency g;
    g.m_ = m;
    g.base_ = std::move(*base);
    g.locks_ = std::move(*locks);
    auto index = level_index::create(std::move(*levels));
    if (!index) return std::unexpected(index.error());
    g.levels_ = std::move(*index);
    auto upper = aligned_buffer<node>::create(saturated_product(g.levels_.upper_rows(), m));
    if (!upper) return std::unexpected(upper.error());
    std::ranges::fill(upper->span(), no_node);
    g.upper_ = std::move(*upper);
    return g;
  }

  // A graph as a file has it, read-only. Everything is checked: sizes, every link, every level, the entry.
  [[nodiscard]] static expected<adjacency> from_parts(unsigned m, aligned_buffer<std::uint8_t> levels,
                                                      aligned_buffer<node> base, aligned_buffer<node> upper,
                                                      entry_point entry) {
    constexpr auto corrupt = [](const char* what, std::uint64_t at) { return fail(errc::corrupt, what, at); };
    const std::size_t n = levels.size();
    if (m < min_m || m > max_m) return corrupt("the graph's m is out of range", m);
    if (base.size() != std::uint64_t{n} * 2 * m) return corrupt("the graph's links have a wrong size", base.size());
    adjacency g;
    g.m_ = m;
    auto index = level_index::create(std::move(levels));
    if (!index) return std::unexpected(index.error());
    g.levels_ = std::move(*index);
    g.base_ = std::move(base);
    g.upper_ = std::move(upper);
    if (g.upper_.size() != std::uint64_t{g.levels_.upper_rows()} * m)
      return corrupt("the upper levels have a wrong size", g.upper_.size());
    if (n != 0 && (entry.at >= n || g.levels_[entry.at] != entry.level))
      return corrupt("the entry point is wrong", entry.at);
    for (std::size_t x = 0; x < n; ++x) {
      if (g.levels_[x] > entry.level) return corrupt("a node stands above the entry point", x);
      for (unsigned level = 0; level <= g.levels_[x]; ++level)
        if (!g.valid_row(g.row(static_cast<node>(x), level), level)) return corrupt("a link is wrong", x);
    }
    g.entry_ = pack(entry);
    return g;
  }

  [[nodiscard]] std::size_t size() const { return levels_.size(); }
  [[nodiscard]] unsigned m() const { return m_; }
  [[nodiscard]] unsigned level(node x) const { return levels_[x]; }
  [[nodiscard]] std::size_t max_degree(unsigned level) const { return level == 0 ? 2 * m_ : m_; }

  [[nodiscard]] entry_point entry() const {
    const std::uint64_t packed = detail::load_acquire(entry_);
    return {static_cast<node>(packed), static_cast<unsigned>(packed >> 32)};
  }

  void set_entry(entry_point entry) { detail::store_release(entry_, pack(entry)); }

  template <class Visit>
  THIMBLE_ALWAYS_INLINE void for_each_link(node x, unsigned level, Visit&& visit) const {
    for (const node& link : row(x, level)) {
      const node y = detail::load_acquire(link);
      if (y == no_node) return;
      visit(y);
    }
  }

  void prefetch_links(node x) const {
    const node* links = base_.data() + std::size_t{x} * 2 * m_;
    for (std::size_t i = 0; i < 2 * std::size_t{m_}; i += 16) THIMBLE_PREFETCH(links + i);
  }

  // Held while a row of x is read and rewritten as one.
  [[nodiscard]] detail::byte_lock_guard lock(node x) { return detail::byte_lock_guard(locks_[x]); }

  // At most max_degree(level) links. Needs the lock of x.
  void set_links(node x, unsigned level, std::span<const node> links) {
    const std::span<node> to = row(x, level);
    for (std::size_t i = 0; i < links.size(); ++i) detail::store_release(to[i], links[i]);
    for (std::size_t i = links.size(); i < to.size() && to[i] != no_node; ++i) detail::store_release(to[i], no_node);
  }

  // Adds x -> y where there is room. Needs the lock of x.
  [[nodiscard]] bool append_link(node x, unsigned level, node y) {
    for (node& link : row(x, level)) {
      if (link != no_node) continue;
      detail::store_release(link, y);
      return true;
    }
    return false;
  }

  // The parts of a file.
  [[nodiscard]] std::span<const node> base_links() const { return base_.span(); }
  [[nodiscard]] std::span<const node> upper_links() const { return upper_.span(); }
  [[nodiscard]] std::span<const std::uint8_t> levels() const { return levels_.levels(); }

  // Bytes beside the links: the index of the upper rows, and the locks of a graph that was built here.
  [[nodiscard]] std::size_t overhead_bytes() const { return levels_.index_bytes() + locks_.bytes(); }

 private:
  [[nodiscard]] std::span<const node> row(node x, unsigned level) const {
    if (level == 0) return {base_.data() + std::size_t{x} * 2 * m_, 2 * std::size_t{m_}};
    return {upper_.data() + (levels_.upper_row(x) + level - 1) * m_, m_};
  }
  [[nodiscard]] std::span<node> row(node x, unsigned level) {
    const std::span<const node> links = std::as_const(*this).row(x, level);
    return {const_cast<node*>(links.data()), links.size()};
  }

  // Links stay on nodes that reach this level, and nothing follows the end of a row.
  [[nodiscard]] bool valid_row(std::span<const node> links, unsigned level) const {
    bool ended = false;
    for (const node y : links) {
      if (y == no_node) {
        ended = true;
      } else if (ended || y >= size() || levels_[y] < level) {
        return false;
      }
    }
    return true;
  }

  [[nodiscard]] static std::uint64_t pack(entry_point entry) { return std::uint64_t{entry.level} << 32 | entry.at; }

  unsigned m_ = 0;
  aligned_buffer<node> base_;
  aligned_buffer<node> upper_;
  level_index levels_;
  aligned_buffer<std::uint8_t> locks_;
  std::uint64_t entry_ = pack({});
};

static_assert(graph<adjacency>);

}  // namespace thimble::inline THIMBLE_FLAGS
