// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The IndexedDB store in Chromium: rows come back bit for bit, an import that ends half-way goes on or starts clean, and
// everything that can go wrong has a name.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missing_lab, open_store_lab, start_browser, start_server, with_code } from './support.mjs';

const skip = missing_lab('indexeddb');
let server;
let browser;

// What the tests do in the page, beside pages/store_lab.mjs.
const helpers = () => {
  self.done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new DOMException('blocked', 'BlockedError'));
  });
  /** run(rows, set) in one transaction on a set's database. */
  self.with_tables = async (name, run) => {
    const database = await done(indexedDB.open(name));
    try {
      const transaction = database.transaction(['rows', 'set'], 'readwrite');
      const complete = new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error);
      });
      const result = await run(transaction.objectStore('rows'), transaction.objectStore('set'));
      await complete;
      return result;
    } finally {
      database.close();
    }
  };
  /** Values from row `from` on, in batches; `until` ends it before. */
  self.append = async (lab, values, { dim, given = 'f32', from = 0, until = Infinity, batch = 64 }) => {
    for (let at = from * dim; at < Math.min(values.length, until * dim); at += batch * dim) {
      const rows = values.subarray(at, Math.min(at + batch * dim, until * dim));
      await lab.later('append', rows, rows.length, element_types[given]);
    }
  };
  self.begin = (lab, name, n, dim, element = 'f32', resume = 0) =>
    lab.later('begin', name, resume, n, dim, element_types[element]);
  /** A set of made-up vectors, finished and open. */
  self.import_made = async (lab, name, { n = 100, dim = 16, element = 'f32', given = element, seed = 1, ...more } = {}) => {
    const values = make_values(n, dim, given, seed);
    await begin(lab, name, n, dim, element);
    await append(lab, values, { dim, given, ...more });
    await lab.later('finish');
    await lab.later('open', name);
    return values;
  };
  /** Where rows differ from what they should be. */
  self.differences = (rows, values, nodes, dim) => nodes.flatMap((node, i) => Array.from({ length: dim }, (_, j) => j)
      .filter((j) => !Object.is(rows[i * dim + j], values[node * dim + j])).map((j) => [node, j]));
};

const open = (worker = false, first = () => {}) =>
  open_store_lab(browser.context, server.address, 'indexeddb', { worker, first }).then(async (place) => {
    await place.run(`() => (${helpers})()`);
    return place;
  });
const fails = (promise, code, value) => assert.rejects(promise, with_code(code, value));

