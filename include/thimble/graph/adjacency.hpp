// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The mutable graph: rows of fixed degree, 2m links a node on level 0 and m on each level above, ended by no_node. Any
// number of threads read while others rewrite rows, each under the one-byte lock of its node, and while one adds room
// for more nodes: rows stand in chunks that never move (core/chunk_list.hpp).
// Memory: 8m bytes a node, 1 for its level, 1 for its lock, 1/m of 4m bytes for the levels above.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/atomic.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/chunk_list.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/object_array.hpp>
#include <thimble/graph/graph.hpp>
#include <thimble/graph/levels.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class adjacency {
 public:
  static constexpr unsigned chunk_bits = 10;
  static constexpr std::size_t chunk_nodes = std::size_t{1} << chunk_bits;

  adjacency() = default;

  // No nodes yet, and no entry. The levels of those to come are drawn from the seed.
  [[nodiscard]] static adjacency create(unsigned m, std::uint64_t seed) {
    adjacency g;
    g.m_ = m;
    g.seed_ = seed;
    return g;
  }

  // n nodes without links, and never more: they stand in one chunk, of just their size. links: 2m for each node, which
  // outlive the graph, for its level 0, or none: it then has its own. Errors: out_of_memory, too_many_vectors.
  [[nodiscard]] static expected<adjacency> create(std::size_t n, unsigned m, std::uint64_t seed,
                                                  std::span<node> links = {}) {
    if (n > max_nodes) return too_many();
    adjacency g = create(m, seed);
    g.chunk_bits_ = whole;
    if (n > 0)
      if (auto done = g.add_chunk(0, n, {}, links); !done) return std::unexpected(done.error());
    g.size_ = n;
    return g;
  }

  // n nodes without links, of these levels; those that come later are drawn. Errors: as grow().
  [[nodiscard]] static expected<adjacency> create(std::span<const std::uint8_t> levels, unsigned m,
                                                  std::uint64_t seed) {
    adjacency g = create(m, seed);
    for (std::size_t chunk = 0; chunk * chunk_nodes < levels.size(); ++chunk) {
      const std::size_t first = chunk * chunk_nodes;
      if (auto done =
              g.add_chunk(chunk, chunk_nodes, levels.subspan(first, std::min(chunk_nodes, levels.size() - first)));
          !done)
        return std::unexpected(done.error());
    }
    g.size_ = g.parts_.size() * chunk_nodes;
    return g;
  }

  // Room for n nodes at least, in whole chunks; those that are new have no links. One thread at a time, whatever others
  // do with the nodes there are. Errors: out_of_memory, too_many_vectors; some of the room may be there then.
  [[nodiscard]] expected<void> grow(std::size_t n) {
    if (n > max_nodes) return too_many();
    if (n <= size()) return {};
    THIMBLE_ASSERT(chunk_bits_ == chunk_bits);
    for (std::size_t chunk = parts_.size(); chunk * chunk_nodes < n; ++chunk)
      if (auto done = add_chunk(chunk, chunk_nodes); !done) return done;
    detail::store_release(size_, parts_.size() * chunk_nodes);
    return {};
  }

  // Nodes that there is room for.
  [[nodiscard]] std::size_t size() const { return detail::load_acquire(size_); }
  [[nodiscard]] unsigned m() const { return m_; }
  [[nodiscard]] unsigned level(node x) const { return parts_[x >> chunk_bits_]->levels[in_chunk(x)]; }
  [[nodiscard]] std::size_t max_degree(unsigned level) const { return level == 0 ? 2 * m_ : m_; }

  [[nodiscard]] entry_point entry() const {
    const std::uint64_t packed = detail::load_acquire(entry_);
    return {static_cast<node>(packed), static_cast<unsigned>(packed >> 32)};
  }

  void set_entry(entry_point entry) { detail::store_release(entry_, pack(entry)); }

  // Held while the entry is looked at and changed as one; taken before the lock of a node, never after.
  [[nodiscard]] std::uint8_t& entry_lock() { return entry_lock_; }

  template <class Visit>
  THIMBLE_ALWAYS_INLINE void for_each_link(node x, unsigned level, Visit&& visit) const {
    for (const node& link : row(x, level)) {
      const node y = detail::load_acquire(link);
      if (y == no_node) return;
      visit(y);
    }
  }

  THIMBLE_ALWAYS_INLINE void prefetch_links(node x) const {
    const node* links = base_row(x);
    for (std::size_t i = 0; i < 2 * std::size_t{m_}; i += 16) THIMBLE_PREFETCH(links + i);
  }

  // Held while a row of x is read and rewritten as one.
  [[nodiscard]] detail::byte_lock_guard lock(node x) {
    return detail::byte_lock_guard(parts_[x >> chunk_bits_]->locks[in_chunk(x)]);
  }

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

  // Of all rows, levels, locks and tables, used or not.
  [[nodiscard]] std::size_t bytes() const {
    const std::size_t n = parts_.size();
    std::size_t sum = base_.overhead_bytes() + parts_.overhead_bytes();
    for (std::size_t i = 0; i < n; ++i) {
      const part& p = *parts_[i];
      sum += sizeof(part) + p.levels.levels().size_bytes() + p.levels.index_bytes() + p.upper.bytes() + p.locks.bytes();
    }
    return sum + (chunk_bits_ == whole ? size() : n * chunk_nodes) * 2 * m_ * sizeof(node);
  }

 private:
  // What a chunk has beside its rows of level 0.
  struct part {
    level_index levels;
    aligned_buffer<node> upper;
    aligned_buffer<std::uint8_t> locks;
  };

  static constexpr unsigned whole = 31;

  [[nodiscard]] node in_chunk(node x) const { return x & ((node{1} << chunk_bits_) - 1); }

  static std::unexpected<error> too_many() {
    return fail(errc::too_many_vectors, "a graph holds no more nodes", max_nodes);
  }

  // known: the levels of its first nodes. links: as create() has it.
  [[nodiscard]] expected<void> add_chunk(std::size_t chunk, std::size_t nodes, std::span<const std::uint8_t> known = {},
                                         std::span<node> links = {}) {
    auto levels = draw_levels(nodes, m_, seed_, chunk * chunk_nodes);
    if (!levels) return std::unexpected(levels.error());
    std::ranges::copy(known, levels->data());
    auto index = level_index::create(std::move(*levels));
    if (!index) return std::unexpected(index.error());
    auto upper = no_links(index->upper_rows() * m_);
    if (!upper) return std::unexpected(upper.error());
    auto locks = aligned_buffer<std::uint8_t>::create(nodes);
    if (!locks) return std::unexpected(locks.error());
    auto made = object_array<part>::create(1);
    if (!made) return std::unexpected(made.error());
    (*made)[0] = {std::move(*index), std::move(*upper), std::move(*locks)};
    // It may be there already, from a call that failed between the two.
    if (base_.size() == chunk) {
      const std::size_t n_links = saturated_product(nodes, std::size_t{2} * m_);
      THIMBLE_ASSERT(links.empty() || links.size() == n_links);
      std::ranges::fill(links, no_node);
      auto base = links.empty() ? no_links(n_links) : aligned_buffer<node>::borrow(links);
      if (!base) return std::unexpected(base.error());
      if (auto done = base_.append(std::move(*base)); !done) return done;
    }
    return parts_.append(std::move(*made));
  }

  [[nodiscard]] static expected<aligned_buffer<node>> no_links(std::size_t n) {
    auto links = aligned_buffer<node>::create(n);
    if (links) std::ranges::fill(links->span(), no_node);
    return links;
  }

  [[nodiscard]] THIMBLE_ALWAYS_INLINE node* base_row(node x) const {
    return base_[x >> chunk_bits_] + std::size_t{in_chunk(x)} * 2 * m_;
  }
  [[nodiscard]] THIMBLE_ALWAYS_INLINE std::span<const node> row(node x, unsigned level) const {
    if (level == 0) return {base_row(x), 2 * std::size_t{m_}};
    const part& p = *parts_[x >> chunk_bits_];
    return {p.upper.data() + (p.levels.upper_row(in_chunk(x)) + level - 1) * m_, m_};
  }
  [[nodiscard]] std::span<node> row(node x, unsigned level) {
    const std::span<const node> links = std::as_const(*this).row(x, level);
    return {const_cast<node*>(links.data()), links.size()};
  }

  [[nodiscard]] static std::uint64_t pack(entry_point entry) { return std::uint64_t{entry.level} << 32 | entry.at; }

  unsigned m_ = 0;
  unsigned chunk_bits_ = chunk_bits;
  std::uint64_t seed_ = 0;
  chunk_list<node> base_;
  chunk_list<part, object_array<part>> parts_;
  std::size_t size_ = 0;
  std::uint64_t entry_ = pack({});
  std::uint8_t entry_lock_ = 0;
};

static_assert(graph<adjacency>);

}  // namespace thimble::inline THIMBLE_FLAGS
