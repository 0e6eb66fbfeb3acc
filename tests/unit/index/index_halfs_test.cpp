// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Originals kept as halfs: an index of float32 vectors knows them, and says that they are rounded.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <thimble/core/half.hpp>
#include <thimble/index/any_index.hpp>
#include <thimble/store/cache_store.hpp>
#include <thimble/store/file_store.hpp>
#include <thimble/store/memory_store.hpp>
#include <thimble/store/mmap_store.hpp>
#include <vector>

#include "unit/support/environment.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/files.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"
#if THIMBLE_POSIX
#include "unit/support/folder.hpp"
#endif

namespace thimble {
namespace {

using test::code_of;
using test::file_bytes;
using test::succeeded;

// Pictures whose values are no halfs: divided by their length, as embeddings come.
test::float_vectors unit_pictures(const test::pictures& from, std::size_t n) {
  test::float_vectors rows = from.floats(n);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto length = static_cast<float>(std::sqrt(test::dot(rows.row(i), rows.row(i))));
    for (float& value : rows.row(i)) value /= length;
  }
  return rows;
}

class halfs_of {
 public:
  explicit halfs_of(const test::float_vectors& rows) : dim_(rows.dim) {
    for (const float value : rows.values) values_.push_back(half::nearest(value));
  }
  [[nodiscard]] matrix_view<half> view() const { return {values_.data(), values_.size() / dim_, dim_}; }
  [[nodiscard]] memory_store<half> store() const { return *memory_store<half>::create(view()); }

 private:
  std::size_t dim_;
  std::vector<half> values_;
};

TEST(index_halfs, are_known_by_the_index_and_find_as_much) {
  constexpr std::size_t n_queries = 100;
  const auto rows = unit_pictures(test::base_pictures(), 1500);
  const auto queries = unit_pictures(test::query_pictures(), n_queries);
  auto exact = memory_store<float>::create(rows.view());
  const halfs_of halfs(rows);
  auto rounded = halfs.store();
  ASSERT_NE(exact->fingerprint(), rounded.fingerprint());
  // Of unit vectors every metric has the same nearest.
  std::vector<std::vector<label>> truth;
  for (std::size_t i = 0; i < n_queries; ++i)
    truth.push_back(
        test::exact_nearest(metric::l2, queries.row(i), rows.size(), 10, [&](std::size_t x) { return rows.row(x); }));
  for (const auto& [kind, m] :
       {std::pair{kind_of<sq8>, metric::l2}, {kind_of<rabitq<1>>, metric::cosine}, {kind_of<rabitq<4>>, metric::l2}}) {
    const auto built =
        any_index::build(kind, rows.view(), test::on_asked_simd({.metric = m, .ef_construction = 60, .threads = 2}));
    ASSERT_TRUE(succeeded(built));
    EXPECT_FALSE(built->rounded(*exact));
    EXPECT_TRUE(built->rounded(rounded));
    EXPECT_TRUE(succeeded(built->check_store(*exact)));
    EXPECT_TRUE(succeeded(built->check_store(rounded)));
    std::size_t found_exact = 0, found_rounded = 0;
    for (std::size_t i = 0; i < n_queries; ++i) {
      const search_params params{.k = 10, .ef = 100, .rerank = 100};
      const auto from_exact = built->search(queries.row(i), params, *exact);
      const auto from_rounded = built->search(queries.row(i), params, rounded);
      ASSERT_TRUE(succeeded(from_exact) && succeeded(from_rounded));
      found_exact += test::n_common(*from_exact, truth[i]);
      found_rounded += test::n_common(*from_rounded, truth[i]);
      for (std::size_t j = 0; j < 10; ++j) EXPECT_NEAR((*from_exact)[j].distance, (*from_rounded)[j].distance, 1e-3);
    }
    EXPECT_GE(found_exact, n_queries * 99 / 10);
    EXPECT_GE(found_rounded + n_queries * 10 / 1000, found_exact);
  }
}

TEST(index_halfs, of_other_vectors_are_refused) {
  const auto rows = unit_pictures(test::base_pictures(), 300);
  const auto built = index<sq8>::build(rows.view(), test::on_asked_simd({}));
  ASSERT_TRUE(succeeded(built));
  auto others = rows;
  others.row(0)[0] += .25f;
  const halfs_of other_halfs(others);
  EXPECT_EQ(code_of(built->check_store(other_halfs.store())), errc::store_mismatch);
  EXPECT_FALSE(built->rounded(other_halfs.store()));
  EXPECT_EQ(code_of(built->check_store(*memory_store<float>::create(others.view()))), errc::store_mismatch);
  std::vector<bfloat16> coarser;
  for (const float value : rows.values)
    coarser.push_back({static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16)});
  const auto coarse = memory_store<bfloat16>::create({coarser.data(), rows.size(), rows.dim});
  EXPECT_EQ(code_of(built->check_store(*coarse)), errc::store_mismatch);
}

TEST(index_halfs, are_not_rounded_where_the_originals_are_halfs) {
  const auto pictures = test::base_pictures().floats(100);
  const halfs_of halfs(pictures);
  const auto built = index<sq8>::build(pictures.view(), test::on_asked_simd({}));
  ASSERT_TRUE(succeeded(built));
  EXPECT_EQ(built->half_fingerprint(), 0u);
  EXPECT_TRUE(succeeded(built->check_store(halfs.store())));
  EXPECT_FALSE(built->rounded(halfs.store()));
  EXPECT_EQ(load_as<file_header>(test::saved(*built).data()).version, index_version);
}

