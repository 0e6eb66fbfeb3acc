// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <numeric>
#include <thimble/build/inserter.hpp>
#include <thimble/build/remover.hpp>
#include <thimble/core/chunk_list.hpp>
#include <thimble/core/executor.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/sq8.hpp>
#include <vector>

#include "unit/support/coded.hpp"
#include "unit/support/links.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::coded;
using test::links_of;
using test::succeeded;

// Slots for codes, of which some are in the graph; one thread.
template <symmetric_quantizer Quantizer>
class changing_graph {
 public:
  changing_graph(const coded<Quantizer>& source, std::size_t slots, unsigned links, unsigned ef_construction = 64)
      : source_(source),
        codes_(slots * source.quantizer().code_bytes() + simd::code_slack),
        usable_(slots),
        graph_(adjacency::create(links, 3)),
        insert_(graph_, source.quantizer(), source.kernels(), rows(), ef_construction, is_usable{&usable_}),
        remove_(graph_, source.quantizer(), source.kernels(), rows(), 64, is_usable{&usable_}) {
    EXPECT_TRUE(succeeded(graph_.grow(slots)));
    EXPECT_TRUE(succeeded(scratch_.reserve(graph_, std::max(64u, ef_construction), source.quantizer().query_bytes())));
  }

  void insert(node slot, std::size_t row) {
    const std::size_t bytes = source_.quantizer().code_bytes();
    std::memcpy(codes_.data() + slot * bytes, source_.code(static_cast<node>(row)), bytes);
    usable_[slot] = 1;
    insert_.insert(slot, scratch_);
  }
  void remove(node slot) {
    usable_[slot] = 0;
    remove_.remove(slot, scratch_);
  }
  std::size_t sweep() { return remove_.sweep(0, static_cast<node>(usable_.size()), scratch_); }

  [[nodiscard]] const adjacency& graph() const { return graph_; }
  [[nodiscard]] simd::code_rows rows() const { return {codes_.data(), source_.quantizer().code_bytes()}; }
  [[nodiscard]] bool usable(node x) const { return is_usable{&usable_}(x); }
  [[nodiscard]] std::vector<node> nodes() const {
    std::vector<node> all;
    for (node x = 0; x < usable_.size(); ++x)
      if (usable(x)) all.push_back(x);
    return all;
  }

  // Links of level 0 from nodes in the graph to others.
  [[nodiscard]] std::size_t stale_links() const {
    std::size_t n = 0;
    for (const node x : nodes())
      for (const node y : links_of(graph_, x, 0)) n += usable(y) ? 0 : 1;
    return n;
  }

  // How many of the nodes in the graph the links of level 0 lead to, from the entry, through whatever nodes.
  [[nodiscard]] std::size_t reached() const {
    if (graph_.entry().at == no_node) return 0;
    std::vector<bool> seen(usable_.size());
    std::vector<node> open{graph_.entry().at};
    seen[open.front()] = true;
    std::size_t n = 0;
    while (!open.empty()) {
      const node x = open.back();
      open.pop_back();
      n += usable(x) ? 1 : 0;
      for (const node y : links_of(graph_, x, 0)) {
        if (seen[y]) continue;
        seen[y] = true;
        open.push_back(y);
      }
    }
    return n;
  }

  // Of the ten nearest codes to each query, how many a search with this ef finds.
  [[nodiscard]] double recall(std::span<const std::vector<float>> queries, std::size_t ef) {
    constexpr std::size_t k = 10;
    const std::vector<node> all = nodes();
    std::vector<float> distances(all.size());
    candidate_list candidates;
    EXPECT_TRUE(succeeded(candidates.reserve(ef)));
    std::size_t found = 0;
    for (const std::vector<float>& query : queries) {
      const auto prepared = source_.prepare(query);
      const auto estimate = [&](const node* nodes, std::size_t n, float* out) {
        source_.quantizer().estimate(source_.kernels(), prepared.data(), rows(), nodes, n, out);
      };
      estimate(all.data(), all.size(), distances.data());
      std::vector<candidate> truth;
      for (std::size_t i = 0; i < all.size(); ++i) truth.push_back(candidate::of(distances[i], all[i]));
      std::ranges::partial_sort(truth, truth.begin() + k);
      candidates.clear(ef);
      const located start = descend(graph_, estimate, graph_.entry(), 0, scratch_.batch);
      beam_search(graph_, estimate, start, 0, candidates, scratch_.visited, scratch_.batch);
      for (const candidate c : candidates.items())
        found += std::ranges::count(truth.begin(), truth.begin() + k, c.id(), &candidate::id) > 0 ? 1 : 0;
    }
    return static_cast<double>(found) / static_cast<double>(k * queries.size());
  }

