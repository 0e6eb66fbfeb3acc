// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A graph over codes whose nodes come, are replaced, and go, while others search: the lives of slots. A slot goes
// round:
//
//     written, linked | superseded: waits for those who may come to it and not to its successor | unlinked: waits for
//     the sweep, which lets go of the links that the removal did not find | swept: waits for those who may stand on it
//     | free
//
// Each wait is one for the epochs of core/epochs.hpp. One small lock, of a byte, is around labels, states and the
// giving out of slots; no search takes it, and nothing is linked or encoded under it. Removed vectors whose slots are
// not free yet are at most about 1/30 of all.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include <thimble/build/inserter.hpp>
#include <thimble/build/reach_all.hpp>
#include <thimble/build/remover.hpp>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/atomic.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/epochs.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/adjacency.hpp>
#include <thimble/graph/frozen_graph.hpp>
#include <thimble/index/label_map.hpp>
#include <thimble/index/node_table.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// What one thread needs to change a live_graph.
struct write_scratch {
  insert_scratch links;
  aligned_buffer<float> vector;      // checked and normalised
  aligned_buffer<std::byte> encode;  // of the quantizer
};

template <symmetric_quantizer Quantizer>
class live_graph {
 public:
  // The quantizer and the kernels must outlive this.
  live_graph(const Quantizer& quantizer, const simd::kernel_set& kernels, unsigned m, unsigned ef_construction,
             std::uint64_t seed)
      : quantizer_(quantizer),
        kernels_(kernels),
        ef_construction_(ef_construction),
        seed_(seed),
        graph_(adjacency::create(m, seed)),
        nodes_(simd::row_stride(quantizer.code_bytes())) {}

