// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Each store's import and reads through WebAssembly, in turns with the plainest JavaScript that does the same: a loop
// over the interface that the store uses. Every read asks for rows of its own, so that neither side finds the other's in
// the processor's caches. Answers one object a store.

import { answer_with, open_program } from '/bench/browser/program.mjs';

const batch = 100;  // rows a read
const pairs = 400;
const import_rows = 1000;  // rows a write

let module;
let call;

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

const element_names = ['float32', 'float16'];

/** What both sides read and write: rows for one write, in WebAssembly and beside it, and room for a read. */
function room_for(element, dim) {
  const row_bytes = dim * (element ? 2 : 4);
  const bytes = new Uint8Array(import_rows * row_bytes);
  for (let i = 0; i < bytes.length; ++i) bytes[i] = i % row_bytes & 1 ? 0x3c : random(256);  // small finite numbers
  const values = module._malloc(bytes.length);
  module.HEAPU8.set(bytes, values);
  return {
    row_bytes, bytes, values, nodes_at: module._malloc(batch * 4), out: module._malloc(batch * dim * 4),
    plain: new Uint8Array(batch * row_bytes),
  };
}

/** Runs write(first row, rows) for all rows; megabytes a second. */
async function import_speed(rows, row_bytes, begin, write, finish) {
  const time = await timed(async () => {
    await begin();
    for (let row = 0; row < rows; row += import_rows) await write(row, Math.min(import_rows, rows - row));
    await finish();
  });
  return rows * row_bytes / 1e3 / time;
}

const thimbles_import = (store, name, { rows, dim }, element, { row_bytes, values }) =>
  import_speed(rows, row_bytes, () => call(`${store}_create`, name, rows, dim, element),
      (row, count) => call(`${store}_append`, values, count * row_bytes, element), () => call(`${store}_finish`));

/** Pairs of reads, each side first in every other one. The sides get nodes and answer milliseconds. */
async function in_turns(rows, nodes_at, read, plain_read) {
  const [reads, plain_reads] = [[], []];
  for (let i = 0; i < pairs; ++i) {
    const sides = [
      async () => {
        const nodes = random_rows(rows);
        new Uint32Array(module.HEAPU8.buffer).set(nodes, nodes_at >>> 2);
        reads.push(await read(nodes));
      },
      async () => plain_reads.push(await plain_read(random_rows(rows))),
    ];
    for (const side of i % 2 ? sides : sides.reverse()) await side();
  }
  const ratio = median(reads.map((time, i) => time / plain_reads[i]));
  return { ratio, read: median(reads), plain_read: median(plain_reads) };
}

/** OPFS: a synchronous handle, a read for each row. */
async function opfs(element, { rows, dim }) {
  const name = `opfs ${element_names[element]}`;
  const room = room_for(element, dim);
  const { row_bytes } = room;
  const root = await navigator.storage.getDirectory();
  const plain_handle = async (name, mode) =>
    (await root.getFileHandle(name, { create: true })).createSyncAccessHandle({ mode });

  const imported = await thimbles_import('opfs', name, { rows, dim }, element, room);
  let file;
  const plain_import = await import_speed(rows, row_bytes, async () => file = await plain_handle('plain', 'readwrite'),
      (row, count) => file.write(room.bytes.subarray(0, count * row_bytes), { at: row * row_bytes }),
      () => (file.flush(), file.close()));
  await root.removeEntry('plain');

  await call('opfs_open', name);
  file = await plain_handle(name, 'read-only');
  const measured = await in_turns(rows, room.nodes_at, (nodes) => {
    const start = performance.now();
    module._opfs_read(room.nodes_at, nodes.length, room.out);
    return performance.now() - start;
  }, (nodes) => {
    const start = performance.now();
    for (let i = 0; i < nodes.length; ++i)
      file.read(room.plain.subarray(i * row_bytes, (i + 1) * row_bytes), { at: 4096 + nodes[i] * row_bytes });
    return performance.now() - start;
  });
  file.close();
  return { name, ...measured, imported, plain_import };
}

/** Where the rows of a store in IndexedDB are: what its records look like. */
const layouts = {
  indexeddb: {
    version: 1, table: 'rows', database: (name) => name, key: (name, row) => row,
    record: (bytes) => bytes, bytes_of: (record) => record,
  },
  idbfs: {
    version: 21, table: 'FILE_DATA', index: 'timestamp', database: (name) => `/${name}`,
    key: (name, row) => `/${name}/rows/${String(row).padStart(10, '0')}`,
    record: (contents) => ({ timestamp: new Date(), mode: 33206, contents }), bytes_of: ({ contents }) => contents,
  },
};

/** IndexedDB: a transaction a batch, a get or put for each row. */
async function records(store, element, { rows, dim }) {
  const name = `${store} ${element_names[element]}`;
  const room = room_for(element, dim);
  const { row_bytes } = room;
  const { version, table, index, database: database_of, key, record, bytes_of } = layouts[store];
  const open = (name) => new Promise((resolve, reject) => {
    const request = indexedDB.open(database_of(name), version);
    request.onupgradeneeded = () => {
      const made = request.result.createObjectStore(table);
      if (index) made.createIndex(index, index);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

  const imported = await thimbles_import(store, name, { rows, dim }, element, room);
  let database;
  const plain_import = await import_speed(rows, row_bytes, async () => database = await open('plain'),
      (row, count) => new Promise((resolve, reject) => {
        const transaction = database.transaction(table, 'readwrite', { durability: 'relaxed' });
        const to = transaction.objectStore(table);
        for (let i = 0; i < count; ++i)
          to.put(record(room.bytes.slice(i * row_bytes, (i + 1) * row_bytes)), key('plain', row + i));
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error);
      }), () => database.close());
  indexedDB.deleteDatabase(database_of('plain'));

  await call(`${store}_open`, name);
  database = await open(name);
  const measured = await in_turns(rows, room.nodes_at,
      (nodes) => timed(() => call(`${store}_read`, room.nodes_at, nodes.length, room.out)),
      (nodes) => timed(() => new Promise((resolve) => {
        const from = database.transaction(table).objectStore(table);
        let left = nodes.length;
        for (let i = 0; i < nodes.length; ++i)
          from.get(key(name, nodes[i])).onsuccess = ({ target }) => {
            room.plain.set(bytes_of(target.result), i * row_bytes);
            if (--left === 0) resolve();
          };
      })));
  database.close();
  return { name, ...measured, imported, plain_import };
}

answer_with(async (size) => {
  ({ module, call } = await open_program());
  return [
    await opfs(0, size), await opfs(1, size), await records('indexeddb', 0, size), await records('indexeddb', 1, size),
    await records('idbfs', 0, size),
  ];
});
