// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The layout in IndexedDB is that of IDBFS, in both directions, and what IDBFS's own habits do to it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { missing, open_laboratory, start_browser, start_server, with_code } from './support.mjs';

const skip = missing({ program: 'idbfs_plain' });
let server;
let browser;
let laboratory;

before(async () => {
  if (skip) return;
  server = await start_server();
  browser = await start_browser();
  laboratory = await open_laboratory(browser.context, server.address);
});
after(async () => {
  await browser?.close();
  await server?.close();
});

test('records are those of IDBFS: directories, files, dates, an index on timestamp', { skip }, async () => {
  const found = await laboratory.run(async () => {
    const thimble = await Thimble.load();
    await import_made(thimble, { mount: '/records', name: 'set', n: 70, dim: 5 });
    const database = await done(indexedDB.open('/records'));
    const table = database.transaction('FILE_DATA').objectStore('FILE_DATA');
    const shape = {
      version: database.version,
      tables: [...database.objectStoreNames],
      key_path: table.keyPath,
      indexes: [...table.indexNames],
      index_on: table.index('timestamp').keyPath,
      unique: table.index('timestamp').unique,
    };
    const keys = await done(table.getAllKeys());
    const [folder, row, manifest] = await Promise.all(
        ['/records/set', '/records/set/0000000007', '/records/set/manifest'].map((key) => done(table.get(key))));
    database.close();
    const kind = (record) => ({
      fields: Object.keys(record).sort().join(),
      mode: record.mode,
      date: record.timestamp instanceof Date,
      contents: record.contents?.constructor.name,
      length: record.contents?.length,
    });
    return { shape, keys, folder: kind(folder), row: kind(row), manifest: kind(manifest) };
  });
  assert.deepEqual(found.shape, {
    version: 21, tables: ['FILE_DATA'], key_path: null, indexes: ['timestamp'], index_on: 'timestamp', unique: false,
  });
  const rows = Array.from({ length: 70 }, (_, i) => `/records/set/${String(i).padStart(10, '0')}`);
  assert.deepEqual(found.keys, ['/records/set', ...rows, '/records/set/manifest']);
  assert.deepEqual(found.folder,
      { fields: 'mode,timestamp', mode: 16895, date: true, contents: undefined, length: undefined });
  const file = { fields: 'contents,mode,timestamp', mode: 33206, date: true, contents: 'Uint8Array' };
  assert.deepEqual(found.row, { ...file, length: 5 });
  assert.deepEqual(found.manifest, { ...file, length: 64 });
});

for (const element of ['f32', 'u8']) {
  test(`a plain IDBFS program sees the vectors (${element}) as files, byte for byte`, { skip }, async () => {
    const outcome = await laboratory.run(async (element) => {
      const [n, dim, mount] = [500, 33, `/seen-${element}`];
      const thimble = await Thimble.load();
      const values = await import_made(thimble, { mount, name: 'set', n, dim, element });
      const plain = await mount_plain(mount);
      await plain.load();
      const names = plain.FS.readdir(`${mount}/set`).filter((name) => !name.startsWith('.')).sort();
      const all = bytes_of(values);
      const row_bytes = all.length / n;
      let equal = 0;
      for (let i = 0; i < n; ++i) {
        const file = plain.FS.readFile(`${mount}/set/${String(i).padStart(10, '0')}`);
        if (file.length === row_bytes && file.every((byte, j) => byte === all[i * row_bytes + j])) ++equal;
      }
      const manifest_rows = plain.module.ccall('manifest_rows', 'number', ['string'], [`${mount}/set`]);
      const { mode } = plain.FS.stat(`${mount}/set/0000000000`);

      // Written back by a program that has read it first, everything is as it was.
      plain.FS.writeFile(`${mount}/note`, 'hello');
      await plain.store();
      const rows = await thimble.readRows([0, 250, n - 1]);
      const kept = [0, 250, n - 1].every((row, i) =>
        values.subarray(row * dim, (row + 1) * dim).every((value, j) => value === rows[i * dim + j]));
      return { files: names.length, last: names.at(-1), equal, manifest_rows, mode, kept };
    }, element);
    assert.deepEqual(outcome,
        { files: 501, last: 'manifest', equal: 500, manifest_rows: 500, mode: 33206, kept: true });
  });
}

