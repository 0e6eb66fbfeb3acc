// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Nanoseconds per distance of every kernel, dim and instruction set that runs here, beside a plain kernel written with
// intrinsics for the same set (plain/...): one row at a time, fused where the processor can, the next row prefetched.
// "cached" asks for the same 16 rows again and again, "random" for rows of a 256 MB array in no order. Calls take 16
// rows, about what a step of a search asks for.
//
//   thimble_bench_kernels --benchmark_filter='/768/' --benchmark_repetitions=9
//   --benchmark_enable_random_interleaving=true
//
// Compare the medians of one run: the machine is never quiet.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/bytes.hpp>
#include <thimble/simd/dispatch.hpp>

#include "plain_kernels.hpp"

namespace {

using thimble::node;
namespace simd = thimble::simd;

constexpr std::size_t batch = 16;
constexpr std::size_t large_bytes = std::size_t{256} << 20;

enum class kernel { estimate8, l2_rows, dot_rows };

constexpr const char* name(kernel which) {
  switch (which) {
    case kernel::estimate8:
      return "estimate8";
    case kernel::l2_rows:
      return "l2_rows";
    case kernel::dot_rows:
      return "dot_rows";
  }
  return "";
}

// 256 MB of bytes that serve as codes and as floats in -1..1; what they mean does not matter to a kernel's speed.
const std::byte* rows_of_bytes() {
  static const auto buffer = [] {
    auto made = *thimble::aligned_buffer<float>::create((large_bytes + simd::code_slack) / sizeof(float));
    std::uint32_t state = 1;
    for (float& value : made.span()) {
      state = state * 1664525u + 1013904223u;
      value = static_cast<float>(state >> 8) / static_cast<float>(1u << 23) - 1;
    }
    return made;
  }();
  return reinterpret_cast<const std::byte*>(buffer.data());
}

struct work {
  work(kernel which, std::size_t dim, bool cached)
      : floats(dim), values(*thimble::aligned_buffer<std::int8_t>::create(thimble::round_up(dim, simd::query_block))) {
    std::minstd_rand random(7);
    for (float& value : floats) value = static_cast<float>(random() % 1000) / 500 - 1;
    for (std::size_t i = 0; i < dim; ++i) values[i] = static_cast<std::int8_t>(random() % 128 - 64);
    const std::size_t factor_offset = thimble::round_up(dim, std::size_t{4});
    query = {.values = values.data(),
             .padded_dim = values.size(),
             .factor_offset = factor_offset,
             .sum = 0,
             .base = 1,
             .scale = 0.5};
    rows = {.data = rows_of_bytes(),
            .stride = which == kernel::estimate8 ? factor_offset + sizeof(simd::code_factors) : dim * sizeof(float)};
    const std::size_t n_rows = cached ? batch : large_bytes / rows.stride;
    nodes.resize(n_rows / batch * batch);
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i] = static_cast<node>(cached ? i : random() % n_rows);
  }

  std::vector<float> floats;
  thimble::aligned_buffer<std::int8_t> values;
  std::vector<node> nodes;
  simd::integer_query query;
  simd::code_rows rows;
};

void run(benchmark::State& state, kernel which, std::size_t dim, const simd::kernel_set* kernels, bool cached) {
  const work w(which, dim, cached);
  float out[batch];
  std::size_t at = 0;
  for (auto _ : state) {
    const node* nodes = w.nodes.data() + at;
    switch (which) {
      case kernel::estimate8:
        kernels->estimate8(w.query, w.rows, nodes, batch, out);
        break;
      case kernel::l2_rows:
        kernels->l2_rows(w.floats.data(), dim, w.rows, nodes, batch, out);
        break;
      case kernel::dot_rows:
        kernels->dot_rows(w.floats.data(), dim, w.rows, nodes, batch, out);
        break;
    }
    benchmark::DoNotOptimize(out);
    at = (at + batch) % w.nodes.size();
  }
  state.counters["ns"] = benchmark::Counter(
      static_cast<double>(batch) * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void add(kernel which, const simd::kernel_set* kernels, const std::string& label) {
  for (const std::size_t dim : {96u, 128u, 384u, 768u, 784u, 1536u}) {
    for (const bool cached : {true, false}) {
      const std::string title =
          std::string(name(which)) + "/" + std::to_string(dim) + "/" + (cached ? "cached/" : "random/") + label;
      benchmark::RegisterBenchmark(title.c_str(),
                                   [=](benchmark::State& state) { run(state, which, dim, kernels, cached); });
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (const kernel which : {kernel::estimate8, kernel::l2_rows, kernel::dot_rows}) {
    for (const simd::isa set : simd::attainable()) {
      add(which, *simd::kernels_for(set), std::string(simd::name(set)));
      if (const simd::kernel_set* plain = plain_kernels(set))
        add(which, plain, "plain_" + std::string(simd::name(set)));
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
