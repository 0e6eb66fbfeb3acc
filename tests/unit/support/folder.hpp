// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A folder of a test's own in the build's cache, empty at first and removed at the end. Tests may run at the same time
// in processes of their own.

#pragma once

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::test {

class temporary_folder {
 public:
  explicit temporary_folder(std::string_view name)
      : path_(std::string(THIMBLE_TEST_CACHE) + "/" + std::string(name) + "." + std::to_string(::getpid())) {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
    std::filesystem::create_directories(path_, ignored);
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  friend std::string operator/(const temporary_folder& folder, const std::string& name) {
    return folder.path_ + "/" + name;
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(path_, ignored))
      found.push_back(entry.path().filename());
    std::ranges::sort(found);
    return found;
  }

 private:
  std::string path_;
};

}  // namespace thimble::test
