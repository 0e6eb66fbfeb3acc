// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Exact answers by comparing every query with every vector: what recall is measured against.

#pragma once

#include <thimble/metric/metric.hpp>
#include <thimble/simd/kernel_set.hpp>
#include <thimble/store/mmap_store.hpp>

#include <cstddef>
#include <span>
#include <string>

#include "progress.hpp"
#include "vectors.hpp"

namespace thimble::cli {

// The k nearest of each query (n x the vectors' dim, finite), ties to the lower id. Distances are float32 first; the
// best are measured again in float64, so that the order is the exact one. On all processors.
[[nodiscard]] exact_answers find_exact(const mmap_store& vectors, const std::string& vectors_path,
                                       std::span<const float> queries, metric m, std::size_t k,
                                       const simd::kernel_set& kernels, progress_bar& bar);

}  // namespace thimble::cli
