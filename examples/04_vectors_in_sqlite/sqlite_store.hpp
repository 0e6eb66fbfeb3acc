// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Full-precision vectors in an SQLite table, "vectors (row INTEGER PRIMARY KEY, vector BLOB)", as a store of one's own:
// what a search needs of them comes by one statement a batch.

#pragma once

#include <sqlite3.h>

#include <cstring>
#include <memory>
#include <string>
#include <thimble/store/fingerprint.hpp>
#include <thimble/store/store.hpp>

struct sqlite_closer {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  void operator()(sqlite3_stmt* prepared) const { sqlite3_finalize(prepared); }
};
using database = std::unique_ptr<sqlite3, sqlite_closer>;
using statement = std::unique_ptr<sqlite3_stmt, sqlite_closer>;

// It models thimble::batch_store and is read by one thread at a time. The messages of SQLite's errors are constants.
class sqlite_store {
 public:
  static thimble::expected<sqlite_store> open(const database& db, std::size_t n, std::size_t dim) {
    sqlite_store store(n, dim);
    constexpr auto sql = "SELECT row, vector FROM vectors WHERE row IN (SELECT value FROM json_each(?)) ORDER BY row";
    sqlite3_stmt* prepared = nullptr;
    if (const int status = sqlite3_prepare_v2(db.get(), sql, -1, &prepared, nullptr); status != SQLITE_OK)
      return thimble::fail(thimble::errc::cannot_open, sqlite3_errstr(status));
    store.batch_.reset(prepared);
    const auto read = [&](auto nodes, auto out) { return store.read(nodes, out); };
    const auto identity = thimble::fingerprint(n, dim, read);
    if (!identity) return std::unexpected(identity.error());
    store.fingerprint_ = *identity;
    return store;
  }

  std::size_t size() const { return n_; }
  std::size_t dim() const { return dim_; }
  std::uint64_t fingerprint() const { return fingerprint_; }

  thimble::expected<void> read(std::span<const thimble::node> nodes, std::span<float> out) {
    if (nodes.empty()) return {};
    std::string list = "[";
    for (const thimble::node x : nodes) list += std::to_string(x) + ',';
    list.back() = ']';
    sqlite3_bind_text(batch_.get(), 1, list.data(), static_cast<int>(list.size()), SQLITE_STATIC);
    const auto outcome = copy_rows(nodes, out);
    sqlite3_reset(batch_.get());
    return outcome;
  }

 private:
  sqlite_store(std::size_t n, std::size_t dim) : n_(n), dim_(dim) {}

  thimble::expected<void> copy_rows(std::span<const thimble::node> nodes, std::span<float> out) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const int status = sqlite3_step(batch_.get());
      if (status != SQLITE_ROW && status != SQLITE_DONE)
        return thimble::fail(thimble::errc::cannot_read, sqlite3_errstr(status));
      if (status == SQLITE_DONE || sqlite3_column_int64(batch_.get(), 0) != nodes[i])
        return thimble::fail(thimble::errc::missing_row, "the table lacks a row", nodes[i]);
      const void* blob = sqlite3_column_blob(batch_.get(), 1);
      if (static_cast<std::size_t>(sqlite3_column_bytes(batch_.get(), 1)) != dim_ * sizeof(float))
        return thimble::fail(thimble::errc::corrupt, "a row has another dim", nodes[i]);
      std::memcpy(out.data() + i * dim_, blob, dim_ * sizeof(float));
    }
    return {};
  }

  statement batch_;
  std::size_t n_;
  std::size_t dim_;
  std::uint64_t fingerprint_ = 0;
};
static_assert(thimble::batch_store<sqlite_store>);
