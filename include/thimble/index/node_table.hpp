// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What an index that changes keeps of each node beside its links: code, label and state, in chunks that never move. One
// thread at a time changes what is known of a node; any number read it meanwhile.
// Memory: 9 bytes a node and its code.

#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/atomic.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/chunk_list.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/adjacency.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// A vector that is added goes empty, linking, live; one that comes by an update goes empty, hidden, live. It ends by a
// removal: removed, unlinked, empty; or by an update: superseding, superseded, removed, unlinked, empty.
enum class node_state : std::uint8_t {
  empty,        // no vector, or one whose code is being written
  hidden,       // being linked: to be walked through, but no result yet, for the vector it replaces still is one
  linking,      // being linked, and a result already
  live,         //
  superseding,  // for a moment: its label is becoming the node that takes its place
  superseded,   // replaced: to be walked through by those who may not come to its successor
  removed,      // no result any more; being unlinked
  unlinked,     // links past it are there; some from afar may lead to it still
};

class node_table {
 public:
  static constexpr unsigned chunk_bits = adjacency::chunk_bits;
  static constexpr std::size_t chunk_nodes = adjacency::chunk_nodes;

  explicit node_table(std::size_t code_bytes) : code_bytes_(code_bytes) {}

  // Room for n nodes at least, all of them empty. One thread at a time. Error: out_of_memory; some of the room may be
  // there then.
  [[nodiscard]] expected<void> grow(std::size_t n) {
    const std::size_t chunks = n / chunk_nodes + (n % chunk_nodes != 0 ? 1 : 0);
    if (auto done = add_chunks(codes_, chunks, saturated_product(chunk_nodes, code_bytes_), simd::code_slack); !done)
      return done;
    if (auto done = add_chunks(labels_, chunks, chunk_nodes); !done) return done;
    return add_chunks(states_, chunks, chunk_nodes);
  }

  // Nodes that there is room for.
  [[nodiscard]] std::size_t size() const { return states_.size() * chunk_nodes; }

  [[nodiscard]] node_state state(node x) const {
    return static_cast<node_state>(detail::load_acquire(states_[x >> chunk_bits][in_chunk(x)]));
  }
  void set_state(node x, node_state state) {
    detail::store_release(states_[x >> chunk_bits][in_chunk(x)], static_cast<std::uint8_t>(state));
  }

  [[nodiscard]] label label_of(node x) const { return detail::load_acquire(labels_[x >> chunk_bits][in_chunk(x)]); }
  void set_label(node x, label id) { detail::store_release(labels_[x >> chunk_bits][in_chunk(x)], id); }

  // y, which is hidden, takes the place of x, which is linking or live: at any moment one of them counts. Who looks at
  // x meanwhile waits for four stores.
  void supersede(node x, node y) {
    set_state(x, node_state::superseding);
    set_state(y, node_state::live);
    set_label(x, y);
    set_state(x, node_state::superseded);
  }

  // State and label as they were together at one moment.
  struct entry {
    node_state state;
    label id;  // of a superseded node: its successor

    // Whether it is a vector of the index.
    [[nodiscard]] bool counts() const { return state == node_state::live || state == node_state::linking; }
  };
  [[nodiscard]] entry at(node x) const {
    for (;;) {
      const node_state before = state(x);
      const label id = label_of(x);
      if (before == state(x) && before != node_state::superseding) return {before, id};
    }
  }

  // The node that stands for the vector x by now: x, a successor, or no_node. (Each successor was superseded later than
  // the one before, so that this ends.)
  [[nodiscard]] node current(node x) const {
    for (;;) {
      const entry e = at(x);
      if (e.counts()) return x;
      if (e.state != node_state::superseded) return no_node;
      x = static_cast<node>(e.id);
    }
  }

  // The label of a node that counted when the caller, who is still inside the epochs, looked at it last.
  [[nodiscard]] label label_of_seen(node x) const {
    entry e = at(x);
    while (e.state == node_state::superseded) e = at(static_cast<node>(e.id));
    return e.id;
  }

  [[nodiscard]] std::byte* code(node x) { return codes_[x >> chunk_bits] + in_chunk(x) * code_bytes_; }
  [[nodiscard]] const std::byte* code(node x) const { return codes_[x >> chunk_bits] + in_chunk(x) * code_bytes_; }
  [[nodiscard]] std::size_t row_bytes() const { return code_bytes_; }
  // Of all nodes there are by now.
  [[nodiscard]] simd::code_rows rows() const { return {nullptr, code_bytes_, codes_.table(), chunk_bits}; }

  [[nodiscard]] std::size_t code_bytes() const {
    return codes_.size() * (chunk_nodes * code_bytes_ + simd::code_slack);
  }
  [[nodiscard]] std::size_t label_bytes() const { return labels_.size() * chunk_nodes * sizeof(label); }
  // Of the states, and of the tables.
  [[nodiscard]] std::size_t other_bytes() const {
    return states_.size() * chunk_nodes + codes_.overhead_bytes() + labels_.overhead_bytes() + states_.overhead_bytes();
  }

 private:
  [[nodiscard]] static std::size_t in_chunk(node x) { return x & (chunk_nodes - 1); }

  template <class T>
  [[nodiscard]] static expected<void> add_chunks(chunk_list<T>& to, std::size_t chunks, std::size_t values,
                                                 std::size_t more = 0) {
    while (to.size() < chunks) {
      auto chunk = aligned_buffer<T>::create(values, more);
      if (!chunk) return std::unexpected(chunk.error());
      if (auto done = to.append(std::move(*chunk)); !done) return done;
    }
    return {};
  }

  std::size_t code_bytes_;
  chunk_list<std::byte> codes_;
  chunk_list<label> labels_;
  chunk_list<std::uint8_t> states_;  // node_state
};

}  // namespace thimble::inline THIMBLE_FLAGS
