// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The two long stages of a build, on all workers of an executor: rows -> codes, codes -> graph. With one worker the
// result depends on the rows and the seed alone.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <thimble/build/inserter.hpp>
#include <thimble/build/insertion_order.hpp>
#include <thimble/build/progress.hpp>
#include <thimble/build/reach_all.hpp>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/executor.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/core/object_array.hpp>
#include <thimble/core/row_stream.hpp>
#include <thimble/graph/adjacency.hpp>
#include <thimble/quant/quantizer.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// All codes, row after row, into memory that has room for them. Errors: out_of_memory, cancelled, or what the rows
// answer.
template <quantizer Quantizer, row_source Rows, executor Executor>
[[nodiscard]] expected<void> encode_rows(const Quantizer& quantizer, const simd::kernel_set& kernels, const Rows& rows,
                                         std::span<std::byte> codes, Executor& on, progress_report report) {
  const std::size_t stride = simd::row_stride(quantizer.code_bytes());
  auto scratch = aligned_buffer<float>::create(saturated_product(on.workers(), rows.dim()));
  if (!scratch) return std::unexpected(scratch.error());
  const std::size_t work_bytes = round_up(quantizer.encode_scratch_bytes(), std::size_t{64});
  auto work = aligned_buffer<std::byte>::create(saturated_product(on.workers(), work_bytes));
  if (!work) return std::unexpected(work.error());
  const row_stream reading(rows);
  stage_monitor monitor(build_stage::encode, rows.size(), report);
  parallel_for(on, rows.size(), [&](std::size_t i, unsigned worker) {
    if (monitor.stopped()) return;
    const auto row = rows.row(i, scratch->span().subspan(worker * rows.dim(), rows.dim()));
    if (!row) return monitor.stop(row.error());
    quantizer.encode(kernels, *row, work->data() + worker * work_bytes, codes.data() + i * stride);
    monitor.finished_one(worker);
  });
  return monitor.outcome();
}

// The same in memory of its own, with the slack that kernels may read behind them.
template <quantizer Quantizer, row_source Rows, executor Executor>
[[nodiscard]] expected<aligned_buffer<std::byte>> encode_rows(const Quantizer& quantizer,
                                                              const simd::kernel_set& kernels, const Rows& rows,
                                                              Executor& on, progress_report report) {
  auto codes = aligned_buffer<std::byte>::create(
      saturated_product(rows.size(), simd::row_stride(quantizer.code_bytes())), simd::code_slack);
  if (!codes) return codes;
  if (auto done = encode_rows(quantizer, kernels, rows, codes->span(), on, report); !done)
    return std::unexpected(done.error());
  return codes;
}

// The graph over n rows of codes, which stand in an order of locality or in any; walks reach all of them. Its links of
// level 0 lie in `links`, which outlives it, where that is not empty.
// Errors: out_of_memory, cancelled.
template <symmetric_quantizer Quantizer, executor Executor>
[[nodiscard]] expected<adjacency> link_codes(const Quantizer& quantizer, const simd::kernel_set& kernels,
                                             std::span<const std::byte> codes, std::size_t n, unsigned m,
                                             unsigned ef_construction, std::uint64_t seed, Executor& on,
                                             progress_report report, std::span<node> links = {}) {
  auto graph = adjacency::create(n, m, seed, links);
  if (!graph) return graph;
  auto scratches = object_array<insert_scratch>::create(on.workers());
  if (!scratches) return std::unexpected(scratches.error());
  for (std::size_t worker = 0; worker < scratches->size(); ++worker)
    if (auto made = (*scratches)[worker].reserve(*graph, ef_construction, quantizer.query_bytes()); !made)
      return std::unexpected(made.error());
  const simd::code_rows rows{codes.data(), simd::row_stride(quantizer.code_bytes())};
  inserter<Quantizer> insert(*graph, quantizer, kernels, rows, ef_construction);
  stage_monitor monitor(build_stage::link, n, report);
  const insertion_order order(n);
  parallel_for(on, order.blocks(), [&](std::size_t block, unsigned worker) {
    order.for_each(block, [&](node x) {
      if (monitor.stopped()) return;
      insert.insert(x, (*scratches)[worker]);
      monitor.finished_one(worker);
    });
  });
  if (auto done = monitor.outcome(); !done) return std::unexpected(done.error());
  const auto reached = reach_all(*graph, quantizer, kernels, rows, ef_construction, (*scratches)[0]);
  if (!reached) return std::unexpected(reached.error());
  return graph;
}

}  // namespace thimble::inline THIMBLE_FLAGS
