// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What one batch of random rows costs from a file that is not in the page cache, and from one that is: file_store,
// mmap_store as a rerank reads it and without asking for all rows at once, a cache_store, and plain reads one after
// another. The page cache is dropped before each cold batch, which takes root. Linux only.
//
//     build/release/bench/thimble_bench_stores --folder /var/tmp --gib 1.5

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <thimble/thimble.hpp>
#include <vector>

#include "support.hpp"

namespace {

using namespace bench;
using thimble::node;

struct settings {
  std::string folder = "/var/tmp";
  double gib = 1.5;
  std::size_t dim = 768;
  std::size_t rounds = 11;
  std::vector<std::size_t> rows = {1, 20, 50, 100, 200};
};

// Values do not matter, but no two blocks are alike.
void write_file(const std::string& path, std::size_t n, std::size_t dim) {
  std::ofstream file(path, std::ios::binary);
  const std::uint32_t head[2] = {static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(dim)};
  file.write(reinterpret_cast<const char*>(head), sizeof(head));
  thimble::random_generator random(1);
  std::vector<float> row(dim);
  for (std::size_t i = 0; i < n; ++i) {
    for (float& value : row) value = static_cast<float>(random.below(1000));
    file.write(reinterpret_cast<const char*>(row.data()), static_cast<std::streamsize>(dim * sizeof(float)));
  }
  if (!file.flush()) give_up("cannot write " + path);
  ::sync();
}

void drop_page_cache() {
  std::ofstream file("/proc/sys/vm/drop_caches");
  file << 1;
  if (!file.flush()) give_up("cannot drop the page cache: run this as root");
}

void copy_rows(const thimble::mmap_store& store, std::span<const node> nodes, std::span<float> out) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::span<float> place = out.subspan(i * store.dim(), store.dim());
    std::ranges::copy(must(store.row(nodes[i], place), "reading a row"), place.begin());
  }
}

void read_one_after_another(int file, std::size_t dim, std::span<const node> nodes, std::span<float> out) {
  const std::size_t bytes = dim * sizeof(float);
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (::pread(file, out.data() + i * dim, bytes, static_cast<off_t>(8 + nodes[i] * bytes)) !=
        static_cast<ssize_t>(bytes))
      give_up("a plain read failed");
}

struct way {
  const char* name;
  std::function<void(std::span<const node>, std::span<float>)> read;
  std::vector<double> cold{};
  std::vector<double> warm{};
};

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

void measure(const settings& s, const std::string& path) {
  auto file = must(thimble::file_store::open(path.c_str()), path);
  const auto mapped = must(thimble::mmap_store::open(path.c_str()), path);
  auto below = must(thimble::file_store::open(path.c_str()), path);
  auto cache = must(thimble::cache_store<thimble::file_store>::create(below, std::size_t{64} << 20), "the cache");
  const int plain = ::open(path.c_str(), O_RDONLY);
  std::printf("%zu rows of %zu bytes; us a batch at the median of %zu, not cached and (cached)\n", file.size(),
              s.dim * sizeof(float), s.rounds);
  std::printf("%5s", "rows");
  for (const char* name : {"file_store", "mmap_store", "mmap, row by row", "cache_store", "plain reads"})
    std::printf(" %20s", name);
  std::printf("\n");
  for (const std::size_t rows : s.rows) {
    way ways[] = {{"file_store", [&](auto nodes, auto out) { must(file.read(nodes, out), "file_store"); }},
                  {"mmap_store",
                   [&](auto nodes, auto out) {
                     if (thimble::is_absent(mapped, nodes.front())) thimble::request_rows(mapped, nodes);
                     copy_rows(mapped, nodes, out);
                   }},
                  {"mmap, row by row", [&](auto nodes, auto out) { copy_rows(mapped, nodes, out); }},
                  {"cache_store", [&](auto nodes, auto out) { must(cache.read(nodes, out), "cache_store"); }},
                  {"plain reads", [&](auto nodes, auto out) { read_one_after_another(plain, s.dim, nodes, out); }}};
    thimble::random_generator random(rows);
    std::vector<float> out(rows * s.dim);
    for (std::size_t round = 0; round < s.rounds; ++round)
      for (way& w : ways) {
        std::set<node> chosen;
        while (chosen.size() < rows) chosen.insert(static_cast<node>(random.below(file.size())));
        const std::vector<node> nodes(chosen.begin(), chosen.end());
        // A mapped file looks at one row of 16 until it finds one on the disk, and then at more.
        drop_page_cache();
        for (int i = 0; i < 64; ++i) {
          const auto other = static_cast<node>(random.below(file.size()));
          w.read({&other, 1}, out);
        }
        drop_page_cache();
        w.cold.push_back(1e6 * seconds_of([&] { w.read(nodes, out); }));
        // Until a mapped file expects no more rows on the disk.
        for (int i = 0; i < 64; ++i) w.read(nodes, out);
        w.warm.push_back(1e5 * seconds_of([&] {
                           for (int i = 0; i < 10; ++i) w.read(nodes, out);
                         }));
      }
    std::printf("%5zu", rows);
    for (const way& w : ways) std::printf(" %10.0f (%7.1f)", median(w.cold), median(w.warm));
    std::printf("\n");
  }
  (void)::close(plain);
}

}  // namespace

int main(int argc, char** argv) {
  settings s;
  CLI::App app("what a batch of rows costs from a file that is not in the page cache");
  app.add_option("--folder", s.folder, "where the file is made, and removed again")->capture_default_str();
  app.add_option("--gib", s.gib, "its size")->capture_default_str();
  app.add_option("--dim", s.dim, "floats a row")->capture_default_str();
  app.add_option("--rounds", s.rounds, "batches of each kind")->capture_default_str();
  app.add_option("--rows", s.rows, "rows of a batch")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const std::string path = s.folder + "/thimble_bench_stores.fbin";
  const auto n = static_cast<std::size_t>(s.gib * 0x1p30 / static_cast<double>(s.dim * sizeof(float)));
  write_file(path, n, s.dim);
  measure(s, path);
  (void)::unlink(path.c_str());
}
