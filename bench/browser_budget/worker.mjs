// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The queries of a set one after another, with all vectors in memory and with a cache over a browser store, in turns.
// The first half of the queries warms the cache for the second, and the other way round; a query's time is the median
// of rounds that begin with an empty cache, so that other work on the machine is not taken for a slow query.

import { answer_with, open_program } from '/bench/browser/program.mjs';

const rounds = 5;
const import_rows = 1000;  // rows a write

let module;
let call;

/** A file of the set, in WebAssembly's memory while read(address, bytes, path) runs. */
async function with_file(file, read) {
  const response = await fetch(`/set/${file}`);
  if (!response.ok) throw new Error(`${file}: ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const at = module._malloc(bytes.length);
  module.HEAPU8.set(bytes, at);
  await read(at, bytes.length, file);
  module._free(at);
}

const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.round(q * (values.length - 1))];

const stores = {
  opfs: (i) => module._search_opfs(i),
  indexeddb: (i) => call('search_indexeddb', i),
};

async function fill(store) {
  const rows = module._n_rows();
  await call(`${store}_create`);
  for (let row = 0; row < rows; row += import_rows)
    await call(`${store}_append`, row, Math.min(import_rows, rows - row));
  await call(`${store}_finish`);
  await call(`${store}_open`);
}

async function compare(store, cache_bytes) {
  const n = module._n_queries();
  const times = () => Array.from({ length: n }, () => []);
  const [in_memory, in_budget] = [times(), times()];
  const in_store = stores[store];
  const timed = async (search, i, to) => {
    const start = performance.now();
    const later = search(i);
    if (later) await later;
    to[i].push(1e3 * (performance.now() - start));
  };
  let [hits, misses] = [0, 0];
  for (let round = 0; round < 2 * rounds; ++round) {
    await call(`${store}_cache`, cache_bytes);
    const is_measured = (i) => (i < n / 2) === (round % 2 === 0);
    for (let i = 0; i < n; ++i) if (!is_measured(i)) await in_store(i);
    hits -= module._cache_hits();
    misses -= module._cache_misses();
    for (let i = 0; i < n; ++i) {
      if (!is_measured(i)) continue;
      const sides = [() => timed(module._search_memory, i, in_memory), () => timed(in_store, i, in_budget)];
      // Who is second has codes and links in the processor's caches.
      if ((i + (round >> 1)) % 2) sides.reverse();
      for (const side of sides) await side();
    }
    hits += module._cache_hits();
    misses += module._cache_misses();
  }
  const medians = (times) => times.map((of_query) => quantile(of_query, .5));
  const [memory, budget] = [medians(in_memory), medians(in_budget)];
  return {
    hits: hits / (hits + misses),
    memory: { p50: quantile(memory, .5), p99: quantile(memory, .99) },
    budget: { p50: quantile(budget, .5), p99: quantile(budget, .99) },
  };
}

answer_with(async ({ base, query, metric, quantizers, share, ef, rerank }) => {
  ({ module, call } = await open_program());
  const say = (progress) => postMessage({ progress });
  for (const [file, name] of [[base, 'read_base'], [query, 'read_queries']]) {
    say(`reading ${file}`);
    await with_file(file, (at, bytes, path) => {
      const path_at = module._malloc(path.length + 1);
      module.HEAPU8.set([...new TextEncoder().encode(path), 0], path_at);
      return call(name, at, bytes, path_at).finally(() => module._free(path_at));
    });
  }
  for (const store of Object.keys(stores)) {
    say(`importing into ${store}`);
    await fill(store);
  }
  const [rows, dim] = [module._n_rows(), module._n_dims()];
  const budget = share * rows * dim * 4;
  const measured = [];
  for (const quantizer of quantizers) {
    say(`building ${quantizer}`);
    await call('build', quantizer, metric, ef, rerank);
    const left = Math.floor(budget - module._index_bytes());
    for (const store of Object.keys(stores)) {
      say(`searching by ${quantizer} and ${store}`);
      measured.push({
        quantizer, store, index: module._index_bytes(), cache: left,
        ...(left > 4 * dim * 4 ? await compare(store, left) : {}),
      });
    }
  }
  return { rows, dim, measured };
});
