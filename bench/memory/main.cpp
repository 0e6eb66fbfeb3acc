// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Bytes of memory a vector, measured: what the private memory of a fresh process grows by when it reads an index,
// beside what bytes_per_vector() says; what a streaming build takes at its peak; and what an index that changes takes,
// fresh and with every vector replaced once, beside its codes, links and labels. Rows are made from a set by adding
// small noise, as many as asked for. Linux only.
//
//     build/release/bench/thimble_bench_memory --data ../shared/data/bge-768 --metric cosine --n 100000

#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <thimble/thimble.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "support.hpp"

namespace {

using namespace bench;

struct settings {
  std::string data = THIMBLE_SHARED_DATA[0] != '\0' ? THIMBLE_SHARED_DATA "/bge-768" : "";
  std::string metric = "cosine";
  std::size_t n = 100'000;
  unsigned m = 16;
  unsigned threads = 2;
  double noise = .1;
  std::string scratch;
  std::vector<std::string> quantizers = {"sq8", "sq4", "rabitq4", "rabitq2", "rabitq1"};
  std::vector<std::string> changing = {"sq8", "sq4", "rabitq4"};
};

// n rows: those of a set again and again, each with other noise, whose length is a share of the row's.
class noisy_rows {
 public:
  noisy_rows(std::vector<float> rows, std::size_t dim, std::size_t n, double noise)
      : rows_(std::move(rows)), dim_(dim), n_(n), noise_(noise) {}

  [[nodiscard]] std::size_t size() const { return n_; }
  [[nodiscard]] std::size_t dim() const { return dim_; }
  [[nodiscard]] thimble::expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    const std::span<const float> from = std::span(rows_).subspan(i % (rows_.size() / dim_) * dim_, dim_);
    double norm2 = 0;
    for (const float value : from) norm2 += static_cast<double>(value) * value;
    thimble::random_generator random(i + 1);
    // Uniform in +-sqrt(3) has a variance of 1.
    const double scale = noise_ * std::sqrt(norm2 * 3 / static_cast<double>(dim_));
    for (std::size_t j = 0; j < dim_; ++j)
      scratch[j] = from[j] + static_cast<float>(scale * (2 * random.uniform() - 1));
    return std::span<const float>(scratch.data(), dim_);
  }

 private:
  std::vector<float> rows_;
  std::size_t dim_;
  std::size_t n_;
  double noise_;
};

double kilobytes(const char* file, const char* field) {
  std::ifstream in(file);
  double sum = 0;
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(field)) sum += std::stod(line.substr(line.find(':') + 1));
  return sum;
}
double private_bytes() { return 1024 * kilobytes("/proc/self/smaps_rollup", "Private_"); }
double resident_bytes() { return 1024 * kilobytes("/proc/self/status", "VmRSS"); }
double peak_bytes() { return 1024 * kilobytes("/proc/self/status", "VmHWM"); }
double anonymous_bytes() { return 1024 * kilobytes("/proc/self/status", "RssAnon"); }

// The most that anonymous_bytes() was while work() ran, looked at every few milliseconds: the kernel keeps no such
// figure.
double anonymous_peak(const auto& work) {
  std::atomic<bool> done{false};
  double peak = 0;
  std::thread watcher([&] {
    for (; !done; std::this_thread::sleep_for(std::chrono::milliseconds(2))) peak = std::max(peak, anonymous_bytes());
  });
  work();
  done = true;
  watcher.join();
  return std::max(peak, anonymous_bytes());
}

using figures = std::array<double, 4>;

// What work() answers in a process of its own.
figures in_a_process(const std::function<figures()>& work) {
  int ends[2];
  if (pipe(ends) != 0) give_up("no pipe");
  const pid_t child = fork();
  if (child < 0) give_up("no process");
  if (child == 0) {
    const figures found = work();
    _exit(write(ends[1], found.data(), sizeof found) == static_cast<ssize_t>(sizeof found) ? 0 : 1);
  }
  figures found{};
  const bool answered = read(ends[0], found.data(), sizeof found) == static_cast<ssize_t>(sizeof found);
  int status = 0;
  waitpid(child, &status, 0);
  close(ends[0]);
  close(ends[1]);
  if (!answered || status != 0) give_up("a process failed");
  return found;
}

// Peak beyond what was there before, of all resident memory and of the private part, seconds, bytes a vector as
// reported.
figures build(const settings& s, const std::string& quantizer, const noisy_rows& rows, const std::string& path) {
  const double before = resident_bytes(), private_before = anonymous_bytes();
  const auto kind = must(thimble::parse_quantizer(quantizer), quantizer);
  thimble::expected<thimble::any_index> built = thimble::fail(thimble::errc::empty_index, "not built");
  double seconds = 0;
  const double private_peak = anonymous_peak([&] {
    seconds = seconds_of([&] {
      built = thimble::any_index::build(kind, rows,
                                        {.metric = must(thimble::parse_metric(s.metric), s.metric),
                                         .m = s.m,
                                         .threads = s.threads,
                                         .scratch_folder = s.scratch});
    });
  });
  const auto index = must(std::move(built), "build");
  if (auto saved = index.save(path.c_str()); !saved) give_up(path);
  return {peak_bytes() - before, private_peak - private_before, seconds, index.bytes_per_vector()};
}

