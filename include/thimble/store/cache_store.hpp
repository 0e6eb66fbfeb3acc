// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Keeps rows of another store in memory, as many as a budget in bytes holds, everything counted; which of them go is
// the clock's to say (store/row_clock.hpp). What a batch finds here is copied, all the rest of it is one batch of the
// store below. Worth it where that costs more than a copy: files that are not in the page cache, vectors that are
// computed, a database, a server. A row takes 4 bytes a dimension, however narrow the values below are.
//
//     auto file = thimble::file_store::open("base.fbin");
//     auto cached = thimble::cache_store<thimble::file_store>::create(*file, 64 << 20);
//     auto hits = index->search(query, {.k = 10}, *cached);
//
// Over an async_store it is one itself; a batch of which all is here completes before read() returns.

#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <utility>

#include <thimble/core/config.hpp>
#include <thimble/core/error.hpp>
#include <thimble/core/object_pool.hpp>
#include <thimble/core/types.hpp>
#include <thimble/store/cached_batch.hpp>
#include <thimble/store/row_clock.hpp>
#include <thimble/store/store.hpp>

namespace thimble::inline THIMBLE_FLAGS {

// Over a store any number of threads read at once. None waits for another's read of the store below, if that is a
// concurrent_store; of any other store one thread reads at a time. An async_store is used from its own thread, also
// through the cache, which must not be destroyed while a read is under way. Two batches that miss the same row at once
// both read it.
template <class Store>
  requires store<Store> || async_store<Store>
class cache_store {
 public:
  static constexpr bool concurrent = !async_store<Store> || concurrent_store<Store>;

  // The store below stays where it is while the cache lives. The memory is taken at once, no more of it than all rows
  // need. Errors: invalid_argument (the budget does not hold one row; value: the least that does), out_of_memory.
  [[nodiscard]] static expected<cache_store> create(Store& below, std::size_t budget_bytes) {
    const std::uint64_t row_bytes = row_clock::bytes_a_row(below.dim());
    const std::uint64_t fixed = sizeof(cache_store) + sizeof(state);
    if (budget_bytes < fixed + row_bytes)
      return fail(errc::invalid_argument, "the budget does not hold one row: give the cache more bytes",
                  fixed + row_bytes);
    const std::uint64_t most = std::max<std::uint64_t>(below.size(), 1);
    const auto capacity = std::min((budget_bytes - fixed) / row_bytes, most);
    auto rows = row_clock::create(static_cast<std::size_t>(capacity), below.dim());
    if (!rows) return std::unexpected(rows.error());
    auto made = make_owned<state>(std::move(*rows));
    if (!made) return std::unexpected(made.error());
    return cache_store(below, std::move(*made));
  }

  [[nodiscard]] std::size_t size() const { return below_->size(); }
  [[nodiscard]] std::size_t dim() const { return below_->dim(); }
  [[nodiscard]] std::uint64_t fingerprint() const { return below_->fingerprint(); }
  // What the store below says: a miss costs what it costs there.
  [[nodiscard]] std::size_t rows_at_once() const { return thimble::rows_at_once(*below_); }
  [[nodiscard]] bool exact() const
    requires requires(const Store& below) {
      { below.exact() } -> std::same_as<bool>;
    }
  {
    return below_->exact();
  }

  // Row nodes[i] goes to out[i * dim ..]; nodes ascend. Allocates only for a batch of more than 512 rows, while it is
  // read. Errors: those of the store below, of which nothing is kept then, and out_of_memory.
  [[nodiscard]] expected<void> read(std::span<const node> nodes, std::span<float> out)
    requires store<Store>
  {
    detail::cached_batch batch(state_->rows);
    if (auto begun = batch.begin(nodes, dim(), out); !begun) return begun;
    if (!batch.missing().empty())
      if (auto done = read_below(batch.missing(), batch.fresh()); !done) {
        batch.give_up();
        return done;
      }
    batch.finish();
    return {};
  }

  // The same over an async_store: nodes and out stay valid until `then` was called, and out may be written to until
  // then. Several reads may be under way, each with 4 KB beside the budget, or 8 bytes a row where that is more; rows
  // that they have found stay until they end.
  void read(std::span<const node> nodes, std::span<float> out, completion then)
    requires async_store<Store>
  {
    auto made = make_owned<reading>(state_->rows, then);
    if (!made) return then(std::unexpected(made.error()));
    detail::cached_batch& batch = (**made).batch;
    if (const auto begun = batch.begin(nodes, dim(), out); !begun) return then(begun);
    reading* under_way = made->release();
    if (batch.missing().empty()) return arrived(under_way, {});
    below_->read(batch.missing(), batch.fresh(), {under_way, &cache_store::arrived});
  }

  // Rows that there is room for.
  [[nodiscard]] std::size_t capacity() const { return state_->rows.capacity(); }

  // Bytes of memory, the store below not counted: no more than the budget.
  [[nodiscard]] std::size_t bytes() const { return sizeof(cache_store) + sizeof(state) + state_->rows.bytes(); }

  [[nodiscard]] cache_counters counters() const { return state_->rows.counters(); }

 private:
  // Stays where it is when the cache is moved.
  struct state {
    explicit state(row_clock&& kept) : rows(std::move(kept)) {}

    detail::cached_rows rows;
    detail::cache_mutex below;  // held while the store below is read, where one thread may do that at a time
  };

  struct reading {
    reading(detail::cached_rows& rows, completion whom) : batch(rows), then(whom) {}

    detail::cached_batch batch;
    completion then;
  };

  cache_store(Store& below, owned<state> made) : below_(&below), state_(std::move(made)) {}

  static void arrived(void* under_way, expected<void> outcome) {
    owned<reading> last(static_cast<reading*>(under_way));
    if (outcome)
      last->batch.finish();
    else
      last->batch.give_up();
    const completion then = last->then;
    last.reset();
    then(outcome);
  }

  [[nodiscard]] expected<void> read_below(std::span<const node> nodes, std::span<float> out) {
    if constexpr (row_store<Store>) {
      if (auto there = check_rows(*below_); !there) return there;
      if (is_absent(*below_, nodes.front())) request_rows(*below_, nodes);
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        const std::span<float> place = out.subspan(i * dim(), dim());
        const auto row = below_->row(nodes[i], place);
        if (!row) return std::unexpected(row.error());
        if (row->data() != place.data()) std::ranges::copy(*row, place.begin());
      }
      return {};
    } else if constexpr (concurrent_store<Store>) {
      return below_->read(nodes, out);
    } else {
      const std::lock_guard lock(state_->below);
      return below_->read(nodes, out);
    }
  }

  Store* below_;
  owned<state> state_;
};

}  // namespace thimble::inline THIMBLE_FLAGS
