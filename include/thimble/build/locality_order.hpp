// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// An order of vectors in which near ones stand side by side: the set is halved by the hyperplane between the means of
// its halves (2-means, balanced), each half again, down to a few. Links between neighbours become short differences
// (graph/packed_links.hpp) and a search's reads fall into fewer lines and pages.
//
// Nothing but distances between codes is needed: the sum of the distances to some members of one side, less that to as
// many of the other, is linear in the vector (l2: |x|^2 cancels), along the difference of their means.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>

#include <thimble/build/progress.hpp>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/executor.hpp>
#include <thimble/core/object_array.hpp>
#include <thimble/core/types.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/search/candidate_list.hpp>
#include <thimble/simd/kernel_set.hpp>

namespace thimble::inline THIMBLE_FLAGS {

namespace detail {

// Halves ranges of nodes by their codes; one for each thread.
template <symmetric_quantizer Quantizer>
class halver {
 public:
  // Error: out_of_memory.
  [[nodiscard]] expected<void> reserve(const Quantizer& quantizer) {
    query_bytes_ = quantizer.query_bytes();
    auto queries = aligned_buffer<std::byte>::create(2 * n_members * query_bytes_);
    if (!queries) return std::unexpected(queries.error());
    queries_ = std::move(*queries);
    return {};
  }

  // Orders the nodes so that the first `lower` lie on one side of a hyperplane, the others on the other. keys: room for
  // one a node.
  void halve(const Quantizer& quantizer, const simd::kernel_set& kernels, simd::code_rows codes, std::span<node> nodes,
             std::size_t lower, std::span<candidate> keys) {
    find_members(quantizer, kernels, codes, nodes);
    place(quantizer, kernels, codes, nodes, keys);
    std::ranges::nth_element(keys, keys.begin() + static_cast<std::ptrdiff_t>(lower));
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i] = keys[i].id();
  }

 private:
  static constexpr std::size_t n_sampled = 128;
  static constexpr std::size_t n_members = 8;  // of each side
  static constexpr int n_refinements = 3;

  [[nodiscard]] std::byte* query(std::size_t i) { return queries_.data() + i * query_bytes_; }

  // Members of two sides: first two far ones of a sample, then some from the ends of what the last ones part.
  void find_members(const Quantizer& quantizer, const simd::kernel_set& kernels, simd::code_rows codes,
                    std::span<const node> nodes) {
    const std::size_t n = std::min(nodes.size(), n_sampled);
    node sample[n_sampled];
    float distances[n_sampled];
    candidate keys[n_sampled];
    for (std::size_t i = 0; i < n; ++i) sample[i] = nodes[nodes.size() * i / n];
    const auto farthest = [&](node from) {
      quantizer.prepare_from_code(kernels, simd::row_of(codes, from), query(0));
      quantizer.estimate(kernels, query(0), codes, sample, n, distances);
      return sample[std::max_element(distances, distances + n) - distances];
    };
    const node a = farthest(sample[n / 2]), b = farthest(a);
    members_ = 1;
    take(quantizer, kernels, codes, 0, a);
    take(quantizer, kernels, codes, 1, b);
    for (int round = 0; round < n_refinements; ++round) {
      place(quantizer, kernels, codes, std::span(sample).first(n), std::span(keys).first(n));
      std::sort(keys, keys + n);
      members_ = std::min(n_members, n / 2);
      // Evenly from each half.
      const std::size_t half = n / 2;
      for (std::size_t i = 0; i < members_; ++i) {
        take(quantizer, kernels, codes, 2 * i, keys[half * i / members_].id());
        take(quantizer, kernels, codes, 2 * i + 1, keys[n - 1 - half * i / members_].id());
      }
    }
  }

  void take(const Quantizer& quantizer, const simd::kernel_set& kernels, simd::code_rows codes, std::size_t i, node x) {
    quantizer.prepare_from_code(kernels, simd::row_of(codes, x), query(i));
  }

