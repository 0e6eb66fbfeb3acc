// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include "exact.hpp"

#include <thimble/core/executor.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "failure.hpp"

namespace thimble::cli {

namespace {

using scored = std::pair<double, std::int32_t>;  // sorts by distance, then by id

// The candidates of one query that are nearest so far: a heap with the farthest at its top.
class nearest {
 public:
  explicit nearest(std::size_t capacity) : capacity_(capacity) { heap_.reserve(capacity); }

  void offer(double distance, std::int32_t id) {
    if (heap_.size() == capacity_) {
      if (!(scored{distance, id} < heap_.front())) return;
      std::ranges::pop_heap(heap_);
      heap_.pop_back();
    }
    heap_.emplace_back(distance, id);
    std::ranges::push_heap(heap_);
  }

  [[nodiscard]] std::vector<scored>& all() { return heap_; }

 private:
  std::size_t capacity_;
  std::vector<scored> heap_;
};

double norm(std::span<const float> a) {
  double sum = 0;
  for (const float value : a) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

// Up to a shift and a scale that are the query's own.
double exact_distance(metric m, std::span<const float> query, std::span<const float> row) {
  double sum = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const double q = query[i];
    const double x = row[i];
    sum += m == metric::l2 ? (q - x) * (q - x) : -q * x;
  }
  if (m != metric::cosine) return sum;
  const double row_norm = norm(row);
  return row_norm > 0 ? sum / row_norm : 0;
}

}  // namespace

exact_answers find_exact(const mmap_store& vectors, const std::string& vectors_path, std::span<const float> queries,
                         metric m, std::size_t k, const simd::kernel_set& kernels, progress_bar& bar) {
  const std::size_t dim = vectors.dim();
  const std::size_t n = queries.size() / dim;
  // Float32 sums may swap neighbours whose distances agree in 6 digits: some more are kept for the second look.
  const std::size_t kept = std::min(vectors.size(), k + k / 4 + 16);
  thread_executor on(0);
  // Queries that pass over the vectors together; each worker has its share.
  const std::size_t block = std::clamp<std::size_t>((n + on.workers() - 1) / on.workers(), 1, 32);
  const std::size_t n_blocks = (n + block - 1) / block;
  constexpr std::size_t rows_per_report = 1024;

  exact_answers answers{.k = k, .ids = std::vector<std::int32_t>(n * k)};
  std::vector<std::optional<error>> errors(on.workers());
  std::atomic<std::size_t> done{0};
  std::atomic<bool> stop{false};

  parallel_for(on, n_blocks, [&](std::size_t b, unsigned worker) {
    const std::size_t first = b * block;
    const std::size_t count = std::min(block, n - first);
    std::vector<float> scratch(dim);
    std::vector<nearest> best(count, nearest(kept));
    const auto give_up = [&](const error& e) {
      errors[worker] = e;
      stop = true;
    };
    const auto query = [&](std::size_t q) { return queries.subspan((first + q) * dim, dim); };

    for (std::size_t i = 0; i < vectors.size(); ++i) {
      if (i % rows_per_report == 0) {
        if (stop) return;
        const std::size_t rows = std::min(rows_per_report, vectors.size() - i);
        const std::size_t compared = done += rows * count;
        if (!bar.show("exact answers", compared, vectors.size() * n)) stop = true;
      }
      const auto row = vectors.row(i, scratch);
      if (!row) return give_up(row.error());
      const double row_norm = m == metric::cosine ? norm(*row) : 1;
      const double scale = row_norm > 0 ? 1 / row_norm : 0;
      for (std::size_t q = 0; q < count; ++q) {
        const double distance = m == metric::l2 ? static_cast<double>(kernels.l2(query(q).data(), row->data(), dim))
                                                : -scale * kernels.dot(query(q).data(), row->data(), dim);
        best[q].offer(distance, static_cast<std::int32_t>(i));
      }
    }

    for (std::size_t q = 0; q < count; ++q) {
      for (scored& candidate : best[q].all()) {
        const auto row = vectors.row(static_cast<std::size_t>(candidate.second), scratch);
        if (!row) return give_up(row.error());
        candidate.first = exact_distance(m, query(q), *row);
      }
      std::ranges::sort(best[q].all());
      for (std::size_t j = 0; j < k; ++j) answers.ids[(first + q) * k + j] = best[q].all()[j].second;
    }
  });
  stop_if_interrupted();
  for (const auto& e : errors)
    if (e) throw failure(vectors_path, *e);
  return answers;
}

}  // namespace thimble::cli
