// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What a search asks of IndexedDB, counted at IndexedDB: with rerank r at most r rows, in one read-only transaction.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { binaries, missing, open_laboratory, start_browser, start_server } from './support.mjs';

const skip = missing();
let server;
let browser;
let laboratory;

before(async () => {
  if (skip) return;
  server = await start_server();
  browser = await start_browser();
  laboratory = await open_laboratory(browser.context, server.address);
  await laboratory.run(async () => {
    self.queries = await fetch_vectors('/data/fashion-mnist/query.u8bin');
    self.query = (i) => Float32Array.from(queries.values.subarray(i * queries.dim, (i + 1) * queries.dim));
    const thimble = await Thimble.load();
    const base = await fetch_vectors('/data/fashion-mnist/base.u8bin');
    const n = 3000;
    await thimble.importRows(in_chunks(base.values.subarray(0, n * base.dim), 1 << 16),
        { mount: '/reads', name: 'set', n, dim: base.dim, element: 'u8' });
    await thimble.openStore('/reads', 'set');
    await thimble.buildIndex();
    const pieces = [];
    await thimble.saveIndex((piece) => void pieces.push(piece));
    self.index_file = pieces;
    self.index_bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    self.counts = count_requests();
    self.counted = async (run) => {
      Object.assign(counts, { transactions: 0, readwrite: 0, gets: 0, others: 0, keys: [] });
      const result = await run();
      return { ...counts, result };
    };
  });
});
after(async () => {
  await browser?.close();
  await server?.close();
});

for (const binary of binaries) {
  test(`${binary}: a search with rerank r reads at most r rows in one read-only transaction`, { skip }, async () => {
    const searches = await laboratory.run(async (binary) => {
      const thimble = await Thimble.load({ simd: binary });
      await thimble.openStore('/reads', 'set');
      await thimble.openIndex(index_file, index_bytes);
      const searches = [];
      for (const rerank of [1, 10, 20, 50, 64, 200])
        for (let i = 0; i < 10; ++i) {
          const counted_search = await counted(() => thimble.search(query(i), { k: 10, ef: 64, rerank }));
          searches.push({ rerank, ...counted_search, result: { ...counted_search.result, distances: null } });
        }
      return searches;
    }, binary);
    assert.equal(searches.length, 60);
    for (const { rerank, transactions, readwrite, gets, others, keys, result } of searches) {
      assert.equal(transactions, 1);
      assert.equal(readwrite, 0);
      assert.equal(others, 0);
      assert.equal(gets, Math.min(rerank, 64), 'of 64 candidates, rerank are read');
      assert.equal(new Set(keys).size, gets, 'no row twice');
      assert.deepEqual(keys, [...keys].sort(), 'keys ascend');
      assert.ok(keys.every((key) => /^\/reads\/set\/\d{10}$/.test(key)));
      assert.equal(result.vectorsRead, gets);
      assert.equal(result.batches, 1);
    }
  });

  test(`${binary}: without rerank nothing is read`, { skip }, async () => {
    const { transactions, gets, others } = await laboratory.run(async (binary) => {
      const thimble = await Thimble.load({ simd: binary });
      await thimble.openStore('/reads', 'set');
      await thimble.openIndex(index_file, index_bytes);
      return counted(async () => {
        for (let i = 0; i < 20; ++i) await thimble.search(query(i), { rerank: 0 });
      });
    }, binary);
    assert.deepEqual({ transactions, gets, others }, { transactions: 0, gets: 0, others: 0 });
  });

  test(`${binary}: reranked distances are the exact ones`, { skip }, async () => {
    const worst = await laboratory.run(async (binary) => {
      const thimble = await Thimble.load({ simd: binary });
      await thimble.openStore('/reads', 'set');
      await thimble.openIndex(index_file, index_bytes);
      let worst = 0;
      for (let i = 0; i < 20; ++i) {
        const { ids, distances } = await thimble.search(query(i), { rerank: 50 });
        const nodes = [...ids].sort((a, b) => a - b);
        const rows = await thimble.readRows(nodes);
        ids.forEach((id, rank) => {
          const row = rows.subarray(nodes.indexOf(id) * queries.dim);
          let exact = 0;
          query(i).forEach((value, j) => exact += (value - row[j]) ** 2);
          worst = Math.max(worst, Math.abs(exact - distances[rank]) / exact);
        });
      }
      return worst;
    }, binary);
    assert.ok(worst <= 1e-5, `${worst}`);
  });
}
