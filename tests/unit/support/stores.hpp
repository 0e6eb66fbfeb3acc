// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Stores and sources of rows that fail, count or answer late.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <thimble/core/aligned_buffer.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/matrix_view.hpp>
#include <thimble/store/fingerprint.hpp>
#include <thimble/store/store.hpp>
#include <utility>
#include <vector>

namespace thimble::test {

[[nodiscard]] inline std::uint64_t identity_of(const matrix_view<float>& rows) {
  std::vector<float> scratch(rows.dim());
  return *fingerprint(rows, scratch);
}

// Rows of which one cannot be read.
class failing_rows {
 public:
  failing_rows(const matrix_view<float>& rows, std::size_t broken) : rows_(rows), broken_(broken) {}
  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] std::size_t dim() const { return rows_.dim(); }
  [[nodiscard]] expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    if (i == broken_) return fail(errc::corrupt, "this row is broken", i);
    return rows_.row(i, scratch);
  }

 private:
  matrix_view<float> rows_;
  std::size_t broken_;
};
static_assert(row_source<failing_rows>);

class rows_with_identity {
 public:
  explicit rows_with_identity(const matrix_view<float>& rows) : rows_(rows), fingerprint_(identity_of(rows)) {}
  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] std::size_t dim() const { return rows_.dim(); }
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }

 protected:
  void copy(node x, std::span<float> out) const { std::ranges::copy(*rows_.row(x, out), out.begin()); }

 private:
  matrix_view<float> rows_;
  std::uint64_t fingerprint_;
};

// A batch_store, no row of which can be read.
class failing_store : public rows_with_identity {
 public:
  failing_store(const matrix_view<float>& rows, errc code) : rows_with_identity(rows), code_(code) {}
  [[nodiscard]] expected<void> read(std::span<const node> /*nodes*/, std::span<float> /*out*/) const {
    return fail(code_, "this store fails");
  }

 private:
  errc code_;
};
static_assert(batch_store<failing_store> && !row_store<failing_store>);

class failing_row_store : public rows_with_identity {
 public:
  failing_row_store(const matrix_view<float>& rows, errc code) : rows_with_identity(rows), code_(code) {}
  [[nodiscard]] expected<std::span<const float>> row(std::size_t /*i*/, std::span<float> /*scratch*/) const {
    return fail(code_, "this row fails");
  }

 private:
  errc code_;
};
static_assert(row_store<failing_row_store>);

// Fills the room it is given, all of it, as the concept allows: scratch is dim floats.
class strict_row_store : public rows_with_identity {
 public:
  using rows_with_identity::rows_with_identity;
  [[nodiscard]] expected<std::span<const float>> row(std::size_t i, std::span<float> scratch) const {
    largest_room_ = std::max(largest_room_, scratch.size());
    std::ranges::fill(scratch, -1.0f);
    copy(static_cast<node>(i), scratch.first(dim()));
    return std::span<const float>(scratch);
  }
  [[nodiscard]] std::size_t largest_room() const { return largest_room_; }

 private:
  mutable std::size_t largest_room_ = 0;
};
static_assert(row_store<strict_row_store>);

// A batch_store that remembers what it was asked.
class counting_store : public rows_with_identity {
 public:
  using rows_with_identity::rows_with_identity;
  [[nodiscard]] expected<void> read(std::span<const node> nodes, std::span<float> out) {
    batches_.emplace_back(nodes.begin(), nodes.end());
    room_ = out.size();
    for (std::size_t i = 0; i < nodes.size(); ++i) copy(nodes[i], out.subspan(i * dim(), dim()));
    return {};
  }
  [[nodiscard]] const std::vector<std::vector<node>>& batches() const { return batches_; }
  [[nodiscard]] std::size_t room() const { return room_; }

 private:
  std::vector<std::vector<node>> batches_;
  std::size_t room_ = 0;
};
static_assert(batch_store<counting_store> && !row_store<counting_store>);

// An async_store: answers within read(), or when it is told to, or with an error. It remembers what it was asked.
class late_store : public rows_with_identity {
 public:
  enum class answer : std::uint8_t { at_once, later, failing };

  late_store(const matrix_view<float>& rows, answer how) : rows_with_identity(rows), how_(how) {}

  void read(std::span<const node> nodes, std::span<float> out, completion then) {
    batches_.emplace_back(nodes.begin(), nodes.end());
    waiting_.push_back({nodes, out, then});
    if (how_ != answer::later) complete(waiting_.size() - 1);
  }

  // What an event loop does some time after read() returned, with one of the reads that wait, oldest first.
  void complete(std::size_t which = 0) {
    const reading ended = waiting_[which];
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(which));
    if (how_ == answer::failing) return ended.then(fail(errc::store_unavailable, "this store fails", 42));
    for (std::size_t i = 0; i < ended.nodes.size(); ++i) copy(ended.nodes[i], ended.out.subspan(i * dim(), dim()));
    ended.then({});
  }

  // How it answers from now on, also those who wait.
  void answers(answer how) { how_ = how; }

  [[nodiscard]] std::size_t n_waiting() const { return waiting_.size(); }
  [[nodiscard]] std::size_t n_reads() const { return batches_.size(); }
  [[nodiscard]] const std::vector<std::vector<node>>& batches() const { return batches_; }

 private:
  struct reading {
    std::span<const node> nodes;
    std::span<float> out;
    completion then;
  };

  answer how_;
  std::vector<reading> waiting_;
  std::vector<std::vector<node>> batches_;
};
static_assert(async_store<late_store>);

}  // namespace thimble::test
