// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// An index that changes while it is searched, from many threads. Each label has two vectors, between which updates go
// to and fro, so that every distance a search reports can be checked.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <set>
#include <thimble/core/executor.hpp>
#include <thimble/core/random.hpp>
#include <thimble/index/mutable_index.hpp>
#include <thimble/quant/float32.hpp>
#include <thimble/quant/sq8.hpp>
#include <vector>

#include "unit/support/environment.hpp"
#include "unit/support/outcome.hpp"
#include "unit/support/vectors.hpp"

namespace thimble {
namespace {

using test::code_of;
using test::succeeded;

constexpr unsigned n_writers = 4, n_searchers = 4;
constexpr std::size_t churned_dim = 8;

// What is churned: labels of all writers, label l belonging to writer l % n_writers.
class churned_vectors {
 public:
  explicit churned_vectors(std::size_t n) : vectors_(test::clustered_vectors(2 * n, churned_dim, 17)) {}
  [[nodiscard]] std::size_t size() const { return vectors_.size() / 2; }
  [[nodiscard]] std::span<const float> of(label id, unsigned version) const {
    return vectors_.row(2 * static_cast<std::size_t>(id) + version % 2);
  }
  [[nodiscard]] matrix_view<float> all() const { return vectors_.view(); }

  // Whether this is how far one of the vectors of the label is.
  [[nodiscard]] bool plausible(const neighbor& hit, std::span<const float> query) const {
    for (const unsigned version : {0u, 1u}) {
      float sum = 0;
      const auto row = of(hit.id, version);
      for (std::size_t j = 0; j < query.size(); ++j) sum += (row[j] - query[j]) * (row[j] - query[j]);
      if (std::fabs(sum - hit.distance) < 1e-3f) return true;
    }
    return false;
  }

