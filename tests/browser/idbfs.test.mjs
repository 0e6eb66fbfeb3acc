// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The IDBFS store in Chromium: its layout is that of IDBFS, in both directions, what IDBFS's own habits do to it, and
// everything that can go wrong has a name.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missing_lab, open_store_lab, start_browser, start_server, with_code } from './support.mjs';

const skip = missing_lab('idbfs', { programs: ['idbfs_plain'] });
let server;
let browser;
let place;

// What the tests do in the worker, beside pages/store_lab.mjs.
const helpers = () => {
  self.done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new DOMException('blocked', 'BlockedError'));
  });
  /** run(object store) in one transaction on IDBFS's table of a mount point. */
  self.with_table = async (mount, mode, run) => {
    const database = await done(indexedDB.open(mount));
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
  self.change_file = (mount, name, change) => with_table(mount, 'readwrite', async (table) => {
    const record = await done(table.get(`${mount}/set/${name}`));
    record.contents = change(record.contents);
    await done(table.put(record, `${mount}/set/${name}`));
  });
  self.begin = (lab, mount, { name = 'set', n = 100, dim = 16, element = 'u8' } = {}) =>
    lab.later('begin', mount, name, n, dim, +(element === 'u8'));
  /** Rows from `from` on, in batches; `until` ends it before. */
  self.append = async (lab, values, { dim = 16, from = 0, until = values.length / dim, batch = 64 } = {}) => {
    for (let row = from; row < until; row += batch) {
      const rows = values.subarray(row * dim, Math.min(row + batch, until) * dim);
      await lab.later('append', rows, rows.length);
    }
  };
  /** A set of made-up vectors, finished and open. */
  self.import_made = async (lab, mount, { name = 'set', n = 100, dim = 16, element = 'u8', seed = 1 } = {}) => {
    const values = make_values(n, dim, element, seed);
    await begin(lab, mount, { name, n, dim, element });
    await append(lab, values, { dim });
    await lab.later('finish');
    await lab.later('open', mount, name);
    return values;
  };
  /** Whether these rows come back as they were. */
  self.same_rows = async (lab, values, nodes) => {
    const { dim } = lab.shape();
    const rows = await lab.read(nodes);
    return nodes.every((node, i) => Array.from({ length: dim }, (_, j) => j)
        .every((j) => rows[i * dim + j] === values[node * dim + j]));
  };
  self.bytes_of = (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
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
};

const open = async ({ first = () => {}, context = browser.context } = {}) => {
  const lab = await open_store_lab(context, server.address, 'idbfs', { worker: true, first });
  await lab.run(`() => (${helpers})()`);
  return lab;
};
const fails = (run, code, value) => assert.rejects(place.run(run), with_code(code, value));

before(async () => {
  if (skip) return;
  server = await start_server();
  browser = await start_browser();
  place = await open();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

test('records are those of IDBFS: directories, files, dates, an index on timestamp', { skip }, async () => {
  const found = await place.run(async (lab) => {
    await import_made(lab, '/records', { n: 70, dim: 5 });
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
    const outcome = await place.run(async (lab, element) => {
      const [n, dim, mount] = [500, 33, `/seen-${element}`];
      const values = await import_made(lab, mount, { n, dim, element });
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
      const kept = await same_rows(lab, values, [0, 250, n - 1]);
      return { files: names.length, last: names.at(-1), equal, manifest_rows, mode, kept };
    }, element);
    assert.deepEqual(outcome,
        { files: 501, last: 'manifest', equal: 500, manifest_rows: 500, mode: 33206, kept: true });
  });
}

for (const [element, rows_per_file] of [['f32', 1], ['u8', 1], ['f32', 4], ['u8', 7]]) {
  test(`files that plain IDBFS wrote are a store (${element}, ${rows_per_file} rows per file)`, { skip }, async () => {
    const outcome = await place.run(async (lab, { element, rows_per_file }) => {
      const [n, dim, mount] = [203, 50, `/wrote-${element}-${rows_per_file}`];
      const values = make_values(n, dim, element, 5);
      const plain = await mount_plain(mount);
      const at = plain.module._malloc(values.byteLength);
      plain.module.HEAPU8.set(bytes_of(values), at);
      const written = plain.module.ccall('write_set', 'number',
          ['string', 'number', 'number', 'number', 'number', 'number'],
          [`${mount}/mine`, at, n, dim, +(element === 'u8'), rows_per_file]);
      await plain.store();

      await lab.later('open', mount, 'mine');
      const equal = await same_rows(lab, values, [0, 1, 2, 3, 4, 7, 99, 100, 198, 201, 202]);
      await lab.same_hits(Float32Array.from(values), n, dim);
      return { written, shape: lab.shape(), equal };
    }, { element, rows_per_file });
    assert.deepEqual(outcome, { written: 1, shape: { n: 203, dim: 50 }, equal: true });
  });
}

test('trap: syncfs(false) without a syncfs(true) before deletes the vectors; the store names what is missing', { skip },
    async () => {
      await place.run(async (lab) => {
        await import_made(lab, '/trap');
        const plain = await mount_plain('/trap');
        plain.FS.writeFile('/trap/unrelated', 'x');
        await plain.store();
      });
      await fails((lab) => lab.read([3, 4]), 'missing_row', 3);
      await fails((lab) => lab.later('open', '/trap', 'set'), 'cannot_open');
    });

test('an open store does not block deleteDatabase, and then says that storage is gone', { skip }, async () => {
  await place.run(async (lab) => {
    await import_made(lab, '/deleted');
    await done(indexedDB.deleteDatabase('/deleted'));
  });
  await fails((lab) => lab.read([1]), 'store_unavailable');
  await fails((lab) => lab.later('open', '/deleted', 'set'), 'cannot_open');
});

test('trap: a program with IDBFS mounted keeps its connection and does block deleteDatabase', { skip }, async () => {
  const first = await place.run(async () => {
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
  const then = await place.run(() => new Promise((resolve) => {
    deletion.onsuccess = () => resolve('deleted');
    held.module.IDBFS.quit();
  }));
  assert.equal(then, 'deleted');
});

test('several sets share a mount point, and removing one leaves the others', { skip }, async () => {
  const outcome = await place.run(async (lab) => {
    const a = await import_made(lab, '/many', { name: 'a', n: 30, dim: 4, seed: 1 });
    await import_made(lab, '/many', { name: 'ab', n: 30, dim: 4, seed: 2 });
    await lab.later('remove', '/many', 'ab');
    await lab.later('remove', '/many', 'never-there');
    await lab.later('remove', '/no-such-mount', 'x');
    await lab.later('open', '/many', 'a');
    const equal = await same_rows(lab, a, [29]);
    const keys = await with_table('/many', 'readonly', (table) => done(table.getAllKeys()));
    const mounts = (await indexedDB.databases()).map(({ name }) => name);
    return { equal, keys: keys.length, invented: mounts.includes('/no-such-mount') };
  });
  assert.deepEqual(outcome, { equal: true, keys: 32, invented: false });
});

test('a batch is read by one read-only transaction, its keys ascending', { skip }, async () => {
  const counts = await place.run(async (lab) => {
    await import_made(lab, '/counted');
    const counts = { modes: [], keys: [], others: 0 };
    const undo = [];
    const watch = (type, method, note) => {
      const original = type.prototype[method];
      type.prototype[method] = function (...words) {
        note(...words);
        return original.apply(this, words);
      };
      undo.push(() => type.prototype[method] = original);
    };
    watch(IDBDatabase, 'transaction', (tables, mode) => counts.modes.push(mode));
    watch(IDBObjectStore, 'get', (key) => counts.keys.push(key));
    for (const method of ['getAll', 'getKey', 'getAllKeys', 'openCursor', 'count', 'put', 'add', 'delete'])
      watch(IDBObjectStore, method, () => ++counts.others);
    await lab.read([3, 17, 99]);
    undo.forEach((put_back) => put_back());
    return counts;
  });
  assert.deepEqual(counts, {
    modes: ['readonly'], keys: ['0000000003', '0000000017', '0000000099'].map((row) => `/counted/set/${row}`), others: 0,
  });
});

describe('what can go wrong', { skip }, () => {
  test('a missing row is named, others are readable', async () => {
    await place.run(async (lab) => {
      await import_made(lab, '/missing');
      await with_table('/missing', 'readwrite', (table) => done(table.delete('/missing/set/0000000042')));
    });
    await fails((lab) => lab.read([1, 42, 43]), 'missing_row', 42);
    assert.equal(await place.run(async (lab) => (await lab.read([1, 43])).length), 32);
    await fails((lab) => lab.read([1, 100]), 'missing_row', 100);
  });

  test('a row of a wrong size is corrupt', async () => {
    await place.run(async (lab) => {
      await import_made(lab, '/short');
      await change_file('/short', '0000000005', (contents) => contents.slice(1));
      await change_file('/short', '0000000006', () => undefined);
      await change_file('/short', '0000000007', () => 'text of sixteen.');
    });
    await fails((lab) => lab.read([5]), 'corrupt', 5);
    await fails((lab) => lab.read([6]), 'corrupt', 6);
    await fails((lab) => lab.read([7]), 'corrupt', 7);
  });

  for (const [what, code, change] of [
    ['one flipped bit', 'corrupt', (bytes) => (bytes[17] ^= 1, bytes)],
    ['a flipped checksum', 'corrupt', (bytes) => (bytes[60] ^= 1, bytes)],
    ['too few bytes', 'corrupt', (bytes) => bytes.slice(0, 63)],
    ['too many bytes', 'corrupt', () => new Uint8Array(65)],
    ['something else', 'unknown_format', () => new Uint8Array(64).fill(32)],
    ['a later version', 'wrong_version', (bytes) => (bytes[8] = 9, bytes)],
    ['no contents', 'corrupt', () => undefined],
  ])
    test(`a manifest with ${what} is refused: ${code}`, async () => {
      await place.run(async (lab, source) => {
        await import_made(lab, '/manifest');
        await change_file('/manifest', 'manifest', eval(source));
      }, change.toString());
      await fails((lab) => lab.later('open', '/manifest', 'set'), code);
    });

  test('an import that stops half-way is not served, and the next one starts clean', async () => {
    await place.run(async (lab) => {
      await begin(lab, '/again', { n: 1000, dim: 4 });
      await append(lab, make_values(1000, 4, 'u8'), { dim: 4, until: 500 });
    });
    await fails((lab) => lab.later('open', '/again', 'set'), 'cannot_open');
    const keys = await place.run(async (lab) => {
      await import_made(lab, '/again', { n: 20, dim: 4 });
      return with_table('/again', 'readonly', (table) => done(table.count()));
    });
    assert.equal(keys, 22, 'a folder, a manifest and 20 rows: nothing of the first import');
  });

  test('rows that are too few, too many or no numbers are refused', async () => {
    await place.run(async (lab) => {
      await begin(lab, '/rows', { n: 100, dim: 4 });
      await append(lab, make_values(99, 4, 'u8'), { dim: 4 });
    });
    await fails((lab) => lab.later('finish'), 'truncated', 99);
    await fails(async (lab) => {
      await begin(lab, '/rows', { n: 100, dim: 4 });
      await append(lab, make_values(101, 4, 'u8'), { dim: 4, batch: 10 });
    }, 'too_many_vectors');
    await fails(async (lab) => {
      await begin(lab, '/rows', { n: 50, dim: 4, element: 'f32' });
      await append(lab, make_values(50, 4).fill(NaN, 134, 135), { dim: 4, batch: 10 });
    }, 'not_finite', 33);
    await fails((lab) => lab.later('open', '/rows', 'set'), 'cannot_open');
  });

  test('of two imports into one folder the later one wins, the earlier one fails', async () => {
    const outcome = await place.run(async (lab) => {
      const later = await new_lab();
      const first = make_values(100, 4, 'u8', 1);
      await begin(lab, '/race', { dim: 4 });
      await append(lab, first, { dim: 4, until: 50 });
      const second = await import_made(later, '/race', { dim: 4, seed: 2 });
      const code = await append(lab, first, { dim: 4, from: 50 }).then(() => null, ({ code }) => code);
      return { code, equal: await same_rows(later, second, [0, 99]) };
    });
    assert.deepEqual(outcome, { code: 'cannot_write', equal: true });
  });

  test('names that IDBFS could not have are refused', async () => {
    for (const words of [['lab', 'x'], ['/lab/', 'x'], ['/', 'x'], ['', 'x'], ['/lab', ''], ['/lab', 'a/b'], ['/lab', '..']])
      await assert.rejects(place.run((lab, words) => lab.later('open', ...words), words), with_code('invalid_argument'),
          words.join());
  });

  test('a database of another program is not touched', async () => {
    await place.run(async () => {
      const make = async (name, version, table) => {
        const request = indexedDB.open(name, version);
        request.onupgradeneeded = () => request.result.createObjectStore(table);
        (await done(request)).close();
      };
      await make('/foreign', 21, 'THEIRS');
      await make('/newer', 22, 'FILE_DATA');
      await make('/older', 3, 'THEIRS');
    });
    await fails((lab) => lab.later('open', '/foreign', 'set'), 'unknown_format');
    await fails((lab) => lab.later('open', '/newer', 'set'), 'wrong_version');
    await fails((lab) => lab.later('open', '/older', 'set'), 'cannot_open');
    await fails((lab) => begin(lab, '/foreign'), 'unknown_format');
    await fails((lab) => begin(lab, '/newer'), 'wrong_version');
    const versions = await place.run(async () => (await indexedDB.databases())
        .filter(({ name }) => ['/foreign', '/newer', '/older'].includes(name)).map(({ version }) => version).sort());
    assert.deepEqual(versions, [21, 22, 3].sort());
  });

  test('a quota that is full is no_space, and nothing is served', async () => {
    // A browser of its own: Chromium remembers for a while how much space there was.
    const small = await start_browser();
    const lab = await open({ context: small.context });
    const session = await small.context.newCDPSession(lab.page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.address, quotaSize: 5e6 });
    await assert.rejects(lab.run((lab) => import_made(lab, '/full', { n: 20_000, dim: 1000 })), with_code('no_space'));
    await assert.rejects(lab.run((lab) => lab.later('open', '/full', 'set')), with_code('cannot_open'));
    await small.close();
  });

  for (const [what, break_it] of [
    ['absent', () => Object.defineProperty(self, 'indexedDB', { value: undefined })],
    ['refused when it is opened', () => {
      IDBFactory.prototype.open = () => {
        throw new DOMException('denied', 'SecurityError');
      };
    }],
    ['failing when it is opened', () => {
      const open = IDBFactory.prototype.open;
      IDBFactory.prototype.open = function (name) {
        return open.call(this, name, 2 ** 53);  // answers with an error event
      };
    }],
  ])
    test(`IndexedDB ${what}: store_unavailable`, async () => {
      const lab = await open({ first: break_it });
      for (const run of [
        (lab) => lab.later('open', '/x', 'set'), (lab) => begin(lab, '/x'), (lab) => lab.later('remove', '/x', 'set'),
      ])
        await assert.rejects(lab.run(run), with_code('store_unavailable'));
      await lab.close();
    });
});
