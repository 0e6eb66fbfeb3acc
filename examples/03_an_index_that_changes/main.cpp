// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Pictures come, are replaced and go while two threads search; then the index is frozen, saved, opened and thawed.

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thimble/thimble.hpp>
#include <thread>
#include <vector>

namespace {

using thimble::label;

template <class T>
T must(thimble::expected<T> result) {
  if (result) return std::move(*result);
  std::puts(result.error().message);
  std::exit(1);
}
void must(thimble::expected<void> result) {
  if (result) return;
  std::puts(result.error().message);
  std::exit(1);
}

}  // namespace

int main() {
  auto pictures = must(thimble::mmap_store::open("tests/data/fashion-mnist/base.u8bin"));
  auto queries = must(thimble::mmap_store::open("tests/data/fashion-mnist/query.u8bin"));
  const auto picture = [&](std::size_t i) {
    std::vector<float> room(pictures.dim());
    const auto row = must(pictures.row(i, room));
    return std::vector<float>(row.begin(), row.end());
  };
  const auto query = [&](std::size_t i) {
    std::vector<float> room(queries.dim());
    const auto row = must(queries.row(i, room));
    return std::vector<float>(row.begin(), row.end());
  };

  // The quantizer learns from the pictures; none of them is in the index yet.
  auto index = must(thimble::mutable_index<thimble::sq8>::train(pictures));
  for (label i = 0; i < 2000; ++i) must(index.add(i, picture(i)));

  std::atomic<bool> done{false};
  std::atomic<int> searches{0};
  {
    std::vector<std::jthread> searching;
    for (int thread = 0; thread < 2; ++thread)
      searching.emplace_back([&] {
        for (std::size_t i = 0; !done; i = (i + 1) % 1000, ++searches) must(index.search(query(i)));
      });
    for (label i = 2000; i < 4000; ++i) must(index.add(i, picture(i)));
    for (label i = 0; i < 4000; i += 4) must(index.remove(i));
    for (label i = 1; i < 4000; i += 4) must(index.update(i, picture(5000 + i)));
    done = true;
  }
  std::printf("%zu pictures, %.0f bytes each, %s\n", index.size(), index.bytes_per_vector(),
              searches > 0 ? "searched all the while" : "never searched");

  const auto frozen = must(thimble::freeze(index, 2));
  const auto file = (std::filesystem::temp_directory_path() / "an_index_that_changes.thimble").string();
  must(frozen.save(file.c_str()));
  const auto opened = must(thimble::index<thimble::sq8>::open(file.c_str()));
  std::printf("frozen: %.0f bytes each\n", opened.bytes_per_vector());
  for (const auto [id, distance] : must(opened.search(query(0), {.k = 3})))
    std::printf("%5d  %.0f\n", static_cast<int>(id), static_cast<double>(distance));

  auto thawed = must(thimble::thaw(opened));
  must(thawed.add(0, picture(0)));
  std::printf("thawed, and one more: %zu\n", thawed.size());
  std::filesystem::remove(file);
}
