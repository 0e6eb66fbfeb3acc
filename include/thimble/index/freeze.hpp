// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// An index that changes and one that does not, each from the other: freeze() renumbers and packs (20 to 45 bytes of
// links a vector instead of 137), thaw() unpacks. Codes stay as they are, and so do results, but for ties. Saving an
// index that changes is freezing it; opening one is thawing it: there is one kind of file.
//
//     auto frozen = freeze(*changing);  frozen->save("x.thimble");
//     auto changing = thaw(*index<sq8>::open("x.thimble"));

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include <thimble/build/locality_order.hpp>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/executor.hpp>
#include <thimble/core/object_pool.hpp>
#include <thimble/core/permutation.hpp>
#include <thimble/core/types.hpp>
#include <thimble/graph/frozen_graph.hpp>
#include <thimble/index/index.hpp>
#include <thimble/index/index_parts.hpp>
#include <thimble/index/mutable_index.hpp>
#include <thimble/index/node_table.hpp>
#include <thimble/index/options.hpp>
#include <thimble/quant/quantizer.hpp>

namespace thimble::inline THIMBLE_FLAGS {

namespace detail {

template <symmetric_quantizer Quantizer>
struct change_of_form {
  template <executor Executor>
  [[nodiscard]] static expected<index<Quantizer>> freeze(const mutable_index<Quantizer>& from, Executor& on,
                                                         progress_report progress) {
    const auto& parts = *from.parts_;
    const node_table& nodes = parts.live->nodes();
    const std::size_t n = from.size();
    if (n == 0) return fail(errc::empty_index, "the index is empty: there is nothing to freeze");
    auto order = aligned_buffer<node>::create(n);
    if (!order) return std::unexpected(order.error());
    for (std::size_t x = 0, i = 0; x < parts.live->used(); ++x)
      if (nodes.at(static_cast<node>(x)).counts()) (*order)[i++] = static_cast<node>(x);
    if (auto done = order_by_locality(parts.quantizer, parts.kernels, nodes.rows(), order->span(), on, progress); !done)
      return std::unexpected(done.error());

    const metric m = from.metric();
    auto quantizer = Quantizer::load(parts.quantizer.parameters(), from.dim(), metric_of_codes(m));
    if (!quantizer) return std::unexpected(quantizer.error());
    index_parts<Quantizer> frozen(std::move(*quantizer));
    auto graph = frozen_graph::freeze(parts.live->graph(), order->span());
    if (!graph) return std::unexpected(graph.error());
    frozen.graph = std::move(*graph);
    auto codes = aligned_buffer<std::byte>::create(saturated_product(n, nodes.row_bytes()), simd::code_slack);
    if (!codes) return std::unexpected(codes.error());
    for (std::size_t i = 0; i < n; ++i)
      std::memcpy(codes->data() + i * nodes.row_bytes(), nodes.code((*order)[i]), nodes.row_bytes());
    frozen.codes = std::move(*codes);
    if (auto done = number(frozen, nodes, order->span()); !done) return std::unexpected(done.error());
    frozen.describe(m, from.dim(), from.m(), from.ef_construction(), from.seed(), 0);
    return index<Quantizer>(parts.kernels, std::move(frozen));
  }

  [[nodiscard]] static expected<mutable_index<Quantizer>> thaw(const index<Quantizer>& from) {
    using parts = typename mutable_index<Quantizer>::parts;
    auto quantizer = Quantizer::load(from.parts_.quantizer.parameters(), from.dim(), metric_of_codes(from.metric()));
    if (!quantizer) return std::unexpected(quantizer.error());
    const build_options options{.metric = from.metric(),
                                .m = from.m(),
                                .ef_construction = std::max(from.ef_construction(), from.m()),
                                .seed = from.seed()};
    auto made = make_owned<parts>(*from.kernels_, std::move(*quantizer), from.dim(), options);
    if (!made) return std::unexpected(made.error());
    auto live = (**made).empty_graph();
    if (!live) return std::unexpected(live.error());
    const auto label_of = [names = from.numbers()](node x) { return names.label_of(x); };
    if (auto done = (**live).take_over(from.parts_.graph, from.parts_.rows_of_codes(), label_of); !done)
      return std::unexpected(done.error());
    (**made).live = std::move(*live);
    return mutable_index<Quantizer>(std::move(*made));
  }

 private:
  // Rows in the order of the labels; keys where labels are not the rows' numbers.
  [[nodiscard]] static expected<void> number(index_parts<Quantizer>& frozen, const node_table& nodes,
                                             std::span<const node> order) {
    const std::size_t n = order.size();
    auto by_label = aligned_buffer<node>::create(n);
    if (!by_label) return std::unexpected(by_label.error());
    for (std::size_t i = 0; i < n; ++i) (*by_label)[i] = static_cast<node>(i);
    const auto label_at = [&](node i) { return nodes.at(order[i]).id; };
    std::ranges::sort(by_label->span(), {}, label_at);
    auto row_of = aligned_buffer<node>::create(n);
    if (!row_of) return std::unexpected(row_of.error());
    auto keys = aligned_buffer<label>::create(n);
    if (!keys) return std::unexpected(keys.error());
    for (std::size_t row = 0; row < n; ++row) {
      (*row_of)[(*by_label)[row]] = static_cast<node>(row);
      (*keys)[row] = label_at((*by_label)[row]);
    }
    auto rows = permutation::of(row_of->span());
    if (!rows) return std::unexpected(rows.error());
    frozen.rows = std::move(*rows);
    if ((*keys)[n - 1] != n - 1) frozen.keys = std::move(*keys);
    return {};
  }
};

}  // namespace detail

// What the index holds now, on so many threads (0: one for each processor). Rows of the frozen index, and of stores it
// is searched with, are in the order of the labels. Nobody may change the index meanwhile; searches may go on. Errors:
// empty_index, out_of_memory, cancelled.
template <symmetric_quantizer Quantizer>
[[nodiscard]] expected<index<Quantizer>> freeze(const mutable_index<Quantizer>& from, unsigned threads = 1,
                                                progress_report progress = {}) {
  thread_executor on(threads);
  return detail::change_of_form<Quantizer>::freeze(from, on, progress);
}

// An index with the same vectors that can be changed; the frozen one stays as it is. Error: out_of_memory.
template <symmetric_quantizer Quantizer>
[[nodiscard]] expected<mutable_index<Quantizer>> thaw(const index<Quantizer>& from) {
  return detail::change_of_form<Quantizer>::thaw(from);
}

}  // namespace thimble::inline THIMBLE_FLAGS
