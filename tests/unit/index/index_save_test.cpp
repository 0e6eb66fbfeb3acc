// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Saving and opening: one file gives the same hits everywhere, and a crash at any moment leaves a whole one.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <thimble/index/freeze.hpp>
#include <thimble/index/index.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/rabitq.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/store/memory_store.hpp>
#include <vector>

#include "unit/support/environment.hpp"
#include "unit/support/files.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/quantizers.hpp"
#include "unit/support/vectors.hpp"

#if THIMBLE_POSIX
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "unit/support/folder.hpp"
#endif

namespace thimble {
namespace {

using test::code_of;
using test::file_bytes;
using test::succeeded;

template <class Quantizer>
class saving : public ::testing::Test {};
using saved_quantizers = ::testing::Types<float32, sq8, rabitq<1>>;
TYPED_TEST_SUITE(saving, saved_quantizers, test::quantizer_names);

// Labels and the bits of their distances.
template <class Hits>
std::vector<std::pair<label, std::uint32_t>> bits_of(const Hits& hits) {
  std::vector<std::pair<label, std::uint32_t>> bits;
  for (const neighbor& hit : hits) bits.emplace_back(hit.id, std::bit_cast<std::uint32_t>(hit.distance));
  return bits;
}

// sq8 codes of 52 dims: 60 bytes, 4 less than a line.
TEST(saving_rows, fill_whole_lines_and_open_side_by_side_as_well) {
  constexpr std::size_t n = 400, code_bytes = 60, line = 64;
  const auto rows = test::random_vectors(n, 52, 3);
  const auto built = index<sq8>::build(rows.view(), {.ef_construction = 60});
  ASSERT_TRUE(succeeded(built));
  const file_bytes file = test::saved(*built);
  file_bytes changed = file;
  const auto codes = test::values_of<std::byte>(changed, section::codes);
  ASSERT_EQ(codes.size(), n * line + simd::code_slack);
  EXPECT_EQ(test::values_of<index_meta>(changed, section::meta)[0].code_bytes, line);

  file_bytes close(n * code_bytes + simd::code_slack);
  for (std::size_t i = 0; i < n; ++i) {
    EXPECT_TRUE(std::ranges::all_of(codes.subspan(i * line + code_bytes, line - code_bytes),
                                    [](std::byte b) { return b == std::byte{}; }));
    std::ranges::copy(codes.subspan(i * line, code_bytes), close.begin() + static_cast<std::ptrdiff_t>(i * code_bytes));
  }
  file_bytes before = test::with_section(file, section::codes, close);
  test::values_of<index_meta>(before, section::meta)[0].code_bytes = code_bytes;
  test::fix_checksums(before);
  const auto opened = test::opened<index<sq8>>(before);
  ASSERT_TRUE(succeeded(opened));
  const auto changing = thaw(*opened);
  ASSERT_TRUE(succeeded(changing));
  const auto again = freeze(*changing);
  ASSERT_TRUE(succeeded(again));
  EXPECT_EQ(again->memory().codes, built->memory().codes);
  std::vector<float> vector(52), as_built(52);
  for (std::size_t i = 0; i < n; i += 20) {
    const auto hits = bits_of(*built->search(rows.row(i), {.ef = n}));
    EXPECT_EQ(bits_of(*opened->search(rows.row(i), {.ef = n})), hits);
    EXPECT_EQ(bits_of(*changing->search(rows.row(i), {.ef = n})), hits);
    EXPECT_EQ(bits_of(*again->search(rows.row(i), {.ef = n})), hits);
    ASSERT_TRUE(succeeded(built->get(i, as_built)));
    ASSERT_TRUE(succeeded(opened->get(i, vector)));
    EXPECT_EQ(vector, as_built);
  }

  codes[7 * line + code_bytes] = std::byte{1};
  test::fix_checksums(changed);
  EXPECT_EQ(code_of(test::opened<index<sq8>>(changed)), errc::corrupt);
}

TYPED_TEST(saving, one_file_gives_the_same_hits_with_every_instruction_set) {
  const auto base = test::base_pictures().first(1500);
  auto store = memory_store<std::uint8_t>::create(base);
  for (const metric m : {metric::l2, metric::inner_product, metric::cosine}) {
    const auto built = index<TypeParam>::build(base, {.metric = m, .ef_construction = 50});
    ASSERT_TRUE(succeeded(built));
    const file_bytes file = test::saved(*built);
    const auto oracle = test::opened<index<TypeParam>>(file, open_options{.simd = simd::isa::scalar});
    ASSERT_TRUE(succeeded(oracle));
    EXPECT_EQ(oracle->simd(), simd::isa::scalar);
    for (const auto set : simd::attainable()) {
      const auto opened = test::opened<index<TypeParam>>(file, open_options{.simd = set});
      ASSERT_TRUE(succeeded(opened));
      EXPECT_EQ(opened->simd(), set);
      for (std::size_t i = 0; i < 40; ++i) {
        const auto query = test::query_pictures().row(i);
        for (const std::size_t rerank : {0u, 30u}) {
          const search_params params{.k = 10, .ef = 40, .rerank = rerank};
          const auto hits = opened->search(query, params, *store);
          const auto truth = oracle->search(query, params, *store);
          ASSERT_TRUE(succeeded(hits));
          EXPECT_EQ(bits_of(*hits), bits_of(*truth)) << name(set) << ", " << name(m) << ", query " << i;
          // And what was built answers as what was opened.
          EXPECT_EQ(bits_of(*built->search(query, params, *store)), bits_of(*truth));
        }
      }
    }
    EXPECT_EQ(test::opened<index<TypeParam>>(file)->simd(), simd::best());
  }
}

TYPED_TEST(saving, an_opened_index_is_what_was_saved) {
  const auto rows = test::clustered_vectors(300, 30, 1);
  const auto built =
      index<TypeParam>::build(rows.view(), {.metric = metric::cosine, .m = 9, .ef_construction = 44, .seed = 5});
  ASSERT_TRUE(succeeded(built));
  const auto opened = test::opened<index<TypeParam>>(test::saved(*built));
  ASSERT_TRUE(succeeded(opened));
  EXPECT_EQ(opened->size(), 300u);
  EXPECT_EQ(opened->dim(), 30u);
  EXPECT_EQ(opened->metric(), metric::cosine);
  EXPECT_EQ(opened->m(), 9u);
  EXPECT_EQ(opened->ef_construction(), 44u);
  EXPECT_EQ(opened->seed(), 5u);
  EXPECT_EQ(opened->fingerprint(), built->fingerprint());
  EXPECT_EQ(opened->memory().codes, built->memory().codes);
  EXPECT_EQ(opened->memory().links, built->memory().links);
  EXPECT_LE(opened->bytes_per_vector(), built->bytes_per_vector()) << "an opened index needs no locks";
  EXPECT_EQ(test::saved(*opened), test::saved(*built));
}

TYPED_TEST(saving, the_same_seed_and_one_thread_give_the_same_bytes) {
  const auto rows = test::clustered_vectors(600, 30, 1);
  const auto save = [&](const build_options& options) {
    return test::saved(*index<TypeParam>::build(rows.view(), options));
  };
  const file_bytes once = save({.seed = 3});
  EXPECT_EQ(save({.seed = 3}), once);
  EXPECT_NE(save({.seed = 4}), once);
  // Nor does the instruction set matter, or where the rows come from.
  for (const auto set : simd::attainable()) EXPECT_EQ(save({.seed = 3, .simd = set}), once) << name(set);
  std::vector<float> apart(600 * 33);
  for (std::size_t i = 0; i < 600; ++i)
    std::ranges::copy(rows.row(i), apart.begin() + static_cast<std::ptrdiff_t>(33 * i));
  const matrix_view view(apart.data(), 600, 30, 33 * sizeof(float));
  EXPECT_EQ(test::saved(*index<TypeParam>::build(view, {.seed = 3})), once);
}

TYPED_TEST(saving, an_error_of_the_sink_comes_back) {
  const auto built = index<TypeParam>::build(test::random_vectors(50, 8, 1).view());
  const auto full = [](std::span<const std::byte>) -> expected<void> { return fail(errc::no_space, "full"); };
  EXPECT_EQ(code_of(built->save(full)), errc::no_space);
}

TYPED_TEST(saving, an_instruction_set_that_does_not_run_here_is_named) {
  const auto built = index<TypeParam>::build(test::random_vectors(50, 8, 1).view());
  const file_bytes file = test::saved(*built);
  using enum simd::isa;
  for (const auto set : {avx2, avx512, wasm_simd128, wasm_relaxed}) {
    const bool runs = std::ranges::count(simd::attainable(), set) != 0;
    EXPECT_EQ(code_of(test::opened<index<TypeParam>>(file, open_options{.simd = set})),
              runs ? std::nullopt : std::optional(errc::unsupported));
  }
}

#if THIMBLE_POSIX

TYPED_TEST(saving, a_file_is_opened_where_it_lies_and_may_be_replaced_meanwhile) {
  const test::temporary_folder folder("index_save.a");
  const std::string path = folder / "x.thimble";
  const auto rows = test::clustered_vectors(300, 20, 1);
  const auto built = index<TypeParam>::build(rows.view());
  ASSERT_TRUE(succeeded(built->save(path.c_str())));
  EXPECT_EQ(test::read_bytes(path), test::saved(*built));
  const auto opened = index<TypeParam>::open(path.c_str());
  ASSERT_TRUE(succeeded(opened));
  const auto before = opened->search(rows.row(5));
  EXPECT_EQ(bits_of(*before), bits_of(*built->search(rows.row(5))));
  const auto other = index<TypeParam>::build(test::clustered_vectors(10, 20, 9).view());
  ASSERT_TRUE(succeeded(other->save(path.c_str())));
  EXPECT_EQ(bits_of(*opened->search(rows.row(5))), bits_of(*before));
  // Onto itself too.
  ASSERT_TRUE(succeeded(opened->save(path.c_str())));
  EXPECT_EQ(test::read_bytes(path), test::saved(*built));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"x.thimble"});
}