for (const [element, rows_per_file] of [['f32', 1], ['u8', 1], ['f32', 4], ['u8', 7]]) {
  test(`files that plain IDBFS wrote are a store (${element}, ${rows_per_file} rows per file)`, { skip }, async () => {
    const outcome = await laboratory.run(async ({ element, rows_per_file }) => {
      const [n, dim, mount] = [203, 50, `/wrote-${element}-${rows_per_file}`];
      const values = make_vectors(n, dim, element, 5);
      const plain = await mount_plain(mount);
      const at = plain.module._malloc(values.byteLength);
      plain.module.HEAPU8.set(bytes_of(values), at);
      const written = plain.module.ccall('write_set', 'number',
          ['string', 'number', 'number', 'number', 'number', 'number'],
          [`${mount}/mine`, at, n, dim, +(element === 'u8'), rows_per_file]);
      await plain.store();

      const thimble = await Thimble.load();
      await thimble.openStore(mount, 'mine');
      const info = thimble.storeInfo();
      const nodes = [0, 1, 2, 3, 4, 7, 99, 100, 198, 201, 202];
      const rows = await thimble.readRows(nodes);
      const equal = nodes.filter((node, i) =>
        values.subarray(node * dim, (node + 1) * dim).every((value, j) => value === rows[i * dim + j])).length;

      await thimble.buildIndex({ m: 8, efConstruction: 50 });
      thimble.checkStore();
      const { ids, distances } = await thimble.search(Float32Array.from(values.subarray(150 * dim, 151 * dim)), { k: 3 });
      return { written, info, equal: equal === nodes.length, nearest: ids[0], distance: distances[0] };
    }, { element, rows_per_file });
    assert.deepEqual(outcome, {
      written: 1,
      info: { n: 203, dim: 50, rowBytes: element === 'u8' ? 50 : 200, element },
      equal: true, nearest: 150, distance: 0,
    });
  });
}

test('trap: syncfs(false) without a syncfs(true) before deletes the vectors; the store names what is missing', { skip },
    async () => {
      await laboratory.run(async () => {
        const thimble = await Thimble.load();
        await import_made(thimble, { mount: '/trap', name: 'set', n: 100, dim: 8 });
        self.trapped = thimble;
        const plain = await mount_plain('/trap');
        plain.FS.writeFile('/trap/unrelated', 'x');
        await plain.store();
      });
      await assert.rejects(laboratory.run(() => trapped.readRows([3, 4])), with_code('missing_row', 3));
      await assert.rejects(laboratory.run(() => trapped.openStore('/trap', 'set')), with_code('cannot_open'));
    });

test('an open store does not block deleteDatabase, and then says that storage is gone', { skip }, async () => {
  await laboratory.run(async () => {
    const thimble = await Thimble.load();
    await import_made(thimble, { mount: '/deleted', name: 'set', n: 20, dim: 8 });
    self.orphan = thimble;
    await done(indexedDB.deleteDatabase('/deleted'));
  });
  await assert.rejects(laboratory.run(() => orphan.readRows([1])), with_code('store_unavailable'));
  await assert.rejects(laboratory.run(() => orphan.openStore('/deleted', 'set')), with_code('cannot_open'));
});

test('trap: a program with IDBFS mounted keeps its connection and does block deleteDatabase', { skip }, async () => {
  const first = await laboratory.run(async () => {
    const plain = await mount_plain('/held');
    await plain.load();
    self.deletion = indexedDB.deleteDatabase('/held');
    self.held = plain;
    return new Promise((resolve) => {
      deletion.onblocked = () => resolve('blocked');
      deletion.onsuccess = () => resolve('deleted');
    });
  });
  assert.equal(first, 'blocked');
  const then = await laboratory.run(() => new Promise((resolve) => {
    deletion.onsuccess = () => resolve('deleted');
    held.module.IDBFS.quit();
  }));
  assert.equal(then, 'deleted');
});

test('several sets share a mount point, and removing one leaves the others', { skip }, async () => {
  const outcome = await laboratory.run(async () => {
    const thimble = await Thimble.load();
    const a = await import_made(thimble, { mount: '/many', name: 'a', n: 30, dim: 4, seed: 1 });
    await import_made(thimble, { mount: '/many', name: 'ab', n: 30, dim: 4, seed: 2 });
    await thimble.removeStore('/many', 'ab');
    await thimble.removeStore('/many', 'never-there');
    await thimble.removeStore('/no-such-mount', 'x');
    await thimble.openStore('/many', 'a');
    const rows = await thimble.readRows([29]);
    const keys = await with_table('/many', 'readonly', (table) => done(table.getAllKeys()));
    const mounts = (await indexedDB.databases()).map(({ name }) => name);
    return { equal: rows.every((value, j) => value === a[29 * 4 + j]), keys: keys.length, invented: mounts.includes('/no-such-mount') };
  });
  assert.deepEqual(outcome, { equal: true, keys: 32, invented: false });
});
