// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// 1,000 pictures go into a database, an index of their codes stays in memory, and searches read from the database what
// they rerank: the hits are those that the pictures in memory give.

#include "sqlite_store.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <thimble/thimble.hpp>
#include <vector>

namespace {

bool run(const database& db, const char* sql) {
  return sqlite3_exec(db.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

// In one transaction: all of them or none.
bool fill(const database& db, const thimble::mmap_store& vectors) {
  if (!run(db, "BEGIN; CREATE TABLE vectors (row INTEGER PRIMARY KEY, vector BLOB NOT NULL)")) return false;
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(db.get(), "INSERT INTO vectors VALUES (?, ?)", -1, &prepared, nullptr) != SQLITE_OK)
    return false;
  const statement insert(prepared);
  std::vector<float> room(vectors.dim());
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const auto row = vectors.row(i, room);
    if (!row) return false;
    sqlite3_bind_int64(insert.get(), 1, static_cast<sqlite3_int64>(i));
    sqlite3_bind_blob(insert.get(), 2, row->data(), static_cast<int>(row->size_bytes()), SQLITE_STATIC);
    if (sqlite3_step(insert.get()) != SQLITE_DONE) return false;
    sqlite3_reset(insert.get());
  }
  return run(db, "COMMIT");
}

}  // namespace

int main() {
  auto pictures = thimble::mmap_store::open("tests/data/fashion-mnist/query.u8bin");
  auto queries = thimble::mmap_store::open("tests/data/fashion-mnist/base.u8bin");
  if (!pictures || !queries) return std::puts("run this in thimble's top folder"), 1;
  auto index = thimble::index<thimble::rabitq<4>>::build(*pictures);
  if (!index) return std::puts(index.error().message), 1;

  const auto path = std::filesystem::temp_directory_path() / "vectors_in_sqlite.db";
  std::filesystem::remove(path);
  sqlite3* opened = nullptr;
  const int status = sqlite3_open(path.string().c_str(), &opened);
  const database db(opened);
  if (status != SQLITE_OK || !fill(db, *pictures)) return std::puts(sqlite3_errmsg(db.get())), 1;
  auto store = sqlite_store::open(db, pictures->size(), pictures->dim());
  if (!store) return std::puts(store.error().message), 1;
  auto cached = thimble::cache_store<sqlite_store>::create(*store, 1 << 20);
  if (!cached) return std::puts(cached.error().message), 1;

  std::vector<float> room(queries->dim());
  for (std::size_t i = 0; i < 100; ++i) {
    const auto query = *queries->row(i, room);
    const auto hits = index->search(query, {.k = 10}, *cached);
    const auto wanted = index->search(query, {.k = 10}, *pictures);
    if (!hits || !wanted) return std::puts("a search failed"), 1;
    if (!std::ranges::equal(*hits, *wanted)) return std::puts("the database gives other hits"), 1;
  }
  const auto counted = cached->counters();
  std::printf("100 searches: %d rows by SQLite, %d from the cache of %d\n", static_cast<int>(counted.misses),
              static_cast<int>(counted.hits), static_cast<int>(cached->capacity()));

  // A row that is gone is an error of the search that needs it, and of no other.
  const bool deleted = run(db, "DELETE FROM vectors WHERE row = 7");
  const auto failed = index->search(*pictures->row(7, room), {.k = 10}, *store);
  std::filesystem::remove(path);
  if (!deleted || failed) return std::puts("row 7 is still there"), 1;
  std::printf("without row 7: %s (%d)\n", failed.error().message, static_cast<int>(failed.error().value));
  return failed.error().code == thimble::errc::missing_row ? 0 : 1;
}
