// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong with storage in a browser has a named error each, and nothing half-done is ever served.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  demo_state, missing, open_demo, open_laboratory, start_browser, start_server, texts, with_code,
} from './support.mjs';

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

describe('the store', { skip }, () => {
  let laboratory;
  before(async () => {
    laboratory = await open_laboratory(browser.context, server.address);
    await laboratory.run(async () => {
      self.thimble = await Thimble.load();
      // A set of its own for each test.
      self.fresh = async (mount, options = {}) => {
        self.thimble = await Thimble.load();
        return import_made(thimble, { mount, name: 'set', n: 100, dim: 16, ...options });
      };
      self.change_file = (mount, name, change) => with_table(mount, 'readwrite', async (table) => {
        const record = await done(table.get(`${mount}/set/${name}`));
        record.contents = change(record.contents);
        await done(table.put(record, `${mount}/set/${name}`));
      });
    });
  });
  after(() => laboratory.close());

  const fails = (code, run, value) => assert.rejects(laboratory.run(run), with_code(code, value));

  test('a missing row is named', async () => {
    await laboratory.run(async () => {
      await fresh('/missing');
      await with_table('/missing', 'readwrite', (table) => done(table.delete('/missing/set/0000000042')));
    });
    await fails('missing_row', () => thimble.readRows([1, 42, 43]), 42);
    assert.equal(await laboratory.run(async () => (await thimble.readRows([1, 43])).length), 32, 'others are readable');
    await fails('missing_row', () => thimble.readRows([1, 100]), 100);
  });

  test('a search that meets a missing row fails with its name and works again once it is back', async () => {
    await laboratory.run(async () => {
      self.values = await fresh('/meets');
      await thimble.buildIndex({ m: 8, efConstruction: 40 });
      self.query = Float32Array.from(values.subarray(7 * 16, 8 * 16));
      self.row = await with_table('/meets', 'readonly', (table) => done(table.get('/meets/set/0000000007')));
      await with_table('/meets', 'readwrite', (table) => done(table.delete('/meets/set/0000000007')));
    });
    await fails('missing_row', () => thimble.search(query), 7);
    const nearest = await laboratory.run(async () => {
      await with_table('/meets', 'readwrite', (table) => done(table.put(row, '/meets/set/0000000007')));
      return (await thimble.search(query)).ids[0];
    });
    assert.equal(nearest, 7);
  });

  test('a row of a wrong size is corrupt', async () => {
    await laboratory.run(async () => {
      await fresh('/short');
      await change_file('/short', '0000000005', (contents) => contents.slice(1));
      await change_file('/short', '0000000006', () => undefined);
      await change_file('/short', '0000000007', () => 'text of sixteen.');
    });
    await fails('corrupt', () => thimble.readRows([5]), 5);
    await fails('corrupt', () => thimble.readRows([6]), 6);
    await fails('corrupt', () => thimble.readRows([7]), 7);
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
      await laboratory.run(async (source) => {
        await fresh('/manifest');
        await change_file('/manifest', 'manifest', eval(source));
      }, change.toString());
      await fails(code, () => thimble.openStore('/manifest', 'set'));
    });

  test('the store of another index is refused', async () => {
    await laboratory.run(async () => {
      await fresh('/ours');
      await thimble.buildIndex({ m: 8, efConstruction: 40 });
      const other = await Thimble.load();
      await import_made(other, { mount: '/theirs', n: 100, dim: 16, seed: 99 });
      await import_made(other, { mount: '/narrow', n: 100, dim: 15 });
      await import_made(other, { mount: '/fewer', n: 99, dim: 16 });
      self.query = new Float32Array(16);
    });
    for (const [mount, code] of [['/theirs', 'store_mismatch'], ['/narrow', 'wrong_dim'], ['/fewer', 'store_mismatch']]) {
      await laboratory.run((mount) => thimble.openStore(mount, 'set'), mount);
      await fails(code, () => thimble.checkStore());
      await fails(code, () => thimble.search(query));
    }
    await laboratory.run(() => thimble.openStore('/ours', 'set'));
    assert.equal(await laboratory.run(async () => (await thimble.search(query)).ids.length), 10);
  });

  test('queries that no search can answer are named', async () => {
    await laboratory.run(async () => {
      await fresh('/queries');
      await thimble.buildIndex({ m: 8, efConstruction: 40 });
    });
    await fails('wrong_dim', () => thimble.search(new Float32Array(15)), 15);
    await fails('not_finite', () => thimble.search(new Float32Array(16).fill(NaN)));
    await fails('not_finite', () => thimble.search(new Float32Array(16).fill(Infinity)));
    await fails('invalid_k', () => thimble.search(new Float32Array(16), { k: 0 }));
    assert.equal(await laboratory.run(async () => (await thimble.search(new Float32Array(16), { k: 500 })).ids.length), 100);
  });

  test('vectors that are not numbers are not imported', async () => {
    await assert.rejects(laboratory.run(async () => {
      const values = make_vectors(50, 4, 'f32');
      values[33 * 4 + 2] = NaN;
      await thimble.importRows(in_chunks(values), { mount: '/nan', name: 'set', n: 50, dim: 4, element: 'f32' });
    }), with_code('not_finite', 33));
    await fails('cannot_open', () => thimble.openStore('/nan', 'set'));
  });

  for (const [rows, code] of [[99, 'truncated'], [101, 'too_many_vectors'], [99.5, 'truncated']])
    test(`an import of 100 vectors that brings ${rows} fails: ${code}`, async () => {
      await assert.rejects(laboratory.run((rows) => thimble.importRows(in_chunks(make_vectors(rows * 2, 2)),
          { mount: '/count', name: 'set', n: 100, dim: 4, element: 'u8', batchRows: 10 }), rows), with_code(code));
      await fails('cannot_open', () => thimble.openStore('/count', 'set'));
    });

  test('an import that is cancelled is not served, and the next one starts clean', async () => {
    await assert.rejects(laboratory.run(() => thimble.importRows(in_chunks(make_vectors(1000, 4)), {
      mount: '/again', name: 'set', n: 1000, dim: 4, element: 'u8', batchRows: 10, progress: (done) => done < 500,
    })), with_code('cancelled'));
    await fails('cannot_open', () => thimble.openStore('/again', 'set'));
    const keys = await laboratory.run(async () => {
      await import_made(thimble, { mount: '/again', n: 20, dim: 4 });
      return with_table('/again', 'readonly', (table) => done(table.count()));
    });
    assert.equal(keys, 22, 'a folder, a manifest and 20 rows: nothing of the first import');
  });

  test('a new import takes the set out of service until it is finished', async () => {
    await laboratory.run(async () => {
      self.reader = await Thimble.load();
      await import_made(reader, { mount: '/renew', n: 100, dim: 4, seed: 1 });
    });
    const inside = await laboratory.run(async () => {
      const writer = await Thimble.load();
      const codes = [];
      const values = make_vectors(100, 4, 'u8', 2);
      const chunks = async function* () {
        yield bytes_of(values).subarray(0, 200);
        for (const run of [() => reader.openStore('/renew', 'set')]) codes.push((await attempt(run)).error?.code);
        yield bytes_of(values).subarray(200);
      };
      await writer.importRows(chunks(), { mount: '/renew', name: 'set', n: 100, dim: 4, element: 'u8', batchRows: 10 });
      await reader.openStore('/renew', 'set');
      const row = await reader.readRows([99]);
      return { codes, equal: row.every((value, j) => value === values[99 * 4 + j]) };
    });
    assert.deepEqual(inside, { codes: ['cannot_open'], equal: true });
  });

  test('of two imports into one folder the later one wins, the earlier one fails', async () => {
    const outcome = await laboratory.run(async () => {
      const [first, second] = [await Thimble.load(), await Thimble.load()];
      const [a, b] = [make_vectors(100, 4, 'u8', 1), make_vectors(100, 4, 'u8', 2)];
      const options = { mount: '/race', name: 'set', n: 100, dim: 4, element: 'u8', batchRows: 10 };
      let later;
      const interrupted = async function* () {
        yield bytes_of(a).subarray(0, 200);
        await (later = second.importRows(in_chunks(b), options));
        yield bytes_of(a).subarray(200);
      };
      const lost = await attempt(() => first.importRows(interrupted(), options));
      await later;
      await second.openStore('/race', 'set');
      const rows = await second.readRows([0, 99]);
      return { code: lost.error?.code, equal: rows.every((value, j) => value === b[j < 4 ? j : 99 * 4 + j - 4]) };
    });
    assert.deepEqual(outcome, { code: 'cannot_write', equal: true });
  });

  test('names that IDBFS could not have are refused', async () => {
    for (const [mount, name] of [['lab', 'x'], ['/lab/', 'x'], ['/', 'x'], ['', 'x'], ['/lab', ''], ['/lab', 'a/b'], ['/lab', '..']])
      await assert.rejects(laboratory.run(([mount, name]) => thimble.openStore(mount, name), [mount, name]),
          with_code('invalid_argument'), `${mount} ${name}`);
  });

  test('a database of another program is not touched', async () => {
    await laboratory.run(async () => {
      const make = (name, version, table) => new Promise((resolve, reject) => {
        const request = indexedDB.open(name, version);
        request.onupgradeneeded = () => request.result.createObjectStore(table);
        request.onsuccess = () => (request.result.close(), resolve());
        request.onerror = () => reject(request.error);
      });
      await make('/foreign', 21, 'THEIRS');
      await make('/newer', 22, 'FILE_DATA');
      await make('/older', 3, 'THEIRS');
    });
    await fails('unknown_format', () => thimble.openStore('/foreign', 'set'));
    await fails('wrong_version', () => thimble.openStore('/newer', 'set'));
    await fails('cannot_open', () => thimble.openStore('/older', 'set'));
    const importing = (mount) => laboratory.run((mount) => import_made(thimble, { mount, n: 4, dim: 4 }), mount);
    await assert.rejects(importing('/foreign'), with_code('unknown_format'));
    await assert.rejects(importing('/newer'), with_code('wrong_version'));
    const versions = await laboratory.run(async () => (await indexedDB.databases())
        .filter(({ name }) => ['/foreign', '/newer', '/older'].includes(name)).map(({ version }) => version).sort());
    assert.deepEqual(versions, [21, 22, 3].sort());
  });
});

