// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What inserting and removing have in common: distances between codes, and rows of links chosen by them. Rows change
// under the lock of their node, and nobody holds two of those.
//
// In a graph that only grows every node is usable. Where nodes are removed, those that are on their way out, and slots
// that hold no node, are not: walks pass through them as long as links lead there, but no new link does.

#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <utility>

#include <thimble/build/neighborhood.hpp>
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

// What one thread needs to insert or to remove.
class insert_scratch {
 public:
  // For the nodes that the graph has by now, and again when it has grown: a walk leaves out those that came later.
  // Error: out_of_memory.
  [[nodiscard]] expected<void> reserve(const adjacency& graph, unsigned ef_construction, std::size_t query_bytes) {
    if (auto done = visited.reserve(graph.size()); !done) return done;
    if (auto done = candidates.reserve(ef_construction); !done) return done;
    if (auto done = usable.reserve(ef_construction); !done) return done;
    // The query of the node that comes or goes, that of a node whose links are pruned, and one for each link taken.
    const std::size_t bytes = (2 + graph.max_degree(0)) * query_bytes;
    if (queries_.size() < bytes) {
      auto queries = aligned_buffer<std::byte>::create(bytes);
      if (!queries) return std::unexpected(queries.error());
      queries_ = std::move(*queries);
    }
    query_bytes_ = query_bytes;
    return {};
  }

  [[nodiscard]] std::byte* inserted_query() { return queries_.data(); }
  [[nodiscard]] std::byte* pruned_query() { return queries_.data() + query_bytes_; }
  [[nodiscard]] std::byte* link_query(std::size_t i) { return queries_.data() + (2 + i) * query_bytes_; }

  visited_set visited;
  candidate_list candidates;
  candidate_list usable;  // those of the candidates that may become links
  link_batch batch;
  std::array<node, 2 * max_m> taken;
  std::array<std::array<node, max_m>, max_level + 1> links;  // of the inserted node, on each level
  std::array<candidate, 2 * max_m + 1> pruned;
  std::array<node, 2 * max_m + 1> dropped;

 private:
  aligned_buffer<std::byte> queries_;
  std::size_t query_bytes_ = 0;
};

struct all_usable {
  [[nodiscard]] constexpr bool operator()(node) const { return true; }
};

namespace detail {

// Codes: rows that stay where they are, or a function that tells where they are by now.
template <symmetric_quantizer Quantizer, std::predicate<node> Usable, class Codes>
class linker {
 public:
  // Whether nodes come and go.
  static constexpr bool changing = !std::same_as<Usable, all_usable>;

  linker(adjacency& g, const Quantizer& q, const simd::kernel_set& kernels, Codes codes, Usable usable)
      : graph_(g), quantizer_(q), kernels_(kernels), codes_(std::move(codes)), usable_(std::move(usable)) {}

  [[nodiscard]] adjacency& graph() const { return graph_; }
  [[nodiscard]] bool usable(node x) const { return usable_(x); }

  void prepare(node x, std::byte* query) const {
    quantizer_.prepare_from_code(kernels_, simd::row_of(rows(), x), query);
  }

  // Of nodes' codes from a prepared query.
  struct distances {
    const linker& of;
    const std::byte* query;

    void operator()(const node* nodes, std::size_t n, float* out) const {
      of.quantizer_.estimate(of.kernels_, query, simd::requested(of.rows()), nodes, n, out);
    }
    [[nodiscard]] std::size_t row_bytes() const { return of.rows().stride; }
    THIMBLE_ALWAYS_INLINE void request(const node* nodes, std::size_t n) const
      requires(THIMBLE_PREFETCHES != 0)
    {
      const simd::code_rows rows = of.rows();
      simd::prefetch_rows(rows, nodes, n, rows.stride);
    }
  };
  [[nodiscard]] distances distances_from(const std::byte* query) const { return {*this, query}; }

  // The walk to the nodes around one that comes or goes ends where all that is left is farther than so much more than
  // the 2m-th nearest: such nodes seldom become links. A build takes .7 to .8 of the time of whole walks, and recall at
  // ef 40 is less by .001 to .002 (wordnet, word2vec, sift, fashion-mnist; with fewer candidates for all of the nodes
  // the same time costs up to .005). A tenth loses up to .004, .2 saves little. Nothing beyond is kept either: .79 to
  // .93 of that time, the same recall. A removal takes .5 to .6 of the time and misses 8 to 12 % of the links to it
  // instead of 4 to 8.
  [[nodiscard]] distance_stop near_enough() const { return {graph_.max_degree(0), 1 + gamma}; }

  // At most `most` of the candidates (nearest first), written to scratch.taken.
  [[nodiscard]] std::size_t select(std::span<const candidate> candidates, std::size_t most,
                                   insert_scratch& scratch) const {
    return select_neighbors(
        candidates, most, scratch.taken.data(),
        [&](std::size_t i, node taken) { prepare(taken, scratch.link_query(i)); },
        [&](std::size_t i, const node* nodes, std::size_t n, float* out) {
          distances_from(scratch.link_query(i))(nodes, n, out);
        });
  }

