// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// One index, and the vectors that it was built from in five places: the hits are the same, the costs are not.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thimble/thimble.hpp>
#include <vector>

#include "packed_pictures.hpp"

namespace {

template <class T>
T must(thimble::expected<T> result) {
  if (result) return std::move(*result);
  std::puts(result.error().message);
  std::exit(1);
}

constexpr std::size_t n_queries = 100;
constexpr auto file = "tests/data/fashion-mnist/base.u8bin";

using picture_index = thimble::index<thimble::rabitq<4>>;

// Searches with the vectors in this place, and says what they cost; ends the program where hits are not those of
// memory.
class comparison {
 public:
  comparison(const picture_index& index, const thimble::mmap_store& queries) : index_(index), queries_(queries) {}

  template <thimble::store Store>
  void run(const char* place, Store& from) {
    std::vector<thimble::neighbor> found;
    std::size_t rows = 0, batches = 0;
    std::vector<float> room(queries_.dim());
    for (std::size_t i = 0; i < n_queries; ++i) {
      const auto hits = must(index_.search(must(queries_.row(i, room)), {.k = 10}, from));
      found.insert(found.end(), hits.begin(), hits.end());
      rows += hits.vectors_read();
      batches += hits.batches();
    }
    std::printf("%-28s %4.1f rows in %.1f batches a search\n", place, static_cast<double>(rows) / n_queries,
                static_cast<double>(batches) / n_queries);
    if (found_.empty()) found_ = found;
    if (found == found_) return;
    std::puts("these are other hits");
    std::exit(1);
  }

 private:
  const picture_index& index_;
  const thimble::mmap_store& queries_;
  std::vector<thimble::neighbor> found_;
};

}  // namespace

int main() {
  const auto queries = must(thimble::mmap_store::open("tests/data/fashion-mnist/query.u8bin"));

  // In a file that is mapped: what an index is built from, too.
  auto mapped = must(thimble::mmap_store::open(file));
  const auto index = must(picture_index::build(mapped, {.threads = 2}));
  comparison searches(index, queries);

  // In the program's memory, where it has them anyway: a view of them.
  const std::size_t n = mapped.size(), dim = mapped.dim();
  std::vector<float> values(n * dim), room(dim);
  for (std::size_t i = 0; i < n; ++i)
    std::ranges::copy(must(mapped.row(i, room)), values.begin() + static_cast<std::ptrdiff_t>(i * dim));
  auto in_memory = must(thimble::memory_store<float>::create({values.data(), n, dim}));
  searches.run("memory", in_memory);
  searches.run("a mapped file", mapped);

  // In a file that is read: nothing of it is in memory, and it may be cut short or lie on a slow disk.
  auto read = must(thimble::file_store::open(file));
  searches.run("a file", read);

  // The same with 4 MB of memory for the rows that are asked for most.
  auto cached = must(thimble::cache_store<thimble::file_store>::create(read, 4 << 20));
  searches.run("a file under a cache", cached);
  searches.run("the same, warm", cached);
  const auto counted = cached.counters();
  std::printf("  %zu of %zu rows fit in %zu bytes; %d found there, %d read\n", cached.capacity(), n, cached.bytes(),
              static_cast<int>(counted.hits), static_cast<int>(counted.misses));

  // Nowhere: made again from what they were made from. The fingerprint, of 64 rows, says whether they are right.
  packed_pictures packed(dim);
  for (std::size_t i = 0; i < n; ++i) packed.add({values.data() + i * dim, dim});
  const auto unpack = [&](auto rows, auto out) { return packed.unpack(rows, out); };
  auto made_again = must(thimble::recompute_store<decltype(unpack)>::create(unpack, n, dim));
  searches.run("made again", made_again);
  std::printf("  from %zu bytes, the vectors are %zu\n", packed.bytes(), values.size() * sizeof(float));

  // Other vectors are refused before anything is searched.
  values[0] += 1;
  auto altered = must(thimble::memory_store<float>::create({values.data(), n, dim}));
  const auto refused = index.search(must(queries.row(0, room)), {.k = 10}, altered);
  if (refused) return std::puts("other vectors were taken"), 1;
  std::puts(refused.error().message);
  return refused.error().code == thimble::errc::store_mismatch ? 0 : 1;
}
