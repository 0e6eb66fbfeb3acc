// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Nanoseconds per distance of the WASM kernels, by quantizer bits and dim, beside plain ones (plain_kernels.hpp) that
// take turns with them. "cached" asks for the same 16 rows again and again, "random" for rows of a 64 MB array in no
// order. Calls take 16 rows, about what a step of a search asks for. Built and run by run.sh, once for each binary.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <thimble/core/aligned_buffer.hpp>
#include <thimble/simd/code_layout.hpp>
#include <thimble/simd/dispatch.hpp>

#include "plain_kernels.hpp"

namespace {

using thimble::half;
using thimble::node;
namespace simd = thimble::simd;

constexpr std::size_t batch = 16;
constexpr std::size_t large_bytes = std::size_t{64} << 20;
constexpr int pairs = 24;
constexpr std::size_t dims[] = {96, 128, 384, 768, 784, 1536};
constexpr std::size_t most_values = 2048;  // of a plain query

using nanoseconds = std::chrono::duration<double, std::nano>;

thimble::aligned_buffer<float> make_rows() {
  auto made = thimble::aligned_buffer<float>::create((large_bytes + simd::code_slack) / sizeof(float));
  if (!made) std::abort();
  return std::move(*made);
}

// Floats in -1..1, and bytes that serve as codes, with factors that are floats in -1..1 too.
void fill_with_floats(thimble::aligned_buffer<float>& rows) {
  std::uint32_t state = 1;
  for (float& value : rows.span()) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) / static_cast<float>(1u << 23) - 1;
  }
}

void fill_with_halfs(thimble::aligned_buffer<float>& rows) {
  auto* halfs = reinterpret_cast<half*>(rows.data());
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < rows.size() * 2; ++i) {
    state = state * 1664525u + 1013904223u;
    halfs[i] = half::nearest(static_cast<float>(state >> 8) / static_cast<float>(1u << 23) - 1);
  }
}

// The order in which rows are asked for; every measurement goes on where the one before it stopped.
struct row_order {
  row_order(std::size_t stride, bool cached) {
    nodes.resize(cached ? batch : large_bytes / stride / batch * batch);
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i] = static_cast<node>(i);
    std::shuffle(nodes.begin(), nodes.end(), std::minstd_rand(5));
  }
  const node* next() {
    const node* those = nodes.data() + at;
    at = (at + batch) % nodes.size();
    return those;
  }
  std::vector<node> nodes;
  std::size_t at = 0;
};

// ns per row of calls of `evaluate(nodes, out)` for about as many rows.
template <class Evaluate>
double time_of(std::size_t rows, row_order& order, Evaluate evaluate) {
  float out[batch];
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t done = 0; done < rows; done += batch) {
    evaluate(order.next(), out);
    __asm__ volatile("" : : "r"(&out[0]) : "memory");
  }
  return nanoseconds(std::chrono::steady_clock::now() - start).count() / static_cast<double>(rows);
}

// Of times, as other work on the machine only ever adds to them.
double first_quartile(std::vector<double> times) {
  const auto at = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 4);
  std::nth_element(times.begin(), at, times.end());
  return *at;
}

// Ours and the plain kernel by turns.
template <class Ours, class Plain>
void print_pair(std::size_t stride, bool cached, Ours ours, Plain plain_kernel, bool has_plain) {
  row_order order(stride, cached);
  const std::size_t rows = std::max<std::size_t>(1024, (std::size_t{1} << 20) / stride / batch * batch);
  std::vector<double> of_ours;
  std::vector<double> of_plain;
  time_of(rows, order, ours);
  for (int i = 0; i < pairs; ++i) {
    of_ours.push_back(time_of(rows, order, ours));
    if (has_plain) of_plain.push_back(time_of(rows, order, plain_kernel));
  }
  const double time = first_quartile(of_ours);
  if (has_plain) {
    const double plain_time = first_quartile(of_plain);
    std::printf("  %8.1f %8.1f %6.2f", time, plain_time, time / plain_time);
  } else {
    std::printf("  %8.1f %8s %6s", time, "-", "-");
  }
}

using plain_estimate = void (*)(const plain::query&, simd::code_rows, const node*, std::size_t, float*);

constexpr plain_estimate plain_estimates[simd::max_bits + 1] = {
    nullptr, plain::estimate<1>, plain::estimate<2>, nullptr, plain::estimate<4>, nullptr, nullptr,
    nullptr, plain::estimate<8>};