 private:
  test::float_vectors vectors_;
};

template <class Quantizer>
mutable_index<Quantizer> churned_index(const churned_vectors& vectors) {
  auto made =
      mutable_index<Quantizer>::train(vectors.all(), test::on_asked_simd({.m = 16, .ef_construction = 40, .seed = 5}));
  EXPECT_TRUE(succeeded(made));
  return std::move(*made);
}

// Even: no vector has the label, and nobody is about to add one.
using lives = std::vector<std::atomic<std::uint32_t>>;

// Labels below n_permanent are never removed, only updated.
template <class Quantizer>
void change_at_random(mutable_index<Quantizer>& changed, const churned_vectors& vectors, label n_permanent,
                      unsigned writer, std::size_t steps, lives& life, std::vector<int>& version) {
  random_generator random(writer);
  for (std::size_t step = 0; step < steps; ++step) {
    const label id = random.below(vectors.size() / n_writers) * n_writers + writer;
    const auto at = static_cast<std::size_t>(id);
    if (version[at] < 0) {
      ++life[at];
      version[at] = static_cast<int>(random.below(2));
      EXPECT_TRUE(succeeded(changed.add(id, vectors.of(id, static_cast<unsigned>(version[at])))));
    } else if (id < n_permanent || random.below(2) == 0) {
      version[at] = 1 - version[at];
      EXPECT_TRUE(succeeded(changed.update(id, vectors.of(id, static_cast<unsigned>(version[at])))));
    } else {
      EXPECT_TRUE(succeeded(changed.remove(id)));
      version[at] = -1;
      ++life[at];
    }
  }
}

struct search_faults {
  std::atomic<std::size_t> failed{0}, twice{0}, removed{0}, wrong_distance{0}, missing{0}, searches{0};
};

template <class Quantizer>
void search_at_random(const mutable_index<Quantizer>& searched, const churned_vectors& vectors, label n_permanent,
                      unsigned seed, const lives& life, search_faults& faults) {
  random_generator random(seed);
  const bool exhaustive = random.below(2) == 0, filtered = random.below(3) == 0;
  const auto chosen = [](label id) { return id % 3 != 0; };
  const auto query = vectors.of(random.below(vectors.size()), 0);
  std::vector<std::uint32_t> before(life.size());
  for (std::size_t i = 0; i < life.size(); ++i) before[i] = life[i];
  const auto found = searched.search(query, {.k = exhaustive ? vectors.size() : 10,
                                             .ef = 30,
                                             .exhaustive = exhaustive,
                                             .filter = filtered ? label_filter::where(chosen) : label_filter()});
  ++faults.searches;
  if (!found) {
    ++faults.failed;
    return;
  }
  std::set<label> seen;
  for (const neighbor& hit : *found) {
    const auto at = static_cast<std::size_t>(hit.id);
    if (at >= life.size() || (filtered && !chosen(hit.id))) {
      ++faults.failed;
      return;
    }
    faults.twice += seen.insert(hit.id).second ? 0 : 1;
    faults.removed += before[at] % 2 == 0 && life[at] == before[at] ? 1 : 0;
    faults.wrong_distance += vectors.plausible(hit, query) ? 0 : 1;
  }
  if (exhaustive)
    for (label id = 0; id < n_permanent; ++id)
      faults.missing += !seen.contains(id) && (!filtered || chosen(id)) ? 1 : 0;
}

TEST(mutable_index_threads, search_while_others_change_the_index) {
  const churned_vectors vectors(test::slow ? 240 : 800);
  const label n_permanent = 40;
  auto changed = churned_index<float32>(vectors);
  lives life(vectors.size());
  std::vector<int> version(vectors.size(), -1);
  for (label id = 0; id < n_permanent; ++id) {
    ASSERT_TRUE(succeeded(changed.add(id, vectors.of(id, 0))));
    version[static_cast<std::size_t>(id)] = 0;
    ++life[static_cast<std::size_t>(id)];
  }
  search_faults faults;
  std::atomic<unsigned> writing{n_writers};
  thread_executor threads(n_writers + n_searchers);
  threads.run([&](unsigned worker) {
    if (worker < n_writers) {
      change_at_random(changed, vectors, n_permanent, worker, test::slow ? 1500 : 10'000, life, version);
      --writing;
      return;
    }
    for (unsigned seed = worker; writing > 0; seed += n_searchers)
      search_at_random(changed, vectors, n_permanent, seed, life, faults);
  });
  EXPECT_EQ(faults.failed, 0u);
  EXPECT_EQ(faults.twice, 0u) << "a label is found once";
  EXPECT_EQ(faults.removed, 0u) << "a label that was removed before the search is not found";
  EXPECT_EQ(faults.wrong_distance, 0u) << "it is one of the label's vectors that was measured";
  EXPECT_EQ(faults.missing, 0u) << "a label that is updated is always found";
  if (threads.workers() > n_writers) {
    EXPECT_GT(faults.searches, 0u);
  }

  std::set<label> expected_labels;
  for (label id = 0; id < vectors.size(); ++id) {
    EXPECT_EQ(changed.contains(id), version[static_cast<std::size_t>(id)] >= 0);
    if (version[static_cast<std::size_t>(id)] >= 0) expected_labels.insert(id);
  }
  EXPECT_EQ(changed.size(), expected_labels.size());
  const auto all = changed.search(vectors.of(0, 0), {.k = vectors.size(), .exhaustive = true});
  ASSERT_TRUE(succeeded(all));
  std::set<label> found;
  for (const neighbor& hit : *all) found.insert(hit.id);
  EXPECT_EQ(found, expected_labels);
  std::size_t walked_to = 0;
  for (const label id : expected_labels) {
    const auto own = vectors.of(id, static_cast<unsigned>(version[static_cast<std::size_t>(id)]));
    EXPECT_EQ((*changed.search(own, {.k = 1, .exhaustive = true}))[0].id, id);
    walked_to += (*changed.search(own, {.k = 1, .ef = 50}))[0].id == id ? 1 : 0;
  }
  EXPECT_GE(walked_to, expected_labels.size() * 97 / 100);
}

// A label has one of its two vectors, whole, or none; for who changes it, always the last.
TEST(mutable_index_threads, get_vectors_while_others_change_the_index) {
  const churned_vectors vectors(40);
  const label n_permanent = 12;
  auto changed = churned_index<float32>(vectors);
  for (label id = 0; id < n_permanent; ++id) ASSERT_TRUE(succeeded(changed.add(id, vectors.of(id, 0))));
  lives life(vectors.size());
  std::atomic<std::size_t> mixed{0}, missing{0}, removed{0}, gets{0};
  const auto is = [&](std::span<const float> got, label id, unsigned version) {
    return std::ranges::equal(got, vectors.of(id, version));
  };
  std::atomic<unsigned> writing{n_writers};
  thread_executor threads(n_writers + n_searchers);
  threads.run([&](unsigned worker) {
    std::vector<float> got(churned_dim);
    random_generator random(worker);
    if (worker >= n_writers) {
      while (writing > 0) {
        const label id = random.below(vectors.size());
        const std::uint32_t before = life[static_cast<std::size_t>(id)];
        const auto outcome = changed.get(id, got);
        ++gets;
        if (outcome) {
          mixed += is(got, id, 0) || is(got, id, 1) ? 0 : 1;
          removed += id >= n_permanent && before % 2 == 0 && life[static_cast<std::size_t>(id)] == before ? 1 : 0;
        } else {
          missing += id < n_permanent || code_of(outcome) != errc::unknown_label ? 1 : 0;
        }
      }
      return;
    }
    for (int step = 0; step < (test::slow ? 300 : 3000); ++step) {
      const label id = random.below(vectors.size() / n_writers) * n_writers + worker;
      const auto at = static_cast<std::size_t>(id);
      const auto version = static_cast<unsigned>(random.below(2));
      if (!changed.contains(id)) {
        ++life[at];
        EXPECT_TRUE(succeeded(changed.add(id, vectors.of(id, version))));
      } else if (id < n_permanent || random.below(2) == 0) {
        EXPECT_TRUE(succeeded(changed.update(id, vectors.of(id, version))));
      } else {
        EXPECT_TRUE(succeeded(changed.remove(id)));
        ++life[at];
        EXPECT_EQ(code_of(changed.get(id, got)), errc::unknown_label);
        continue;
      }
      EXPECT_TRUE(succeeded(changed.get(id, got)));
      EXPECT_TRUE(is(got, id, version));
    }
    --writing;
  });
  EXPECT_EQ(mixed, 0u) << "it is one of the label's vectors";
  EXPECT_EQ(missing, 0u) << "a label that is updated always has a vector";
  EXPECT_EQ(removed, 0u) << "a label that was removed before has none";
  if (threads.workers() > n_writers) {
    EXPECT_GT(gets, 0u);
  }
}

TEST(mutable_index_threads, one_of_many_gets_a_label) {
  const churned_vectors vectors(64);
  auto changed = churned_index<sq8>(vectors);
  for (label id = 0; id < vectors.size(); ++id) {
    std::atomic<unsigned> added{0}, removed{0};
    thread_executor threads(4);
    threads.run([&](unsigned worker) {
      const auto outcome = changed.add(id, vectors.of(id, worker));
      if (outcome) ++added;
      EXPECT_TRUE(outcome || code_of(outcome) == errc::label_exists);
    });
    EXPECT_EQ(added, 1u);
    EXPECT_TRUE(changed.contains(id));
    if (id % 2 == 0) continue;
    threads.run([&](unsigned) {
      const auto outcome = changed.remove(id);
      if (outcome) ++removed;
      EXPECT_TRUE(outcome || code_of(outcome) == errc::unknown_label);
    });
    EXPECT_EQ(removed, 1u);
  }
  EXPECT_EQ(changed.size(), vectors.size() / 2);
}

// Everybody changes the same few labels, also while they are being linked.
TEST(mutable_index_threads, agree_on_what_is_there_in_the_end) {
  const churned_vectors vectors(6);
  auto changed = churned_index<float32>(vectors);
  std::vector<std::atomic<int>> there(vectors.size());
  thread_executor threads(n_writers);
  threads.run([&](unsigned worker) {
    random_generator random(100 + worker);
    for (int step = 0; step < (test::slow ? 1500 : 10'000); ++step) {
      const label id = random.below(vectors.size());
      const auto at = static_cast<std::size_t>(id);
      const auto vector = vectors.of(id, static_cast<unsigned>(random.below(2)));
      switch (random.below(3)) {
        case 0:
          there[at] += changed.add(id, vector) ? 1 : 0;
          break;
        case 1:
          there[at] -= changed.remove(id) ? 1 : 0;
          break;
        default:
          (void)changed.update(id, vector);
      }
      const auto found = changed.search(vector, {.k = 10});
      EXPECT_TRUE(succeeded(found));
      std::set<label> seen;
      for (const neighbor& hit : *found) {
        EXPECT_TRUE(seen.insert(hit.id).second);
        EXPECT_TRUE(vectors.plausible(hit, vector));
      }
    }
  });
  std::size_t n = 0;
  for (std::size_t i = 0; i < there.size(); ++i) {
    EXPECT_TRUE(there[i] == 0 || there[i] == 1);
    EXPECT_EQ(changed.contains(i), there[i] == 1);
    n += static_cast<std::size_t>(there[i]);
  }
  EXPECT_EQ(changed.size(), n);
  EXPECT_EQ(changed.search(vectors.of(0, 0))->size(), n);
}

TEST(mutable_index_threads, add_while_the_index_grows_over_chunks) {
  const std::size_t n = 2 * adjacency::chunk_nodes + 500;
  const auto rows = test::clustered_vectors(n, 4, 8);
  auto grown = mutable_index<sq8>::train(rows.view(), test::on_asked_simd({.m = 4, .ef_construction = 8}));
  ASSERT_TRUE(succeeded(grown));
  std::atomic<bool> growing{true};
  std::atomic<std::size_t> fewer{0};
  thread_executor threads(3);
  threads.run([&](unsigned worker) {
    if (worker == 0) {
      EXPECT_TRUE(succeeded(grown->add(0, rows.view(), 2)));
      growing = false;
      return;
    }
    random_generator random(worker);
    while (growing) {
      const std::size_t before = grown->size();
      const auto found = grown->search(rows.row(random.below(n)), {.k = 10, .exhaustive = random.below(8) == 0});
      fewer += found && found->size() >= std::min<std::size_t>(10, before) ? 0 : 1;
    }
  });
  EXPECT_EQ(fewer, 0u) << "nothing was removed";
  EXPECT_EQ(grown->size(), n);
  EXPECT_EQ(grown->search(rows.row(0), {.k = n, .exhaustive = true})->size(), n);
}

// Large batches look at all links when they are in (build/reach_all.hpp), and link to whom nobody does.
TEST(mutable_index_threads, add_batches_while_others_change_the_index) {
  const std::size_t n = test::slow ? 400 : 1200;
  const auto rows = test::random_vectors(n, 30, 5);
  auto made = mutable_index<float32>::train(rows.view(), test::on_asked_simd({.m = 4, .ef_construction = 20}));
  ASSERT_TRUE(succeeded(made));
  constexpr std::size_t parts = 4;
  constexpr label kept_back = 10'000;
  const std::size_t size = n / parts;
  const auto add_batch = [&](std::size_t first) {
    EXPECT_TRUE(succeeded(made->add(first, matrix_view<float>(rows.row(first).data(), size, rows.dim))));
  };
  const auto change = [&](std::size_t first) {
    for (std::size_t i = first; i < first + size; ++i) {
      EXPECT_TRUE(succeeded(made->add(kept_back + i, rows.row(i))));
      EXPECT_TRUE(succeeded(made->search(rows.row(i), {.k = 3})));
      if (i % 2 == 0) {
        EXPECT_TRUE(succeeded(made->remove(kept_back + i)));
      }
    }
  };
  thread_executor on(2 * parts);
  on.run([&](unsigned worker) {
    for (std::size_t part = worker; part < 2 * parts; part += on.workers())
      part < parts ? add_batch(part * size) : change((part - parts) * size);
  });
  EXPECT_EQ(made->size(), n + n / 2);
  for (label id = 0; id < n; ++id) EXPECT_TRUE(made->contains(id));
  ASSERT_TRUE(succeeded(made->compact(4)));
  for (std::size_t i = 0; i < n; ++i) {
    const auto found = made->search(rows.row(i), {.k = 1, .ef = 2 * n});
    ASSERT_TRUE(succeeded(found));
    EXPECT_EQ((*found)[0].distance, 0.0f) << i;
  }
}

}  // namespace
}  // namespace thimble
