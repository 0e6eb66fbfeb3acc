// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A libFuzzer target: any bytes opened as an index, as they are and with right checksums. Natively without libFuzzer
// replay_main.cpp calls it with the committed corpus.

#include <cstdio>
#include <cstdlib>

#include "fuzz/open_bytes.hpp"

namespace {

void expect_right(std::span<const std::byte> bytes) {
  const std::string wrong = thimble::fuzz::wrong_answer(bytes);
  if (wrong.empty()) return;
  std::fprintf(stderr, "%s\n", wrong.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);  // NOLINT: libFuzzer's name

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {  // NOLINT: libFuzzer's name
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  expect_right(bytes);
  std::vector<std::byte> fixed(bytes.begin(), bytes.end());
  if (fixed.size() >= thimble::header_bytes) {
    auto header = thimble::load_as<thimble::file_header>(fixed.data());
    header.file_bytes = fixed.size();
    thimble::store_as(fixed.data(), header);
  }
  thimble::fuzz::fix_checksums(fixed);
  expect_right(fixed);
  return 0;
}
