// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Where the time of one search went, for callers who ask: search_params::clock is whatever tells nanoseconds where the
// program runs. Without one nothing is timed and no clock is read. With one a search reads it once for each stage and
// twice for each row that it ranks, so the sum of the stages is a few microseconds above an untimed search.

#pragma once

#include <chrono>
#include <cstdint>

#include <thimble/core/config.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Nanoseconds since some moment; never goes back. It is called in the thread that searches.
using nanosecond_clock = std::uint64_t (*)();

// The program's own.
[[nodiscard]] inline std::uint64_t steady_clock_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

struct stage_times {
  std::uint64_t graph_ns = 0;   // preparing the query, walking the graph (or scanning the codes), sorting candidates
  std::uint64_t read_ns = 0;    // waiting for rows, until they are in the processor's cache
  std::uint64_t rerank_ns = 0;  // exact distances, and the results in order

  friend bool operator==(const stage_times&, const stage_times&) = default;
};

class stage_timer {
 public:
  // Null: nothing is timed.
  void start(nanosecond_clock clock) {
    clock_ = clock;
    times_ = {};
    if (running()) last_ = clock_();
  }

  [[nodiscard]] bool running() const { return clock_ != nullptr; }

  // What passed since the last call belongs to this stage.
  void lap(std::uint64_t stage_times::* stage) {
    if (!running()) return;
    const std::uint64_t now = clock_();
    times_.*stage += now - last_;
    last_ = now;
  }

  [[nodiscard]] const stage_times& times() const { return times_; }

 private:
  nanosecond_clock clock_ = nullptr;
  std::uint64_t last_ = 0;
  stage_times times_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
