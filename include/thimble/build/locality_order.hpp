// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// An order of vectors in which near ones stand side by side: the set is halved by the hyperplane between the means of
// its halves (2-means, balanced), each half again, down to a few. Links between neighbours become short differences
// (graph/packed_links.hpp) and a search's reads fall into fewer lines and pages.
//
// No vectors are needed, codes do: the distance to one mean less that to the other is linear in the vector (l2: |x|^2
// cancels), and the means are those of decoded samples.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
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
  [[nodiscard]] expected<void> reserve(const Quantizer& quantizer, std::size_t dim) {
    query_bytes_ = quantizer.query_bytes();
    auto queries = aligned_buffer<std::byte>::create(2 * query_bytes_);
    if (!queries) return std::unexpected(queries.error());
    auto scratch = aligned_buffer<std::byte>::create(quantizer.encode_scratch_bytes());
    if (!scratch) return std::unexpected(scratch.error());
    auto mean = aligned_buffer<float>::create(dim);
    if (!mean) return std::unexpected(mean.error());
    auto member = aligned_buffer<float>::create(dim);
    if (!member) return std::unexpected(member.error());
    queries_ = std::move(*queries);
    scratch_ = std::move(*scratch);
    mean_ = std::move(*mean);
    member_ = std::move(*member);
    return {};
  }

  // Orders the nodes so that the first `lower` lie on one side of a hyperplane, the others on the other. keys: room for
  // one a node.
  void halve(const Quantizer& quantizer, const simd::kernel_set& kernels, simd::code_rows codes, std::span<node> nodes,
             std::size_t lower, std::span<candidate> keys) {
    find_sides(quantizer, kernels, codes, nodes);
    place(quantizer, kernels, codes, nodes, keys);
    std::ranges::nth_element(keys, keys.begin() + static_cast<std::ptrdiff_t>(lower));
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i] = keys[i].id();
  }

 private:
  // Of a range an eighth is sampled, or this. (Links on level 0 of 250,000 x 384 rows: 46.0 bytes with means of 8 of
  // 128, 44.6 with those of 256, 44.0 of 1,024.)
  static constexpr std::size_t least_sampled = 256, most_sampled = 1024;
  static constexpr int n_refinements = 4;

  [[nodiscard]] std::byte* query(std::size_t side) { return queries_.data() + side * query_bytes_; }

  // Two sides: first two far ones of a sample, then the means of the halves that the last ones part it into.
  void find_sides(const Quantizer& quantizer, const simd::kernel_set& kernels, simd::code_rows codes,
                  std::span<const node> nodes) {
    const std::size_t n = std::min(nodes.size(), std::clamp(nodes.size() / 8, least_sampled, most_sampled));
    const auto sample = std::span(sample_).first(n);
    const auto keys = std::span(keys_).first(n);
    for (std::size_t i = 0; i < n; ++i) sample[i] = nodes[nodes.size() * i / n];
    const auto farthest = [&](node from) {
      take(quantizer, kernels, codes, 0, from);
      float distances[most_sampled];
      quantizer.estimate(kernels, query(0), codes, sample.data(), n, distances);
      return sample[static_cast<std::size_t>(std::max_element(distances, distances + n) - distances)];
    };
    const node a = farthest(sample[n / 2]), b = farthest(a);
    take(quantizer, kernels, codes, 1, b);
    for (int round = 0; round < n_refinements; ++round) {
      place(quantizer, kernels, codes, sample, keys);
      std::ranges::sort(keys);
      take_mean(quantizer, kernels, codes, 0, keys.first(n / 2));
      take_mean(quantizer, kernels, codes, 1, keys.subspan(n / 2));
    }
  }

  void take(const Quantizer& quantizer, const simd::kernel_set& kernels, simd::code_rows codes, std::size_t side,
            node x) {
    quantizer.prepare_from_code(kernels, simd::row_of(codes, x), query(side));
  }

  // Where codes tell no vectors the member in the middle stands for all.
  void take_mean(const Quantizer& quantizer, const simd::kernel_set& kernels, simd::code_rows codes, std::size_t side,
                 std::span<const candidate> members) {
    if constexpr (decoding_quantizer<Quantizer>) {
      const std::span<float> mean = mean_.span();
      std::ranges::fill(mean, 0.0f);
      for (const candidate c : members) {
        quantizer.decode(kernels, simd::row_of(codes, c.id()), scratch_.data(), member_.span());
        for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += member_[j];
      }
      for (float& value : mean) value /= static_cast<float>(members.size());
      quantizer.prepare(kernels, mean, query(side));
    } else {
      take(quantizer, kernels, codes, side, members[members.size() / 2].id());
    }
  }

  // Where each node lies between the sides: few at a time, whose codes stay in the cache for both.
  void place(const Quantizer& quantizer, const simd::kernel_set& kernels, simd::code_rows codes,
             std::span<const node> nodes, std::span<candidate> keys) {
    constexpr std::size_t at_once = 64;
    for (std::size_t first = 0; first < nodes.size(); first += at_once) {
      const auto some = nodes.subspan(first, std::min(at_once, nodes.size() - first));
      float from_lower[at_once], from_upper[at_once];
      quantizer.estimate(kernels, query(0), codes, some.data(), some.size(), from_lower);
      quantizer.estimate(kernels, query(1), codes, some.data(), some.size(), from_upper);
      for (std::size_t i = 0; i < some.size(); ++i)
        keys[first + i] = candidate::of(from_lower[i] - from_upper[i], some[i]);
    }
  }

  aligned_buffer<std::byte> queries_;  // of both sides
  std::size_t query_bytes_ = 0;
  aligned_buffer<std::byte> scratch_;  // of the quantizer
  aligned_buffer<float> mean_;
  aligned_buffer<float> member_;
  std::array<node, most_sampled> sample_;
  std::array<candidate, most_sampled> keys_;
};

}  // namespace detail

// Puts these nodes into an order in which neighbours stand side by side. The same nodes in the same order, the same
// result, with any number of workers. Reports each round of halving. Errors: out_of_memory, cancelled.
template <symmetric_quantizer Quantizer, executor Executor>
[[nodiscard]] expected<void> order_by_locality(const Quantizer& quantizer, const simd::kernel_set& kernels,
                                               simd::code_rows codes, std::size_t dim, std::span<node> nodes,
                                               Executor& on, progress_report report = {}) {
  constexpr std::size_t few = 8;
  const std::size_t n = nodes.size();
  auto keys = aligned_buffer<candidate>::create(n);
  if (!keys) return std::unexpected(keys.error());
  auto halvers = object_array<detail::halver<Quantizer>>::create(on.workers());
  if (!halvers) return std::unexpected(halvers.error());
  for (std::size_t i = 0; i < halvers->size(); ++i)
    if (auto made = (*halvers)[i].reserve(quantizer, dim); !made) return std::unexpected(made.error());

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
                                                            simd::code_rows codes, std::size_t dim, std::size_t n,
                                                            Executor& on, progress_report report = {}) {
  auto order = aligned_buffer<node>::create(n);
  if (!order) return order;
  for (std::size_t i = 0; i < n; ++i) (*order)[i] = static_cast<node>(i);
  if (auto done = order_by_locality(quantizer, kernels, codes, dim, order->span(), on, report); !done)
    return std::unexpected(done.error());
  return order;
}

}  // namespace thimble::inline THIMBLE_FLAGS