  void expect_sound() const {
    const entry_point entry = graph_.entry();
    EXPECT_EQ(entry.at == no_node, nodes().empty());
    if (entry.at == no_node) return;
    EXPECT_TRUE(usable(entry.at));
    EXPECT_EQ(graph_.level(entry.at), entry.level);
    for (const node x : nodes()) {
      EXPECT_LE(graph_.level(x), entry.level);
      for (unsigned level = 0; level <= graph_.level(x); ++level) {
        auto links = links_of(graph_, x, level);
        EXPECT_EQ(std::ranges::count(links, x), 0);
        for (const node y : links) EXPECT_GE(graph_.level(y), level);
        std::ranges::sort(links);
        EXPECT_EQ(std::ranges::adjacent_find(links), links.end()) << "a link twice";
      }
    }
  }

 private:
  struct is_usable {
    const std::vector<std::uint8_t>* flags;
    [[nodiscard]] bool operator()(node x) const { return x < flags->size() && (*flags)[x] != 0; }
  };

  const coded<Quantizer>& source_;
  std::vector<std::byte> codes_;
  std::vector<std::uint8_t> usable_;
  adjacency graph_;
  insert_scratch scratch_;
  inserter<Quantizer, is_usable> insert_;
  remover<Quantizer, is_usable> remove_;
};

std::vector<node> shuffled(std::size_t n, std::uint64_t seed) {
  std::vector<node> order(n);
  std::iota(order.begin(), order.end(), node{0});
  random_generator random(seed);
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

TEST(remover, all_that_remain_are_reached_after_half_are_removed) {
  constexpr std::size_t n = 2000;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const coded<float32> data(test::clustered_vectors(n, 12, seed), metric::l2);
    changing_graph<float32> g(data, n, 12);
    for (node x = 0; x < n; ++x) g.insert(x, x);
    ASSERT_EQ(g.reached(), n);
    const auto order = shuffled(n, seed);
    for (std::size_t i = 0; i < n / 2; ++i) g.remove(order[i]);
    g.expect_sound();
    EXPECT_EQ(g.reached(), n / 2);
    // Not through those that were removed either.
    EXPECT_GT(g.sweep(), 0u);
    EXPECT_EQ(g.stale_links(), 0u);
    EXPECT_EQ(g.reached(), n / 2);
  }
}

TEST(remover, few_links_to_a_removed_node_are_missed) {
  constexpr std::size_t n = 2000;
  const coded<float32> data(test::clustered_vectors(n, 12, 1), metric::l2);
  changing_graph<float32> g(data, n, 12);
  for (node x = 0; x < n; ++x) g.insert(x, x);
  const auto links_to = [&](node x) {
    std::ptrdiff_t links = 0;
    for (const node y : g.nodes()) links += std::ranges::count(links_of(g.graph(), y, 0), x);
    return links;
  };
  std::ptrdiff_t links = 0, missed = 0;
  for (node x = 0; x < n / 4; ++x) {
    links += links_to(x);
    g.remove(x);
    missed += links_to(x);
  }
  EXPECT_GT(links, std::ptrdiff_t{n / 4});
  EXPECT_LE(static_cast<double>(missed), .2 * static_cast<double>(links));
  EXPECT_GT(g.sweep(), 0u);
  EXPECT_EQ(g.stale_links(), 0u);
}

