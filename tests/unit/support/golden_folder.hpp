// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <fstream>
#include <string>

namespace thimble::test {

// tests/golden, which lies beside tests/data; where data is embedded (WASM) it may lie in it.
inline const std::string& golden_folder() {
  static const std::string folder = [] {
    std::string inside = THIMBLE_TEST_DATA "/golden";
    return std::ifstream(inside + "/expected_hits.txt") ? inside : std::string(THIMBLE_TEST_DATA "/../golden");
  }();
  return folder;
}

}  // namespace thimble::test