  // Takes over a frozen graph, its codes, and the label of each node: label_of(node). Only where there was nothing yet,
  // and before another thread knows of it. Error: out_of_memory.
  template <class LabelOf>
  [[nodiscard]] expected<void> take_over(const frozen_graph& from, simd::code_rows codes,
                                         const LabelOf& label_of_node) {
    auto graph = adjacency::create(from.levels(), graph_.m(), seed_);
    if (!graph) return std::unexpected(graph.error());
    if (auto room = nodes_.grow(from.size()); !room) return room;
    if (auto room = labels_.reserve(from.size(), label_of()); !room) return room;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const auto x = static_cast<node>(i);
      for (unsigned level = 0; level <= from.level(x); ++level) {
        node links[2 * max_m];
        std::size_t n = 0;
        from.for_each_link(x, level, [&](node y) { links[n++] = y; });
        graph->set_links(x, level, {links, n});
      }
      std::memcpy(nodes_.code(x), simd::row_of(codes, x), quantizer_.code_bytes());
      nodes_.set_label(x, label_of_node(x));
      nodes_.set_state(x, node_state::live);
      labels_.insert(x, label_of());
    }
    graph->set_entry(from.entry());
    graph_ = std::move(*graph);
    n_live_ = n_used_ = from.size();
    return {};
  }

  // Whoever walks the graph or looks at codes is inside. Error: out_of_memory.
  [[nodiscard]] expected<epochs::guard> enter() const { return epochs_.enter(); }

  [[nodiscard]] const adjacency& graph() const { return graph_; }
  [[nodiscard]] const node_table& nodes() const { return nodes_; }
  // Vectors that count; slots that have ever been used; replaced vectors that are still linked; removed ones that some
  // links may still lead to.
  [[nodiscard]] std::size_t size() const { return detail::load_acquire(n_live_); }
  [[nodiscard]] std::size_t used() const { return detail::load_acquire(n_used_); }
  [[nodiscard]] std::size_t n_superseded() const { return superseded_.size(); }
  [[nodiscard]] std::size_t n_unlinked() const { return unlinked_.size(); }

  // The node that stands for a label now, no_node where there is none. Its code stays as it is for as long as the
  // caller, who entered before, is inside.
  [[nodiscard]] node node_of(label id) const {
    const detail::byte_lock_guard guard(lock_);
    return find(id);
  }

  // write(code) writes the code of the new vector. Errors: label_exists, too_many_vectors, out_of_memory; nothing has
  // changed then. Thread-safe, as all that follow.
  template <class Write>
  [[nodiscard]] expected<void> add(label id, write_scratch& scratch, const Write& write) {
    if (auto done = prepare(scratch); !done) return done;
    {
      const auto inside = epochs_.enter();
      if (!inside) return std::unexpected(inside.error());
      const auto claimed = claim(id);
      if (!claimed) return std::unexpected(claimed.error());
      const node x = *claimed;
      write(nodes_.code(x));
      {
        const detail::byte_lock_guard guard(lock_);
        nodes_.set_state(x, node_state::linking);
        detail::store_release(n_live_, n_live_ + 1);
      }
      insert(x, scratch);
      // Who removes x while it is being linked leaves the unlinking to this thread.
      if (finished_linking(x) == node_state::removed) unlink(x, scratch);
    }
    tidy(scratch);
    return {};
  }

  // Errors: unknown_label, out_of_memory; nothing has changed then.
  [[nodiscard]] expected<void> remove(label id, write_scratch& scratch) {
    if (auto done = prepare(scratch); !done) return done;
    {
      const auto inside = epochs_.enter();
      if (!inside) return std::unexpected(inside.error());
      if (auto room = reserve_way_out(); !room) return room;
      node x;
      bool linked = false;
      {
        const detail::byte_lock_guard guard(lock_);
        x = find(id);
        if (x != no_node) {
          labels_.erase(id, label_of());
          linked = nodes_.state(x) == node_state::live;
          nodes_.set_state(x, node_state::removed);
          detail::store_release(n_live_, n_live_ - 1);
        }
      }
      if (x == no_node) {
        release_way_out();
        return fail(errc::unknown_label, "no vector has this label", id);
      }
      if (linked) unlink(x, scratch);
    }
    tidy(scratch);
    return {};
  }

  // Searches find the old vector or the new one, at any moment one of them. Errors: unknown_label, too_many_vectors,
  // out_of_memory; nothing has changed then.
  template <class Write>
  [[nodiscard]] expected<void> update(label id, write_scratch& scratch, const Write& write) {
    if (auto done = prepare(scratch); !done) return done;
    bool replaced = false;
    {
      const auto inside = epochs_.enter();
      if (!inside) return std::unexpected(inside.error());
      if (auto room = superseded_.reserve(); !room) return room;
      if (auto room = reserve_way_out(); !room) {
        superseded_.release();
        return room;
      }
      const auto claimed = claim_beside(id);
      if (!claimed) {
        superseded_.release();
        release_way_out();
        return std::unexpected(claimed.error());
      }
      const node y = *claimed;
      write(nodes_.code(y));
      nodes_.set_state(y, node_state::hidden);
      insert(y, scratch);
      replaced = supersede(id, y);
      if (!replaced) {
        superseded_.release();
        unlink(y, scratch);
      }
    }
    tidy(scratch);
    if (!replaced) return fail(errc::unknown_label, "the label was removed meanwhile", id);
    return {};
  }

  // Walks come to every vector afterwards, but for what others do meanwhile: build/reach_all.hpp. Reads all links.
  // Error: out_of_memory.
  [[nodiscard]] expected<void> reach_all(write_scratch& scratch) {
    if (auto done = prepare(scratch); !done) return done;
    const auto inside = epochs_.enter();
    if (!inside) return std::unexpected(inside.error());
    const auto done = thimble::reach_all(graph_, quantizer_, kernels_, current_rows{&nodes_}, ef_construction_,
                                         scratch.links, usable_nodes{&nodes_});
    if (!done) return std::unexpected(done.error());
    return {};
  }

  [[nodiscard]] std::size_t map_bytes() const {
    const detail::byte_lock_guard guard(lock_);
    return labels_.bytes();
  }
  [[nodiscard]] std::size_t queue_bytes() { return superseded_.bytes() + unlinked_.bytes() + swept_.bytes(); }

 private:
  // Every node that is in the graph and stays for now may become a link.
  struct usable_nodes {
    const node_table* nodes;
    [[nodiscard]] bool operator()(node x) const {
      const node_state s = nodes->state(x);
      return s != node_state::empty && s != node_state::removed && s != node_state::unlinked;
    }
  };
  struct current_rows {
    const node_table* nodes;
    [[nodiscard]] simd::code_rows operator()() const { return nodes->rows(); }
  };
  using unlinker = remover<Quantizer, usable_nodes, current_rows>;

  [[nodiscard]] auto label_of() const {
    return [this](node x) { return nodes_.label_of(x); };
  }

  [[nodiscard]] expected<void> prepare(write_scratch& scratch) const {
    return scratch.links.reserve(graph_, ef_construction_, quantizer_.query_bytes());
  }

  // Room in the queues that a removed node goes through: with it, a removal cannot fail half way.
  [[nodiscard]] expected<void> reserve_way_out() {
    if (auto room = unlinked_.reserve(); !room) return room;
    auto room = swept_.reserve();
    if (!room) unlinked_.release();
    return room;
  }
  void release_way_out() {
    unlinked_.release();
    swept_.release();
  }

  // The node of a label whose vector has been written. Needs the lock.
  [[nodiscard]] node find(label id) const {
    const node x = labels_.find(id, label_of());
    return x != no_node && nodes_.state(x) == node_state::empty ? no_node : x;
  }

  // A slot for a new label.
  [[nodiscard]] expected<node> claim(label id) {
    const detail::byte_lock_guard guard(lock_);
    if (labels_.find(id, label_of()) != no_node)
      return fail(errc::label_exists, "a vector has this label already: update it, or remove it first", id);
    if (auto room = labels_.reserve(labels_.size() + 1, label_of()); !room) return std::unexpected(room.error());
    const auto x = free_slot();
    if (!x) return x;
    nodes_.set_label(*x, id);
    labels_.insert(*x, label_of());
    return x;
  }

  // A slot for a vector that is to take the place of one that is there.
  [[nodiscard]] expected<node> claim_beside(label id) {
    const detail::byte_lock_guard guard(lock_);
    if (find(id) == no_node) return fail(errc::unknown_label, "no vector has this label", id);
    const auto y = free_slot();
    if (y) nodes_.set_label(*y, id);
    return y;
  }

  // Needs the lock.
  [[nodiscard]] expected<node> free_slot() {
    if (const node x = swept_.take(epochs_); x != no_node) return x;
    if (n_used_ == graph_.size()) {
      if (auto room = nodes_.grow(n_used_ + 1); !room) return std::unexpected(room.error());
      if (auto room = graph_.grow(n_used_ + 1); !room) return std::unexpected(room.error());
    }
    const auto x = static_cast<node>(n_used_);
    detail::store_release(n_used_, n_used_ + 1);
    return x;
  }

  void insert(node x, write_scratch& scratch) {
    inserter<Quantizer, usable_nodes, current_rows>(graph_, quantizer_, kernels_, {&nodes_}, ef_construction_,
                                                    {&nodes_})
        .insert(x, scratch.links);
  }

  [[nodiscard]] unlinker make_unlinker() {
    return unlinker(graph_, quantizer_, kernels_, {&nodes_}, ef_construction_, {&nodes_});
  }

  // The state of x by now.
  [[nodiscard]] node_state finished_linking(node x) {
    const detail::byte_lock_guard guard(lock_);
    if (nodes_.state(x) == node_state::linking) nodes_.set_state(x, node_state::live);
    return nodes_.state(x);
  }

  // Whether y stands for the label now; if that has gone meanwhile, y is removed.
  [[nodiscard]] bool supersede(label id, node y) {
    const detail::byte_lock_guard guard(lock_);
    const node x = find(id);
    if (x == no_node) {
      nodes_.set_state(y, node_state::removed);
      return false;
    }
    labels_.replace(id, y, label_of());
    nodes_.supersede(x, y);
    superseded_.retire(x, epochs_);
    return true;
  }

  // x is removed, and its linking is over.
  void unlink(node x, write_scratch& scratch) {
    make_unlinker().remove(x, scratch.links);
    nodes_.set_state(x, node_state::unlinked);
    unlinked_.retire(x, epochs_);
  }

  // A little of what is due, after each change: so nothing is ever due for long, and no change pays for many.
  void tidy(write_scratch& scratch) {
    for (int i = 0; i < 2; ++i) {
      if (superseded_.size() == 0) break;
      const auto inside = epochs_.enter();
      if (!inside) return;
      const node x = superseded_.take(epochs_);
      if (x == no_node) break;
      nodes_.set_state(x, node_state::removed);
      unlink(x, scratch);
    }
    if (unlinked_.size() == 0 || sweeping_.test_and_set(std::memory_order_acquire)) return;
    if (const auto inside = epochs_.enter()) sweep_some(scratch);
    sweeping_.clear(std::memory_order_release);
  }

  // When a node is ripe in the queue of the unlinked ones, nobody can link to it any more: all who are inside know it
  // as removed. So one pass over all rows lets go of the last links to it.
  void sweep_some(write_scratch& scratch) {
    if (sweep_at_ == sweep_end_) {
      const std::size_t used = this->used();
      if (unlinked_.size() < used / swept_at_once + 32) return;
      n_swept_ = unlinked_.n_ripe(epochs_);
      if (n_swept_ == 0) return;
      sweep_at_ = 0;
      sweep_end_ = used;
    }
    const std::size_t last = std::min(sweep_at_ + swept_at_once, sweep_end_);
    (void)make_unlinker().sweep(static_cast<node>(sweep_at_), static_cast<node>(last), scratch.links);
    sweep_at_ = last;
    if (last < sweep_end_) return;
    for (; n_swept_ > 0; --n_swept_) {
      const node x = unlinked_.take(epochs_);
      nodes_.set_state(x, node_state::empty);
      swept_.retire(x, epochs_);
    }
  }

  // A sweep of all rows begins when 1/64 of all nodes wait for it, and ends before as many wait for the next one. (128
  // rows at once and 1/128 of all: half as many wait, for 4 to 9 % of the time of a change.)
  static constexpr std::size_t swept_at_once = 64;

  const Quantizer& quantizer_;
  const simd::kernel_set& kernels_;
  unsigned ef_construction_;
  std::uint64_t seed_;
  adjacency graph_;
  node_table nodes_;
  mutable epochs epochs_;
  epoch_queue superseded_, unlinked_, swept_;

  mutable std::uint8_t lock_ = 0;  // around what follows, and changes of states and labels
  label_map labels_;
  std::size_t n_live_ = 0;
  std::size_t n_used_ = 0;

  std::atomic_flag sweeping_;  // held for what follows
  std::size_t sweep_at_ = 0;
  std::size_t sweep_end_ = 0;
  std::size_t n_swept_ = 0;  // nodes that this sweep is for
};

}  // namespace thimble::inline THIMBLE_FLAGS
