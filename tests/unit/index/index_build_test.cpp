// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// How an index is built: on threads, on an executor of the caller's, with progress, and searched from many threads.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <string_view>
#include <thimble/index/index.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/rabitq.hpp>
#include <thimble/quant/sq8.hpp>
#include <thimble/store/memory_store.hpp>

#include "unit/support/archetypes.hpp"
#include "unit/support/environment.hpp"
#include "unit/support/exact.hpp"
#include "unit/support/files.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/stores.hpp"
#include "unit/support/vectors.hpp"

#if THIMBLE_RESERVED_BLOCKS
#include "unit/support/folder.hpp"
#endif

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

const test::float_vectors& build_rows() {
  static const test::float_vectors made = test::clustered_vectors(2000, 32, 4);
  return made;
}

double recall_with_sq8(const index<sq8>& searched) {
  auto store = memory_store<float>::create(build_rows().view());
  std::size_t found = 0;
  constexpr std::size_t n_queries = 50;
  const auto queries = test::random_vectors(n_queries, 32, 5);
  for (std::size_t i = 0; i < n_queries; ++i) {
    const auto truth = test::exact_nearest(metric::l2, queries.row(i), build_rows().size(), 10,
                                           [](std::size_t x) { return build_rows().row(x); });
    found += test::n_common(*searched.search(queries.row(i), {.k = 10, .ef = 80}, *store), truth);
  }
  return static_cast<double>(found) / (10 * n_queries);
}

#if THIMBLE_RESERVED_BLOCKS
template <class Quantizer>
void expect_the_same_with_a_scratch_folder(std::string_view folder, graph_codes codes) {
  auto options = test::on_asked_simd({.ef_construction = 40, .graph_codes = codes});
  const auto plain = index<Quantizer>::build(build_rows().view(), options);
  options.scratch_folder = folder;
  const auto with_scratch = index<Quantizer>::build(build_rows().view(), options);
  ASSERT_TRUE(succeeded(plain));
  ASSERT_TRUE(succeeded(with_scratch));
  EXPECT_EQ(test::saved(*with_scratch), test::saved(*plain));
}

TEST(index_build, a_scratch_folder_changes_no_byte_of_the_index) {
  const test::temporary_folder folder("index_build.a");
  const std::string path = folder / "";
  expect_the_same_with_a_scratch_folder<rabitq<1>>(path, graph_codes::automatic);
  expect_the_same_with_a_scratch_folder<sq8>(path, graph_codes::own);
  expect_the_same_with_a_scratch_folder<float32>(path, graph_codes::sq8);
  EXPECT_TRUE(folder.names().empty());
}

TEST(index_build, names_a_scratch_folder_that_is_not_there) {
  const test::temporary_folder folder("index_build.b");
  const std::string absent = folder / "absent";
  EXPECT_EQ(code_of(index<sq8>::build(build_rows().view(), {.scratch_folder = absent})), errc::cannot_write);
  EXPECT_EQ(code_of(index<rabitq<1>>::build(build_rows().view(), {.scratch_folder = absent})), errc::cannot_write);
}
#else
TEST(index_build, refuses_a_scratch_folder) {
  EXPECT_EQ(code_of(index<sq8>::build(build_rows().view(), {.scratch_folder = "."})), errc::unsupported);
}
#endif

TEST(index_build, many_threads_find_as_much_as_one) {
  const auto one = index<sq8>::build(build_rows().view(), test::on_asked_simd({.ef_construction = 100, .threads = 1}));
  ASSERT_TRUE(succeeded(one));
  const double recall = recall_with_sq8(*one);
  EXPECT_GE(recall, .98);
  for (const unsigned threads : {2u, 4u, 0u}) {
    const auto many = index<sq8>::build(build_rows().view(), {.ef_construction = 100, .threads = threads});
    ASSERT_TRUE(succeeded(many));
    EXPECT_NEAR(recall_with_sq8(*many), recall, .01);
    const auto bytes = static_cast<double>(one->memory().total());
    EXPECT_NEAR(static_cast<double>(many->memory().total()), bytes, .01 * bytes);
  }
}

TEST(index_build, a_graph_of_many_threads_is_saved_and_opened) {
  const auto many = index<sq8>::build(build_rows().view(), {.ef_construction = 50, .threads = 4});
  const auto opened = test::opened<index<sq8>>(test::saved(*many));
  ASSERT_TRUE(succeeded(opened));
  EXPECT_TRUE(std::ranges::equal(*opened->search(build_rows().row(0)), *many->search(build_rows().row(0))));
}

