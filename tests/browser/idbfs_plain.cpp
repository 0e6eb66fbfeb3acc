// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A program that uses IDBFS as everyone does, with stdio on a mounted folder: it writes a set of vectors as files, and
// reads the manifest of one. Of thimble it includes plain data formats only.

#include <emscripten/em_macros.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include <thimble/core/matrix_view.hpp>
#include <thimble/store/fingerprint.hpp>
#include <thimble/store/idbfs_manifest.hpp>

namespace {

bool write_file(const std::string& path, const void* data, std::size_t bytes) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return false;
  const bool written = std::fwrite(data, 1, bytes, file) == bytes;
  return std::fclose(file) == 0 && written;
}

template <class T>
std::uint64_t fingerprint_of(const T* values, std::size_t n, std::size_t dim) {
  std::vector<float> scratch(dim);
  return *thimble::fingerprint(thimble::matrix_view<T>(values, n, dim), scratch);
}

}  // namespace

extern "C" {

// n x dim values into the files of a set of vectors. Returns whether all were written.
EMSCRIPTEN_KEEPALIVE int write_set(const char* folder, const void* values, unsigned n, unsigned dim, int bytes,
                                   unsigned rows_per_file) {
  const thimble::idbfs_manifest manifest{
      .n = n,
      .fingerprint = bytes != 0 ? fingerprint_of(static_cast<const std::uint8_t*>(values), n, dim)
                                : fingerprint_of(static_cast<const float*>(values), n, dim),
      .dim = dim,
      .rows_per_file = rows_per_file,
      .element = bytes != 0 ? thimble::idbfs_element::uint8 : thimble::idbfs_element::float32};
  const std::string at(folder);
  if (mkdir(folder, 0777) != 0) return 0;
  const auto* from = static_cast<const std::byte*>(values);
  for (unsigned first = 0; first < n; first += rows_per_file) {
    const unsigned rows = first + rows_per_file < n ? rows_per_file : n - first;
    std::array<char, 16> name{};
    std::snprintf(name.data(), name.size(), "/%010u", first / rows_per_file);
    if (!write_file(at + name.data(), from + first * manifest.row_bytes(), rows * manifest.row_bytes())) return 0;
  }
  const auto encoded = manifest.encode();
  return write_file(at + "/manifest", encoded.data(), encoded.size()) ? 1 : 0;
}

// The manifest of a set, as files see it: n, or 0 when it is not there or not right.
EMSCRIPTEN_KEEPALIVE unsigned manifest_rows(const char* folder) {
  std::FILE* file = std::fopen((std::string(folder) + "/manifest").c_str(), "rb");
  if (file == nullptr) return 0;
  std::array<std::byte, thimble::idbfs_manifest::encoded_bytes + 1> bytes{};
  const std::size_t size = std::fread(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
  const auto manifest = thimble::idbfs_manifest::decode(std::span<const std::byte>(bytes).first(size));
  return manifest ? static_cast<unsigned>(manifest->n) : 0;
}

}  // extern "C"
