// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Kernels beside pages that must not be touched. Natively a kernel reads nothing behind a row: the row after it may be
// written at that moment by another thread.

#include <gtest/gtest.h>

#include <thimble/core/config.hpp>

#if THIMBLE_POSIX

#include <sys/mman.h>
#include <unistd.h>

#include <thimble/simd/dispatch.hpp>

#include "unit/simd/kernel_cases.hpp"

namespace thimble {
namespace {

// Memory whose last byte is followed by a page that faults.
class guarded {
 public:
  explicit guarded(std::size_t bytes) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t usable = round_up(bytes, page);
    mapped_ = usable + page;
    base_ = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) return;
    auto* begin = static_cast<std::byte*>(base_);
    if (::mprotect(begin + usable, page, PROT_NONE) == 0) data_ = begin + usable - bytes;
  }
  guarded(const guarded&) = delete;
  guarded& operator=(const guarded&) = delete;
  ~guarded() {
    if (base_ != MAP_FAILED) ::munmap(base_, mapped_);
  }

  template <class T>
  [[nodiscard]] T* as() {
    return reinterpret_cast<T*>(data_);
  }

 private:
  void* base_ = MAP_FAILED;
  std::size_t mapped_ = 0;
  std::byte* data_ = nullptr;
};

template <class T>
T* copy_into(guarded& memory, const T* from, std::size_t n) {
  if (n > 0) std::memcpy(memory.as<T>(), from, n * sizeof(T));
  return memory.as<T>();
}

// A row of codes and factors, the arranged query, the nodes and the results, each with nothing behind it.
void read_guarded_codes(const test::code_case& codes) {
  const std::size_t bytes = test::code_case::n_rows * codes.stride;
  const std::size_t arranged = codes.query_bytes();
  constexpr std::size_t most = 9;
  guarded rows(bytes);
  guarded values(arranged);
  guarded nodes(most * sizeof(node));
  guarded out(most * sizeof(float));
  ASSERT_NE(rows.as<std::byte>(), nullptr);
  ASSERT_NE(values.as<std::byte>(), nullptr);
  ASSERT_NE(nodes.as<std::byte>(), nullptr);
  ASSERT_NE(out.as<std::byte>(), nullptr);
  const simd::code_rows to_read{.data = copy_into(rows, codes.rows().data, bytes), .stride = codes.stride};
  constexpr node last = test::code_case::n_rows - 1;
  const float expected = codes.expected_estimate(last);
  for (const simd::isa set : simd::attainable()) {
    const simd::kernel_set& k = **simd::kernels_for(set);
    std::memset(values.as<std::byte>(), 0, arranged);
    const simd::integer_query query = codes.query(k, values.as<std::byte>());
    for (const std::size_t n : {1u, 2u, 3u, 4u, 9u}) {
      node* of_n = nodes.as<node>() + most - n;
      float* results = out.as<float>() + most - n;
      for (std::size_t i = 0; i < n; ++i) of_n[i] = last;
      k.estimate[codes.bits](query, to_read, of_n, n, results);
      for (std::size_t i = 0; i < n; ++i)
        ASSERT_EQ(test::bits(results[i]), test::bits(expected)) << name(set) << ", dim " << codes.dim;
    }
  }
}

TEST(kernel_reads, integer_kernels_stop_at_the_end_of_the_row_the_query_and_the_nodes) {
  for (unsigned bits = 1; bits <= simd::max_bits; ++bits)
    for (const std::size_t dim : test::all_kernel_dims())
      for (const bool scaled : {false, true})
        ASSERT_NO_FATAL_FAILURE(read_guarded_codes({bits, dim, scaled, test::fill::random}));
}

TEST(kernel_reads, arranging_reads_no_value_behind_the_query) {
  for (unsigned bits = 1; bits <= simd::max_bits; ++bits) {
    for (const std::size_t dim : test::all_kernel_dims()) {
      const test::code_case codes(bits, dim, false, test::fill::random);
      guarded values(dim);
      guarded to(simd::arranged_bytes(bits, dim));
      ASSERT_NE(values.as<std::byte>(), nullptr);
      ASSERT_NE(to.as<std::byte>(), nullptr);
      const std::int8_t* from = copy_into(values, codes.values.data(), dim);
      for (const simd::isa set : simd::attainable())
        (*simd::kernels_for(set))->arrange(bits, from, dim, to.as<std::byte>());
    }
  }
}

