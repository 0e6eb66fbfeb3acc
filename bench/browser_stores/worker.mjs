// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Each store's import and reads through WebAssembly, in turns with the plainest JavaScript that does the same: a loop
// over the interface that the store uses. Every read asks for rows of its own, so that neither side finds the other's in
// the processor's caches. Answers one object a store.

import create from '/built/stores.mjs';

const batch = 100;  // rows a read
const pairs = 400;
const import_rows = 1000;  // rows a write

let settle;
let module;
const call = async (name, ...words) => {
  const reported = new Promise((resolve) => settle = resolve);
  module.ccall(name, null, words.map((word) => typeof word), words);
  const message = await reported;
  if (message) throw new Error(`${name}: ${message}`);
};

let state = 1;
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(state / 2 ** 32 * below);
};
const random_rows = (rows) => {
  const nodes = new Set();
  while (nodes.size < Math.min(batch, rows)) nodes.add(random(rows));
  return Uint32Array.from(nodes).sort();
};
const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];
const timed = async (run) => {
  const start = performance.now();
  await run();
  return performance.now() - start;
};

/** OPFS: a synchronous handle, a read for each row. */
async function opfs(element, { rows, dim }) {
  const name = `opfs ${['float32', 'float16'][element]}`;
  const row_bytes = dim * (element ? 2 : 4);
  const values = module._malloc(import_rows * row_bytes);
  const nodes_at = module._malloc(batch * 4);
  const out = module._malloc(batch * dim * 4);
  const bytes = new Uint8Array(import_rows * row_bytes);
  for (let i = 0; i < bytes.length; ++i) bytes[i] = i % row_bytes & 1 ? 0x3c : random(256);  // small finite numbers
  module.HEAPU8.set(bytes, values);

  const root = await navigator.storage.getDirectory();
  const plain_handle = async (name, mode) =>
    (await root.getFileHandle(name, { create: true })).createSyncAccessHandle({ mode });

  const megabytes = rows * row_bytes / 1e6;
  const import_time = await timed(async () => {
    await call('opfs_create', name, rows, dim, element);
    for (let row = 0; row < rows; row += import_rows)
      await call('opfs_append', values, Math.min(import_rows, rows - row) * row_bytes, element);
    await call('opfs_finish');
  });
  const plain_import_time = await timed(async () => {
    const file = await plain_handle('plain', 'readwrite');
    for (let row = 0; row < rows; row += import_rows) {
      const view = bytes.subarray(0, Math.min(import_rows, rows - row) * row_bytes);
      file.write(view, { at: row * row_bytes });
    }
    file.flush();
    file.close();
  });
  await root.removeEntry('plain');

  await call('opfs_open', name);
  const file = await plain_handle(name, 'read-only');
  const room = new Uint8Array(batch * row_bytes);
  const reads = [];
  const plain_reads = [];
  const read = async () => {
    const nodes = random_rows(rows);
    new Uint32Array(module.HEAPU8.buffer).set(nodes, nodes_at >>> 2);
    const start = performance.now();
    module._opfs_read(nodes_at, nodes.length, out);
    reads.push(performance.now() - start);
  };
  const plain_read = () => {
    const nodes = random_rows(rows);
    const start = performance.now();
    for (let i = 0; i < nodes.length; ++i)
      file.read(room.subarray(i * row_bytes, (i + 1) * row_bytes), { at: 4096 + nodes[i] * row_bytes });
    plain_reads.push(performance.now() - start);
  };
  for (let i = 0; i < pairs; ++i) {
    for (const side of i % 2 ? [read, plain_read] : [plain_read, read]) side();
  }
  file.close();
  const ratio = median(reads.map((time, i) => time / plain_reads[i]));
  return {
    name, ratio, read: median(reads), plain_read: median(plain_reads),
    imported: megabytes / (import_time / 1e3), plain_import: megabytes / (plain_import_time / 1e3),
  };
}

self.onmessage = async ({ data }) => {
  try {
    module = await create({ report: (message) => settle(message) });
    const measured = [];
    for (const element of [0, 1]) measured.push(await opfs(element, data));
    postMessage({ measured });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
