// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong between the ES module and storage has a named error each, and nothing half-done is ever served.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { deny, missing, open_laboratory, start_browser, start_server, with_code } from './support.mjs';

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

for (const [place, denied] of [['opfs', ''], ['indexeddb', deny.opfs], ['memory', deny.opfs + deny.indexeddb]])
  describe(`vectors in ${place}`, { skip }, () => {
    let laboratory;
    before(async () => {
      laboratory = await open_laboratory(browser.context, server.address);
      await laboratory.run(`() => { ${denied} }`);
      await laboratory.run(async () => {
        // Another program for each test, with a set of its own.
        self.fresh = async (name, options = {}) => {
          await self.thimble?.closeStore();
          self.thimble = await Thimble.load();
          return import_made(thimble, { name, n: 100, dim: 16, ...options });
        };
      });
    });
    after(() => laboratory.close());

    const fails = (code, run, value) => assert.rejects(laboratory.run(run), with_code(code, value));
    const stored = place !== 'memory';

    test('are where they should be, come back as they were, and say why they are nowhere better', async () => {
      for (const element of ['u8', 'f32']) {
        const { info, equal } = await laboratory.run(async (element) => {
          const values = await fresh('back', { element });
          const rows = await thimble.readRows([...Array(100).keys()]);
          return { info: thimble.storeInfo(), equal: rows.every((value, i) => value === values[i]) };
        }, element);
        const better = { opfs: [], indexeddb: ['opfs'], memory: ['opfs', 'indexeddb'] }[place];
        for (const { message } of info.reasons) assert.ok(message.length > 20);
        assert.deepEqual({ ...info, reasons: info.reasons.map(({ place, code }) => [place, code]) }, {
          n: 100, dim: 16, rowBytes: element === 'u8' ? 16 : 64, element, where: place,
          reasons: better.map((place) => [place, 'store_unavailable']),
        });
        assert.ok(equal);
      }
    });

    test('may be halfs: an index that is built from them knows them, and one of the floats they were made of', async () => {
      const outcome = await laboratory.run(async () => {
        // Floats that are halfs have the bits of halfs in their upper parts: 1.5, 2.5, ... by hand.
        const [n, dim] = [200, 8];
        const halfs = Uint16Array.from({ length: n * dim }, (_, i) => 0x3c00 + Math.imul(i + 1, 40503) % 4096);
        const value_of = (half) => 2 ** ((half >> 10) - 15) * (1 + (half & 1023) / 1024);
        await thimble.closeStore();
        self.thimble = await Thimble.load();
        const info = await thimble.importRows(() => in_chunks(halfs), { name: 'halfs', n, dim, element: 'f16' });
        const rows = await thimble.readRows([0, 77, 199]);
        const equal = [0, 77, 199].every((row, i) => Array.from({ length: dim }, (_, j) => j)
            .every((j) => rows[i * dim + j] === value_of(halfs[row * dim + j])));
        await thimble.buildIndex({ m: 8, efConstruction: 40 });
        const query = Float32Array.from(halfs.subarray(77 * dim, 78 * dim), value_of);
        const { ids, distances } = await thimble.search(query);

        // The floats are a little off the halfs.
        const floats = Float32Array.from(halfs, (half) => value_of(half) * (1 + 1e-5));
        const other = await Thimble.load();
        await other.importRows(() => in_chunks(floats), { name: 'floats', n, dim, element: 'f32' });
        await other.buildIndex({ m: 8, efConstruction: 40 });
        await other.closeStore();
        await other.importRows(() => in_chunks(halfs), { name: 'halfs of floats', n, dim, element: 'f16' });
        other.checkStore();
        const again = await other.search(query);
        await other.closeStore();
        return {
          element: info.element, rowBytes: info.rowBytes, equal, nearest: [ids[0], again.ids[0]],
          distance: [distances[0], again.distances[0]],
        };
      });
      assert.deepEqual(outcome, { element: 'f16', rowBytes: 16, equal: true, nearest: [77, 77], distance: [0, 0] });
    });

    test('of another index are refused', async () => {
      await laboratory.run(async () => {
        await fresh('ours');
        await thimble.buildIndex({ m: 8, efConstruction: 40 });
        self.query = new Float32Array(16);
      });
      for (const [set, code] of [
        [{ name: 'theirs', n: 100, dim: 16, seed: 99 }, 'store_mismatch'],
        [{ name: 'narrow', n: 100, dim: 15 }, 'wrong_dim'],
        [{ name: 'fewer', n: 99, dim: 16 }, 'store_mismatch'],
      ]) {
        await laboratory.run((set) => import_made(thimble, set), set);
        await fails(code, () => thimble.checkStore());
        await fails(code, () => thimble.search(query));
      }
      await laboratory.run(() => import_made(thimble, { name: 'ours', n: 100, dim: 16 }));
      assert.equal(await laboratory.run(async () => (await thimble.search(query)).ids.length), 10);
    });

    test('are asked for by number: others are missing_row', async () => {
      await laboratory.run(() => fresh('rows'));
      await fails('missing_row', () => thimble.readRows([1, 100]), 100);
      assert.equal(await laboratory.run(async () => (await thimble.readRows([1, 99])).length), 32);
    });

    test('that are not numbers are not imported', async () => {
      await assert.rejects(laboratory.run(async () => {
        const values = make_vectors(50, 4, 'f32');
        values[33 * 4 + 2] = NaN;
        await thimble.importRows(() => in_chunks(values), { name: 'nan', n: 50, dim: 4, element: 'f32' });
      }), with_code('not_finite', 33));
      await fails(stored ? 'cannot_open' : 'store_unavailable', () => thimble.openStore('nan'));
    });

    for (const [rows, code] of [[99, 'truncated'], [101, 'too_many_vectors'], [99.5, 'truncated']])
      test(`are 100, and ${rows} come: ${code}`, async () => {
        await assert.rejects(laboratory.run((rows) => thimble.importRows(() => in_chunks(make_vectors(rows * 2, 2)),
            { name: 'count', n: 100, dim: 4, element: 'u8', batchRows: 10 }), rows), with_code(code));
        await fails(stored ? 'cannot_open' : 'store_unavailable', () => thimble.openStore('count'));
      });

    test('that were cancelled are not served, and the next import starts clean or goes on', async () => {
      const cancelled = () => fails('cancelled', () => thimble.importRows(() => in_chunks(make_vectors(1000, 4)), {
        name: 'again', n: 1000, dim: 4, element: 'u8', batchRows: 10, progress: (done) => done < 500,
      }), 500);
      await cancelled();
      await fails(stored ? 'cannot_open' : 'store_unavailable', () => thimble.openStore('again'));
      for (const resume of [false, true]) {
        await cancelled();
        const { first, equal } = await laboratory.run(async (resume) => {
          const values = make_vectors(1000, 4);
          let first;
          await thimble.importRows((row) => in_chunks(values.subarray((first = row) * 4)),
              { name: 'again', n: 1000, dim: 4, element: 'u8', batchRows: 10, resume });
          const rows = await thimble.readRows([...Array(1000).keys()]);
          return { first, equal: rows.every((value, i) => value === values[i]) };
        }, resume);
        // OPFS keeps what has come every 32 MB only.
        assert.deepEqual({ first, equal }, { first: resume && place === 'indexeddb' ? 500 : 0, equal: true });
      }
    });

    test('that had all come when the import ended need not come again', async () => {
      const outcome = await laboratory.run(async () => {
        const values = make_vectors(100, 4);
        const options = { name: 'all', n: 100, dim: 4, element: 'u8', batchRows: 10 };
        const rows_from = (first) => (asked.push(first), in_chunks(values.subarray(first * 4)));
        let asked = [];
        await attempt(() => thimble.importRows(rows_from, { ...options, progress: (done) => done < 100 }));
        asked = [];
        await thimble.importRows(rows_from, { ...options, resume: true });
        const rows = await thimble.readRows([...Array(100).keys()]);
        return { asked, equal: rows.every((value, i) => value === values[i]) };
      });
      assert.deepEqual(outcome, { asked: place === 'indexeddb' ? [] : [0], equal: true });
    });

    test('do not come from two imports at once', async () => {
      const outcome = await laboratory.run(async () => {
        await thimble.closeStore();
        const [first, second] = [await Thimble.load(), await Thimble.load()];
        const values = make_vectors(100, 4, 'u8', 1);
        const codes = [];
        const options = { n: 100, dim: 4, element: 'u8', batchRows: 10 };
        const chunks = async function* () {
          yield bytes_of(values).subarray(0, 200);
          for (const run of [
            () => first.importRows(() => in_chunks(values), { name: 'others', ...options }),
            () => second.importRows(() => in_chunks(values), { name: 'one', ...options }),
            () => second.removeStore('one'),
          ])
            codes.push((await attempt(run)).error?.code);
          yield bytes_of(values).subarray(200);
        };
        await first.importRows(chunks, { name: 'one', ...options });
        const row = await first.readRows([99]);
        await first.closeStore();
        return { codes, equal: row.every((value, j) => value === values[99 * 4 + j]) };
      });
      assert.deepEqual(outcome, { codes: ['store_in_use', 'store_in_use', 'store_in_use'], equal: true });
    });

    if (stored) {
      test('that are imported anew are out of service until all have come', async () => {
        const { code, equal } = await laboratory.run(async () => {
          await fresh('renew', { dim: 4, seed: 1 });
          const writer = await Thimble.load();
          const values = make_vectors(100, 4, 'u8', 2);
          await thimble.closeStore();
          let code;
          const chunks = async function* () {
            yield bytes_of(values).subarray(0, 200);
            code = (await attempt(() => thimble.openStore('renew'))).error?.code;
            yield bytes_of(values).subarray(200);
          };
          await writer.importRows(chunks, { name: 'renew', n: 100, dim: 4, element: 'u8', batchRows: 10 });
          await thimble.openStore('renew');
          const row = await thimble.readRows([99]);
          await writer.closeStore();
          return { code, equal: row.every((value, j) => value === values[99 * 4 + j]) };
        });
        assert.ok(equal);
        assert.match(code, /^(store_in_use|cannot_open)$/);
      });

      test('that were removed are gone', async () => {
        await laboratory.run(async () => {
          await fresh('removed');
          await thimble.removeStore('removed');
          await thimble.removeStore('never there');
        });
        await fails('store_unavailable', () => thimble.readRows([1]));
        await fails('cannot_open', () => thimble.openStore('removed'), 0);
      });
    }

    test('have names that are paths', async () => {
      for (const name of ['', '/', '/x', 'x/', 'a//b', '.', 'a/..', 'a\\b'])
        for (const run of [
          (name) => thimble.openStore(name), (name) => import_made(thimble, { name, n: 4, dim: 4 }),
          (name) => thimble.removeStore(name),
        ])
          await assert.rejects(laboratory.run(run, name), with_code('invalid_argument'), name);
      await fails('invalid_argument', () => thimble.importRows(() => [], { name: 'x', n: 4, dim: 4, element: 'f64' }));
    });
  });

