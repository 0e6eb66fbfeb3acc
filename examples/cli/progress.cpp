// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include "progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "failure.hpp"
#include "text.hpp"

namespace thimble::cli {

namespace {

volatile sig_atomic_t signal_seen = 0;

extern "C" void note_signal(int signal) { signal_seen = signal; }

constexpr std::size_t bar_width = 30;

}  // namespace

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = note_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  (void)sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM}) (void)sigaction(signal, &action, nullptr);
}

int interrupted() { return signal_seen; }

void stop_if_interrupted() {
  if (const int signal = interrupted(); signal != 0) throw interruption{signal};
}

progress_bar::progress_bar() : terminal_(isatty(STDERR_FILENO) == 1) {}

bool progress_bar::show(std::string_view stage, std::size_t done, std::size_t total) {
  if (interrupted() != 0) return false;
  if (!terminal_ || total == 0) return true;
  const std::scoped_lock lock(mutex_);
  const auto now = clock::now();
  if (stage != stage_) {
    stage_ = stage;
    stage_began_ = now;
    last_drawn_ = {};
  }
  if (done < total && now - last_drawn_ < std::chrono::milliseconds(100)) return true;
  last_drawn_ = now;

  done = std::min(done, total);
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const auto full = static_cast<std::size_t>(share * bar_width);
  const double elapsed = std::chrono::duration<double>(now - stage_began_).count();
  std::string line = "\r\x1b[K" + stage_ + " [" + std::string(full, '#') + std::string(bar_width - full, '.') + "] " +
                     fixed(100 * share, 0) + " %";
  if (done == total)
    line += ", " + readable_seconds(elapsed);
  else if (share > 0.005 && elapsed > 0.5)
    line += ", " + readable_seconds(elapsed / share - elapsed) + " left";
  (void)std::fwrite(line.data(), 1, line.size(), stderr);
  (void)std::fflush(stderr);
  drawn_ = true;
  return true;
}

void progress_bar::clear() {
  const std::scoped_lock lock(mutex_);
  if (!drawn_) return;
  (void)std::fputs("\r\x1b[K", stderr);
  (void)std::fflush(stderr);
  drawn_ = false;
}

}  // namespace thimble::cli