TEST(index_halfs, are_rounded_where_the_store_says_so_of_the_vectors_that_it_was_made_of) {
  struct says_so : test::rows_with_identity {
    using test::rows_with_identity::rows_with_identity;
    [[nodiscard]] static bool exact() { return false; }
  };
  const auto rows = test::random_vectors(50, 8, 1), others = test::random_vectors(50, 8, 2);
  const auto built = index<sq8>::build(rows.view(), test::on_asked_simd({}));
  ASSERT_TRUE(succeeded(built));
  EXPECT_TRUE(built->rounded(says_so(rows.view())));
  EXPECT_TRUE(succeeded(built->check_store(says_so(rows.view()))));
  EXPECT_EQ(code_of(built->check_store(says_so(others.view()))), errc::store_mismatch);
}

TEST(index_halfs, that_overflow_are_of_no_vectors) {
  auto large = test::random_vectors(50, 8, 1);
  large.row(0)[3] = 70'000;
  const auto built = index<sq8>::build(large.view(), test::on_asked_simd({}));
  ASSERT_TRUE(succeeded(built));
  EXPECT_EQ(built->half_fingerprint(), 0u);
  EXPECT_EQ(code_of(built->check_store(halfs_of(large).store())), errc::store_mismatch);
}

TEST(index_halfs, are_known_by_a_saved_index_and_not_by_one_of_version_3) {
  const auto rows = test::random_vectors(60, 12, 2);
  const auto rounded = halfs_of(rows);
  const auto built = index<sq8>::build(rows.view(), test::on_asked_simd({}));
  ASSERT_TRUE(succeeded(built));
  const file_bytes file = test::saved(*built);
  EXPECT_EQ(load_as<file_header>(file.data()).version, index_version_of_halfs);
  const section_entry entry = test::entry_of(file, section::meta);
  ASSERT_EQ(entry.bytes, description_bytes(index_version_of_halfs));
  index_description whole{};
  std::memcpy(&whole, file.data() + entry.offset, entry.bytes);
  EXPECT_EQ(whole.meta.fingerprint, built->fingerprint());
  EXPECT_EQ(whole.half_fingerprint, rounded.store().fingerprint());
  const auto opened = test::opened<index<sq8>>(file);
  ASSERT_TRUE(succeeded(opened));
  EXPECT_TRUE(opened->rounded(rounded.store()));
  EXPECT_EQ(test::saved(*opened), file);

  const auto forged = [&](std::uint32_t version, std::size_t meta_bytes) {
    file_bytes made = test::with_section(file, section::meta, std::as_bytes(std::span(&whole, 1)).first(meta_bytes));
    auto header = load_as<file_header>(made.data());
    header.version = version;
    store_as(made.data(), header);
    test::fix_checksums(made);
    return made;
  };
  const file_bytes old_file = forged(index_version, sizeof(index_meta));
  const auto old = test::opened<index<sq8>>(old_file);
  ASSERT_TRUE(succeeded(old));
  EXPECT_EQ(code_of(old->check_store(rounded.store())), errc::store_mismatch);
  EXPECT_TRUE(succeeded(old->check_store(*memory_store<float>::create(rows.view()))));
  EXPECT_EQ(test::saved(*old), old_file) << "it stays a file of version 3";
  EXPECT_EQ(code_of(test::opened<index<sq8>>(forged(index_version, entry.bytes))), errc::corrupt);
  EXPECT_EQ(code_of(test::opened<index<sq8>>(forged(index_version_of_halfs, sizeof(index_meta)))), errc::corrupt);
}

#if THIMBLE_POSIX
TEST(index_halfs, in_a_file_are_mapped_read_and_cached) {
  const test::temporary_folder folder("index_halfs");
  const auto rows = test::random_vectors(200, 24, 3);
  const halfs_of halfs(rows);
  const std::string path = folder / "rows.f16bin";
  {
    std::ofstream file(path, std::ios::binary);
    const std::uint32_t head[2] = {200, 24};
    file.write(reinterpret_cast<const char*>(head), sizeof(head));
    file.write(reinterpret_cast<const char*>(halfs.view().row_bytes(0)), 200 * 24 * sizeof(half));
  }
  const auto built = index<rabitq<4>>::build(rows.view(), test::on_asked_simd({}));
  ASSERT_TRUE(succeeded(built));
  auto mapped = mmap_store::open(path.c_str());
  auto read = file_store::open(path.c_str());
  ASSERT_TRUE(succeeded(mapped) && succeeded(read));
  auto in_memory = halfs.store();
  auto cached = cache_store<file_store>::create(*read, 10'000);
  ASSERT_TRUE(succeeded(cached));
  EXPECT_TRUE(built->rounded(*mapped) && built->rounded(*read) && built->rounded(*cached));
  const auto hits = built->search(rows.row(7), {.k = 5}, in_memory);
  ASSERT_TRUE(succeeded(hits));
  EXPECT_TRUE(std::ranges::equal(*hits, *built->search(rows.row(7), {.k = 5}, *mapped)));
  EXPECT_TRUE(std::ranges::equal(*hits, *built->search(rows.row(7), {.k = 5}, *read)));
  EXPECT_TRUE(std::ranges::equal(*hits, *built->search(rows.row(7), {.k = 5}, *cached)));
}
#endif

}  // namespace
}  // namespace thimble
