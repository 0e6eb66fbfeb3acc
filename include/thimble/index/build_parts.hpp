// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// From rows of vectors to the parts of an index: train, encode, renumber for locality, link, pack. The rows stream
// through, a few times; no copy of them is kept.

#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <thimble/build/build_graph.hpp>
#include <thimble/build/locality_order.hpp>
#include <thimble/build/progress.hpp>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/executor.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/permutation.hpp>
#include <thimble/core/permute_rows.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/frozen_graph.hpp>
#include <thimble/index/index_parts.hpp>
#include <thimble/index/options.hpp>
#include <thimble/io/scratch_file.hpp>
#include <thimble/metric/checked_rows.hpp>
#include <thimble/quant/quantizer.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/store/fingerprint.hpp>

namespace thimble::inline THIMBLE_FLAGS {
namespace detail {

template <quantizer Q>
struct trained {
  Q quantizer;
  aligned_buffer<std::byte> codes;
  scratch_file memory;  // the codes may lie in it
};

// All rows as codes of a quantizer that learnt from them, which lie in the scratch folder where one is given.
template <quantizer Q, row_source Rows, executor Executor>
[[nodiscard]] expected<trained<Q>> coded(const Rows& rows, const simd::kernel_set& kernels,
                                         const build_options& options, std::string_view scratch_folder, Executor& on) {
  if (auto go_on = report_progress(options.progress, {build_stage::train, 0, 1}); !go_on)
    return std::unexpected(go_on.error());
  auto quantizer = Q::train(rows, metric_of_codes(options.metric), {.kernels = kernels, .seed = options.seed});
  if (!quantizer) return std::unexpected(quantizer.error());
  if (auto go_on = report_progress(options.progress, {build_stage::train, 1, 1}); !go_on)
    return std::unexpected(go_on.error());
  if (scratch_folder.empty()) {
    auto codes = encode_rows(*quantizer, kernels, rows, on, options.progress);
    if (!codes) return std::unexpected(codes.error());
    return trained<Q>{std::move(*quantizer), std::move(*codes), {}};
  }
  const std::size_t bytes = saturated_product(rows.size(), simd::row_stride(quantizer->code_bytes()));
  auto memory = scratch_file::create(scratch_folder, bytes, simd::code_slack);
  if (!memory) return std::unexpected(memory.error());
  if (auto done = encode_rows(*quantizer, kernels, rows, memory->bytes(), on, options.progress); !done)
    return std::unexpected(done.error());
  auto codes = aligned_buffer<std::byte>::borrow(memory->bytes());
  return trained<Q>{std::move(*quantizer), std::move(codes), std::move(*memory)};
}

struct ordered_graph {
  frozen_graph graph;
  aligned_buffer<node> order;  // the row of each node
};

// Brings the codes into an order of locality, then links and packs them.
template <symmetric_quantizer Q, executor Executor>
[[nodiscard]] expected<ordered_graph> order_and_link(trained<Q>& on_codes, const simd::kernel_set& kernels,
                                                     std::size_t n, const build_options& options, Executor& on) {
  const std::size_t stride = simd::row_stride(on_codes.quantizer.code_bytes());
  auto order = locality_order(on_codes.quantizer, kernels, {on_codes.codes.data(), stride}, n, on, options.progress);
  if (!order) return std::unexpected(order.error());
  if (auto moved = permute_rows(on_codes.codes.data(), stride, order->span()); !moved)
    return std::unexpected(moved.error());

  scratch_file rows;
  if (!options.scratch_folder.empty()) {
    auto memory = scratch_file::create(options.scratch_folder, saturated_product(n, 2 * options.m * sizeof(node)));
    if (!memory) return std::unexpected(memory.error());
    rows = std::move(*memory);
  }
  const std::span in_file(reinterpret_cast<node*>(rows.bytes().data()), rows.bytes().size() / sizeof(node));
  const auto links = link_codes(on_codes.quantizer, kernels, on_codes.codes.span(), n, options.m,
                                options.ef_construction, options.seed, on, options.progress, in_file);
  if (!links) return std::unexpected(links.error());
  auto frozen = frozen_graph::freeze(*links);
  if (!frozen) return std::unexpected(frozen.error());
  return ordered_graph{std::move(*frozen), std::move(*order)};
}

template <quantizer Quantizer>
[[nodiscard]] expected<void> check_build(std::size_t n, std::size_t dim, const build_options& options) {
  if (n == 0) return fail(errc::empty_input, "there are no vectors to build an index from");
  if (n > max_nodes) return fail(errc::too_many_vectors, "an index holds at most 2^31 - 1 vectors: split the input", n);
  if (dim == 0) return fail(errc::wrong_dim, "vectors have no dimensions");
  if (dim > max_dim) return fail(errc::too_large, "vectors have at most 65,535 dimensions", dim);
  if (options.m < min_m || options.m > max_m) return fail(errc::invalid_argument, "m must be 2..64", options.m);
  if (options.ef_construction < options.m || options.ef_construction > thimble::max_ef_construction)
    return fail(errc::invalid_argument, "ef_construction must be m..100,000", options.ef_construction);
  if (options.graph_codes == graph_codes::own && !symmetric_quantizer<Quantizer>)
    return fail(errc::invalid_argument, "codes under 4 bits are too coarse to build a graph from: build it on sq8");
  return {};
}

}  // namespace detail

// As index::build() says.
template <quantizer Quantizer, row_source Rows, executor Executor>
[[nodiscard]] expected<index_parts<Quantizer>> build_parts(const Rows& vectors, const simd::kernel_set& kernels,
                                                           const build_options& options, Executor& on) {
  if (auto valid = detail::check_build<Quantizer>(vectors.size(), vectors.dim(), options); !valid)
    return std::unexpected(valid.error());
  auto scratch = aligned_buffer<float>::create(vectors.dim());
  if (!scratch) return std::unexpected(scratch.error());
  const auto identity = thimble::fingerprint(vectors, scratch->span());
  if (!identity) return std::unexpected(identity.error());
  const auto rounded = thimble::half_fingerprint(vectors, scratch->span());
  if (!rounded) return std::unexpected(rounded.error());

  const checked_rows<Rows> rows(vectors, options.metric, kernels);
  expected<detail::ordered_graph> linked;
  const bool own_codes = options.graph_codes == graph_codes::own ||
                         (options.graph_codes == graph_codes::automatic && symmetric_quantizer<Quantizer>);
  if (!own_codes) {
    auto built_on = detail::coded<sq8>(rows, kernels, options, options.scratch_folder, on);
    if (!built_on) return std::unexpected(built_on.error());
    linked = detail::order_and_link(*built_on, kernels, rows.size(), options, on);
    if (!linked) return std::unexpected(linked.error());
  }
  auto coded_rows = detail::coded<Quantizer>(rows, kernels, options, {}, on);
  if (!coded_rows) return std::unexpected(coded_rows.error());
  if (!own_codes) {
    if (auto moved = permute_rows(coded_rows->codes.data(), simd::row_stride(coded_rows->quantizer.code_bytes()),
                                  linked->order.span());
        !moved)
      return std::unexpected(moved.error());
  } else if constexpr (symmetric_quantizer<Quantizer>) {
    linked = detail::order_and_link(*coded_rows, kernels, rows.size(), options, on);
    if (!linked) return std::unexpected(linked.error());
  }
  auto row_of = permutation::of(linked->order.span());
  if (!row_of) return std::unexpected(row_of.error());

  index_parts<Quantizer> parts(std::move(coded_rows->quantizer));
  parts.codes = std::move(coded_rows->codes);
  parts.graph = std::move(linked->graph);
  parts.rows = std::move(*row_of);
  parts.describe(options.metric, rows.dim(), options.m, options.ef_construction, options.seed, *identity);
  // Halfs and whole numbers are what they were.
  if (*rounded != *identity) parts.half_fingerprint = *rounded;
  return parts;
}

}  // namespace thimble::inline THIMBLE_FLAGS
