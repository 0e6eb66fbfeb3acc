// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The ten nearest pictures of each bundled query by l2: computed once by hnswlib's BruteforceSearch where it is there,
// else by a scan in integers, and kept in the build's cache folder.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "unit/support/exact.hpp"
#include "unit/support/vectors.hpp"

#if THIMBLE_HAS_HNSWLIB
#include "unit/support/hnswlib_oracle.hpp"
#endif
#if THIMBLE_POSIX
#include <unistd.h>
#endif

namespace thimble::test {

inline constexpr std::size_t truth_k = 10;

// Exact: every squared distance is an integer below 2^26.
inline std::vector<label> scan_pictures(std::size_t query) {
  const pictures& base = base_pictures();
  const std::uint8_t* q = query_pictures().values.data() + query * base.dim;
  std::vector<std::uint64_t> keys(base.size());
  for (std::size_t i = 0; i < base.size(); ++i) {
    const std::uint8_t* x = base.values.data() + i * base.dim;
    std::int32_t sum = 0;
    for (std::size_t j = 0; j < base.dim; ++j) {
      const std::int32_t difference = q[j] - x[j];
      sum += difference * difference;
    }
    keys[i] = std::uint64_t{static_cast<std::uint32_t>(sum)} << 32 | i;
  }
  std::partial_sort(keys.begin(), keys.begin() + truth_k, keys.end());
  std::vector<label> nearest(truth_k);
  for (std::size_t i = 0; i < truth_k; ++i) nearest[i] = keys[i] & 0xffffffffu;
  return nearest;
}

class picture_truth {
 public:
  // For the first n queries.
  static const picture_truth& of(std::size_t n) {
    static const picture_truth all(n);
    return all;
  }
  [[nodiscard]] std::span<const label> operator[](std::size_t query) const {
    return std::span(nearest_).subspan(query * truth_k, truth_k);
  }
  [[nodiscard]] std::size_t size() const { return nearest_.size() / truth_k; }

 private:
  explicit picture_truth(std::size_t n) {
    const std::string path = std::string(THIMBLE_TEST_CACHE) + "/pictures_l2_" + std::to_string(n) + ".truth";
    const std::vector<std::byte> cached = read_bytes(path);
    nearest_.resize(n * truth_k);
    if (cached.size() == nearest_.size() * sizeof(label)) {
      std::memcpy(nearest_.data(), cached.data(), cached.size());
      return;
    }
#if THIMBLE_HAS_HNSWLIB
    const hnswlib_oracle oracle(base_pictures());
    for (std::size_t i = 0; i < n; ++i)
      std::ranges::copy(oracle.nearest(query_pictures().row(i), truth_k),
                        nearest_.begin() + static_cast<std::ptrdiff_t>(i * truth_k));
#else
    for (std::size_t i = 0; i < n; ++i)
      std::ranges::copy(scan_pictures(i), nearest_.begin() + static_cast<std::ptrdiff_t>(i * truth_k));
#endif
    keep(path);
  }

  // By rename: tests of several processes may write it at once.
  void keep(const std::string& path) const {
#if THIMBLE_POSIX
    const std::string temporary = path + "." + std::to_string(::getpid());
    std::ofstream(temporary, std::ios::binary)
        .write(reinterpret_cast<const char*>(nearest_.data()),
               static_cast<std::streamsize>(nearest_.size() * sizeof(label)));
    (void)std::rename(temporary.c_str(), path.c_str());
#else
    (void)path;
#endif
  }

  std::vector<label> nearest_;
};

}  // namespace thimble::test