describe('a quota that is full', { skip }, () => {
  test('is no_space, and nothing is served', async () => {
    // A browser of its own: Chromium remembers for a while how much space there was.
    const small = await start_browser();
    const page = await small.context.newPage();
    const session = await small.context.newCDPSession(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.address, quotaSize: 5e6 });
    const laboratory = await open_laboratory(small.context, server.address);
    await laboratory.run(async () => void (self.thimble = await Thimble.load()));
    await assert.rejects(
        laboratory.run(() => import_made(thimble, { mount: '/full', n: 20_000, dim: 1000, batchRows: 500 })),
        with_code('no_space'));
    await assert.rejects(laboratory.run(() => thimble.openStore('/full', 'set')), with_code('cannot_open'));
    await small.close();
  });
});

describe('IndexedDB that is not there', { skip }, () => {
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
    test(`${what}: store_unavailable`, async () => {
      const laboratory = await open_laboratory(browser.context, server.address);
      await laboratory.run(`() => void (${break_it})()`);
      await laboratory.run(async () => void (self.thimble = await Thimble.load()));
      for (const run of [
        () => thimble.openStore('/x', 'set'),
        () => import_made(thimble, { mount: '/x', n: 4, dim: 4 }),
        () => thimble.removeStore('/x', 'set'),
      ])
        await assert.rejects(laboratory.run(run), with_code('store_unavailable'));
      await laboratory.close();
    });

  test('the page says so', async () => {
    const page = await browser.context.newPage();
    await page.route('**/worker.mjs', async (route) => {
      const answer = await route.fetch();
      await route.fulfill({
        response: answer,
        body: `Object.defineProperty(self, 'indexedDB', { value: undefined });\n${await answer.text()}`,
      });
    });
    await page.goto(server.address);
    await demo_state(page, ['idle']);
    const [code, storage] = await texts(page, 'alert-code', 'storage');
    assert.deepEqual({ code, storage }, { code: 'store_unavailable', storage: 'none' });
    assert.ok(await page.isVisible('#alert'));
    await page.close();
  });
});

