// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0

#include "vectors.hpp"

#include <algorithm>
#include <span>

#include "failure.hpp"
#include "text.hpp"

namespace thimble::cli {

simd::isa parse_simd(const std::string& name) {
  const auto set = simd::parse_isa(name);
  if (!set) throw usage_failure(set.error().message);
  return *set;
}

any_index open_index(const std::string& path, const std::string& simd) {
  return take(any_index::open(path.c_str(), {.simd = parse_simd(simd)}), path);
}

mmap_store open_vectors(const std::string& path, const any_index& index, const std::string& index_path) {
  auto store = take(mmap_store::open(path.c_str()), path);
  if (store.size() != index.size() || store.dim() != index.dim())
    throw failure(path, with_commas(store.size()) + " x " + std::to_string(store.dim()) + " values, but " + index_path +
                            " was built from " + with_commas(index.size()) + " x " + std::to_string(index.dim()) +
                            " [store_mismatch]");
  if (!index.check_store(store))
    throw failure(path, "not the vectors that " + index_path + " was built from [store_mismatch]");
  return store;
}

mmap_store open_queries(const std::string& path, const any_index& index) {
  auto queries = take(mmap_store::open(path.c_str()), path);
  if (queries.dim() != index.dim())
    throw failure(path, "queries of " + std::to_string(queries.dim()) + " values, but the index holds vectors of " +
                            std::to_string(index.dim()) + " [wrong_dim]");
  return queries;
}

void fail_search(const error& e, const std::string& index, const std::string& vectors, const std::string& queries) {
  switch (e.code) {
    case errc::invalid_argument:
      throw usage_failure(e.message);
    case errc::wrong_dim:
    case errc::not_finite:
    case errc::zero_vector:
      throw failure(queries, e);
    case errc::store_mismatch:
    case errc::missing_row:
    case errc::corrupt:
    case errc::truncated:
    case errc::cannot_read:
      throw failure(vectors.empty() ? index : vectors, e);
    default:
      throw failure(index, e);
  }
}

exact_answers read_answers(const std::string& path, std::size_t n, std::size_t k, std::size_t n_vectors) {
  const auto format = take(id_format_of(path), path);
  const auto file = take(mapped_file::open(path.c_str()), path);
  const auto head = file.bytes().first(std::min(file.size(), vector_header_bytes));
  const auto layout = take(parse_id_header(head, file.size(), format), path);
  const id_rows rows(file.bytes().data(), layout);
  if (rows.size() != n)
    throw failure(path, "answers to " + with_commas(rows.size()) + " queries, but there are " + with_commas(n));
  if (rows.k() < k)
    throw failure(path, "holds " + std::to_string(rows.k()) + " answers a query, fewer than --k " + std::to_string(k));
  take(rows.check(n_vectors), path);

  exact_answers answers{.k = k, .ids = std::vector<std::int32_t>(n * k)};
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < k; ++j) answers.ids[i * k + j] = rows.id(i, j);
  return answers;
}

}  // namespace thimble::cli
