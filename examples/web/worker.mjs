// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Everything heavy of the demo page: downloads, storage, building, searching. The page sends {id, method, argument};
// the answers are {id, progress}* and then {id, result} or {id, error: {code, message, value}}.

import { cachedIndex, forgetIndex, IndexCacheWriter } from './index_cache.mjs';
import { Thimble, ThimbleError } from './thimble.mjs';

const vectors_of = (set) => `vectors/${set}`;

let thimble = null;
let queries = null;  // {n, dim, values}, bytes or floats
let download_to_import = null;  // its AbortController

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

async function* without_first(chunks, bytes) {
  for await (const chunk of chunks) {
    if (bytes < chunk.length) yield chunk.subarray(bytes);
    bytes -= Math.min(bytes, chunk.length);
  }
}

// A file from byte `first` on. A server that knows no ranges sends all of it.
async function download(url, { first = 0, last = '', signal } = {}) {
  let response;
  try {
    response = await fetch(url, { signal, headers: first || last ? { range: `bytes=${first}-${last}` } : {} });
  } catch (error) {
    throw new ThimbleError('cannot_open', `${url} cannot be reached: ${error.message}`);
  }
  if (!response.ok) throw new ThimbleError('cannot_open', `${url}: ${response.status} ${response.statusText}`);
  const chunks = chunks_of(response.body);
  return {
    bytes: Number(response.headers.get('content-length')),
    chunks: response.status === 206 ? chunks : without_first(chunks, first),
  };
}

// A .u8bin or .fbin file: n, dim, then the rows, which rows_from(first) fetches.
async function open_vectors(url, signal) {
  const header = new Uint8Array(8);
  let filled = 0;
  for await (const chunk of (await download(url, { last: 7, signal })).chunks) {
    const taken = chunk.subarray(0, 8 - filled);
    header.set(taken, filled);
    filled += taken.length;
    if (filled === 8) break;
  }
  if (filled < 8) throw new ThimbleError('truncated', `${url} has no header`);
  const [n, dim] = [0, 4].map((at) => new DataView(header.buffer).getUint32(at, true));
  const element = url.endsWith('.u8bin') ? 'u8' : 'f32';
  const row_bytes = element === 'u8' ? dim : dim * 4;
  const rows_from = async (first) => (await download(url, { first: 8 + first * row_bytes, signal })).chunks;
  return { n, dim, element, rows_from };
}

// What another page holds: one that was closed or reloaded lets it go a moment later.
async function when_free(run) {
  for (let attempt = 1; ; ++attempt) {
    try {
      return await run();
    } catch (error) {
      if (error.code !== 'store_in_use' || attempt === 30) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

// Where nothing can be stored there is nothing to remove.
function remove_store(set) {
  return when_free(() => session().removeStore(vectors_of(set))).catch((error) => {
    if (error.code !== 'store_unavailable') throw error;
  });
}

const methods = {
  /** Loads the binary. */
  async init({ simd = 'auto' } = {}) {
    thimble = await Thimble.load({ simd });
    return { binary: thimble.binary, isolated: self.crossOriginIsolated };
  },

  /** Opens what is already in this browser: {store, index}, each null when it is not there, what is wrong with it, and
   *  how many rows an import has left that did not end. */
  async open_stored({ set }) {
    const found = { store: null, index: null, problem: null, unfinished: 0 };
    try {
      await when_free(() => session().openStore(vectors_of(set)));
      found.store = session().storeInfo();
    } catch (error) {
      if (error.code === 'cannot_open') found.unfinished = error.value;
      else if (error.code !== 'store_unavailable') found.problem = plain(error);
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

  /** Streams the base vectors into the best place that there is and opens them; an import that did not end goes on. */
  async import_vectors({ set, url }, progress) {
    download_to_import = new AbortController();
    const { signal } = download_to_import;
    try {
      const { rows_from, ...shape } = await open_vectors(url, signal);
      return await when_free(() => session().importRows(rows_from, {
        ...shape, name: vectors_of(set), resume: true,
        progress: (done) => progress({ done, total: shape.n }),
      }));
    } catch (error) {
      if (!signal.aborted) throw error;
      await remove_store(set);
      throw new ThimbleError('cancelled', 'the import was cancelled');
    } finally {
      download_to_import = null;
    }
  },

  /** Ends the import that is under way; nothing of it is left. */
  cancel_import() {
    download_to_import?.abort();
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
    const { n, dim, element, rows_from } = await open_vectors(url);
    const values = element === 'u8' ? new Uint8Array(n * dim) : new Float32Array(n * dim);
    const bytes = new Uint8Array(values.buffer);
    let at = 0;
    for await (const chunk of await rows_from(0)) {
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

  /** What the browser says of this origin's storage. */
  storage() {
    return Thimble.storageInfo();
  },

  /** Removes vectors and index from this browser. */
  async forget({ set }) {
    await remove_store(set);
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