describe('an import that is killed half-way', { skip }, () => {
  test('leaves nothing that opens; the page offers the import again, which works', async () => {
    let page = await open_demo(browser.context, server.address);
    await page.click('#import');
    await page.waitForFunction(() => document.getElementById('progress').value > .3);
    await page.close();

    page = await open_demo(browser.context, server.address);
    assert.equal(await page.evaluate(() => document.body.dataset.state), 'idle');
    assert.equal((await texts(page, 'import'))[0], 'Import');
    const laboratory = await open_laboratory(browser.context, server.address);
    const left = await laboratory.run(() => with_table('/thimble', 'readonly', (table) => done(table.count())));
    assert.ok(left > 1 && left < 9000, `${left} records of the killed import`);
    await assert.rejects(laboratory.run(async () => (await Thimble.load()).openStore('/thimble', 'fashion-mnist')),
        with_code('cannot_open'));

    await page.click('#import');
    await page.waitForFunction(() => document.getElementById('step-vectors').classList.contains('done'));
    const records = await laboratory.run(() => with_table('/thimble', 'readonly', (table) => done(table.count())));
    assert.equal(records, 9002);
    await laboratory.close();
    await page.click('#forget');
    await demo_state(page, ['idle']);
    await page.close();
  });

  test('by its cancel button leaves nothing at all', async () => {
    const page = await open_demo(browser.context, server.address);
    await page.click('#import');
    await page.waitForFunction(() => document.getElementById('progress').value > .2);
    await page.click('#cancel');
    await demo_state(page, ['idle']);
    assert.ok(!await page.isVisible('#alert'));
    const laboratory = await open_laboratory(browser.context, server.address);
    assert.equal(await laboratory.run(() => with_table('/thimble', 'readonly', (table) => done(table.count()))), 0);
    await laboratory.close();
    await page.close();
  });
});
