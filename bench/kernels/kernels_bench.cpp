// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Nanoseconds per distance of every kernel, dim and instruction set that runs here, beside a plain kernel written with
// intrinsics for the same set (plain_...), and beside a bare prefetched read of the same bytes (read_...). "cached"
// asks for the same 32 rows again and again, "random" for rows of a 256 MB array in no order. Calls take 32 rows, about
// what a step of a search asks for.
//
//   thimble_bench_kernels --benchmark_filter='/768/' --benchmark_repetitions=9
//   --benchmark_enable_random_interleaving=true
//
// Compare the medians of one run: the machine is never quiet.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/simd/code_layout.hpp>
#include <thimble/simd/dispatch.hpp>

#include "plain_kernels.hpp"

namespace {

using thimble::node;
namespace simd = thimble::simd;

constexpr std::size_t batch = 32;
constexpr std::size_t large_bytes = std::size_t{256} << 20;

// What rows hold: codes of 1 to 8 bits, floats, or halfs.
struct row_kind {
  unsigned bits;  // 16 and 32: halfs and floats
  bool l2;

  [[nodiscard]] bool integer() const { return bits <= simd::max_bits; }
  [[nodiscard]] std::size_t bytes(std::size_t dim) const {
    return integer() ? factor_offset(dim) + simd::factor_bytes(bits, true) : dim * bits / 8;
  }
  [[nodiscard]] std::size_t factor_offset(std::size_t dim) const {
    return thimble::round_up(simd::packed_bytes(bits, dim), std::size_t{4});
  }
  [[nodiscard]] std::string name() const {
    if (integer()) return std::to_string(bits) + "bit";
    return (bits == 16 ? std::string("half_") : std::string("float_")) + (l2 ? "l2" : "dot");
  }
};

// 256 MB of bytes that serve as codes, floats in -1..1 and small halfs; what they mean does not matter to a kernel's
// speed, but no float may be subnormal and every centroid must exist.
std::byte* rows_of_bytes() {
  static auto buffer = [] {
    auto made = *thimble::aligned_buffer<float>::create((large_bytes + 4096) / sizeof(float));
    std::uint32_t state = 1;
    for (float& value : made.span()) {
      state = state * 1664525u + 1013904223u;
      value = static_cast<float>(state >> 8) / static_cast<float>(1u << 23) - 1;
    }
    return made;
  }();
  return reinterpret_cast<std::byte*>(buffer.data());
}

struct work {
  work(row_kind which, std::size_t dim, bool cached, const simd::kernel_set& kernels)
      : floats(dim + 64), values(dim + 1024), arranged(*thimble::aligned_buffer<std::byte>::create(16 * dim + 4096)) {
    std::minstd_rand random(7);
    for (float& value : floats) value = static_cast<float>(random() % 1000) / 500 - 1;
    for (std::size_t i = 0; i < dim; ++i) values[i] = static_cast<std::int8_t>(random() % 127 - 63);
    rows = {.data = rows_of_bytes(), .stride = which.bytes(dim)};
    if (which.integer()) {
      kernels.arrange(which.bits, values.data(), dim, arranged.data());
      query = {.values = arranged.data(),
               .bases = bases.data(),
               .dim = dim,
               .factor_offset = which.factor_offset(dim),
               .sum = 0,
               .scale = 0.01f,
               .scaled_rows = true};
    }
    const std::size_t n_rows = cached ? batch : large_bytes / rows.stride;
    nodes.resize(n_rows / batch * batch);
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i] = static_cast<node>(cached ? i : random() % n_rows);
  }

  std::vector<float> floats;
  std::vector<float> bases = std::vector<float>(256);
  std::vector<std::int8_t> values;
  thimble::aligned_buffer<std::byte> arranged;
  std::vector<node> nodes;
  simd::integer_query query{};
  simd::code_rows rows{};
};

void run(benchmark::State& state, row_kind which, std::size_t dim, simd::isa set, bool cached,
         plain::kernel yardstick) {
  const simd::kernel_set& kernels = **simd::kernels_for(set);
  const work w(which, dim, cached, kernels);
  const plain::query plain_query{.values = w.values.data(), .floats = w.floats.data(), .dim = dim};
  const auto float_kernel = which.bits == 16 ? (which.l2 ? kernels.l2_half_rows : kernels.dot_half_rows)
                                             : (which.l2 ? kernels.l2_rows : kernels.dot_rows);
  float out[batch];
  std::size_t at = 0;
  for (auto _ : state) {
    const node* nodes = w.nodes.data() + at;
    if (yardstick != nullptr)
      yardstick(plain_query, w.rows, nodes, batch, out);
    else if (which.integer())
      kernels.estimate[which.bits](w.query, w.rows, nodes, batch, out);
    else
      float_kernel(w.floats.data(), dim, w.rows, nodes, batch, out);
    benchmark::DoNotOptimize(out);
    at = (at + batch) % w.nodes.size();
  }
  state.counters["ns"] = benchmark::Counter(
      static_cast<double>(batch) * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void add(row_kind which, simd::isa set, const std::string& label, plain::kernel yardstick) {
  for (const std::size_t dim : {96u, 128u, 384u, 768u, 784u, 1536u}) {
    for (const bool cached : {true, false}) {
      const std::string title = which.name() + "/" + std::to_string(dim) + "/" + (cached ? "cached/" : "random/") +
                                label + std::string(simd::name(set));
      benchmark::RegisterBenchmark(title.c_str(),
                                   [=](benchmark::State& state) { run(state, which, dim, set, cached, yardstick); });
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<row_kind> kinds{{32, true}, {32, false}, {16, true}, {16, false}};
  for (unsigned bits = 1; bits <= simd::max_bits; ++bits) kinds.push_back({bits, false});
  for (const row_kind which : kinds) {
    for (const simd::isa set : simd::attainable()) {
      add(which, set, "", nullptr);
      const plain::kernels of_set = plain::of(set);
      const plain::kernel yardstick = which.integer()    ? of_set.integer[which.bits]
                                      : which.bits == 16 ? (which.l2 ? of_set.l2_half : of_set.dot_half)
                                                         : (which.l2 ? of_set.l2 : of_set.dot);
      if (yardstick != nullptr) add(which, set, "plain_", yardstick);
      if (of_set.read != nullptr) add(which, set, "read_", of_set.read);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