TEST(index_build, progress_grows_in_each_stage_and_ends_at_the_total) {
  for (const unsigned threads : {1u, 4u}) {
    std::map<build_stage, std::size_t> last;
    const std::map<build_stage, std::size_t> totals{{build_stage::train, 1},
                                                    {build_stage::encode, build_rows().size()},
                                                    {build_stage::order, 8},
                                                    {build_stage::link, build_rows().size()}};
    std::vector<build_stage> stages;
    const auto built = index<sq8>::build(
        build_rows().view(), {.ef_construction = 20, .threads = threads, .progress = [&](const build_progress& p) {
                                EXPECT_EQ(p.total, totals.at(p.stage));
                                EXPECT_LE(p.done, p.total);
                                EXPECT_GE(p.done, last[p.stage]);
                                last[p.stage] = p.done;
                                if (stages.empty() || stages.back() != p.stage) stages.push_back(p.stage);
                                return true;
                              }});
    ASSERT_TRUE(succeeded(built));
    EXPECT_EQ(last, totals);
    EXPECT_TRUE(std::ranges::is_sorted(stages)) << "one stage after the other";
  }
}

// Codes too coarse for a graph: it is built on sq8 codes first.
TEST(index_build, coarse_codes_get_the_graph_of_sq8_and_keep_none_of_its_bytes) {
  std::vector<build_stage> stages;
  const auto report = [&](const build_progress& p) {
    if (stages.empty() || stages.back() != p.stage) stages.push_back(p.stage);
    return true;
  };
  const auto coarse = index<rabitq<1>>::build(
      build_rows().view(), test::on_asked_simd({.ef_construction = 50, .seed = 3, .progress = report}));
  ASSERT_TRUE(succeeded(coarse));
  using enum build_stage;
  EXPECT_EQ(stages, (std::vector{train, encode, order, link, train, encode}));
  const auto fine = index<sq8>::build(build_rows().view(), {.ef_construction = 50, .seed = 3});
  const auto coarse_file = test::saved(*coarse), fine_file = test::saved(*fine);
  for (const section kind : {section::levels, section::base_links, section::upper_links, section::rows}) {
    const auto part = [&](const test::file_bytes& file) {
      const auto entry = test::entry_of(file, kind);
      return std::span(file).subspan(static_cast<std::size_t>(entry.offset), static_cast<std::size_t>(entry.bytes));
    };
    EXPECT_TRUE(std::ranges::equal(part(coarse_file), part(fine_file))) << static_cast<unsigned>(kind);
  }
  EXPECT_LT(coarse->memory().codes, build_rows().size() * 33);
}

template <class Quantizer>
void expect_cancelled_at_any_report() {
  for (const unsigned threads : {1u, 4u}) {
    int reports = 0;
    const auto count = [&](const build_progress&) { return ++reports != 0; };
    ASSERT_TRUE(succeeded(
        index<Quantizer>::build(build_rows().view(), {.ef_construction = 20, .threads = 1, .progress = count})));
    const int all = reports;
    for (int stop_at = 1; stop_at <= all; ++stop_at) {
      reports = 0;
      const auto stop = [&](const build_progress&) { return ++reports < stop_at; };
      const auto built =
          index<Quantizer>::build(build_rows().view(), {.ef_construction = 20, .threads = threads, .progress = stop});
      // With more threads worker 0 may have fewer reports to make.
      if (threads == 1 || reports >= stop_at) {
        EXPECT_EQ(code_of(built), errc::cancelled) << stop_at;
        EXPECT_EQ(reports, stop_at) << "nobody is asked again after a no";
      }
    }
  }
}

TEST(index_build, is_cancelled_at_any_report) { expect_cancelled_at_any_report<sq8>(); }
TEST(index_build, of_two_rounds_is_cancelled_at_any_report) { expect_cancelled_at_any_report<rabitq<1>>(); }

// Runs the job on threads of its own and counts.
class counting_executor {
 public:
  [[nodiscard]] static unsigned workers() { return 3; }
  void run(function_ref<void(unsigned)> job) {
    ++n_runs_;
    thread_executor threads(3);
    threads.run(job);
    for (unsigned i = threads.workers(); i < 3; ++i) job(i);
  }
  [[nodiscard]] int n_runs() const { return n_runs_; }

 private:
  int n_runs_ = 0;
};
static_assert(executor<counting_executor>);

TEST(index_build, the_callers_executor_does_the_work) {
  counting_executor on;
  const auto built = index<sq8>::build(build_rows().view(), {.ef_construction = 100}, on);
  ASSERT_TRUE(succeeded(built));
  EXPECT_GE(on.n_runs(), 3) << "encode, link and renumber";
  EXPECT_GE(recall_with_sq8(*built), .97);
  inline_executor one;
  EXPECT_EQ(test::saved(*index<sq8>::build(build_rows().view(), {.ef_construction = 30}, one)),
            test::saved(*index<sq8>::build(build_rows().view(), {.ef_construction = 30, .threads = 1})));
}

