// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What the programs of this folder share: sets of vectors as ../shared/data has them, and a clock.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thimble/core/error.hpp>
#include <thimble/store/mmap_store.hpp>
#include <vector>

namespace bench {

inline double seconds_of(auto&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

[[noreturn]] inline void give_up(const std::string& what) {
  std::fprintf(stderr, "error: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(thimble::expected<T> result, const std::string& doing) {
  if (!result) give_up(doing + ": " + result.error().message);
  return std::move(*result);
}

inline void must(const thimble::expected<void>& result, const std::string& doing) {
  if (!result) give_up(doing + ": " + result.error().message);
}

inline std::string file_of_vectors(const std::string& stem) {
  for (const char* extension : {".fbin", ".u8bin", ".i8bin", ".f16bin", ".bf16bin"})
    if (std::filesystem::exists(stem + extension)) return stem + extension;
  give_up("no " + stem + ".fbin, .u8bin, .i8bin, .f16bin or .bf16bin");
}

inline thimble::mmap_store open_vectors(const std::string& stem) {
  const std::string path = file_of_vectors(stem);
  return must(thimble::mmap_store::open(path.c_str()), path);
}

inline std::vector<float> read_all(const thimble::mmap_store& store) {
  std::vector<float> rows(store.size() * store.dim());
  std::vector<float> scratch(store.dim());
  for (std::size_t i = 0; i < store.size(); ++i)
    std::ranges::copy(must(store.row(i, scratch), "reading vectors"),
                      rows.begin() + static_cast<std::ptrdiff_t>(i * store.dim()));
  return rows;
}

struct truth_table {
  std::uint32_t n = 0;
  std::uint32_t k = 0;
  std::vector<std::uint32_t> ids;

  explicit truth_table(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(&n), sizeof n).read(reinterpret_cast<char*>(&k), sizeof k);
    ids.resize(file ? std::size_t{n} * k : 0);
    if (!file.read(reinterpret_cast<char*>(ids.data()), static_cast<std::streamsize>(ids.size() * 4)))
      give_up("cannot read " + path);
  }
};

}  // namespace bench