TYPED_TEST(saving, a_path_without_an_index_is_named) {
  const test::temporary_folder folder("index_save.b");
  const auto open = [](const std::string& path) { return code_of(index<TypeParam>::open(path.c_str())); };
  EXPECT_EQ(open("/no/such/file"), errc::cannot_open);
  EXPECT_EQ(open(folder / ""), errc::cannot_open);
  EXPECT_EQ(open("/dev/null"), errc::cannot_open);
  {
    const std::ofstream empty(folder / "empty");
  }
  EXPECT_EQ(open(folder / "empty"), errc::truncated);
  EXPECT_EQ(open(THIMBLE_TEST_DATA "/fashion-mnist/query.u8bin"), errc::not_an_index);
  const auto built = index<TypeParam>::build(test::random_vectors(50, 8, 1).view());
  EXPECT_EQ(code_of(built->save("/no/such/folder/x")), errc::cannot_write);
  EXPECT_EQ(code_of(built->save((folder / "").c_str())), errc::cannot_write);
}

TYPED_TEST(saving, a_full_disk_leaves_the_old_index_and_no_other_file) {
  const test::temporary_folder folder("index_save.c");
  const std::string path = folder / "x.thimble";
  const auto old = index<TypeParam>::build(test::random_vectors(20, 8, 1).view(), {.m = 2});
  const auto larger = index<TypeParam>::build(test::random_vectors(500, 8, 1).view());
  ASSERT_TRUE(succeeded(old->save(path.c_str())));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  // At whatever byte it happens.
  for (const rlim_t limit : {rlim_t{0}, rlim_t{100}, rlim_t{256}, rlim_t{5'000}}) {
    const rlimit small{.rlim_cur = limit, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto saved = larger->save(path.c_str());
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(code_of(saved), errc::no_space);
    EXPECT_EQ(test::read_bytes(path), test::saved(*old));
    EXPECT_EQ(folder.names(), std::vector<std::string>{"x.thimble"});
  }
  (void)std::signal(SIGXFSZ, handler);
}

TEST(index_crash, a_writer_that_is_killed_at_any_moment_leaves_one_of_the_two_indexes) {
  const test::temporary_folder folder("index_save.d");
  const std::string path = folder / "x.thimble";
  const auto a = index<sq8>::build(test::random_vectors(2000, 64, 1).view(), {.m = 4, .ef_construction = 10});
  const auto b = index<sq8>::build(test::random_vectors(3000, 64, 2).view(), {.m = 4, .ef_construction = 10});
  ASSERT_TRUE(succeeded(a->save(path.c_str())));
  random_generator random(1);
  int of_a = 0, of_b = 0;
  for (int round = 0; round < 30; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (;;) {
        (void)b->save(path.c_str());
        (void)a->save(path.c_str());
      }
    }
    ::usleep(static_cast<useconds_t>(200 + random.below(test::sanitized ? 40'000 : 8'000)));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto opened = index<sq8>::open(path.c_str());
    ASSERT_TRUE(succeeded(opened)) << "round " << round;
    EXPECT_TRUE(opened->fingerprint() == a->fingerprint() || opened->fingerprint() == b->fingerprint());
    ++(opened->fingerprint() == a->fingerprint() ? of_a : of_b);
  }
  // What a killed writer left does not keep the next one from writing.
  ASSERT_TRUE(succeeded(b->save(path.c_str())));
  EXPECT_EQ(index<sq8>::open(path.c_str())->fingerprint(), b->fingerprint());
  RecordProperty("old", of_a);
  RecordProperty("new", of_b);
}

#endif

}  // namespace
}  // namespace thimble