  // Adds y -> x if the row has room, and says whether the link is there now.
  [[nodiscard]] bool append(node y, unsigned level, node x) {
    const auto guard = graph_.lock(y);
    return has(y, level, x) || graph_.append_link(y, level, x);
  }

  // Puts y -> x in the place of a link to a node that another link of y leads to, if there is one, and says whether.
  [[nodiscard]] bool exchange(node y, unsigned level, node x) {
    const auto guard = graph_.lock(y);
    std::array<node, 2 * max_m> row;
    std::size_t n = 0;
    neighborhood links;
    graph_.for_each_link(y, level, [&](node z) {
      row[n++] = z;
      links.add(z);
    });
    neighborhood::bits spare = 0;
    for (std::size_t i = 0; i < n; ++i)
      if (usable_(row[i])) spare |= links.links_of(graph_, level, row[i]);
    for (std::size_t i = 0; i < n; ++i) {
      if ((spare & links.bit_of(row[i])) == 0) continue;
      row[i] = x;
      graph_.set_links(y, level, {row.data(), n});
      return true;
    }
    return false;
  }

  // Adds y -> x, though the row may be better without: where it is full it is chosen again. Where nodes come and go, y
  // still leads to those who leave the row then. (A graph that only grows is looked through when it is done,
  // build/reach_all.hpp: a build takes .94 to .97 of the time.)
  void link_back(node y, unsigned level, node x, insert_scratch& scratch) {
    const auto dropped = append_or_choose(y, level, x, scratch);
    if constexpr (changing) {
      if (dropped.empty()) return;
      neighborhood near;
      const neighborhood::bits self = near.add(y);
      neighborhood::bits left = 0;
      for (const node z : dropped) left |= usable_(z) ? near.add(z) : add_beyond(near, z, level);
      add_links(near, y, level);
      keep_connected(near, self, left, level, scratch);
    }
  }

  // Where y -> x is a link: puts one to the usable node nearest to y that x links to in its place, and says so. (Three,
  // as IP-DiskANN has it, fill the rows, and full rows lose links: once half of 4,000 pictures had been replaced at m =
  // 16, .2 % of the nodes were out of reach instead of .05. To choose the row again among all the links of both, as
  // FreshDiskANN does, without keep_reachable, left 6 links of 11 and .5 % out of reach.)
  bool bypass(node y, unsigned level, node x, insert_scratch& scratch) {
    const auto guard = graph_.lock(y);
    std::size_t n = 0;
    bool found = false;
    graph_.for_each_link(y, level, [&](node z) {
      if (z == x)
        found = true;
      else
        scratch.taken[n++] = z;
    });
    if (!found) return false;
    const auto own = std::span(scratch.taken).first(n);
    std::size_t n_others = 0;
    graph_.for_each_link(x, level, [&](node z) {
      if (z != y && usable_(z) && std::ranges::find(own, z) == own.end()) scratch.batch.nodes[n_others++] = z;
    });
    if (n_others > 0) {
      prepare(y, scratch.pruned_query());
      n_others = measure(0, n_others, scratch);
      scratch.taken[n++] =
          std::min_element(scratch.pruned.begin(), scratch.pruned.begin() + static_cast<std::ptrdiff_t>(n_others))
              ->id();
    }
    graph_.set_links(y, level, {scratch.taken.data(), n});
    return true;
  }

  // Makes sure that one of the usable candidates links to x: the nearest to it that has room, or a link to spare. (To
  // choose again in a full row may put another node out of reach.)
  void keep_reachable(node x, unsigned level, std::span<const candidate> from, insert_scratch& scratch) {
    std::size_t n = 0;
    for (const candidate c : from) {
      if (n == most_asked) break;
      if (c.id() != x && usable_(c.id())) scratch.batch.nodes[n++] = c.id();
    }
    if (n == 0) return;
    const auto nearest = nearest_to(x, n, scratch);
    if (get_link(x, level, nearest) == no_node) link_back(nearest.front().id(), level, x, scratch);
  }

  // Adds the usable nodes that x leads to, at once or by way of others that are not usable, and says who they are.
  [[nodiscard]] neighborhood::bits add_beyond(neighborhood& near, node x, unsigned level) const {
    std::array<node, 2 * max_m> passed;
    std::size_t n = 1;
    passed[0] = x;
    neighborhood::bits added = 0;
    for (std::size_t i = 0; i < n; ++i) {
      graph_.for_each_link(passed[i], level, [&](node y) {
        if (usable_(y)) {
          added |= near.add(y);
        } else if (n < passed.size() &&
                   std::ranges::find(passed.begin(), passed.begin() + n, y) == passed.begin() + n) {
          passed[n++] = y;
        }
      });
    }
    return added;
  }

  // Adds the usable nodes that x links to.
  void add_links(neighborhood& near, node x, unsigned level) const {
    graph_.for_each_link(x, level, [&](node y) {
      if (usable_(y)) near.add(y);
    });
  }

