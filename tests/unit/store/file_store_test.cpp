// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/core/executor.hpp>
#include <thimble/index/batch_search.hpp>
#include <thimble/store/file_store.hpp>
#include <thimble/store/mmap_store.hpp>

#if THIMBLE_POSIX

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "unit/io/vector_files.hpp"
#include "unit/support/same_hits.hpp"

namespace thimble {
namespace {

namespace file_store_cases {

using test::byte_writer;
using test::code_of;
using test::succeeded;
using test::temporary_file;

// n rows of dim values each, in a format whose values are small whole numbers.
std::vector<std::byte> file_of(vector_format format, std::size_t n, std::size_t dim) {
  byte_writer file;
  const bool prefixed = format == vector_format::fvecs || format == vector_format::bvecs;
  if (!prefixed) file.put(static_cast<std::uint32_t>(n)).put(static_cast<std::uint32_t>(dim));
  for (std::size_t i = 0; i < n; ++i) {
    if (prefixed) file.put(static_cast<std::uint32_t>(dim));
    for (std::size_t j = 0; j < dim; ++j) {
      const auto value = static_cast<std::int8_t>((i * 31 + j * 7) % 128);
      const auto real = static_cast<float>(value);
      if (format == vector_format::fbin || format == vector_format::fvecs)
        file.put(real);
      else if (format == vector_format::f16bin)
        file.put(half::nearest(real));
      else if (format == vector_format::bf16bin)
        file.put(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(real) >> 16));
      else
        file.put(value);
    }
  }
  return file.bytes();
}

std::vector<std::byte> fbin_of(const test::float_vectors& rows) {
  byte_writer file;
  file.put(static_cast<std::uint32_t>(rows.size())).put(static_cast<std::uint32_t>(rows.dim));
  for (const float value : rows.values) file.put(value);
  return file.bytes();
}

std::vector<float> read(const file_store& store, const std::vector<node>& nodes) {
  std::vector<float> out(nodes.size() * store.dim(), -1);
  EXPECT_TRUE(succeeded(store.read(nodes, out)));
  return out;
}

std::vector<float> read(const mmap_store& store, const std::vector<node>& nodes) {
  std::vector<float> out;
  std::vector<float> scratch(store.dim());
  for (const node x : nodes) {
    const auto row = store.row(x, scratch);
    out.insert(out.end(), row->begin(), row->end());
  }
  return out;
}

TEST(file_store, reads_what_a_mapping_reads) {
  struct kind {
    const char* name;
    vector_format format;
  };
  for (const kind k : {kind{"file_a.fbin", vector_format::fbin},
                       {"file_a.f16bin", vector_format::f16bin},
                       {"file_a.bf16bin", vector_format::bf16bin},
                       {"file_a.u8bin", vector_format::u8bin},
                       {"file_a.i8bin", vector_format::i8bin},
                       {"file_a.fvecs", vector_format::fvecs},
                       {"file_a.bvecs", vector_format::bvecs}})
    for (const std::size_t dim : {1u, 7u, 300u, 768u}) {
      const std::size_t n = 400;
      const temporary_file file(k.name, file_of(k.format, n, dim));
      const auto store = file_store::open(file.path());
      const auto mapped = mmap_store::open(file.path());
      ASSERT_TRUE(succeeded(store)) << k.name;
      ASSERT_TRUE(succeeded(mapped)) << k.name;
      EXPECT_EQ(store->size(), n);
      EXPECT_EQ(store->dim(), dim);
      EXPECT_EQ(store->fingerprint(), mapped->fingerprint());
      EXPECT_EQ(store->layout(), mapped->layout());
      // Alone, side by side, with small gaps and large ones, the first and the last, one twice, more than a run holds.
      std::vector<node> all(n);
      std::iota(all.begin(), all.end(), 0u);
      std::vector<node> odd;
      for (node x = 1; x < n; x += 2) odd.push_back(x);
      for (const std::vector<node>& nodes :
           {std::vector<node>{}, {0}, {399}, {0, 399}, {5, 6, 7, 9, 12, 200, 201, 390, 399}, {3, 3, 4}, odd, all})
        EXPECT_EQ(read(*store, nodes), read(*mapped, nodes)) << k.name << ", dim " << dim << ", " << nodes.size();
    }
}

TEST(file_store, reads_npy_and_idx) {
  auto npy = test::npy_file("{'descr': '<f2', 'fortran_order': False, 'shape': (3, 2), }", 12);
  for (std::size_t i = 0; i < 6; ++i)
    store_as(npy.data() + npy.size() - 12 + 2 * i, half::nearest(static_cast<float>(i)));
  const temporary_file npy_on_disk("file_b.npy", npy);
  byte_writer idx;
  idx.put(std::uint16_t{0}).put(std::uint8_t{8}).put(std::uint8_t{2}).put_big_endian(3).put_big_endian(2);
  const temporary_file idx_on_disk("file_b-idx2-ubyte", idx.put(0x03020100u).put(std::uint16_t{0x0504}).bytes());
  for (const char* path : {npy_on_disk.path(), idx_on_disk.path()}) {
    const auto store = file_store::open(path);
    ASSERT_TRUE(succeeded(store)) << path;
    EXPECT_EQ(read(*store, {0, 2}), (std::vector<float>{0, 1, 4, 5})) << path;
  }
}

TEST(file_store, a_batch_writes_its_rows_and_no_more) {
  const temporary_file file("file_c.u8bin", file_of(vector_format::u8bin, 50, 5));
  const auto store = file_store::open(file.path());
  ASSERT_TRUE(succeeded(store));
  std::vector<float> out(5 * 5, -1);
  ASSERT_TRUE(succeeded(store->read(std::vector<node>{10, 11, 30}, out)));
  EXPECT_TRUE(std::all_of(out.begin(), out.begin() + 15, [](float x) { return x >= 0; }));
  EXPECT_TRUE(std::all_of(out.begin() + 15, out.end(), [](float x) { return x == -1; }));
}

TEST(file_store, gives_the_hits_of_memory) {
  const temporary_file floats("file_d.fbin", fbin_of(test::searched_rows()));
  byte_writer narrow;
  narrow.put(static_cast<std::uint32_t>(test::n_searched_rows)).put(static_cast<std::uint32_t>(test::searched_dim));
  for (const std::uint8_t value : test::searched_values()) narrow.put(value);
  const temporary_file bytes("file_d.u8bin", narrow.bytes());
  for (const char* path : {floats.path(), bytes.path()}) {
    auto store = file_store::open(path);
    ASSERT_TRUE(succeeded(store));
    test::expect_hits_of_memory(*store);
  }
}

TEST(file_store, a_file_cut_short_while_it_is_open_is_an_error_that_names_the_row) {
  for (const char* name : {"file_e.fbin", "file_e.fvecs", "file_e.u8bin"}) {
    const auto format = *vector_format_of(name);
    const temporary_file file(name, file_of(format, 300, 100));
    const auto store = file_store::open(file.path());
    ASSERT_TRUE(succeeded(store));
    const auto row_200 = static_cast<off_t>(store->layout().offset + 200 * store->layout().stride_bytes);
    std::vector<float> out(10 * 100);
    // Within row 200: it is lost, those before it are not.
    ASSERT_EQ(::truncate(file.path(), row_200 + 3), 0);
    EXPECT_TRUE(succeeded(store->read(std::vector<node>{0, 1, 198, 199}, out)));
    const auto failed = store->read(std::vector<node>{0, 198, 199, 200, 201}, out);
    EXPECT_EQ(code_of(failed), errc::truncated);
    EXPECT_EQ(failed.error().value, 200u);
    const auto beyond = store->read(std::vector<node>{250, 251}, out);
    EXPECT_EQ(code_of(beyond), errc::truncated);
    EXPECT_EQ(beyond.error().value, 250u);
    // Nothing is left, and put back it can be read again.
    ASSERT_EQ(::truncate(file.path(), 0), 0);
    EXPECT_EQ(code_of(store->read(std::vector<node>{0}, out)), errc::truncated);
    file.write(file_of(format, 300, 100));
    EXPECT_TRUE(succeeded(store->read(std::vector<node>{0, 299}, out)));
  }
}

TEST(file_store, a_search_in_a_file_cut_short_is_an_error) {
  const temporary_file file("file_f.fbin", fbin_of(test::searched_rows()));
  auto store = file_store::open(file.path());
  ASSERT_TRUE(succeeded(store));
  ASSERT_EQ(::truncate(file.path(), 8), 0);
  EXPECT_EQ(code_of(test::searched_index().search(test::searched_rows().row(0), {}, *store)), errc::truncated);
}

TEST(file_store, a_file_replaced_by_rename_stays_the_old_one) {
  const temporary_file file("file_g.fbin", file_of(vector_format::fbin, 10, 4));
  const temporary_file other("file_g_other.fbin", file_of(vector_format::fbin, 2, 4));
  const auto store = file_store::open(file.path());
  ASSERT_TRUE(succeeded(store));
  const auto before = read(*store, {9});
  ASSERT_EQ(std::rename(other.path(), file.path()), 0);
  EXPECT_EQ(read(*store, {9}), before);
}

TEST(file_store, a_row_of_another_dim_is_corrupt) {
  auto bytes = file_of(vector_format::bvecs, 300, 6);
  store_as(bytes.data() + 10 * 101, 7u);
  const temporary_file file("file_h.bvecs", bytes);
  const auto store = file_store::open(file.path());
  ASSERT_TRUE(succeeded(store)) << "row 101 is not of the fingerprint";
  std::vector<float> out(3 * 6);
  EXPECT_TRUE(succeeded(store->read(std::vector<node>{100, 102}, out))) << "it is not asked for";
  const auto failed = store->read(std::vector<node>{100, 101, 102}, out);
  EXPECT_EQ(code_of(failed), errc::corrupt);
  EXPECT_EQ(failed.error().value, 101u);
  store_as(bytes.data(), 7u);
  const temporary_file first("file_h_first.bvecs", bytes);
  EXPECT_FALSE(file_store::open(first.path()).has_value());
}

TEST(file_store, what_cannot_be_opened_is_a_named_error) {
  const auto error_of = [](const char* path) { return code_of(file_store::open(path)); };
  EXPECT_EQ(error_of("/no/such/base.fbin"), errc::cannot_open);
  EXPECT_EQ(error_of("/no/such/base.txt"), errc::unknown_format);
  const std::string folder = std::string(THIMBLE_TEST_CACHE) + "/file_folder.fbin";
  (void)::mkdir(folder.c_str(), 0700);
  EXPECT_EQ(error_of(folder.c_str()), errc::cannot_open);
  (void)::rmdir(folder.c_str());
  const temporary_file empty("file_i.fbin", {});
  EXPECT_EQ(error_of(empty.path()), errc::truncated);
  const temporary_file hostile("file_j.fbin", byte_writer().put(0x7fffffffu).put(0xffffu).zeros(64).bytes());
  EXPECT_EQ(error_of(hostile.path()), errc::truncated);
}

TEST(file_store, the_vectors_of_another_index_are_refused) {
  test::float_vectors other = test::searched_rows();
  other.values[5] += 1;
  const temporary_file file("file_k.fbin", fbin_of(other));
  auto store = file_store::open(file.path());
  ASSERT_TRUE(succeeded(store));
  EXPECT_EQ(code_of(test::searched_index().search(other.row(0), {}, *store)), errc::store_mismatch);
}

#if THIMBLE_THREADS
TEST(file_store, any_number_of_searches_at_once_on_one_store) {
  const temporary_file file("file_l.fbin", fbin_of(test::searched_rows()));
  auto store = file_store::open(file.path());
  ASSERT_TRUE(succeeded(store));
  const search_params params{.k = 5, .rerank = 40, .rerank_by = rerank_policy::fixed};
  thread_executor threads(4);
  const auto found = search_batch(
      test::searched_index(), test::searched_rows().view(), params, [&](unsigned) -> file_store& { return *store; }, {},
      threads);
  ASSERT_TRUE(succeeded(found));
  for (std::size_t i = 0; i < test::n_searched_rows; ++i) EXPECT_EQ(found->distances(i)[0], 0) << i;
}

TEST(file_store, a_file_cut_short_during_searches_is_an_error_or_the_hits) {
  const temporary_file file("file_m.fbin", file_of(vector_format::fbin, 2000, 64));
  const auto store = file_store::open(file.path());
  ASSERT_TRUE(succeeded(store));
  std::atomic<int> wrong{0};
  thread_executor threads(3);
  threads.run([&](unsigned worker) {
    if (worker == 0) {
      for (int i = 0; i < 50; ++i) {
        if (::truncate(file.path(), i % 2 == 0 ? 5000 : static_cast<off_t>(8 + 2000 * 256)) != 0) ++wrong;
      }
      return;
    }
    std::vector<node> nodes(100);
    for (node i = 0; i < 100; ++i) nodes[i] = i * 20;
    std::vector<float> out(100 * 64);
    for (int i = 0; i < 200; ++i)
      if (const auto done = store->read(nodes, out); !done && done.error().code != errc::truncated) ++wrong;
  });
  EXPECT_EQ(wrong, 0);
}
#endif

}  // namespace file_store_cases

}  // namespace
}  // namespace thimble

#endif  // THIMBLE_POSIX
