// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Memory that runs out, at each single allocation: a program of its own, in which the library's allocations go through
// a counter.

#include "fuzz/counting_allocator.hpp"

// Behind the hook that it replaces.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <thimble/index/batch_search.hpp>
#include <thimble/thimble.hpp>
#include <vector>

#include "fuzz/open_bytes.hpp"
#include "golden/golden.hpp"
#include "unit/support/files.hpp"
#include "unit/support/golden_folder.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

#if THIMBLE_POSIX
#include "unit/support/folder.hpp"
#endif

namespace thimble {
namespace {

using fuzz::allocations;
using test::code_of;
using test::succeeded;

// Runs `work` with its first, second, ... allocation failing, until it needs no more. Each failure is out_of_memory,
// and nothing is left behind. Work gives an std::expected.
template <class Work>
void expect_out_of_memory_everywhere(const char* what, std::size_t at_least, Work&& work) {
  for (const bool and_all_after : {false, true}) {
    std::size_t failures = 0;
    for (std::size_t n = 0;; ++n) {
      ASSERT_LT(n, 10'000u) << what << " never succeeds";
      const std::size_t live = allocations.live;
      allocations.reset();
      allocations.fail_at = n;
      allocations.and_all_after = and_all_after;
      bool done = false;
      {
        const auto outcome = work();
        allocations.fail_at = fuzz::allocation_counter::never;
        done = outcome.has_value();
        EXPECT_EQ(code_of(outcome), done ? std::nullopt : std::optional(errc::out_of_memory))
            << what << ", allocation " << n;
      }
      EXPECT_EQ(allocations.live, live) << what << " leaks when allocation " << n << " fails";
      if (done) break;
      ++failures;
    }
    EXPECT_GE(failures, at_least) << what;
  }
}

template <class Quantizer>
class out_of_memory : public ::testing::Test {
 protected:
  using index_type = index<Quantizer>;
  static const test::float_vectors& rows() {
    static const test::float_vectors made = test::clustered_vectors(300, 20, 1);
    return made;
  }
  void TearDown() override { allocations.fail_at = fuzz::allocation_counter::never; }
};
using quantizers = ::testing::Types<float32, float16, sq8, sq4, rabitq<1>, rabitq<5>>;
TYPED_TEST_SUITE(out_of_memory, quantizers);

TYPED_TEST(out_of_memory, ends_a_build_with_its_name_at_each_allocation) {
  for (const metric m : {metric::l2, metric::cosine})
    for (const unsigned threads : {1u, 2u})
      expect_out_of_memory_everywhere("build", 10, [&] {
        return index<TypeParam>::build(this->rows().view(),
                                       {.metric = m, .m = 4, .ef_construction = 10, .threads = threads});
      });
}

TYPED_TEST(out_of_memory, ends_an_opening_with_its_name_at_each_allocation) {
  const auto bytes = test::saved(*index<TypeParam>::build(this->rows().view()));
  expect_out_of_memory_everywhere("open", 1, [&]() -> expected<index<TypeParam>> {
    auto buffer = aligned_buffer<std::byte>::create(bytes.size());
    if (!buffer) return std::unexpected(buffer.error());
    std::ranges::copy(bytes, buffer->data());
    return index<TypeParam>::open(std::move(*buffer));
  });
  expect_out_of_memory_everywhere("any_index", 1, [&]() -> expected<any_index> {
    auto buffer = aligned_buffer<std::byte>::create(bytes.size());
    if (!buffer) return std::unexpected(buffer.error());
    std::ranges::copy(bytes, buffer->data());
    return any_index::open(std::move(*buffer));
  });
}

TYPED_TEST(out_of_memory, ends_a_search_with_its_name_at_each_allocation) {
  for (const metric m : {metric::l2, metric::cosine}) {
    const auto bytes = test::saved(*index<TypeParam>::build(this->rows().view(), {.metric = m}));
    const auto query = this->rows().row(7);
    auto memory = memory_store<float>::create(this->rows().view());
    test::counting_store batches(this->rows().view());
    // Each search with an index of its own, whose pool is empty.
    const auto with = [&](auto&& search) -> expected<hits> {
      const std::size_t fail_at = allocations.fail_at;
      allocations.fail_at = fuzz::allocation_counter::never;
      const auto opened = test::opened<index<TypeParam>>(bytes);
      allocations.calls = 0;
      allocations.fail_at = fail_at;
      return search(*opened);
    };
    expect_out_of_memory_everywhere("search", 5, [&] { return with([&](const auto& i) { return i.search(query); }); });
    expect_out_of_memory_everywhere("search with a store in memory", 6,
                                    [&] { return with([&](const auto& i) { return i.search(query, {}, *memory); }); });
    expect_out_of_memory_everywhere("search with a store", 6,
                                    [&] { return with([&](const auto& i) { return i.search(query, {}, batches); }); });
  }
}

TYPED_TEST(out_of_memory, leaves_the_index_and_the_scratch_usable) {
  const auto built = index<TypeParam>::build(this->rows().view());
  auto store = memory_store<float>::create(this->rows().view());
  const search_params params{.k = 10, .ef = 50, .rerank = 20};
  const auto expected_hits = built->search(this->rows().row(3), params, *store);
  for (std::size_t n = 0;; ++n) {
    search_scratch scratch;
    allocations.reset();
    allocations.fail_at = n;
    const auto found = built->search(this->rows().row(3), params, *store, scratch);
    allocations.fail_at = fuzz::allocation_counter::never;
    if (found) {
      EXPECT_GE(n, 5u);
      break;
    }
    const auto again = built->search(this->rows().row(3), params, *store, scratch);
    ASSERT_TRUE(succeeded(again));
    EXPECT_TRUE(std::ranges::equal(*again, *expected_hits));
  }
}

TYPED_TEST(out_of_memory, does_not_come_from_searching_with_warm_scratch) {
  for (const metric m : {metric::l2, metric::inner_product, metric::cosine}) {
    const auto built = index<TypeParam>::build(this->rows().view(), {.metric = m});
    auto memory = memory_store<float>::create(this->rows().view());
    test::counting_store batches(this->rows().view());
    search_scratch scratch;
    const search_params params{.k = 10, .ef = 64, .rerank = 50};
    ASSERT_TRUE(succeeded(built->search(this->rows().row(0), params, batches, scratch)));
    allocations.reset();
    for (std::size_t i = 0; i < 50; ++i) {
      ASSERT_TRUE(succeeded(built->search(this->rows().row(i), params, *memory, scratch)));
      ASSERT_TRUE(succeeded(built->search(this->rows().row(i), params, batches, scratch)));
      ASSERT_TRUE(succeeded(built->search(this->rows().row(i), {.k = 3, .ef = 5, .rerank = 2}, *memory, scratch)));
    }
    EXPECT_EQ(allocations.calls, 0u);
    // Without scratch of one's own, the pool's is reused: only the hits are allocated.
    ASSERT_TRUE(succeeded(built->search(this->rows().row(0), params, batches)));
    allocations.reset();
    for (std::size_t i = 0; i < 50; ++i) ASSERT_TRUE(succeeded(built->search(this->rows().row(i), params, *memory)));
    EXPECT_EQ(allocations.calls, 50u);
  }
}

TYPED_TEST(out_of_memory, ends_searches_of_other_kinds_with_its_name_at_each_allocation) {
  const auto bytes = test::saved(*index<TypeParam>::build(this->rows().view()));
  const auto query = this->rows().row(7);
  auto memory = memory_store<float>::create(this->rows().view());
  test::counting_store batches(this->rows().view());
  // Each search with an index of its own, whose pool is empty.
  const auto with = [&](auto&& search) {
    const std::size_t fail_at = allocations.fail_at;
    allocations.fail_at = fuzz::allocation_counter::never;
    const auto opened = test::opened<index<TypeParam>>(bytes);
    allocations.calls = 0;
    allocations.fail_at = fail_at;
    return search(*opened);
  };
  constexpr float all = std::numeric_limits<float>::infinity();
  expect_out_of_memory_everywhere("search_radius", 6,
                                  [&] { return with([&](const auto& i) { return i.search_radius(query, all); }); });
  expect_out_of_memory_everywhere("search_radius with a store in memory", 7, [&] {
    return with([&](const auto& i) { return i.search_radius(query, all, {}, *memory); });
  });
  expect_out_of_memory_everywhere("search_radius with a store", 7, [&] {
    return with([&](const auto& i) { return i.search_radius(query, all, {}, batches); });
  });
  expect_out_of_memory_everywhere("search_batch", 8, [&] {
    return with([&](const auto& i) { return search_batch(i, this->rows().view(), {}, *memory, {.threads = 1}); });
  });
  expect_out_of_memory_everywhere("iterate", 6, [&] {
    return with([&](const auto& i) -> expected<std::size_t> {
      auto from = i.iterate(query);
      if (!from) return std::unexpected(from.error());
      const auto some = from->next(1);
      if (!some) return std::unexpected(some.error());
      return some->size();
    });
  });
}

TYPED_TEST(out_of_memory, ends_the_getting_of_a_vector_with_its_name) {
  const auto bytes = test::saved(*index<TypeParam>::build(this->rows().view()));
  std::vector<float> got(20);
  expect_out_of_memory_everywhere("get", 1, [&] {
    const std::size_t fail_at = allocations.fail_at;
    allocations.fail_at = fuzz::allocation_counter::never;
    const auto opened = test::opened<index<TypeParam>>(bytes);
    allocations.calls = 0;
    allocations.fail_at = fail_at;
    return opened->get(7, got);
  });
  const auto built = index<TypeParam>::build(this->rows().view());
  ASSERT_TRUE(succeeded(built->get(0, got)));
  allocations.reset();
  for (label id = 0; id < 50; ++id) ASSERT_TRUE(succeeded(built->get(id, got)));
  EXPECT_EQ(allocations.calls, 0u);
}

TYPED_TEST(out_of_memory, takes_no_result_from_an_iterator) {
  const auto built = index<TypeParam>::build(this->rows().view());
  std::vector<label> all;
  for (auto from = built->iterate(this->rows().row(3)); !from->done();) {
    const auto some = from->next(7);
    ASSERT_TRUE(some.has_value());
    for (const neighbor& hit : *some) all.push_back(hit.id);
  }
  ASSERT_EQ(all.size(), this->rows().size());
  // Each call fails at first, or gives less; the next one goes on.
  std::size_t n_failures = 0;
  for (const std::size_t fail_at : {0u, 1u}) {
    auto from = built->iterate(this->rows().row(3), {.ef = 64});
    std::vector<label> given;
    while (!from->done()) {
      for (const bool failing : {true, false}) {
        allocations.reset();
        allocations.fail_at = failing ? fail_at : fuzz::allocation_counter::never;
        const auto some = from->next(200);
        allocations.fail_at = fuzz::allocation_counter::never;
        n_failures += some ? 0 : 1;
        EXPECT_EQ(code_of(some), some ? std::nullopt : std::optional(errc::out_of_memory));
        if (some)
          for (const neighbor& hit : *some) given.push_back(hit.id);
      }
    }
    EXPECT_EQ(given, all);
  }
  EXPECT_GE(n_failures, 1u);
}

TYPED_TEST(out_of_memory, does_not_come_from_saving_into_a_sink) {
  const auto built = index<TypeParam>::build(this->rows().view());
  allocations.reset();
  EXPECT_TRUE(succeeded(built->save([](std::span<const std::byte>) -> expected<void> { return {}; })));
  EXPECT_EQ(allocations.calls, 0u);
}

#if THIMBLE_POSIX
TYPED_TEST(out_of_memory, ends_saving_and_opening_a_path_with_its_name) {
  const test::temporary_folder folder("allocation_test.a");
  const std::string path = folder / "x.thimble";
  const auto built = index<TypeParam>::build(this->rows().view());
  expect_out_of_memory_everywhere("save", 2, [&] { return built->save(path.c_str()); });
  EXPECT_EQ(folder.names(), std::vector<std::string>{"x.thimble"});
  expect_out_of_memory_everywhere("open", 1, [&] { return index<TypeParam>::open(path.c_str()); });
  expect_out_of_memory_everywhere("open", 1, [&] { return any_index::open(path.c_str()); });
}
#endif

TEST(out_of_memory_of_a_store, has_its_name_at_each_allocation) {
  const auto rows = test::clustered_vectors(1000, 20, 1);
  test::counting_store below(rows.view());
  expect_out_of_memory_everywhere(
      "cache", 5, [&] { return cache_store<test::counting_store>::create(below, std::size_t{1} << 20); });
  const auto make = [](std::span<const node>, std::span<float> out) -> expected<void> {
    std::ranges::fill(out, 1.0f);
    return {};
  };
  expect_out_of_memory_everywhere("recompute", 1,
                                  [&] { return recompute_store<decltype(make)>::create(make, 1000, 20); });
#if THIMBLE_POSIX
  expect_out_of_memory_everywhere("file", 1,
                                  [&] { return file_store::open(THIMBLE_TEST_DATA "/fashion-mnist/query.u8bin"); });
#endif
}

TEST(memory_of_a_cache, is_what_it_says_and_within_its_budget) {
  const auto rows = test::clustered_vectors(2000, 20, 1);
  test::counting_store below(rows.view());
  using cache_type = cache_store<test::counting_store>;
  for (const std::size_t budget : {2000u, 20'000u, 1'000'000u}) {
    allocations.reset();
    const std::size_t before = allocations.live_bytes;
    auto cache = cache_type::create(below, budget);
    ASSERT_TRUE(succeeded(cache));
    EXPECT_EQ(allocations.live_bytes - before + sizeof(cache_type), cache->bytes());
    std::vector<node> nodes(50);
    std::vector<float> out(50 * 20);
    for (node first = 0; first < 40; ++first) {
      for (node i = 0; i < 50; ++i) nodes[i] = first + 40 * i;
      EXPECT_TRUE(succeeded(cache->read(nodes, out)));
    }
    EXPECT_LE(allocations.peak_bytes - before + sizeof(cache_type), budget);
    EXPECT_EQ(allocations.live_bytes - before + sizeof(cache_type), cache->bytes());
  }
  // A batch larger than any search's takes room, or fails, while it is read.
  auto cache = cache_type::create(below, 100'000);
  ASSERT_TRUE(succeeded(cache));
  std::vector<node> all(2000);
  std::iota(all.begin(), all.end(), 0u);
  std::vector<float> out(2000 * 20);
  expect_out_of_memory_everywhere("a batch", 1, [&] { return cache->read(all, out); });
  EXPECT_EQ(out, rows.values);
}

TEST(memory_of_a_cache, takes_room_for_a_read_that_is_under_way) {
  const auto rows = test::clustered_vectors(2000, 20, 1);
  test::late_store below(rows.view(), test::late_store::answer::at_once);
  auto cache = cache_store<test::late_store>::create(below, 100'000);
  ASSERT_TRUE(succeeded(cache));
  std::vector<node> all(2000);
  std::iota(all.begin(), all.end(), 0u);
  std::vector<float> out(2000 * 20);
  const auto read = [&](std::size_t count) {
    expected<void> told = fail(errc::cancelled, "never told");
    cache->read(std::span(all).first(count), out,
                {&told, [](void* at, expected<void> outcome) { *static_cast<expected<void>*>(at) = outcome; }});
    return told;
  };
  expect_out_of_memory_everywhere("a small batch", 1, [&] { return read(200); });
  expect_out_of_memory_everywhere("a batch", 2, [&] { return read(2000); });
  EXPECT_EQ(out, rows.values);
  allocations.reset();
  const std::size_t before = allocations.live_bytes;
  EXPECT_TRUE(succeeded(read(500)));
  EXPECT_EQ(allocations.live_bytes, before);
  EXPECT_LE(allocations.peak_bytes - before, 4500u);
}

TEST(memory_of_a_file, stays_within_what_its_size_justifies_whatever_it_says) {
  random_generator random(7);
  const std::size_t live = allocations.live;
  for (const golden::golden_file& file : golden::files) {
    const auto good = test::read_bytes(golden::path_of(test::golden_folder(), file));
    ASSERT_FALSE(good.empty());
    for (int round = 0; round < 700; ++round) {
      auto bytes = fuzz::mutated(good, random);
      if (round % 8 != 0) fuzz::fix_checksums(bytes);
      allocations.reset();
      ASSERT_EQ(fuzz::wrong_answer(bytes), "") << file.name << ", round " << round;
      // The copy of the file, an index of its levels, and scratch for all its vectors.
      EXPECT_LE(allocations.peak_bytes - allocations.live_bytes, 4 * bytes.size() + 16'384)
          << file.name << ", round " << round;
    }
  }
  EXPECT_EQ(allocations.live, live);
}

}  // namespace
}  // namespace thimble
