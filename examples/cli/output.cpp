// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include "output.hpp"

#include <unistd.h>

#include <filesystem>

#include "failure.hpp"

namespace thimble::cli {

void check_output(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw failure(path, "is a folder: name a file in it");
  // Where a symbolic link leads is where the file is written.
  auto file = std::filesystem::canonical(path, ignored);
  if (ignored) file = path;
  auto folder = file.parent_path();
  if (folder.empty()) folder = ".";
  if (!std::filesystem::is_directory(folder, ignored)) throw failure(path, "its folder does not exist: make it first");
  if (access(folder.c_str(), W_OK) != 0) throw failure(path, "its folder is not writable");
}

}  // namespace thimble::cli
