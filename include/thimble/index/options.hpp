// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What an index is built and opened with, and what it costs.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <thimble/build/progress.hpp>
#include <thimble/core/config.hpp>
#include <thimble/metric/metric.hpp>
#include <thimble/simd/isa.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// The codes that a graph is built on: distances between two of them decide on its links.
enum class graph_codes : std::uint8_t {
  automatic,  // the index's own where they are fine enough (4 bits and more), else sq8
  own,        // the least memory during the build
  sq8,        // the fastest build; 1 byte a dimension more while it runs
};

struct build_options {
  thimble::metric metric = metric::l2;
  // Links per node (M in the paper; level 0 has up to 2m), 2..64. More: better recall at a given ef, more memory.
  unsigned m = 16;
  // Candidates looked at for each inserted vector, at least m; fewer where the others are much farther than those that
  // may become links. More: a better graph, a slower build.
  unsigned ef_construction = 200;
  thimble::graph_codes graph_codes = graph_codes::automatic;
  // 0: one for each processor. The graph is the same from run to run with 1 only.
  unsigned threads = 1;
  std::uint64_t seed = 1;
  simd::isa simd = simd::isa::automatic;
  // A folder on a local disk. What only the build needs (links that are not packed yet, codes that are not the index's)
  // then lies in a file without a name there, which the kernel may take from memory, instead of memory of the process:
  // 8m bytes a vector, and 1 a dimension where the graph is built on sq8 codes of its own. Not for macOS, Windows and
  // WebAssembly; an index that changes does not look at it.
  std::string_view scratch_folder = {};
  // Called by the thread that builds. A lambda written here lives as long as the call to build().
  progress_report progress = {};
};

struct open_options {
  simd::isa simd = simd::isa::automatic;
};

// Bytes in memory that an index takes, stores not counted.
struct memory_usage {
  std::size_t codes;
  std::size_t links;
  std::size_t upper_links;
  std::size_t levels;
  std::size_t labels;
  std::size_t visited;  // the marks of one search at a time
  std::size_t other;    // quantizer, indexes of rows, locks, scratch of one search with default parameters

  [[nodiscard]] std::size_t total() const { return codes + links + upper_links + levels + labels + visited + other; }
};

}  // namespace thimble::inline THIMBLE_FLAGS