before(async () => {
  if (skip) return;
  server = await start_server();
  browser = await start_browser();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

for (const worker of [false, true])
  describe(`the IndexedDB store in a ${worker ? 'worker' : 'page'}`, { skip }, () => {
    let place;
    before(async () => {
      place = await open(worker);
    });
    after(() => place.close());

    for (const element of ['f32', 'u8'])
      test(`${element} rows come back bit for bit`, async () => {
        const outcome = await place.run(async (lab, element) => {
          const [n, dim] = [1000, 37];
          const values = await import_made(lab, `bits ${element}`, { n, dim, element, batch: 77 });
          const all = [...Array(n).keys()];
          const found = [];
          for (const nodes of [[0], [999], [0, 1, 2, 3], [5, 6, 100, 999], [7, 7], all, []])
            found.push(...differences(await lab.read(nodes), values, nodes, dim));
          return { found, shape: lab.shape(), exact: lab.module._lab_exact(lab.session) };
        }, element);
        assert.deepEqual(outcome, { found: [], shape: { n: 1000, dim: 37 }, exact: 1 });
      });

    test('float16 rows come back rounded to nearest, whether floats or halfs were appended', async () => {
      const outcome = await place.run(async (lab) => {
        const [n, dim] = [300, 33];
        const values = await import_made(lab, 'halfs', { n, dim, element: 'f16', given: 'f32' });
        const all = [...Array(n).keys()];
        const rows = await lab.read(all);
        const exact = lab.module._lab_exact(lab.session);
        // A float's distance from its half is at most 2^-11 of it; and rounding what was rounded changes nothing.
        const far = rows.filter((value, i) => Math.abs(value - values[i]) > Math.abs(values[i]) * 2 ** -11).length;
        const halfs = await with_tables('halfs', async (table) => {
          const stored = [];
          for (const row of all) stored.push(...new Uint16Array((await done(table.get(row))).slice().buffer));
          return Uint16Array.from(stored);
        });
        await begin(lab, 'halfs again', n, dim, 'f16');
        await append(lab, halfs, { dim, given: 'f16' });
        await lab.later('finish');
        await lab.later('open', 'halfs again');
        return { exact, far, found: differences(await lab.read(all), rows, all, dim) };
      });
      assert.deepEqual(outcome, { exact: 0, far: 0, found: [] });
    });

    test('a search reranks from it and finds what it finds in memory', async () => {
      for (const element of ['f32', 'u8'])
        await place.run(async (lab, element) => {
          const [n, dim] = [1000, 24];
          const values = await import_made(lab, 'searched', { n, dim, element });
          await lab.same_hits(Float32Array.from(values), n, dim);
        }, element);
    });

    test('under a cache its rows come back bit for bit and those that are kept are not asked of it', async () => {
      const outcome = await place.run(async (lab) => {
        const [n, dim] = [1000, 24];
        const values = await import_made(lab, 'cached', { n, dim });
        const found = [];
        const read = async (nodes) => {
          found.push(...differences(await lab.read(nodes, 'cached_read'), values, nodes, dim));
          return lab.module._lab_cache_hits(lab.session);
        };
        const all = [...Array(n).keys()];
        const room = lab.module._lab_cache(lab.session, 50_000);
        const hits = [await read([1, 5, 999]), await read([0, 1, 5, 7, 999]), await read([]), await read(all)];
        await lab.later('cached_same_hits', values, n, dim);
        // What is kept needs no database; everything else does.
        lab.module._lab_cache(lab.session, 50_000);
        await read([3, 4, 7]);
        await (await new_lab()).later('remove', 'cached');
        const kept = await read([3, 7]);
        const code = await read([2, 3, 7]).then(() => null, (error) => error.code);
        return { found, room, hits, kept, code, still: await read([3, 4, 7]) };
      });
      assert.deepEqual(outcome, {
        found: [], room: outcome.room, hits: [0, 3, 3, 8], kept: 2, code: 'store_unavailable', still: 7,
      });
      assert.ok(outcome.room > 400 && outcome.room < 1000, `${outcome.room} rows`);
    });

    test('float16 rows have the identity of the floats they were made of', async () => {
      await place.run(async (lab) => {
        const values = await import_made(lab, 'identity', { n: 500, dim: 24, element: 'f16', given: 'f32' });
        // The index of the floats takes the store; its hits are those of rounded rows.
        await lab.same_hits(values, 500, 24).catch((error) => {
          if (error.code !== 'corrupt') throw error;
        });
      });
      await fails(place.run(async (lab) => {
        await import_made(lab, 'identity', { n: 500, dim: 24, seed: 2 });
        await lab.same_hits(make_values(500, 24, 'f32', 1), 500, 24);
      }), 'store_mismatch');
    });
  });

describe('what is stored', { skip }, () => {
  let place;
  before(async () => {
    place = await open();
  });
  after(() => place.close());

  test('is a record a row under its number, and one of the set', async () => {
    const found = await place.run(async (lab) => {
      const values = await import_made(lab, 'layout', { n: 10, dim: 3 });
      return with_tables('layout', async (rows, set) => {
        const row = await done(rows.get(7));
        const header = await done(set.get(0));
        return {
          keys: await done(rows.getAllKeys()), version: rows.transaction.db.version,
          row: row instanceof Uint8Array && differences(new Float32Array(row.slice().buffer), values.subarray(21), [0], 3),
          magic: new TextDecoder().decode(header.header.subarray(0, 8)), stamp: typeof header.stamp,
        };
      });
    });
    assert.deepEqual(found, { keys: [...Array(10).keys()], version: 1, row: [], magic: 'thimbleS', stamp: 'number' });
  });

  test('is read by one read-only transaction for a batch, its keys ascending', async () => {
    const counts = await place.run(async (lab) => {
      await import_made(lab, 'counted');
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
      await lab.read([3, 17, 42, 99]);
      undo.forEach((put_back) => put_back());
      return counts;
    });
    assert.deepEqual(counts, { modes: ['readonly'], keys: [0, 3, 17, 42, 99], others: 0 });
  });

  test('a missing row is named, others are readable', async () => {
    await place.run(async (lab) => {
      await import_made(lab, 'missing');
      await with_tables('missing', (rows) => done(rows.delete(42)));
    });
    await fails(place.run((lab) => lab.read([1, 42, 43])), 'missing_row', 42);
    assert.equal(await place.run(async (lab) => (await lab.read([1, 43])).length), 32);
    await fails(place.run((lab) => lab.read([1, 100])), 'missing_row', 100);
  });

  test('a row that was altered is named', async () => {
    for (const value of ['new Uint8Array(63)', 'new Uint8Array(65)', 'new Uint8Array(0)', '"text"', 'null', '7', '{}', 'new ArrayBuffer(64)']) {
      await place.run(async (lab, value) => {
        await import_made(lab, 'altered');
        await with_tables('altered', (rows) => done(rows.put((0, eval)(`(${value})`), 42)));
      }, value);
      await fails(place.run((lab) => lab.read([1, 42, 43])), 'corrupt', 42);
    }
  });

  test('a header that was altered is a named error', async () => {
    for (const [change, code] of [
      ['record.header[0] ^= 1', 'unknown_format'], ['record.header[8] ^= 2', 'wrong_version'],
      ['record.header[16] ^= 1', 'corrupt'], ['record.header[60] ^= 1', 'corrupt'],
      ['record.header = new Uint8Array(63)', 'corrupt'], ['delete record.header', 'corrupt'],
    ]) {
      await place.run(async (lab, change) => {
        await import_made(lab, 'header');
        await with_tables('header', async (rows, set) => {
          const record = await done(set.get(0));
          new Function('record', change)(record);
          await done(set.put(record, 0));
        });
      }, change);
      await fails(place.run((lab) => lab.later('open', 'header')), code);
    }
    await place.run((lab) => with_tables('header', (rows, set) => done(set.delete(0))));
    await fails(place.run((lab) => lab.later('open', 'header')), 'cannot_open');
  });

  test('a set that was removed is gone, also for those who have it open', async () => {
    const databases = await place.run(async (lab) => {
      await import_made(lab, 'removed');
      await (await new_lab()).later('remove', 'removed');
      await lab.later('remove', 'never there');
      return (await indexedDB.databases()).map(({ name }) => name).filter((name) => /removed|never/.test(name));
    });
    assert.deepEqual(databases, []);
    await fails(place.run((lab) => lab.read([1])), 'store_unavailable');
    await fails(place.run((lab) => lab.later('open', 'removed')), 'cannot_open');
    await fails(place.run((lab) => lab.later('open', '')), 'invalid_argument');
  });

  test('a database of another program is not touched', async () => {
    await place.run(async () => {
      for (const [name, version, tables] of [['foreign', 1, ['theirs']], ['half', 1, ['rows']], ['newer', 2, ['rows', 'set']]]) {
        const request = indexedDB.open(name, version);
        request.onupgradeneeded = () => tables.forEach((table) => request.result.createObjectStore(table).put('kept', 0));
        (await done(request)).close();
      }
    });
    for (const [name, code] of [['foreign', 'unknown_format'], ['half', 'unknown_format'], ['newer', 'wrong_version']])
      for (const run of [
        (lab, name) => lab.later('open', name), (lab, name) => begin(lab, name, 4, 4), (lab, name) => lab.later('remove', name),
      ])
        await fails(place.run(run, name), code);
    const kept = await place.run(async () => {
      const found = [];
      for (const name of ['foreign', 'half', 'newer']) {
        const database = await done(indexedDB.open(name));
        const tables = [...database.objectStoreNames];
        found.push(database.version, ...tables, await done(database.transaction(tables).objectStore(tables[0]).get(0)));
        database.close();
      }
      return found;
    });
    assert.deepEqual(kept, [1, 'theirs', 'kept', 1, 'rows', 'kept', 2, 'rows', 'set', 'kept']);
  });
});

describe('an import', { skip }, () => {
  let place;
  before(async () => {
    place = await open();
  });
  after(() => place.close());

  test('that is killed opens nowhere; resumed, it goes on where it stood', async () => {
    const other = await open();
    await other.run(async (lab) => {
      await begin(lab, 'killed', 5000, 16);
      self.running = append(lab, make_values(5000, 16), { dim: 16, batch: 10 });
    });
    const stored = () => place.run(async () => with_tables('killed', (rows) => done(rows.count())));
    while (await stored() < 300);
    await other.close();
    const rows = await stored();
    assert.ok(rows >= 300 && rows < 5000, `${rows} rows`);
    await fails(place.run((lab) => lab.later('open', 'killed')), 'cannot_open', rows);
    const outcome = await place.run(async (lab) => {
      await begin(lab, 'killed', 5000, 16, 'f32', 1);
      const from = lab.module._lab_rows_so_far(lab.session);
      const values = make_values(5000, 16);
      await append(lab, values, { dim: 16, from });
      await lab.later('finish');
      await lab.later('open', 'killed');
      const all = [...Array(5000).keys()];
      const found = differences(await lab.read(all), values, all, 16);
      await lab.same_hits(values, 5000, 16);
      return { from, found };
    });
    assert.deepEqual(outcome, { from: rows, found: [] });
  });

  test('that is begun anew starts clean', async () => {
    const outcome = await place.run(async (lab) => {
      await begin(lab, 'clean', 100, 4);
      await append(lab, make_values(100, 4, 'f32', 5), { dim: 4, until: 70, batch: 10 });
      const values = await import_made(lab, 'clean', { n: 60, dim: 4 });
      const all = [...Array(60).keys()];
      return { found: differences(await lab.read(all), values, all, 4), records: await with_tables('clean', (rows) => done(rows.count())) };
    });
    assert.deepEqual(outcome, { found: [], records: 60 });
  });

  test('resumed with another layout, or after it was finished, or never begun, starts clean', async () => {
    const outcome = await place.run(async (lab) => {
      const rows = [];
      const start = async (...words) => {
        await begin(lab, ...words);
        rows.push([lab.module._lab_rows_so_far(lab.session), await with_tables(words[0], (table) => done(table.count()))]);
      };
      for (const [n, dim, element] of [[101, 4, 'f32'], [100, 5, 'f32'], [100, 4, 'f16'], [100, 4, 'f32']]) {
        await begin(lab, 'other layout', 100, 4);
        await append(lab, make_values(100, 4), { dim: 4, until: 50, batch: 10 });
        await start('other layout', n, dim, element, 1);
      }
      await import_made(lab, 'finished', { n: 100, dim: 4 });
      await start('finished', 100, 4, 'f32', 1);
      await start('never', 100, 4, 'f32', 1);
      return rows;
    });
    assert.deepEqual(outcome, [[0, 0], [0, 0], [0, 0], [50, 50], [0, 0], [0, 0]]);
  });

  test('whose header was damaged is corrupt to resume, and can be begun anew', async () => {
    await place.run(async (lab) => {
      await begin(lab, 'damaged', 100, 4);
      await append(lab, make_values(100, 4), { dim: 4, until: 50 });
      await with_tables('damaged', async (rows, set) => {
        const record = await done(set.get(0));
        record.header[40] ^= 1;
        await done(set.put(record, 0));
      });
    });
    await fails(place.run((lab) => begin(lab, 'damaged', 100, 4, 'f32', 1)), 'corrupt');
    await place.run((lab) => import_made(lab, 'damaged', { n: 100, dim: 4 }));
  });

  test('takes the set out of service for those who have it open, and they never see rows of both', async () => {
    const codes = await place.run(async (lab) => {
      const codes = [];
      const code_of = async (run) => codes.push(await run().then(() => null, ({ code }) => code));
      const values = await import_made(lab, 'renewed', { n: 100, dim: 4, seed: 1 });
      const writer = await new_lab();
      await begin(writer, 'renewed', 100, 4);
      await code_of(() => lab.read([1]));
      await append(writer, make_values(100, 4, 'f32', 2), { dim: 4 });
      await code_of(() => lab.read([1]));
      await writer.later('finish');
      await code_of(() => lab.read([1]));
      await lab.later('open', 'renewed');
      await code_of(() => lab.read([1]));
      return codes;
    });
    assert.deepEqual(codes, ['store_mismatch', 'store_mismatch', 'store_mismatch', null]);
  });

  for (const resume of [0, 1])
    test(`loses to a later one ${resume ? 'that resumed it' : 'under its name'}`, async () => {
      const outcome = await place.run(async (lab, resume) => {
        const later = await new_lab();
        const [first, second] = [make_values(100, 4, 'f32', 1), make_values(100, 4, 'f32', resume ? 1 : 2)];
        await begin(lab, 'race', 100, 4);
        await append(lab, first, { dim: 4, until: 50, batch: 10 });
        await begin(later, 'race', 100, 4, 'f32', resume);
        const from = later.module._lab_rows_so_far(later.session);
        const code = await append(lab, first, { dim: 4, from: 50, batch: 10 }).then(() => null, ({ code }) => code);
        const again = await append(lab, first, { dim: 4, from: 60, batch: 10 }).then(() => null, ({ code }) => code);
        await append(later, second, { dim: 4, from });
        await later.later('finish');
        await later.later('open', 'race');
        const all = [...Array(100).keys()];
        return { from, code, again, found: differences(await later.read(all), second, all, 4) };
      }, resume);
      assert.deepEqual(outcome, { from: resume ? 50 : 0, code: 'store_mismatch', again: 'cannot_write', found: [] });
    });

  test('of wrong rows is refused, by name', async () => {
    const start = (n = 10, element = 'f32') => place.run((lab, [n, element]) => begin(lab, 'wrong', n, 4, element), [n, element]);
    const appending = (make, given = 'f32') => place.run(async (lab, [make, given]) => {
      const values = (0, eval)(`(${make})`);
      await lab.later('append', values, values.length, element_types[given]);
    }, [make, given]);
    await start();
    await fails(appending('new Float32Array(7)'), 'wrong_dim', 7);
    await fails(appending('new Float32Array(4)'), 'cannot_write');
    await start();
    await fails(appending('new Float32Array(44)'), 'too_many_vectors', 11);
    await start();
    await fails(appending('new Uint8Array(4)', 'u8'), 'invalid_argument');
    await start();
    await fails(appending('new Float32Array(12).fill(NaN, 9)'), 'not_finite', 2);
    await start(10, 'f16');
    await fails(appending('new Float32Array(12).fill(65520, 5, 6)'), 'too_large', 1);
    await start();
    await appending('new Float32Array(36)');
    await fails(place.run((lab) => lab.later('finish')), 'truncated', 9);
    await appending('new Float32Array(4)');
    await place.run((lab) => lab.later('finish'));
    await fails(place.run((lab) => lab.later('finish')), 'cannot_write');
    await place.run((lab) => lab.later('open', 'wrong'));
  });
});

describe('a quota that is full', { skip }, () => {
  test('is no_space, nothing is served, and the import goes on once there is space', async () => {
    // A browser of its own: Chromium remembers for a while how much space there was.
    const small = await start_browser();
    const place = await open_store_lab(small.context, server.address, 'indexeddb');
    await place.run(`() => (${helpers})()`);
    const session = await small.context.newCDPSession(place.page);
    const allow = (quotaSize) => session.send('Storage.overrideQuotaForOrigin', { origin: server.address, quotaSize });
    await allow(5e6);
    await fails(place.run((lab) => import_made(lab, 'full', { n: 20_000, dim: 250, batch: 500 })), 'no_space');
    const error = await place.run((lab) => lab.later('open', 'full')).catch((error) => error);
    assert.equal(error.code, 'cannot_open');
    assert.ok(error.value > 0 && error.value < 20_000 && error.value % 500 === 0, `${error.value} rows`);
    await allow(1e9);
    const outcome = await place.run(async (lab) => {
      await begin(lab, 'full', 20_000, 250, 'f32', 1);
      const from = lab.module._lab_rows_so_far(lab.session);
      const values = make_values(20_000, 250);
      await append(lab, values, { dim: 250, from, batch: 500 });
      await lab.later('finish');
      await lab.later('open', 'full');
      const nodes = [0, from - 1, from, 19_999];
      return { from, found: differences(await lab.read(nodes), values, nodes, 250) };
    });
    assert.deepEqual(outcome, { from: error.value, found: [] });
    await small.close();
  });
});

describe('IndexedDB that is not there', { skip }, () => {
  for (const [what, break_it] of [
    ['absent', () => Object.defineProperty(self, 'indexedDB', { value: undefined })],
    ['refused when it is opened, as in a private window', () => {
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
      const place = await open(false, break_it);
      for (const run of [(lab) => lab.later('open', 'x'), (lab) => begin(lab, 'x', 4, 4), (lab) => lab.later('remove', 'x')])
        await fails(place.run(run), 'store_unavailable');
      await place.close();
    });
});