describe('a search', { skip }, () => {
  let laboratory;
  const fails = (code, run, value) => assert.rejects(laboratory.run(run), with_code(code, value));
  before(async () => {
    laboratory = await open_laboratory(browser.context, server.address);
    await laboratory.run(`() => { ${deny.opfs} }`);
    await laboratory.run(async () => {
      self.thimble = await Thimble.load();
      self.values = await import_made(thimble, { name: 'searched', n: 100, dim: 16 });
      await thimble.buildIndex({ m: 8, efConstruction: 40 });
    });
  });
  after(() => laboratory.close());

  test('that nothing can answer is named', async () => {
    await fails('wrong_dim', () => thimble.search(new Float32Array(15)), 15);
    await fails('not_finite', () => thimble.search(new Float32Array(16).fill(NaN)));
    await fails('not_finite', () => thimble.search(new Float32Array(16).fill(Infinity)));
    await fails('invalid_k', () => thimble.search(new Float32Array(16), { k: 0 }));
    assert.equal(await laboratory.run(async () => (await thimble.search(new Float32Array(16), { k: 500 })).ids.length), 100);
  });

  test('that meets a missing row fails with its name, and works again once it is back', async () => {
    await laboratory.run(async () => {
      self.query = Float32Array.from(values.subarray(7 * 16, 8 * 16));
      self.done = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      self.rows = async (run) => {
        const database = await done(indexedDB.open('searched'));
        const result = await done(run(database.transaction('rows', 'readwrite').objectStore('rows')));
        database.close();
        return result;
      };
      self.row = await rows((table) => table.get(7));
      await rows((table) => table.delete(7));
    });
    await fails('missing_row', () => thimble.search(query), 7);
    const nearest = await laboratory.run(async () => {
      await rows((table) => table.put(row, 7));
      return (await thimble.search(query)).ids[0];
    });
    assert.equal(nearest, 7);
  });

  test('begins anew after a build that was cancelled', async () => {
    await assert.rejects(laboratory.run(() => thimble.buildIndex({ progress: () => false })), with_code('cancelled'));
    const nearest = await laboratory.run(async () => {
      await thimble.buildIndex({ m: 8, efConstruction: 40 });
      return (await thimble.search(Float32Array.from(values.subarray(42 * 16, 43 * 16)))).ids[0];
    });
    assert.equal(nearest, 42);
  });
});