TEST(index_build, an_error_of_one_worker_ends_all) {
  for (const unsigned threads : {1u, 4u}) {
    auto broken = build_rows();
    broken.row(1999)[3] = 1e20f;
    const auto built = index<sq8>::build(broken.view(), {.threads = threads});
    ASSERT_EQ(code_of(built), errc::not_finite);
    EXPECT_EQ(built.error().value, 1999u);
  }
}

// ------------------------------------------------------------------------------------------------------- archetypes

template <class Quantizer>
void expect_that_the_concepts_are_enough() {
  const test::minimal_rows source(100);
  test::minimal_executor on;
  using minimal_index = index<Quantizer>;
  const auto built = minimal_index::build(source, {.m = 4, .ef_construction = 20}, on);
  ASSERT_TRUE(succeeded(built));
  const auto opened = test::opened<minimal_index>(test::saved(*built));
  ASSERT_TRUE(succeeded(opened));
  EXPECT_EQ(opened->quantizer_name(), Quantizer::name);
  const std::vector<float> query{41.3f, 1};
  test::minimal_row_store row_store(opened->fingerprint());
  test::minimal_batch_store batch_store(opened->fingerprint());
  for (const auto& hits : {opened->search(query, {.k = 3}), opened->search(query, {.k = 3}, row_store),
                           opened->search(query, {.k = 3}, batch_store)}) {
    ASSERT_TRUE(succeeded(hits));
    EXPECT_EQ((*hits)[0].id, 41u);
  }
  test::minimal_async_store async_store(opened->fingerprint());
  EXPECT_TRUE(succeeded(opened->check_store(async_store)));
  test::minimal_row_store foreign(opened->fingerprint() + 1);
  EXPECT_EQ(code_of(opened->search(query, {}, foreign)), errc::store_mismatch);
}

TEST(index_build, an_index_needs_no_more_than_the_concepts_promise) {
  expect_that_the_concepts_are_enough<test::minimal_quantizer>();
  expect_that_the_concepts_are_enough<test::minimal_coarse_quantizer>();
}

TEST(index_build, all_kinds_of_stores_give_the_same_hits_and_are_asked_once) {
  const auto built = index<sq8>::build(build_rows().view(), {.ef_construction = 50});
  auto memory = memory_store<float>::create(build_rows().view());
  test::counting_store batches(build_rows().view());
  for (std::size_t i = 0; i < 20; ++i) {
    const search_params params{.k = 10, .ef = 60, .rerank = 30};
    const auto query = test::random_vectors(1, 32, i).values;
    const auto from_memory = built->search(query, params, *memory);
    const auto from_batches = built->search(query, params, batches);
    ASSERT_TRUE(succeeded(from_batches));
    EXPECT_TRUE(std::ranges::equal(*from_memory, *from_batches));
    ASSERT_EQ(batches.batches().size(), i + 1);
    EXPECT_EQ(batches.batches().back().size(), 30u);
    EXPECT_TRUE(std::ranges::is_sorted(batches.batches().back()));
    EXPECT_EQ(from_batches->batches(), 1u);
  }
}

// --------------------------------------------------------------------------------------------------------- threads

TEST(index_build, any_number_of_threads_search_one_index_with_pooled_and_own_scratch) {
  const auto built = index<sq8>::build(build_rows().view(), {.ef_construction = 50, .threads = 4});
  ASSERT_TRUE(succeeded(built));
  auto store = memory_store<float>::create(build_rows().view());
  constexpr std::size_t n_queries = 40;
  std::vector<std::vector<neighbor>> expected_hits;
  for (std::size_t i = 0; i < n_queries; ++i) {
    const auto hits = built->search(build_rows().row(i * 7), {.k = 5}, *store);
    expected_hits.emplace_back(hits->begin(), hits->end());
  }
  std::atomic<int> wrong = 0;
  thread_executor threads(8);
  threads.run([&](unsigned worker) {
    search_scratch own;
    for (std::size_t round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < n_queries; ++i) {
        const std::size_t q = (i + worker * 5) % n_queries;
        if (worker % 2 == 0) {
          const auto hits = built->search(build_rows().row(q * 7), {.k = 5}, *store);
          if (!hits || !std::ranges::equal(*hits, expected_hits[q])) ++wrong;
        } else {
          const auto hits = built->search(build_rows().row(q * 7), {.k = 5}, *store, own);
          if (!hits || !std::ranges::equal(*hits, expected_hits[q])) ++wrong;
        }
      }
    }
  });
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace thimble