TEST(kernel_reads, halving_stops_at_the_end_of_the_code) {
  for (const std::size_t dim : test::all_kernel_dims()) {
    const test::code_case codes(8, dim, false, test::fill::random);
    guarded from(dim);
    guarded to(dim);
    ASSERT_NE(from.as<std::int8_t>(), nullptr);
    ASSERT_NE(to.as<std::int8_t>(), nullptr);
    const std::int8_t* code = copy_into(from, codes.values.data(), dim);
    for (const simd::isa set : simd::attainable()) (*simd::kernels_for(set))->halve(code, dim, to.as<std::int8_t>());
  }
}

template <class Value>
void read_guarded_floats(std::size_t dim, const std::vector<float>& from_query, const std::vector<Value>& from_rows) {
  constexpr bool halfs = sizeof(Value) == sizeof(half);
  guarded a(dim * sizeof(float));
  guarded b(3 * dim * sizeof(Value));
  ASSERT_NE(a.as<float>(), nullptr);
  ASSERT_NE(b.as<float>(), nullptr);
  const float* query = copy_into(a, from_query.data(), dim);
  const Value* last = copy_into(b, from_rows.data(), 3 * dim) + 2 * dim;
  const simd::code_rows rows{.data = b.as<std::byte>(), .stride = dim * sizeof(Value)};
  const node nodes[] = {2, 2, 2, 2, 2, 2, 2, 2, 2};
  for (const simd::isa set : simd::attainable()) {
    const simd::kernel_set& k = **simd::kernels_for(set);
    for (const bool l2 : {true, false}) {
      const std::uint32_t expected = test::bits(test::expected_sum(query, last, dim, l2));
      const auto kernel = halfs ? (l2 ? k.l2_half_rows : k.dot_half_rows) : (l2 ? k.l2_rows : k.dot_rows);
      for (const std::size_t n : {1u, 2u, 3u, 4u, 9u}) {
        float out[std::size(nodes)];
        kernel(query, dim, rows, nodes, n, out);
        for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(test::bits(out[i]), expected) << name(set) << ", dim " << dim;
      }
      if constexpr (!halfs) {
        ASSERT_EQ(test::bits((l2 ? k.l2 : k.dot)(query, last, dim)), expected) << name(set) << ", dim " << dim;
        ASSERT_EQ(test::bits((l2 ? k.l2 : k.dot)(last, query, dim)), expected) << name(set) << ", dim " << dim;
      }
    }
  }
}

TEST(kernel_reads, float_kernels_stop_at_the_end_of_both_vectors) {
  for (const std::size_t dim : test::all_kernel_dims()) {
    ASSERT_NO_FATAL_FAILURE(read_guarded_floats(dim, test::uneven_floats(dim, 1), test::uneven_floats(3 * dim, 2)));
    ASSERT_NO_FATAL_FAILURE(read_guarded_floats(dim, test::uneven_floats(dim, 1), test::uneven_halfs(3 * dim, 2)));
  }
}

TEST(kernel_reads, subtracting_and_multiplying_stop_at_the_end_of_both_vectors) {
  for (const std::size_t dim : test::all_kernel_dims()) {
    guarded a(dim * sizeof(float));
    guarded b(dim * sizeof(float));
    ASSERT_NE(a.as<float>(), nullptr);
    ASSERT_NE(b.as<float>(), nullptr);
    const float* query = copy_into(a, test::uneven_floats(dim, 1).data(), dim);
    const float* mean = copy_into(b, test::uneven_floats(dim, 2).data(), dim);
    std::vector<float> out(round_up(dim, std::size_t{16}));
    for (const simd::isa set : simd::attainable()) {
      (*simd::kernels_for(set))->subtract(query, mean, dim, out.data());
      (*simd::kernels_for(set))->multiply(out.data(), mean, dim);
    }
  }
}

TEST(kernel_reads, the_transform_stays_within_its_values) {
  for (const std::size_t n : {64u, 128u, 1024u}) {
    guarded values(n * sizeof(float));
    ASSERT_NE(values.as<float>(), nullptr);
    for (const simd::isa set : simd::attainable())
      (*simd::kernels_for(set))->hadamard(copy_into(values, test::uneven_floats(n, n).data(), n), n, 1);
  }
}

}  // namespace
}  // namespace thimble

#endif
