// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A progress bar on standard error where that is a terminal, and Ctrl-C, which long work asks about when it reports.

#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

namespace thimble::cli {

// From here on the first Ctrl-C (or SIGTERM) is noted for interrupted(); a second one ends the program at once.
void catch_interrupts();

// The signal that came, or 0.
[[nodiscard]] int interrupted();

// Throws the interruption that main turns into an exit code, if a signal came.
void stop_if_interrupted();

class progress_bar {
 public:
  progress_bar();
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;
  ~progress_bar() { clear(); }

  // From any thread. False: stop, the user wants it.
  bool show(std::string_view stage, std::size_t done, std::size_t total);

  // Takes the bar off the screen, for a line of output.
  void clear();

 private:
  using clock = std::chrono::steady_clock;

  std::mutex mutex_;
  const bool terminal_;
  bool drawn_ = false;
  std::string stage_;
  clock::time_point stage_began_;
  clock::time_point last_drawn_;
};

}  // namespace thimble::cli
