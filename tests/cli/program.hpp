// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs the command line program as a shell would, and says how it ended and what it wrote.

#pragma once

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// A sanitizer's shadow memory exceeds any limit of the address space.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define THIMBLE_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define THIMBLE_TEST_SANITIZED 1
#endif
#endif

namespace thimble::test {

struct outcome {
  int exit_code = -1;  // -1: a signal
  int signal = 0;
  std::string out;
  std::string err;

  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out, nullptr, false); }
};

struct run_options {
  std::vector<std::string> environment = {};  // NAME=value
  std::uint64_t memory_bytes = 0;             // limit of the address space; 0: none
  int interrupt_after_ms = 0;                 // SIGINT after this time; 0: never
  int seconds = 120;                          // until it counts as hanging and is killed
};

inline std::string test_path(std::string_view name) {
  return std::string(THIMBLE_TEST_CACHE) + "/cli_" + std::to_string(getpid()) + "_" + std::string(name);
}

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const std::string& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

inline outcome run(const std::vector<std::string>& arguments, const run_options& options = {}) {
  const std::string out_path = test_path("stdout");
  const std::string err_path = test_path("stderr");
  std::vector<char*> argv{const_cast<char*>("thimble")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  const pid_t child = fork();
  if (child == 0) {
    const int out = open(out_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int err = open(err_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    for (const std::string& variable : options.environment) (void)putenv(const_cast<char*>(variable.c_str()));
#ifndef THIMBLE_TEST_SANITIZED
    if (options.memory_bytes != 0) {
      const struct rlimit limit = {options.memory_bytes, options.memory_bytes};
      (void)setrlimit(RLIMIT_AS, &limit);
    }
#endif
    execv(THIMBLE_CLI_PROGRAM, argv.data());
    _exit(127);
  }

  outcome result;
  int status = 0;
  using clock = std::chrono::steady_clock;
  const auto began = clock::now();
  bool interrupted = options.interrupt_after_ms == 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    const auto elapsed = clock::now() - began;
    if (!interrupted && elapsed > std::chrono::milliseconds(options.interrupt_after_ms)) {
      (void)kill(child, SIGINT);
      interrupted = true;
    }
    if (elapsed > std::chrono::seconds(options.seconds)) {
      ADD_FAILURE() << "hangs";
      (void)kill(child, SIGKILL);
      (void)waitpid(child, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  result.out = read_text(out_path);
  result.err = read_text(err_path);
  (void)unlink(out_path.c_str());
  (void)unlink(err_path.c_str());
  return result;
}

// Ended with this code, and one line on standard error that contains each text.
inline void expect_failure(const outcome& result, int exit_code, std::initializer_list<std::string_view> texts) {
  EXPECT_EQ(result.exit_code, exit_code) << result.err;
  EXPECT_EQ(result.signal, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
  for (const std::string_view text : texts) EXPECT_NE(result.err.find(text), std::string::npos) << result.err;
}

inline void expect_success(const outcome& result) {
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.signal, 0);
  EXPECT_EQ(result.err, "");
}

inline const std::string base = THIMBLE_TEST_DATA "/fashion-mnist/base.u8bin";
inline const std::string queries = THIMBLE_TEST_DATA "/fashion-mnist/query.u8bin";

// An index of the bundled pictures.
class pictures_index_file {
 public:
  explicit pictures_index_file(const std::string& quantizer) : path_(test_path(quantizer + ".thimble")) {
    (void)run(
        {"build", "--input", base, "--metric", "l2", "--quantizer", quantizer, "--threads", "2", "--output", path_});
  }
  pictures_index_file(const pictures_index_file&) = delete;
  pictures_index_file& operator=(const pictures_index_file&) = delete;
  ~pictures_index_file() { (void)unlink(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Built once for the whole program.
inline const std::string& pictures_index() {
  static const pictures_index_file file("sq8");
  return file.path();
}

}  // namespace thimble::test
