// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Which vectors may be results: a bitset of those allowed or denied, or a predicate. A small value that refers to the
// caller's bits or predicate, which must outlive the search.
//
//     index.search(query, {.k = 10, .filter = thimble::label_filter::allowed(bits)});
//     const auto in_stock = [&](thimble::label id) { return stock[id] > 0; };
//     index.search(query, {.k = 10, .filter = thimble::label_filter::where(in_stock)});

#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include <thimble/core/config.hpp>
#include <thimble/core/types.hpp>

namespace thimble::inline THIMBLE_FLAGS {

class label_filter {
 public:
  // All pass.
  label_filter() = default;

  // Those whose bit is set pass: bit id % 64 of word id / 64. Without a word a label does not pass.
  [[nodiscard]] static label_filter allowed(std::span<const std::uint64_t> bits) {
    return {kind::allowed, bits, nullptr, nullptr};
  }

  // Those whose bit is set do not pass. Without a word a label passes.
  [[nodiscard]] static label_filter denied(std::span<const std::uint64_t> bits) {
    return {kind::denied, bits, nullptr, nullptr};
  }

  // Those that the predicate is true for. It is asked for some labels more than once, by any thread that searches.
  template <std::predicate<label> Predicate>
  [[nodiscard]] static label_filter where(const Predicate& passes) {
    return {kind::predicate, {}, &passes, [](const void* of, label id) -> bool {
              return (*static_cast<const Predicate*>(of))(id);
            }};
  }
  template <std::predicate<label> Predicate>
  static label_filter where(const Predicate&& passes) = delete;  // it would be gone before the search

  [[nodiscard]] bool passes_all() const { return kind_ == kind::all; }

  [[nodiscard]] THIMBLE_ALWAYS_INLINE bool operator()(label id) const {
    if (kind_ == kind::all) return true;
    if (kind_ == kind::predicate) return ask_(predicate_, id);
    const std::uint64_t word = word_at(id / 64);
    return (word >> (id % 64) & 1) != 0;
  }

  // The first label from `from` on that passes; n when none below n does.
  [[nodiscard]] std::size_t next(std::size_t from, std::size_t n) const {
    if (kind_ == kind::all || kind_ == kind::predicate) {
      while (from < n && !(*this)(from)) ++from;
      return std::min(from, n);
    }
    while (from < n) {
      const std::uint64_t word = word_at(from / 64) >> (from % 64);
      if (word != 0) return std::min(from + static_cast<std::size_t>(std::countr_zero(word)), n);
      from = from - from % 64 + 64;
    }
    return n;
  }

  // How many labels below n pass: counted where there are bits, estimated from a sample for a predicate.
  [[nodiscard]] std::size_t n_passing(std::size_t n) const {
    if (kind_ == kind::all) return n;
    if (kind_ == kind::predicate) return estimated_passing(n);
    std::size_t passing = 0;
    for (std::size_t i = 0; i < n / 64; ++i) passing += static_cast<std::size_t>(std::popcount(word_at(i)));
    if (n % 64 != 0) {
      const std::uint64_t below = (std::uint64_t{1} << (n % 64)) - 1;
      passing += static_cast<std::size_t>(std::popcount(word_at(n / 64) & below));
    }
    return passing;
  }

 private:
  enum class kind : std::uint8_t { all, allowed, denied, predicate };

  label_filter(kind which, std::span<const std::uint64_t> bits, const void* predicate, bool (*ask)(const void*, label))
      : bits_(bits), predicate_(predicate), ask_(ask), kind_(which) {}

  // The bits of those that pass.
  [[nodiscard]] THIMBLE_ALWAYS_INLINE std::uint64_t word_at(std::uint64_t i) const {
    const std::uint64_t word = i < bits_.size() ? bits_[static_cast<std::size_t>(i)] : 0;
    return kind_ == kind::denied ? ~word : word;
  }

  // Labels in a stride that no period of the data shares, one for each part of n.
  [[nodiscard]] std::size_t estimated_passing(std::size_t n) const {
    constexpr std::size_t most = 256;
    const std::size_t asked = std::min(n, most);
    std::size_t passing = 0;
    for (std::size_t i = 0; i < asked; ++i) {
      const std::size_t begin = n * i / asked, size = n * (i + 1) / asked - begin;
      passing += (*this)(begin + i * std::size_t{2'654'435'761} % size) ? 1 : 0;
    }
    return asked == 0 ? 0 : n * passing / asked;
  }

  std::span<const std::uint64_t> bits_;
  const void* predicate_ = nullptr;
  bool (*ask_)(const void*, label) = nullptr;
  kind kind_ = kind::all;
};

}  // namespace thimble::inline THIMBLE_FLAGS
