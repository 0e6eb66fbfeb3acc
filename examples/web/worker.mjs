// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Everything heavy of the demo page: downloads, IndexedDB, building, searching. The page sends {id, method, argument};
// the answers are {id, progress}* and then {id, result} or {id, error: {code, message, value}}.

import { cachedIndex, forgetIndex, IndexCacheWriter } from './index_cache.mjs';
import { Thimble, ThimbleError } from './thimble.mjs';

const mount = '/thimble';

let thimble = null;
let queries = null;  // {n, dim, values}, bytes or floats

// An error as it crosses to the page.
const plain = (error) =>
  ({ code: error.code ?? 'unknown', message: String(error.message ?? error), value: error.value ?? 0 });

const session = () => {
  if (!thimble) throw new ThimbleError('invalid_argument', 'init comes first');
  return thimble;
};

async function* chunks_of(body) {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function download(url) {
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new ThimbleError('cannot_open', `${url} cannot be reached: ${error.message}`);
  }
  if (!response.ok) throw new ThimbleError('cannot_open', `${url}: ${response.status} ${response.statusText}`);
  return { bytes: Number(response.headers.get('content-length')), chunks: chunks_of(response.body) };
}

// A .u8bin or .fbin file: n, dim, then the rows, which go on as a stream.
async function download_vectors(url) {
  const element = url.endsWith('.u8bin') ? 'u8' : 'f32';
  const { chunks } = await download(url);
  let start = new Uint8Array(0);
  while (start.length < 8) {
    const { done, value } = await chunks.next();
    if (done) throw new ThimbleError('truncated', `${url} has no header`);
    const joined = new Uint8Array(start.length + value.length);
    joined.set(start);
    joined.set(value, start.length);
    start = joined;
  }
  const header = new DataView(start.buffer);
  const rows = (async function* () {
    yield start.subarray(8);
    yield* chunks;
  })();
  return { n: header.getUint32(0, true), dim: header.getUint32(4, true), element, rows };
}

const methods = {
  /** Loads the binary. */
  async init({ simd = 'auto' } = {}) {
    thimble = await Thimble.load({ simd });
    return { binary: thimble.binary, isolated: self.crossOriginIsolated };
  },

  /** Opens what is already in this browser: {store, index}, each null when it is not there, and what is wrong with it. */
  async open_stored({ set }) {
    const found = { store: null, index: null, problem: null };
    try {
      await session().openStore(mount, set);
      found.store = session().storeInfo();
    } catch (error) {
      if (error.code !== 'cannot_open') found.problem = plain(error);
    }
    const kept = await cachedIndex(set);
    if (kept) {
      try {
        await session().openIndex(kept.pieces, kept.bytes);
        found.index = session().indexInfo();
      } catch (error) {
        found.problem ??= plain(error);
      }
    }
    return found;
  },

  /** Streams the base vectors into IndexedDB and opens them. */
  async import_vectors({ set, url, batch_rows }, progress) {
    const { n, dim, element, rows } = await download_vectors(url);
    await session().closeStore();
    await session().importRows(rows, {
      mount, name: set, n, dim, element, batchRows: batch_rows,
      progress: (done) => progress({ done, total: n }),
    });
    await session().openStore(mount, set);
    return session().storeInfo();
  },

  /** What an import that was cut off left behind. */
  remove_vectors({ set }) {
    return session().removeStore(mount, set);
  },

  /** Loads an index that was built elsewhere, and keeps it. */
  async fetch_index({ set, url }, progress) {
    const { bytes, chunks } = await download(url);
    const cache = await IndexCacheWriter.create(set);
    let done = 0;
    const kept = (async function* () {
      for await (const chunk of chunks) {
        cache.add(chunk);
        progress({ done: done += chunk.length, total: bytes });
        yield chunk;
      }
    })();
    try {
      await session().openIndex(kept, bytes);
    } catch (error) {
      cache.abandon();
      throw error;
    }
    await cache.finish();
    return session().indexInfo();
  },

  /** Builds an index of the imported vectors here, and keeps it. The page ends this worker afterwards: memory that WASM
   *  has once grown to does not shrink. */
  async build_index({ set, m, ef_construction, seed }, progress) {
    let last = 0;
    await session().buildIndex({
      m, efConstruction: ef_construction, seed,
      progress(stage, done, total) {
        const now = performance.now();
        if (now - last > 50 || done === total) {
          last = now;
          progress({ stage, done, total });
        }
      },
    });
    const cache = await IndexCacheWriter.create(set);
    await session().saveIndex((piece) => cache.add(piece));
    return { index: session().indexInfo(), kept: await cache.finish() };
  },

  check_store() {
    session().checkStore();
  },

  async load_queries({ url }) {
    const { n, dim, element, rows } = await download_vectors(url);
    const values = element === 'u8' ? new Uint8Array(n * dim) : new Float32Array(n * dim);
    const bytes = new Uint8Array(values.buffer);
    let at = 0;
    for await (const chunk of rows) {
      if (at + chunk.length > bytes.length) throw new ThimbleError('corrupt', `${url} is longer than it says`, at);
      bytes.set(chunk, at);
      at += chunk.length;
    }
    if (at !== bytes.length) throw new ThimbleError('truncated', `${url} ends too early`, at);
    queries = { n, dim, values };
    return { n, dim };
  },

  query_values({ query }) {
    return query_row(query);
  },

  search({ query, k, ef, rerank }) {
    return session().search(query_row(query), { k, ef, rerank });
  },

  rows({ nodes }) {
    return session().readRows(nodes);
  },

  /** The true nearest of the first `count` queries. */
  async exact({ count, k }, progress) {
    return session().exact(Float32Array.from(queries.values.subarray(0, count * queries.dim)), {
      k,
      progress: (done, total) => progress({ done, total }),
    });
  },

  /** The first `count` queries one after another. */
  async measure({ count, k, ef, rerank }, progress) {
    for (let i = 0; i < 5; ++i) await session().search(query_row(i), { k, ef, rerank });
    const milliseconds = new Float64Array(count);
    const ids = [];
    let vectors_read = 0;
    let batches = 0;
    for (let i = 0; i < count; ++i) {
      const hits = await session().search(query_row(i), { k, ef, rerank });
      milliseconds[i] = hits.milliseconds;
      ids.push(hits.ids);
      vectors_read += hits.vectorsRead;
      batches += hits.batches;
      if (i % 10 === 9) progress({ done: i + 1, total: count });
    }
    return { milliseconds, ids, vectors_read: vectors_read / count, batches: batches / count };
  },

  memory() {
    return { heap: session().heapBytes };
  },

  /** Removes vectors and index from this browser. */
  async forget({ set }) {
    await session().closeStore();
    await session().removeStore(mount, set);
    await forgetIndex(set);
  },
};

function query_row(i) {
  const first = (i % queries.n) * queries.dim;
  return Float32Array.from(queries.values.subarray(first, first + queries.dim));
}

self.onmessage = async ({ data: { id, method, argument } }) => {
  try {
    const result = await methods[method](argument, (progress) => self.postMessage({ id, progress }));
    self.postMessage({ id, result });
  } catch (error) {
    self.postMessage({ id, error: plain(error) });
  }
};
