// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The program of the project's README: one byte a dimension in memory, the pictures stay in their file.

#include <cstdio>
#include <thimble/thimble.hpp>

int main() {
  auto pictures = thimble::mmap_store::open("tests/data/fashion-mnist/base.u8bin");
  auto queries = thimble::mmap_store::open("tests/data/fashion-mnist/query.u8bin");
  if (!pictures || !queries) return std::puts("run this in thimble's top folder"), 1;
  auto index = thimble::index<thimble::sq8>::build(*pictures, {.metric = thimble::metric::l2, .threads = 2});
  if (!index) return std::puts(index.error().message), 1;
  float room[784];
  auto hits = index->search(*queries->row(0, room), {.k = 10, .ef = 64, .rerank = 50}, *pictures);
  if (!hits) return std::puts(hits.error().message), 1;
  for (auto [label, distance] : *hits) std::printf("%5d  %.0f\n", static_cast<int>(label), distance);
}