  // Where each node lies between the sides: few at a time, whose codes stay in the cache for all members.
  void place(const Quantizer& quantizer, const simd::kernel_set& kernels, simd::code_rows codes,
             std::span<const node> nodes, std::span<candidate> keys) {
    constexpr std::size_t at_once = 64;
    for (std::size_t first = 0; first < nodes.size(); first += at_once) {
      const auto some = nodes.subspan(first, std::min(at_once, nodes.size() - first));
      float distances[at_once];
      float sums[at_once] = {};
      for (std::size_t q = 0; q < 2 * members_; ++q) {
        quantizer.estimate(kernels, query(q), codes, some.data(), some.size(), distances);
        for (std::size_t i = 0; i < some.size(); ++i) sums[i] += q % 2 == 0 ? distances[i] : -distances[i];
      }
      for (std::size_t i = 0; i < some.size(); ++i) keys[first + i] = candidate::of(sums[i], some[i]);
    }
  }

  aligned_buffer<std::byte> queries_;  // of the members of both sides, in turns
  std::size_t query_bytes_ = 0;
  std::size_t members_ = 0;
};

}  // namespace detail

// Puts these nodes into an order in which neighbours stand side by side. The same nodes in the same order, the same
// result, with any number of workers. Reports each round of halving. Errors: out_of_memory, cancelled.
template <symmetric_quantizer Quantizer, executor Executor>
[[nodiscard]] expected<void> order_by_locality(const Quantizer& quantizer, const simd::kernel_set& kernels,
                                               simd::code_rows codes, std::span<node> nodes, Executor& on,
                                               progress_report report = {}) {
  constexpr std::size_t few = 8;
  const std::size_t n = nodes.size();
  auto keys = aligned_buffer<candidate>::create(n);
  if (!keys) return std::unexpected(keys.error());
  auto halvers = object_array<detail::halver<Quantizer>>::create(on.workers());
  if (!halvers) return std::unexpected(halvers.error());
  for (std::size_t i = 0; i < halvers->size(); ++i)
    if (auto made = (*halvers)[i].reserve(quantizer); !made) return std::unexpected(made.error());

  std::size_t rounds = 0;
  while (n >> rounds > few) ++rounds;
  for (std::size_t round = 0; round < rounds; ++round) {
    if (auto go_on = report_progress(report, {build_stage::order, round, rounds}); !go_on)
      return std::unexpected(go_on.error());
    const std::size_t parts = std::size_t{1} << round;
    const auto begin_of = [&](std::uint64_t part, std::uint64_t of) { return static_cast<std::size_t>(n * part / of); };
    parallel_for(on, parts, [&](std::size_t part, unsigned worker) {
      const std::size_t begin = begin_of(part, parts), middle = begin_of(2 * part + 1, 2 * parts);
      const std::size_t size = begin_of(part + 1, parts) - begin;
      (*halvers)[worker].halve(quantizer, kernels, codes, nodes.subspan(begin, size), middle - begin,
                               keys->span().subspan(begin, size));
    });
  }
  if (rounds > 0)
    if (auto go_on = report_progress(report, {build_stage::order, rounds, rounds}); !go_on)
      return std::unexpected(go_on.error());
  return {};
}

// order[i] = the one of n nodes whose vector comes to place i. Errors: as above.
template <symmetric_quantizer Quantizer, executor Executor>
[[nodiscard]] expected<aligned_buffer<node>> locality_order(const Quantizer& quantizer, const simd::kernel_set& kernels,
                                                            simd::code_rows codes, std::size_t n, Executor& on,
                                                            progress_report report = {}) {
  auto order = aligned_buffer<node>::create(n);
  if (!order) return order;
  for (std::size_t i = 0; i < n; ++i) (*order)[i] = static_cast<node>(i);
  if (auto done = order_by_locality(quantizer, kernels, codes, order->span(), on, report); !done)
    return std::unexpected(done.error());
  return order;
}

}  // namespace thimble::inline THIMBLE_FLAGS