TEST(remover, a_graph_of_which_half_was_replaced_finds_what_a_new_one_finds) {
  constexpr std::size_t n = 4000;
  const auto& pictures = test::base_pictures();
  const std::size_t n_rows = std::min(pictures.size(), n + n / 2);
  const coded<sq8> data(pictures.floats(n_rows), metric::l2);
  changing_graph<sq8> g(data, n, 16);
  std::vector<std::size_t> held(n);
  for (node x = 0; x < n; ++x) g.insert(x, held[x] = x);
  std::vector<std::size_t> spare(n_rows - n);
  std::iota(spare.begin(), spare.end(), n);

  const auto order = shuffled(n, 1);
  random_generator random(2);
  std::vector<node> open;
  for (std::size_t removed = 0, inserted = 0; inserted < n / 2;) {
    if (removed < n / 2 && (open.empty() || random.below(2) == 0)) {
      open.push_back(order[removed++]);
      spare.push_back(held[open.back()]);
      g.remove(open.back());
    } else {
      std::swap(open[random.below(open.size())], open.back());
      std::swap(spare[random.below(spare.size())], spare.back());
      held[open.back()] = spare.back();
      g.insert(open.back(), spare.back());
      open.pop_back();
      spare.pop_back();
      ++inserted;
    }
  }
  g.expect_sound();
  EXPECT_EQ(g.reached(), n);

  changing_graph<sq8> fresh(data, n, 16);
  for (node x = 0; x < n; ++x) fresh.insert(x, held[x]);
  std::vector<std::vector<float>> queries;
  for (std::size_t i = 0; i < 200; ++i) queries.push_back(test::query_pictures().row(i));
  const double of_fresh = fresh.recall(queries, 64), of_replaced = g.recall(queries, 64);
  EXPECT_GE(of_fresh, .99);
  EXPECT_GE(of_replaced, of_fresh - .01);
}

TEST(remover, what_was_emptied_can_be_filled_again) {
  for (const std::size_t n : {1u, 2u, 3u, 10u, 300u}) {
    const coded<float32> data(test::clustered_vectors(2 * n, 6, n), metric::l2);
    changing_graph<float32> g(data, n, 8);
    for (std::size_t round = 0; round < 3; ++round) {
      for (node x = 0; x < n; ++x) g.insert(x, x + round % 2 * n);
      g.expect_sound();
      EXPECT_EQ(g.reached(), n);
      std::size_t left = n;
      for (const node x : shuffled(n, round)) {
        g.remove(x);
        g.expect_sound();
        --left;
        EXPECT_EQ(g.reached(), left);
      }
      EXPECT_EQ(g.graph().entry().at, no_node);
    }
  }
}

// By islands of 2 to 5 nodes, seen among the last tenth, before removal kept those together that it parts.
TEST(remover, none_of_those_that_are_left_is_out_of_reach) {
  constexpr std::size_t n = 300;
  for (const unsigned links : {4u, 16u}) {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      const coded<float32> data(test::clustered_vectors(n, 6, seed), metric::l2);
      changing_graph<float32> g(data, n, links);
      for (node x = 0; x < n; ++x) g.insert(x, x);
      std::size_t left = n;
      for (const node x : shuffled(n, seed)) {
        g.remove(x);
        ASSERT_EQ(g.reached(), --left) << "m " << links << ", seed " << seed;
      }
    }
  }
}

TEST(remover, another_node_of_the_highest_level_becomes_the_entry) {
  constexpr std::size_t n = 300;
  const coded<float32> data(test::clustered_vectors(n, 6, 1), metric::l2);
  changing_graph<float32> g(data, n, 3);
  for (node x = 0; x < n; ++x) g.insert(x, x);
  for (std::size_t left = n; left > 0; --left) {
    g.expect_sound();
    g.remove(g.graph().entry().at);
  }
  EXPECT_EQ(g.graph().entry().at, no_node);
}

TEST(remover, equal_rows_can_be_removed) {
  const coded<float32> data({.dim = 3, .values = std::vector<float>(200 * 3, 1.0f)}, metric::l2);
  changing_graph<float32> g(data, 200, 4);
  for (node x = 0; x < 200; ++x) g.insert(x, x);
  for (const node x : shuffled(200, 1)) {
    g.remove(x);
    g.expect_sound();
  }
}

