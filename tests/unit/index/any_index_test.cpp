// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thimble/index/any_index.hpp>
#include <thimble/store/memory_store.hpp>

#include "unit/support/archetypes.hpp"
#include "unit/support/files.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/quantizers.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

#if THIMBLE_POSIX
#include "unit/support/folder.hpp"
#endif

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

const test::float_vectors& few_rows() {
  static const test::float_vectors made = test::clustered_vectors(300, 20, 1);
  return made;
}

TEST(quantizer_kind, names_are_read_back) {
  for (const quantizer_kind kind : any_index::kinds) {
    const auto parsed = parse_quantizer(name(kind));
    ASSERT_TRUE(succeeded(parsed));
    EXPECT_EQ(*parsed, kind);
  }
}

TEST(quantizer_kind, there_are_twelve) {
  std::string names;
  for (const quantizer_kind kind : any_index::kinds) names += std::string(name(kind)) + " ";
  EXPECT_EQ(names, "float32 float16 sq8 sq4 rabitq1 rabitq2 rabitq3 rabitq4 rabitq5 rabitq6 rabitq7 rabitq8 ");
}

TEST(quantizer_kind, an_unknown_name_is_an_error_that_tells_all_there_are) {
  for (const char* text : {"", "SQ8", "sq9", "rabitq", "rabitq0", "rabitq9", "rabitq10", "float32 "}) {
    const auto parsed = parse_quantizer(text);
    ASSERT_EQ(code_of(parsed), errc::invalid_argument) << text;
    EXPECT_STREQ(parsed.error().message,
                 "unknown quantizer: use float32, float16, sq8, sq4, rabitq1, rabitq2, rabitq3, rabitq4, rabitq5, "
                 "rabitq6, rabitq7 or rabitq8");
  }
}

TEST(quantizer_kind, a_number_that_no_quantizer_has_is_refused) {
  for (const std::uint32_t number : {0u, 5u, 16u, 25u, 64u, 0xffffffffu}) {
    EXPECT_FALSE(any_index::knows(quantizer_kind{number}));
    EXPECT_EQ(name(quantizer_kind{number}), "unknown");
    EXPECT_EQ(code_of(any_index::build(quantizer_kind{number}, few_rows().view())), errc::invalid_argument);
  }
}

// Everything that an index of a known quantizer answers, any_index answers the same.
template <class Quantizer>
class any_index_with : public ::testing::Test {};
TYPED_TEST_SUITE(any_index_with, test::all_quantizers, test::quantizer_names);

TYPED_TEST(any_index_with, is_the_index_of_that_quantizer) {
  const build_options options{.metric = metric::cosine, .m = 7, .ef_construction = 40, .seed = 9};
  const auto any = any_index::build(kind_of<TypeParam>, few_rows().view(), options);
  const auto one = index<TypeParam>::build(few_rows().view(), options);
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

  auto store = memory_store<float>::create(few_rows().view());
  EXPECT_TRUE(succeeded(any->check_store(*store)));
  std::vector<float> got(20), got_of_one(20);
  ASSERT_TRUE(succeeded(any->get(3, got)));
  ASSERT_TRUE(succeeded(one->get(3, got_of_one)));
  EXPECT_EQ(got, got_of_one);
  EXPECT_EQ(code_of(any->get(300, got)), errc::unknown_label);
  search_scratch scratch;
  EXPECT_TRUE(std::ranges::equal(*any->search(few_rows().row(3)), *one->search(few_rows().row(3))));
  EXPECT_TRUE(std::ranges::equal(*any->search(few_rows().row(3), {.k = 50, .exhaustive = true}),
                                 *one->search(few_rows().row(3), {.k = 50, .exhaustive = true})));
  EXPECT_TRUE(
      std::ranges::equal(*any->search(few_rows().row(3), {}, *store), *one->search(few_rows().row(3), {}, *store)));
  EXPECT_TRUE(std::ranges::equal(*any->search(few_rows().row(3), {}, *store, scratch),
                                 *one->search(few_rows().row(3), {}, *store)));
  ASSERT_TRUE(succeeded(any->begin(few_rows().row(3), {.rerank = 12}, scratch)));
  EXPECT_EQ(scratch.rerank().needs().size(), 12u);
}