// Growth of private memory by reading the file and searching once.
figures open(const std::string& path, const noisy_rows& rows) {
  const double before = private_bytes();
  auto bytes = must(thimble::aligned_buffer<std::byte>::create(std::filesystem::file_size(path)), "memory");
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const auto index = must(thimble::any_index::open(std::move(bytes)), path);
  std::vector<float> query(rows.dim());
  if (!index.search(must(rows.row(0, query), "row"))) give_up("search");
  return {private_bytes() - before};
}

// Bytes as reported of an index that changes: fresh, with every vector updated, and with every vector removed and
// added.
template <class Quantizer>
figures change(const settings& s, const noisy_rows& rows) {
  const thimble::build_options options{
      .metric = must(thimble::parse_metric(s.metric), s.metric), .m = s.m, .threads = s.threads};
  figures found{};
  for (const bool by_update : {true, false}) {
    auto index = must(thimble::mutable_index<Quantizer>::build(rows, options), "build");
    found[0] = index.bytes_per_vector();
    std::vector<thimble::label> order(rows.size());
    std::iota(order.begin(), order.end(), thimble::label{0});
    std::ranges::shuffle(order, std::mt19937(1));
    thimble::thread_executor threads(s.threads);
    std::vector<float> scratch(threads.workers() * rows.dim());
    thimble::parallel_for(threads, order.size(), [&](std::size_t i, unsigned worker) {
      const auto fresh =
          must(rows.row(rows.size() + order[i], std::span(scratch).subspan(worker * rows.dim(), rows.dim())), "row");
      if (by_update) return must(index.update(order[i], fresh), "update");
      must(index.remove(order[i]), "remove");
      must(index.add(order[i], fresh), "add");
    });
    found[by_update ? 1 : 2] = index.bytes_per_vector();
  }
  return found;
}

template <class Quantizer>
void report_change(const settings& s, const noisy_rows& rows) {
  const auto kernels = must(thimble::simd::kernels_for(thimble::simd::isa::automatic), "kernels");
  const auto quantizer = must(Quantizer::train(rows, thimble::metric::l2, {.kernels = *kernels}), "train");
  const auto least = static_cast<double>(quantizer.code_bytes() + 8 * s.m + sizeof(thimble::label));
  const figures found = in_a_process([&] { return change<Quantizer>(s, rows); });
  std::printf("%-10s %10.1f", std::string(Quantizer::name).c_str(), least);
  for (const double bytes : std::span(found).first(3)) std::printf(" %10.1f (x%.3f)", bytes, bytes / least);
  std::printf("\n");
  std::fflush(stdout);
}

void run_changing(const settings& s, const noisy_rows& rows) {
  std::printf(
      "\nan index that changes, as reported: codes, 8m and 8; all of it fresh, after updates, after removing and "
      "adding\n");
  for (const std::string& quantizer : s.changing) {
    if (quantizer == "sq8")
      report_change<thimble::sq8>(s, rows);
    else if (quantizer == "sq4")
      report_change<thimble::sq4>(s, rows);
    else if (quantizer == "rabitq4")
      report_change<thimble::rabitq<4>>(s, rows);
    else
      give_up("no index that changes of " + quantizer);
  }
}

void run(const settings& s) {
  const auto base = open_vectors(s.data + "/base");
  const noisy_rows rows(read_all(base), base.dim(), s.n, s.noise);
  const std::string path = (std::filesystem::temp_directory_path() / "thimble_bench_memory.thimble").string();
  const auto n = static_cast<double>(s.n);
  std::printf("%zu x %zu from %s with noise of %.2f, %s, m %u; bytes a vector\n", s.n, base.dim(), s.data.c_str(),
              s.noise, s.metric.c_str(), s.m);
  std::printf("%-10s %10s %10s %8s %12s %12s %8s %10s\n", "", "reported", "measured", "ratio", "build's peak",
              "private peak", "ratio", "build, s");
  for (const std::string& quantizer : s.quantizers) {
    const figures built = in_a_process([&] { return build(s, quantizer, rows, path); });
    const figures opened = in_a_process([&] { return open(path, rows); });
    std::printf("%-10s %10.1f %10.1f %8.3f %12.1f %12.1f %8.3f %10.1f\n", quantizer.c_str(), built[3], opened[0] / n,
                opened[0] / n / built[3], built[0] / n, built[1] / n, built[1] / n / built[3], built[2]);
    std::fflush(stdout);
    std::filesystem::remove(path);
  }
  run_changing(s, rows);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Bytes of memory a vector, measured"};
  settings s;
  app.add_option("--data", s.data, "folder with base.*")->capture_default_str()->required(s.data.empty());
  app.add_option("--metric", s.metric, "l2, ip or cosine")->capture_default_str();
  app.add_option("--n", s.n, "rows to make")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--m", s.m)->capture_default_str();
  app.add_option("--threads", s.threads, "for the builds")->capture_default_str();
  app.add_option("--noise", s.noise, "its length, as a share of a row's")->capture_default_str();
  app.add_option("--quantizers", s.quantizers)->delimiter(',')->capture_default_str();
  app.add_option("--scratch", s.scratch, "folder for what only a build needs")->check(CLI::ExistingDirectory);
  app.add_option("--changing", s.changing, "of indexes that change")->delimiter(',')->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  run(s);
}