  // Makes sure that each of `from` leads to each of `to` by way of nodes that are near, as far as their rows have room
  // or links to spare.
  void keep_connected(neighborhood& near, neighborhood::bits from, neighborhood::bits to, unsigned level,
                      insert_scratch& scratch) {
    for (std::size_t asked = 0; from != 0 && asked < most_asked;) {
      const neighborhood::bits reached = near.reached_from(graph_, level, from & -from, to);
      const neighborhood::bits missed = to & ~reached;
      if (missed == 0) {
        from &= from - 1;
        continue;
      }
      std::size_t n = 0;
      near.for_each(reached, [&](node w) { scratch.batch.nodes[n++] = w; });
      const node y = near.first_of(missed);
      const node giver = get_link(y, level, nearest_to(y, n, scratch));
      ++asked;
      if (giver == no_node) return;  // rows are full here
      near.forget_links(giver);
    }
  }

 private:
  static constexpr float gamma = .125f;
  static constexpr std::size_t most_asked = 32;
  static constexpr std::size_t most_exchanged = 4;  // each reads the rows of all its links

  [[nodiscard]] bool has(node y, unsigned level, node x) const {
    bool found = false;
    graph_.for_each_link(y, level, [&](node z) { found = found || z == x; });
    return found;
  }

  [[nodiscard]] simd::code_rows rows() const {
    if constexpr (std::same_as<Codes, simd::code_rows>) {
      return codes_;
    } else {
      return codes_();
    }
  }

  // The first n nodes of the batch, with their distances from the pruned query, behind so many others.
  [[nodiscard]] std::size_t measure(std::size_t behind, std::size_t n, insert_scratch& scratch) const {
    link_batch& batch = scratch.batch;
    const distances measure = distances_from(scratch.pruned_query());
    request(measure, batch.nodes, n);
    measure(batch.nodes, n, batch.distances);
    for (std::size_t i = 0; i < n; ++i) scratch.pruned[behind + i] = candidate::of(batch.distances[i], batch.nodes[i]);
    return behind + n;
  }

  // The first n nodes of the batch, by their distance from x.
  [[nodiscard]] std::span<const candidate> nearest_to(node x, std::size_t n, insert_scratch& scratch) const {
    prepare(x, scratch.pruned_query());
    const auto measured = std::span(scratch.pruned).first(measure(0, n, scratch));
    std::ranges::sort(measured);
    return measured;
  }

  // A link to x from the first of these, but x, that has room, else one to spare; from whom, or no_node.
  [[nodiscard]] node get_link(node x, unsigned level, std::span<const candidate> from) {
    for (const candidate c : from)
      if (c.id() != x && append(c.id(), level, x)) return c.id();
    for (const candidate c : from.first(std::min(from.size(), most_exchanged)))
      if (c.id() != x && exchange(c.id(), level, x)) return c.id();
    return no_node;
  }

  // Adds y -> x where the row has room, else chooses it again among the usable. Returns who left the row, where nodes
  // come and go.
  [[nodiscard]] std::span<const node> append_or_choose(node y, unsigned level, node x, insert_scratch& scratch) {
    const auto guard = graph_.lock(y);
    if (has(y, level, x) || graph_.append_link(y, level, x)) return {};

    const std::size_t most = graph_.max_degree(level);
    std::size_t n = 0, n_dropped = 0;
    graph_.for_each_link(y, level, [&](node z) {
      if (usable_(z))
        scratch.batch.nodes[n++] = z;
      else
        scratch.dropped[n_dropped++] = z;
    });
    if (n < most) {
      scratch.batch.nodes[n++] = x;
      graph_.set_links(y, level, {scratch.batch.nodes, n});
      return std::span(scratch.dropped).first(n_dropped);
    }
    prepare(y, scratch.pruned_query());
    n = measure(0, n, scratch);
    scratch.batch.nodes[0] = x;
    n = measure(n, 1, scratch);
    return choose(y, level, n, n_dropped, scratch);
  }

  // The row of y from n measured nodes; so many were dropped already. Needs the lock of y.
  [[nodiscard]] std::span<const node> choose(node y, unsigned level, std::size_t n, std::size_t n_dropped,
                                             insert_scratch& scratch) {
    const auto measured = std::span(scratch.pruned).first(n);
    std::ranges::sort(measured);
    const auto kept = std::span(scratch.taken).first(select(measured, graph_.max_degree(level), scratch));
    graph_.set_links(y, level, kept);
    if constexpr (changing)
      for (const candidate c : measured)
        if (std::ranges::find(kept, c.id()) == kept.end()) scratch.dropped[n_dropped++] = c.id();
    return std::span(scratch.dropped).first(n_dropped);
  }

  adjacency& graph_;
  const Quantizer& quantizer_;
  const simd::kernel_set& kernels_;
  Codes codes_;
  [[no_unique_address]] Usable usable_;
};

}  // namespace detail

}  // namespace thimble::inline THIMBLE_FLAGS