void measure_codes(const simd::kernel_set& kernels, const std::byte* data, unsigned bits, std::size_t dim) {
  const bool scaled = bits != 8;
  const std::size_t code_bytes = simd::packed_bytes(bits, dim);
  const std::size_t factor_offset = (code_bytes + 3) / 4 * 4;
  const simd::code_rows rows{data, factor_offset + simd::factor_bytes(bits, scaled)};

  std::vector<std::int8_t> values(dim);
  for (std::size_t i = 0; i < dim; ++i) values[i] = static_cast<std::int8_t>(i * 37 % 127) - 63;
  auto arranged = thimble::aligned_buffer<std::byte>::create(simd::arranged_bytes(bits, dim));
  if (!arranged) std::abort();
  kernels.arrange(bits, values.data(), dim, arranged->data());
  const std::vector<float> bases(256, 1.0f);
  const simd::integer_query query{arranged->data(), bases.data(), dim, factor_offset, 3, 0.5f, scaled};

  alignas(16) static plain::value plain_values[most_values];
  const plain::query plain_query{plain_values, code_bytes, factor_offset, 1.0f, 0.5f};
  const plain_estimate plain_kernel = plain_estimates[bits];

  std::printf("%-12s %5zu", (std::to_string(bits) + (bits == 1 ? " bit" : " bits")).c_str(), dim);
  for (const bool cached : {true, false}) {
    print_pair(
        rows.stride, cached,
        [&](const node* nodes, float* out) { kernels.estimate[bits](query, rows, nodes, batch, out); },
        [&](const node* nodes, float* out) { plain_kernel(plain_query, rows, nodes, batch, out); },
        plain_kernel != nullptr);
  }
  std::printf("\n");
}

using float_kernel = void (*)(const float*, std::size_t, simd::code_rows, const node*, std::size_t, float*);

void measure_floats(const char* name, float_kernel ours, float_kernel plain_kernel, const std::byte* data,
                    std::size_t dim, std::size_t value_bytes) {
  const std::vector<float> query(dim, 0.25f);
  const simd::code_rows rows{data, dim * value_bytes};
  std::printf("%-12s %5zu", name, dim);
  for (const bool cached : {true, false}) {
    print_pair(
        rows.stride, cached, [&](const node* nodes, float* out) { ours(query.data(), dim, rows, nodes, batch, out); },
        [&](const node* nodes, float* out) { plain_kernel(query.data(), dim, rows, nodes, batch, out); }, true);
  }
  std::printf("\n");
}

}  // namespace

// main [BITS [DIM]]: all of them, or those; bits 16 and 32 are halfs and floats.
int main(int argc, char** argv) {
  const unsigned long only_bits = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0;
  const unsigned long only_dim = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 0;
  const auto wanted = [&](unsigned bits, std::size_t dim) {
    return (only_bits == 0 || only_bits == bits) && (only_dim == 0 || only_dim == dim);
  };

  const auto found = simd::kernels_for(simd::isa::automatic);
  if (!found) return 1;
  const simd::kernel_set& kernels = **found;
  std::printf("%s: ns per distance\n", simd::name(kernels.set).data());
  std::printf("%-12s %5s  %8s %8s %6s  %8s %8s %6s\n", "codes", "dim", "cached", "plain", "ratio", "random", "plain",
              "ratio");

  auto rows = make_rows();
  const auto* data = reinterpret_cast<const std::byte*>(rows.data());
  fill_with_floats(rows);
  for (unsigned bits = 1; bits <= simd::max_bits; ++bits)
    for (const std::size_t dim : dims)
      if (wanted(bits, dim)) measure_codes(kernels, data, bits, dim);
  for (const std::size_t dim : dims) {
    if (!wanted(32, dim)) continue;
    measure_floats("float32 l2", kernels.l2_rows, plain::float_rows<true, float>, data, dim, sizeof(float));
    measure_floats("float32 dot", kernels.dot_rows, plain::float_rows<false, float>, data, dim, sizeof(float));
  }
  fill_with_halfs(rows);
  for (const std::size_t dim : dims) {
    if (!wanted(16, dim)) continue;
    measure_floats("float16 l2", kernels.l2_half_rows, plain::float_rows<true, half>, data, dim, sizeof(half));
    measure_floats("float16 dot", kernels.dot_half_rows, plain::float_rows<false, half>, data, dim, sizeof(half));
  }
}
