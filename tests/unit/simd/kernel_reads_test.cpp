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

TEST(kernel_reads, integer_kernels_stop_at_the_end_of_the_row_the_query_and_the_nodes) {
  for (const std::size_t dim : test::all_kernel_dims()) {
    const test::code_case codes(dim, test::fill::random);
    const std::size_t bytes = test::code_case::n_rows * codes.stride;
    guarded rows(bytes);
    guarded values(codes.values.size());
    ASSERT_NE(rows.as<std::byte>(), nullptr);
    ASSERT_NE(values.as<std::byte>(), nullptr);
    simd::integer_query query = codes.query();
    query.values = copy_into(values, codes.values.data(), codes.values.size());
    const simd::code_rows to_read{.data = copy_into(rows, codes.rows().data, bytes), .stride = codes.stride};
    for (const std::size_t n : {1u, 2u, 3u, 4u, 9u}) {
      const std::vector<node> order = test::shuffled_nodes(test::code_case::n_rows, n);
      guarded nodes(n * sizeof(node));
      guarded out(n * sizeof(float));
      for (const simd::isa set : simd::attainable()) {
        (*simd::kernels_for(set))->estimate8(query, to_read, copy_into(nodes, order.data(), n), n, out.as<float>());
        for (std::size_t i = 0; i < n; ++i)
          ASSERT_EQ(test::bits(out.as<float>()[i]), test::bits(codes.expected_estimate(order[i])))
              << name(set) << ", dim " << dim;
      }
    }
  }
}

TEST(kernel_reads, float_kernels_stop_at_the_end_of_both_vectors) {
  for (const std::size_t dim : test::all_kernel_dims()) {
    const std::vector<float> from_a = test::uneven_floats(dim, 1);
    const std::vector<float> from_b = test::uneven_floats(3 * dim, 2);
    guarded a(dim * sizeof(float));
    guarded b(3 * dim * sizeof(float));
    ASSERT_NE(a.as<float>(), nullptr);
    ASSERT_NE(b.as<float>(), nullptr);
    const float* query = copy_into(a, from_a.data(), dim);
    const float* values = copy_into(b, from_b.data(), 3 * dim);
    const simd::code_rows rows{.data = b.as<std::byte>(), .stride = dim * sizeof(float)};
    const node nodes[] = {2, 0, 1, 2, 2, 0, 2};
    for (const simd::isa set : simd::attainable()) {
      const simd::kernel_set& k = **simd::kernels_for(set);
      const float* last = values + 2 * dim;
      ASSERT_EQ(test::bits(k.l2(query, last, dim)), test::bits(test::expected_sum(query, last, dim, true)))
          << name(set);
      ASSERT_EQ(test::bits(k.dot(query, last, dim)), test::bits(test::expected_sum(query, last, dim, false)));
      float out[std::size(nodes)];
      k.l2_rows(query, dim, rows, nodes, std::size(nodes), out);
      ASSERT_EQ(test::bits(out[0]), test::bits(test::expected_sum(query, last, dim, true))) << name(set);
      k.dot_rows(query, dim, rows, nodes, std::size(nodes), out);
      ASSERT_EQ(test::bits(out[6]), test::bits(test::expected_sum(query, last, dim, false))) << name(set);
    }
  }
}

}  // namespace
}  // namespace thimble

#endif
