// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// hnswlib on float32, as the programs that compare with it build it.

#pragma once

#include <hnswlib/hnswlib.h>

#include <cstddef>
#include <memory>
#include <thimble/core/executor.hpp>
#include <thimble/metric/metric.hpp>

namespace bench {

using peer_graph = hnswlib::HierarchicalNSW<float>;

// Must outlive the graphs that are built in it.
inline std::unique_ptr<hnswlib::SpaceInterface<float>> peer_space(thimble::metric metric, std::size_t dim) {
  if (metric == thimble::metric::l2) return std::make_unique<hnswlib::L2Space>(dim);
  return std::make_unique<hnswlib::InnerProductSpace>(dim);
}

// Of n vectors on so many threads; label_of(i) and row_of(i) of the i-th.
std::unique_ptr<peer_graph> build_peer(hnswlib::SpaceInterface<float>& space, std::size_t n, unsigned m,
                                       unsigned ef_construction, unsigned n_threads, auto&& label_of, auto&& row_of) {
  auto graph = std::make_unique<peer_graph>(&space, n, m, ef_construction, 100);
  graph->addPoint(row_of(0), label_of(0));
  thimble::thread_executor threads(n_threads);
  thimble::parallel_for(threads, n - 1,
                        [&](std::size_t i, unsigned) { graph->addPoint(row_of(i + 1), label_of(i + 1)); });
  return graph;
}

}  // namespace bench
