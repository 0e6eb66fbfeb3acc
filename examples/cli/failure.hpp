// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// How a command ends early. The library returns its errors; this program, which is no library, throws them to main,
// which prints one line and chooses the exit code.

#pragma once

#include <thimble/core/error.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace thimble::cli {

enum exit_code : int { success = 0, bad_data = 1, bad_usage = 2, interrupted_base = 128 };

// Bad data or environment: exit 1.
struct failure : std::runtime_error {
  failure(std::string_view file, std::string_view what) : runtime_error(std::string(file) + ": " + std::string(what)) {}
  failure(std::string_view file, const error& e) : failure(file, describe(e)) {}

 private:
  static std::string describe(const error& e) {
    std::string text = std::string(e.message) + " [" + std::string(name(e.code));
    if (e.value != 0) text += ": " + std::to_string(e.value);
    return text + "]";
  }
};

// A command line that cannot be meant: exit 2.
struct usage_failure : std::runtime_error {
  using runtime_error::runtime_error;
};

// Ctrl-C: exit 128 + the signal.
struct interruption {
  int signal;
};

// The value, or the failure that names the file.
template <class T>
T take(expected<T>&& result, std::string_view file) {
  if (!result) throw failure(file, result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace thimble::cli
