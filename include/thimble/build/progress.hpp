// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Long work tells how far it is and can be stopped.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/function_ref.hpp>

namespace thimble::inline THIMBLE_FLAGS {

enum class build_stage : std::uint8_t { train, encode, order, link };

[[nodiscard]] constexpr std::string_view name(build_stage stage) {
  switch (stage) {
    case build_stage::train:
      return "train";
    case build_stage::encode:
      return "encode";
    case build_stage::order:
      return "order";
    case build_stage::link:
      return "link";
  }
  return "unknown";
}

struct build_progress {
  build_stage stage;
  std::size_t done;
  std::size_t total;  // vectors of this stage; training is one step, ordering takes as many rounds
};

// Returns false to stop the build, which then fails with errc::cancelled.
using progress_report = function_ref<bool(const build_progress&)>;

// Error: cancelled, where the caller says so.
[[nodiscard]] inline expected<void> report_progress(progress_report report, const build_progress& progress) {
  if (report && !report(progress)) return fail(errc::cancelled, "cancelled by the caller");
  return {};
}

// Shared by the workers of one stage: counts what is done, lets worker 0 (the calling thread) report now and then, and
// keeps the first error, at which all of them stop.
class stage_monitor {
 public:
  stage_monitor(build_stage stage, std::size_t total, progress_report report)
      : stage_(stage), total_(total), report_(report) {}

  [[nodiscard]] bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

  void finished_one(unsigned worker) {
    const std::size_t done = done_.fetch_add(1, std::memory_order_relaxed) + 1;
    if (worker != 0 || !report_ || done - reported_ < interval) return;
    reported_ = done;
    if (auto go_on = report_progress(report_, {stage_, done, total_}); !go_on) stop(go_on.error());
  }

  void stop(const error& why) {
    if (claimed_.exchange(true)) return;
    why_ = why;
    stopped_.store(true);
  }

  // After the workers have returned.
  [[nodiscard]] expected<void> outcome() const {
    if (claimed_) return std::unexpected(why_);
    return report_progress(report_, {stage_, total_, total_});
  }

 private:
  static constexpr std::size_t interval = 256;

  build_stage stage_;
  std::size_t total_;
  progress_report report_;
  std::atomic<std::size_t> done_{0};
  std::size_t reported_ = 0;  // worker 0's
  std::atomic<bool> claimed_{false};
  std::atomic<bool> stopped_{false};
  error why_{};
};

}  // namespace thimble::inline THIMBLE_FLAGS