TEST(any_index, the_file_says_which_quantizer_it_is) {
  for (const quantizer_kind kind : any_index::kinds) {
    const auto built = any_index::build(kind, few_rows().view());
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
    EXPECT_TRUE(std::ranges::equal(*mapped->search(few_rows().row(0)), *built->search(few_rows().row(0))));
#endif
  }
}

TEST(any_index, errors_are_those_of_the_index) {
  for (const quantizer_kind kind : {kind_of<float32>, kind_of<rabitq<2>>}) {
    EXPECT_EQ(code_of(any_index::build(kind, matrix_view<float>())), errc::empty_input);
    const auto built = any_index::build(kind, few_rows().view());
    EXPECT_EQ(code_of(built->search(few_rows().row(0), {.k = 0})), errc::invalid_k);
    EXPECT_EQ(code_of(built->search(std::vector<float>(3))), errc::wrong_dim);
    test::failing_store failing(few_rows().view(), errc::missing_row);
    EXPECT_EQ(code_of(built->search(few_rows().row(0), {}, failing)), errc::missing_row);
  }
  EXPECT_EQ(code_of(any_index::open(aligned_buffer<std::byte>())), errc::truncated);
#if THIMBLE_POSIX
  EXPECT_EQ(code_of(any_index::open("/no/such/file")), errc::cannot_open);
  EXPECT_EQ(code_of(any_index::open(THIMBLE_TEST_DATA "/fashion-mnist/query.u8bin")), errc::not_an_index);
#endif
}

// ------------------------------------------------------------------------------------------------- lists of one's own

TEST(any_index_of, a_list_of_ones_own_opens_what_is_in_it_and_names_what_is_not) {
  using few = any_index_of<sq4, test::minimal_quantizer>;
  EXPECT_STREQ(few::parse_quantizer("sq8").error().message, "unknown quantizer: use sq4 or minimal");
  const test::minimal_rows line(100);
  for (const quantizer_kind kind : few::kinds) {
    const auto built = few::build(kind, line, {.m = 4, .ef_construction = 20});
    ASSERT_TRUE(succeeded(built));
    const auto opened = test::opened<few>(test::saved(*built));
    ASSERT_TRUE(succeeded(opened));
    EXPECT_EQ(opened->quantizer_name(), few::name_of(kind));
  }
  const auto stranger = test::saved(*index<sq8>::build(line));
  EXPECT_EQ(code_of(test::opened<few>(stranger)), errc::wrong_quantizer);
  const auto own = test::saved(*index<test::minimal_quantizer>::build(line));
  const auto refused = test::opened<any_index>(own);
  ASSERT_EQ(code_of(refused), errc::wrong_quantizer);
  EXPECT_EQ(refused.error().value, 200u);
}

// get() is there where every quantizer decodes.
template <class Index>
concept has_get = requires(const Index& i, std::span<float> out) { i.get(label{}, out); };
static_assert(has_get<any_index> && has_get<index<rabitq<1>>>);
static_assert(!has_get<index<test::minimal_quantizer>> && !has_get<any_index_of<sq8, test::minimal_quantizer>>);

TEST(any_index_of, a_list_of_one_is_enough) {
  using one = any_index_of<sq8>;
  EXPECT_STREQ(one::parse_quantizer("").error().message, "unknown quantizer: use sq8");
  const auto built = one::build(kind_of<sq8>, few_rows().view());
  ASSERT_TRUE(succeeded(built));
  EXPECT_EQ(built->quantizer_name(), "sq8");
}

// A damaged file may hold any number: that it is damaged, or of another version, is what its owner must hear.
TEST(any_index, damage_and_other_versions_are_named_before_an_unknown_quantizer) {
  auto file = test::saved(*index<test::minimal_quantizer>::build(test::minimal_rows(100)));
  auto damaged = file;
  damaged.back() ^= std::byte{1};
  EXPECT_EQ(code_of(test::opened<any_index>(damaged)), errc::corrupt);
  auto cut = file;
  cut.resize(cut.size() - 64);
  EXPECT_EQ(code_of(test::opened<any_index>(cut)), errc::truncated);
  auto later = file;
  auto header = load_as<file_header>(later.data());
  header.version = index_version_of_gamma + 1;
  store_as(later.data(), header);
  EXPECT_EQ(code_of(test::opened<any_index>(later)), errc::wrong_version);
}

}  // namespace
}  // namespace thimble
