// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What a search asks of storage, counted there: with rerank r at most r rows, at once.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { binaries, deny, missing, open_laboratory, start_browser, start_server } from './support.mjs';

const skip = missing();
let server;
let browser;

before(async () => {
  if (skip) return;
  server = await start_server();
  browser = await start_browser();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

for (const [place, denied] of [['opfs', ''], ['indexeddb', deny.opfs]])
  describe(`a search with vectors in ${place}`, { skip }, () => {
    let laboratory;
    before(async () => {
      laboratory = await open_laboratory(browser.context, server.address);
      await laboratory.run(`() => { ${denied} }`);
      await laboratory.run(async (place) => {
        self.queries = await fetch_vectors('/data/fashion-mnist/query.u8bin');
        self.query = (i) => Float32Array.from(queries.values.subarray(i * queries.dim, (i + 1) * queries.dim));
        const thimble = await Thimble.load();
        const base = await fetch_vectors('/data/fashion-mnist/base.u8bin');
        const n = 3000;
        const { where } = await thimble.importRows(() => in_chunks(base.values.subarray(0, n * base.dim), 1 << 16),
            { name: 'reads', n, dim: base.dim, element: 'u8' });
        if (where !== place) throw new Error(`the vectors are in ${where}`);
        await thimble.buildIndex();
        const pieces = [];
        await thimble.saveIndex((piece) => void pieces.push(piece));
        await thimble.closeStore();
        self.ready = async (binary) => {
          const thimble = await Thimble.load({ simd: binary });
          await thimble.openStore('reads');
          await thimble.openIndex(pieces, pieces.reduce((sum, piece) => sum + piece.length, 0));
          return thimble;
        };
        self.counts = count_requests();
        self.counted = async (run) => {
          for (const key of Object.keys(counts)) counts[key] = key === 'keys' ? [] : 0;
          const result = await run();
          return { ...counts, result };
        };
      }, place);
    });
    after(() => laboratory.close());

    for (const binary of binaries) {
      test(`${binary}: with rerank r reads at most r rows, in one batch`, async () => {
        const searches = await laboratory.run(async (binary) => {
          const thimble = await ready(binary);
          const searches = [];
          for (const rerank of [1, 10, 20, 50, 64, 200])
            for (let i = 0; i < 10; ++i) {
              const counted_search = await counted(() => thimble.search(query(i), { k: 10, ef: 64, rerank }));
              searches.push({ rerank, ...counted_search, result: { ...counted_search.result, distances: null } });
            }
          await thimble.closeStore();
          return searches;
        }, binary);
        assert.equal(searches.length, 60);
        for (const { rerank, transactions, readwrite, gets, reads, bytes, others, keys, result } of searches) {
          const rows = Math.min(rerank, 64);
          assert.deepEqual({ rows: result.vectorsRead, batches: result.batches }, { rows, batches: 1 },
              'of 64 candidates, rerank are read');
          assert.deepEqual({ readwrite, others }, { readwrite: 0, others: 0 });
          if (place === 'opfs') {
            assert.ok(reads > 0 && reads <= rows, 'neighbours in the file come together');
            assert.deepEqual({ bytes, transactions, gets }, { bytes: rows * 784, transactions: 0, gets: 0 });
          } else {
            assert.deepEqual({ transactions, gets, reads }, { transactions: 1, gets: rows + 1, reads: 0 });
            const [set, ...nodes] = keys;
            assert.equal(set, 0, 'whether it is still the same set');
            assert.deepEqual(nodes, [...new Set(nodes)].sort((a, b) => a - b), 'each once, and ascending');
          }
        }
      });

      test(`${binary}: without rerank reads nothing`, async () => {
        const { transactions, gets, reads, others } = await laboratory.run(async (binary) => {
          const thimble = await ready(binary);
          const counts = await counted(async () => {
            for (let i = 0; i < 20; ++i) await thimble.search(query(i), { rerank: 0 });
          });
          await thimble.closeStore();
          return counts;
        }, binary);
        assert.deepEqual({ transactions, gets, reads, others }, { transactions: 0, gets: 0, reads: 0, others: 0 });
      });

      test(`${binary}: reranked distances are the exact ones`, async () => {
        const worst = await laboratory.run(async (binary) => {
          const thimble = await ready(binary);
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
          await thimble.closeStore();
          return worst;
        }, binary);
        assert.ok(worst <= 1e-5, `${worst}`);
      });
    }
  });
