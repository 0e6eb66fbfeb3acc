// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <thimble/index/any_index.hpp>
#include <thimble/store/memory_store.hpp>

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
using test::succeeded;

constexpr quantizer_kind kinds[] = {quantizer_kind::float32, quantizer_kind::sq8};

const test::float_vectors& rows() {
  static const test::float_vectors made = test::clustered_vectors(300, 20, 1);
  return made;
}

TEST(quantizer_kind, names_are_read_back) {
  for (const quantizer_kind kind : kinds) {
    const auto parsed = parse_quantizer(name(kind));
    ASSERT_TRUE(succeeded(parsed));
    EXPECT_EQ(*parsed, kind);
  }
}

TEST(quantizer_kind, quantizers_of_later_versions_are_told_from_nonsense) {
  for (const char* text : {"float16", "sq4", "rabitq1", "rabitq4", "rabitq8"})
    EXPECT_EQ(code_of(parse_quantizer(text)), errc::unsupported) << text;
  for (const char* text : {"", "SQ8", "sq9", "rabitq", "rabitq0", "rabitq9", "rabitq10", "float32 "})
    EXPECT_EQ(code_of(parse_quantizer(text)), errc::invalid_argument) << text;
}

// Everything that an index of a known quantizer answers, any_index answers the same.
template <class Quantizer>
void expect_same(quantizer_kind kind) {
  const build_options options{.metric = metric::cosine, .m = 7, .ef_construction = 40, .seed = 9};
  const auto any = any_index::build(kind, rows().view(), options);
  const auto one = index<Quantizer>::build(rows().view(), options);
  ASSERT_TRUE(succeeded(any));
  EXPECT_EQ(any->size(), one->size());
  EXPECT_EQ(any->dim(), one->dim());
  EXPECT_EQ(any->metric(), one->metric());
  EXPECT_EQ(any->m(), one->m());
  EXPECT_EQ(any->ef_construction(), one->ef_construction());
  EXPECT_EQ(any->seed(), one->seed());
  EXPECT_EQ(any->fingerprint(), one->fingerprint());
  EXPECT_EQ(any->simd(), one->simd());
  EXPECT_EQ(any->quantizer_name(), one->quantizer_name());
  EXPECT_EQ(any->memory().total(), one->memory().total());
  EXPECT_EQ(any->bytes_per_vector(), one->bytes_per_vector());
  EXPECT_EQ(test::saved(*any), test::saved(*one));

  auto store = memory_store<float>::create(rows().view());
  EXPECT_TRUE(succeeded(any->check_store(*store)));
  search_scratch scratch;
  EXPECT_TRUE(std::ranges::equal(*any->search(rows().row(3)), *one->search(rows().row(3))));
  EXPECT_TRUE(std::ranges::equal(*any->search(rows().row(3), {}, *store), *one->search(rows().row(3), {}, *store)));
  EXPECT_TRUE(
      std::ranges::equal(*any->search(rows().row(3), {}, *store, scratch), *one->search(rows().row(3), {}, *store)));
  ASSERT_TRUE(succeeded(any->begin(rows().row(3), {.rerank = 12}, scratch)));
  EXPECT_EQ(scratch.rerank().needs().size(), 12u);
}

TEST(any_index, float32_is_the_index_of_float32) { expect_same<float32>(quantizer_kind::float32); }
TEST(any_index, sq8_is_the_index_of_sq8) { expect_same<sq8>(quantizer_kind::sq8); }

TEST(any_index, the_file_says_which_quantizer_it_is) {
  for (const quantizer_kind kind : kinds) {
    const auto built = any_index::build(kind, rows().view());
    const auto bytes = test::saved(*built);
    const auto opened = test::opened<any_index>(bytes);
    ASSERT_TRUE(succeeded(opened));
    EXPECT_EQ(opened->quantizer_name(), name(kind));
    EXPECT_EQ(test::saved(*opened), bytes);
#if THIMBLE_POSIX
    const test::temporary_folder folder("any_index.a");
    const std::string path = folder / "x.thimble";
    ASSERT_TRUE(succeeded(built->save(path.c_str())));
    const auto mapped = any_index::open(path.c_str());
    ASSERT_TRUE(succeeded(mapped));
    EXPECT_EQ(mapped->quantizer_name(), name(kind));
    EXPECT_TRUE(std::ranges::equal(*mapped->search(rows().row(0)), *built->search(rows().row(0))));
#endif
  }
}

TEST(any_index, errors_are_those_of_the_index) {
  for (const quantizer_kind kind : kinds) {
    EXPECT_EQ(code_of(any_index::build(kind, matrix_view<float>())), errc::empty_input);
    const auto built = any_index::build(kind, rows().view());
    EXPECT_EQ(code_of(built->search(rows().row(0), {.k = 0})), errc::invalid_k);
    EXPECT_EQ(code_of(built->search(std::vector<float>(3))), errc::wrong_dim);
    test::failing_store failing(rows().view(), errc::missing_row);
    EXPECT_EQ(code_of(built->search(rows().row(0), {}, failing)), errc::missing_row);
  }
  EXPECT_EQ(code_of(any_index::open(aligned_buffer<std::byte>())), errc::truncated);
#if THIMBLE_POSIX
  EXPECT_EQ(code_of(any_index::open("/no/such/file")), errc::cannot_open);
  EXPECT_EQ(code_of(any_index::open(THIMBLE_TEST_DATA "/fashion-mnist/query.u8bin")), errc::not_an_index);
#endif
}

}  // namespace
}  // namespace thimble
