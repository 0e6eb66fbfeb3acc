// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What the commands read besides an index: vectors, queries, exact answers.

#pragma once

#include <thimble/index/any_index.hpp>
#include <thimble/io/id_format.hpp>
#include <thimble/io/mapped_file.hpp>
#include <thimble/store/mmap_store.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace thimble::cli {

[[nodiscard]] any_index open_index(const std::string& path, const std::string& simd);

// The vectors that the index was built from, or these rounded to halfs: anything else is a failure.
[[nodiscard]] mmap_store open_vectors(const std::string& path, const any_index& index, const std::string& index_path);

// Queries of the index's dim.
[[nodiscard]] mmap_store open_queries(const std::string& path, const any_index& index);

// Throws what the error of a search is: a usage failure, or the failure of the file that it speaks of.
[[noreturn]] void fail_search(const error& e, const std::string& index, const std::string& vectors,
                              const std::string& queries);

// n x k ids, nearest first.
struct exact_answers {
  std::size_t k = 0;
  std::vector<std::int32_t> ids;
};

// The first k of each row, for n queries among vectors 0 .. n_vectors-1.
[[nodiscard]] exact_answers read_answers(const std::string& path, std::size_t n, std::size_t k, std::size_t n_vectors);

[[nodiscard]] simd::isa parse_simd(const std::string& name);

}  // namespace thimble::cli
