// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A worker for tests: thimble, small deterministic vectors, and counters of what is asked of storage.

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

/** A set of made-up vectors, imported and open in `thimble`. */
self.import_made = async (thimble, { name = 'lab', n, dim, element = 'u8', seed = 1, batchRows = 64, ...more }) => {
  const values = self.make_vectors(n, dim, element, seed);
  await thimble.importRows(() => self.in_chunks(values), { name, n, dim, element, batchRows, ...more });
  return values;
};

/** Names of what this origin has stored: files of OPFS with their folders, and databases. */
self.stored_names = async () => {
  const names = (await indexedDB.databases()).map(({ name }) => name);
  const walk = async (folder, path) => {
    for await (const [name, entry] of folder.entries()) {
      if (entry.kind === 'directory') await walk(entry, `${path}${name}/`);
      else names.push(path + name);
    }
  };
  await walk(await navigator.storage.getDirectory(), 'opfs:');
  return names.sort();
};

/** Counts what this worker asks of IndexedDB and of files in OPFS from now on. */
self.count_requests = () => {
  const counts = { transactions: 0, readwrite: 0, gets: 0, reads: 0, bytes: 0, others: 0, keys: [] };
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
  watch(FileSystemSyncAccessHandle, 'read', ({ byteLength }) => {
    ++counts.reads;
    counts.bytes += byteLength;
  });
  for (const method of ['write', 'truncate', 'flush']) watch(FileSystemSyncAccessHandle, method, () => ++counts.others);
  return counts;
};

postMessage('ready');
