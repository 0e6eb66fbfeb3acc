// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <thimble/index/index.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/store/cache_store.hpp>
#include <thimble/store/memory_store.hpp>
#include <thimble/store/mmap_store.hpp>

#if THIMBLE_POSIX

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "unit/io/vector_files.hpp"

namespace thimble {
namespace {

using test::byte_writer;
using test::npy_file;
using test::temporary_file;

errc error_of(const char* path) {
  const auto store = mmap_store::open(path);
  EXPECT_FALSE(store.has_value());
  return store ? errc::cancelled : store.error().code;
}

TEST(mmap_store, reads_floats_in_place) {
  const temporary_file file("mmap_a.fbin", byte_writer().put(2u).put(2u).put(1.f).put(2.f).put(3.f).put(4.f).bytes());
  const auto store = mmap_store::open(file.path());
  ASSERT_TRUE(store.has_value());
  EXPECT_EQ(store->size(), 2u);
  EXPECT_EQ(store->dim(), 2u);
  const auto row = store->row(1, {});
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ((*row)[0], 3.0f);
  EXPECT_EQ((*row)[1], 4.0f);
}

TEST(mmap_store, survives_a_move) {
  const temporary_file file("mmap_b.fbin", byte_writer().put(1u).put(1u).put(7.f).bytes());
  auto first = mmap_store::open(file.path());
  ASSERT_TRUE(first.has_value());
  const mmap_store second = std::move(*first);
  EXPECT_EQ((*second.row(0, {}))[0], 7.0f);
}

TEST(mmap_store, knows_the_vectors_whatever_the_format) {
  const std::vector<float> values{1, 2, 3, 4};
  const auto wanted = memory_store<float>::create({values.data(), 2, 2})->fingerprint();
  byte_writer idx;
  idx.put(std::uint16_t{0}).put(std::uint8_t{8}).put(std::uint8_t{2}).put_big_endian(2).put_big_endian(2);
  auto npy = npy_file("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }", 4);
  auto npy_signed = npy_file("{'descr': '|i1', 'fortran_order': False, 'shape': (2, 2), }", 4);
  for (std::size_t i = 0; i < 4; ++i)
    npy[npy.size() - 4 + i] = npy_signed[npy_signed.size() - 4 + i] = static_cast<std::byte>(i + 1);
  const temporary_file files[]{
      {"mmap_c.fbin", byte_writer().put(2u).put(2u).put(1.f).put(2.f).put(3.f).put(4.f).bytes()},
      {"mmap_c.u8bin", byte_writer().put(2u).put(2u).put(0x04030201u).bytes()},
      {"mmap_c.i8bin", byte_writer().put(2u).put(2u).put(0x04030201u).bytes()},
      {"mmap_c.bf16bin", byte_writer().put(2u).put(2u).put(0x40003f80u).put(0x40804040u).bytes()},
      {"mmap_c.f16bin", byte_writer().put(2u).put(2u).put(0x40003c00u).put(0x44004200u).bytes()},
      {"mmap_c.fvecs", byte_writer().put(2u).put(1.f).put(2.f).put(2u).put(3.f).put(4.f).bytes()},
      {"mmap_c.bvecs", byte_writer().put(2u).text("\1\2").put(2u).text("\3\4").bytes()},
      {"mmap_c.npy", npy},
      {"mmap_c_signed.npy", npy_signed},
      {"mmap_c-idx2-ubyte", idx.put(0x04030201u).bytes()}};
  for (const auto& file : files) {
    const auto store = mmap_store::open(file.path());
    ASSERT_TRUE(store.has_value()) << file.path() << ": " << store.error().message;
    EXPECT_EQ(store->fingerprint(), wanted) << file.path();
  }
}

TEST(mmap_store, the_bundled_pictures_open) {
  const auto store = mmap_store::open(THIMBLE_TEST_DATA "/fashion-mnist/base.u8bin");
  ASSERT_TRUE(store.has_value());
  EXPECT_EQ(store->size(), 9000u);
  EXPECT_EQ(store->dim(), 784u);
  std::vector<float> scratch(784);
  float largest = 0;
  const auto row = store->row(8999, scratch);
  ASSERT_TRUE(row.has_value());
  for (const float value : *row) largest = std::max(largest, value);
  EXPECT_GT(largest, 100.0f);
  EXPECT_LE(largest, 255.0f);
}

TEST(mmap_store, a_path_that_cannot_be_read) { EXPECT_EQ(error_of("/no/such/base.fbin"), errc::cannot_open); }

TEST(mmap_store, a_folder) {
  const std::string path = std::string(THIMBLE_TEST_CACHE) + "/mmap_folder.fbin";
  (void)::mkdir(path.c_str(), 0700);
  EXPECT_EQ(error_of(path.c_str()), errc::cannot_open);
  (void)::rmdir(path.c_str());
}

TEST(mmap_store, a_wrong_extension) {
  const temporary_file file("mmap_d.bin", byte_writer().put(1u).put(1u).put(7.f).bytes());
  EXPECT_EQ(error_of(file.path()), errc::unknown_format);
}

TEST(mmap_store, an_empty_file) {
  for (const char* name : {"mmap_e.fbin", "mmap_e.npy", "mmap_e.idx"}) {
    const temporary_file file(name, {});
    EXPECT_EQ(error_of(file.path()), errc::truncated) << name;
  }
  const temporary_file file("mmap_e.fvecs", {});
  EXPECT_EQ(error_of(file.path()), errc::empty_input);
}

TEST(mmap_store, a_truncated_file) {
  const temporary_file file("mmap_f.fbin", byte_writer().put(2u).put(2u).zeros(15).bytes());
  EXPECT_EQ(error_of(file.path()), errc::truncated);
}

TEST(mmap_store, a_hostile_header) {
  const temporary_file file("mmap_g.fbin", byte_writer().put(0x7fffffffu).put(0xffffu).zeros(64).bytes());
  EXPECT_EQ(error_of(file.path()), errc::truncated);
}

TEST(mmap_store, a_row_of_another_dim) {
  const temporary_file file("mmap_h.fvecs", byte_writer().put(1u).put(1.f).put(9u).put(2.f).bytes());
  EXPECT_EQ(error_of(file.path()), errc::corrupt);
}

TEST(mmap_store, a_file_that_became_shorter) {
  const temporary_file file("mmap_i.fbin", byte_writer().put(1u).put(1u).put(7.f).bytes());
  const auto store = mmap_store::open(file.path());
  ASSERT_TRUE(store.has_value());
  EXPECT_TRUE(store->check().has_value());
  ASSERT_EQ(::truncate(file.path(), 8), 0);
  EXPECT_EQ(store->check().error().code, errc::truncated);
}

TEST(mmap_store, a_file_that_became_shorter_ends_a_search_and_not_the_program) {
  byte_writer rows;
  rows.put(2000u).put(4u);
  for (int i = 0; i < 8000; ++i) rows.put(static_cast<float>(i % 89));
  const temporary_file file("mmap_j.fbin", rows.bytes());
  auto store = mmap_store::open(file.path());
  ASSERT_TRUE(store.has_value());
  const auto built = index<sq8>::build(*store, {.ef_construction = 20});
  ASSERT_TRUE(built.has_value());
  auto cache = cache_store<mmap_store>::create(*store, 10'000);
  ASSERT_TRUE(cache.has_value());
  const std::vector<float> query{1, 2, 3, 4};
  EXPECT_TRUE(built->search(query, {.k = 3}, *store).has_value());
  EXPECT_TRUE(built->search_radius(query, 10, {}, *store).has_value());
  ASSERT_EQ(::truncate(file.path(), 8), 0);
  EXPECT_EQ(built->search(query, {.k = 3}, *store).error().code, errc::truncated);
  EXPECT_EQ(built->search(query, {.k = 3}, *cache).error().code, errc::truncated);
  EXPECT_EQ(built->search_radius(query, 10, {}, *store).error().code, errc::truncated);
  EXPECT_TRUE(built->search(query, {.k = 3, .rerank = 0}, *store).has_value()) << "nothing is read";
}

#ifdef POSIX_FADV_DONTNEED
TEST(mmap_store, knows_after_a_while_whether_its_rows_are_on_the_disk_alone) {
  constexpr std::uint32_t n = 1000, dim = 1024;
  byte_writer bytes;
  bytes.put(n).put(dim);
  for (std::uint32_t i = 0; i < n * dim; ++i) bytes.put(static_cast<float>(i));
  const temporary_file file("mmap_absent.fbin", bytes.bytes());
  const int descriptor = ::open(file.path(), O_RDONLY);
  ASSERT_GE(descriptor, 0);
  (void)::fsync(descriptor);
  (void)::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  (void)::close(descriptor);
  const auto store = mmap_store::open(file.path());
  ASSERT_TRUE(store.has_value());
  std::size_t on_disk = 0;
  while (on_disk < n && !store->is_absent(on_disk)) ++on_disk;
  if (on_disk == n) GTEST_SKIP() << "this file system keeps all of its pages";
  store->request(on_disk);
  EXPECT_EQ((*store->row(on_disk, {}))[1], static_cast<float>(on_disk * dim + 1));
  EXPECT_TRUE(store->is_absent(on_disk)) << "others may be";
  std::size_t asked = 0;
  while (asked < 1000 && store->is_absent(on_disk)) ++asked;
  EXPECT_LT(asked, 100u) << "all that was read lately is there";
}
#endif

TEST(mmap_store, does_not_wait_for_rows_that_are_in_memory) {
  const auto store = mmap_store::open(THIMBLE_TEST_DATA "/fashion-mnist/base.u8bin");
  ASSERT_TRUE(store.has_value());
  std::vector<float> scratch(store->dim());
  for (std::size_t i = 0; i < store->size(); ++i) ASSERT_TRUE(store->row(i, scratch).has_value());
  for (std::size_t i = 0; i < 1000; ++i) EXPECT_FALSE(store->is_absent(i)) << i;
}

}  // namespace
}  // namespace thimble

#endif  // THIMBLE_POSIX