describe('a quota that is full', { skip }, () => {
  for (const [place, denied] of [['opfs', ''], ['indexeddb', deny.opfs]])
    test(`is no_space in ${place}, and the import goes on once there is room`, async () => {
      // A browser of its own: Chromium remembers for a while how much space there was.
      const small = await start_browser();
      const page = await small.context.newPage();
      const session = await small.context.newCDPSession(page);
      const allow = (quotaSize) => session.send('Storage.overrideQuotaForOrigin', { origin: server.address, quotaSize });
      await allow(5e6);
      const laboratory = await open_laboratory(small.context, server.address);
      await laboratory.run(`() => { ${denied} }`);
      await laboratory.run(async () => void (self.thimble = await Thimble.load()));
      const importing = () => laboratory.run(async () => {
        const values = make_vectors(20_000, 1000);
        const { where } = await thimble.importRows((first) => in_chunks(values.subarray(first * 1000), 1 << 16),
            { name: 'full', n: 20_000, dim: 1000, element: 'u8', resume: true });
        const rows = await thimble.readRows([0, 10_000, 19_999]);
        return { where, equal: [0, 10_000, 19_999].every((row, i) => rows[i * 1000 + 7] === values[row * 1000 + 7]) };
      });
      await assert.rejects(importing(), with_code('no_space'));
      await assert.rejects(laboratory.run(() => thimble.openStore('full')), with_code('cannot_open'));
      await allow(100e6);
      assert.deepEqual(await importing(), { where: place, equal: true });
      await small.close();
    });
});
