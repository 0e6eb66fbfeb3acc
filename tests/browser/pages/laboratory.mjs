// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A worker for tests: thimble, small deterministic vectors, raw IndexedDB, counters, and plain IDBFS.

import { Thimble, ThimbleError } from '/thimble.mjs';

Object.assign(self, { Thimble, ThimbleError });

/** Runs a test's function; errors cross to the test as {code, message, value}. */
self.attempt = async (run, argument) => {
  try {
    return { result: await run(argument) };
  } catch (error) {
    return { error: { code: error.code ?? error.name, message: String(error.message ?? error), value: error.value ?? 0 } };
  }
};

/** n x dim values that look random: bytes, or floats that are no whole numbers. */
self.make_vectors = (n, dim, element = 'u8', seed = 1) => {
  const values = element === 'u8' ? new Uint8Array(n * dim) : new Float32Array(n * dim);
  let state = seed;
  for (let i = 0; i < values.length; ++i) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = element === 'u8' ? state >>> 24 : (state >>> 8) / 65536 - 100;
  }
  return values;
};
self.bytes_of = (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** The bytes as a stream in chunks that respect no row. */
self.in_chunks = async function* (values, size = 1009) {
  const bytes = self.bytes_of(values);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
};

self.fetch_vectors = async (url) => {
  const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
  const [n, dim] = new Uint32Array(bytes.buffer, 0, 2);
  const body = bytes.subarray(8);
  const values = url.endsWith('.u8bin') ? body : new Float32Array(body.buffer, body.byteOffset, n * dim);
  return { n, dim, element: url.endsWith('.u8bin') ? 'u8' : 'f32', values };
};

/** A set of made-up vectors, imported and opened in `thimble`. */
self.import_made = async (thimble, { mount = '/lab', name = 'set', n, dim, element = 'u8', seed = 1, batchRows = 64 }) => {
  const values = self.make_vectors(n, dim, element, seed);
  await thimble.importRows(self.in_chunks(values), { mount, name, n, dim, element, batchRows });
  await thimble.openStore(mount, name);
  return values;
};

/** One request's outcome. */
self.done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
  request.onblocked = () => reject(new DOMException('blocked', 'BlockedError'));
});
/** run(object store) in one transaction on IDBFS's table of a mount point. */
self.with_table = async (mount, mode, run) => {
  const database = await self.done(indexedDB.open(mount));
  try {
    const transaction = database.transaction('FILE_DATA', mode);
    const complete = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    const result = await run(transaction.objectStore('FILE_DATA'));
    await complete;
    return result;
  } finally {
    database.close();
  }
};

/** Counts what this worker asks of IndexedDB from now on. */
self.count_requests = () => {
  const counts = { transactions: 0, readwrite: 0, gets: 0, others: 0, keys: [] };
  const watch = (type, method, note) => {
    const original = type.prototype[method];
    type.prototype[method] = function (...words) {
      note(...words);
      return original.apply(this, words);
    };
  };
  watch(IDBDatabase, 'transaction', (tables, mode) => {
    ++counts.transactions;
    if (mode === 'readwrite') ++counts.readwrite;
  });
  watch(IDBObjectStore, 'get', (key) => {
    ++counts.gets;
    counts.keys.push(key);
  });
  for (const method of ['getAll', 'getKey', 'getAllKeys', 'openCursor', 'openKeyCursor', 'count', 'put', 'add', 'delete'])
    watch(IDBObjectStore, method, () => ++counts.others);
  for (const method of ['get', 'getAll', 'getKey', 'getAllKeys', 'openCursor', 'openKeyCursor', 'count'])
    watch(IDBIndex, method, () => ++counts.others);
  return counts;
};

/** A plain Emscripten program that has IDBFS mounted, and its two directions of FS.syncfs. */
self.mount_plain = async (mount) => {
  const { default: create } = await import('/programs/idbfs_plain.js');
  const module = await create();
  const { FS, IDBFS } = module;
  FS.mkdir(mount);
  FS.mount(IDBFS, {}, mount);
  const sync = (populate) => new Promise((resolve, reject) => {
    FS.syncfs(populate, (error) => error ? reject(error) : resolve());
  });
  return { module, FS, load: () => sync(true), store: () => sync(false) };
};

postMessage('ready');