#if THIMBLE_THREADS
// Two threads remove, two insert into a graph and codes that grow (one of them with scratch that is often too small),
// two search.
TEST(remover, works_beside_inserters_and_searchers) {
  constexpr node first = 3700, left = 3900, old_end = 4096, end = 4400;
  constexpr unsigned chunk_bits = 6;
  const coded<float32> data(test::clustered_vectors(end, 8, 1), metric::l2);
  const std::size_t bytes = data.quantizer().code_bytes(), query_bytes = data.quantizer().query_bytes();
  chunk_list<std::byte> codes;
  auto graph = adjacency::create(6, 1);
  std::vector<std::atomic<bool>> flags(end);
  std::mutex growing;
  const auto rows = [&] { return simd::code_rows{nullptr, bytes, codes.table(), chunk_bits}; };
  const auto usable = [&](node x) { return x < end && flags[x].load(); };
  inserter<float32, decltype(usable), decltype(rows)> insert(graph, data.quantizer(), data.kernels(), rows, 40, usable);
  remover<float32, decltype(usable), decltype(rows)> remove(graph, data.quantizer(), data.kernels(), rows, 40, usable);
  const auto add = [&](node x, insert_scratch& scratch) {
    {
      const std::scoped_lock guard(growing);
      if (x >= graph.size()) {
        ASSERT_TRUE(succeeded(graph.grow(x + 1)));
      }
      while (codes.size() <= x >> chunk_bits)
        ASSERT_TRUE(succeeded(
            codes.append(std::move(*aligned_buffer<std::byte>::create(bytes << chunk_bits, simd::code_slack)))));
    }
    std::memcpy(codes[x >> chunk_bits] + (x & 63) * bytes, data.code(x), bytes);
    flags[x] = true;
    insert.insert(x, scratch);
  };

  ASSERT_TRUE(succeeded(graph.grow(old_end)));
  std::vector<insert_scratch> scratches(7);
  for (auto& scratch : scratches) ASSERT_TRUE(succeeded(scratch.reserve(graph, 40, query_bytes)));
  for (node x = first; x < old_end; ++x) add(x, scratches[6]);
  std::atomic<node> next_in = old_end, next_out = first;
  thread_executor threads(6);
  threads.run([&](unsigned worker) {
    insert_scratch& scratch = scratches[worker];
    if (worker < 2) {
      for (node x; (x = next_out++) < left;) {
        flags[x] = false;
        remove.remove(x, scratch);
      }
    } else if (worker < 4) {
      for (node x; (x = next_in++) < end;) {
        if (worker == 2 || x % 32 < 2) {
          ASSERT_TRUE(succeeded(scratch.reserve(graph, 40, query_bytes)));
        }
        add(x, scratch);
      }
    } else {
      while (next_in < end || next_out < left) {
        const node x = next_in % end;
        const auto query = data.prepare({reinterpret_cast<const float*>(data.code(x)), 8});
        const auto estimate = [&](const node* nodes, std::size_t n, float* out) {
          data.quantizer().estimate(data.kernels(), query.data(), rows(), nodes, n, out);
        };
        const entry_point entry = graph.entry();
        if (entry.at == no_node) continue;
        ASSERT_TRUE(succeeded(scratch.reserve(graph, 40, query_bytes)));
        scratch.candidates.clear(40);
        const located start = descend(graph, estimate, entry, 0, scratch.batch);
        beam_search(graph, estimate, start, 0, scratch.candidates, scratch.visited, scratch.batch);
        EXPECT_FALSE(scratch.candidates.items().empty());
        for (const candidate c : scratch.candidates.items()) EXPECT_TRUE(c.id() >= first && c.id() < end);
      }
    }
  });

  ASSERT_TRUE(succeeded(scratches[0].reserve(graph, 40, query_bytes)));
  (void)remove.sweep(first, end, scratches[0]);
  const entry_point entry = graph.entry();
  ASSERT_TRUE(usable(entry.at));
  EXPECT_EQ(graph.level(entry.at), entry.level);
  for (node x = left; x < end; ++x) {
    EXPECT_LE(graph.level(x), entry.level);
    for (const node y : links_of(graph, x, 0)) EXPECT_TRUE(usable(y));
  }
  EXPECT_GE(test::reachable(graph), (end - left) * 95 / 100);
}
#endif

}  // namespace
}  // namespace thimble
