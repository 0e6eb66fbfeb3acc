// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The store that chooses its place in Chromium: OPFS, else IndexedDB, else memory, with the reason; one import a name
// at a time in all tabs, which another tab takes over when its page ends; quota and persistence.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missing_lab, open_store_lab, start_browser, start_server, with_code } from './support.mjs';

const skip = missing_lab('choice');
let server;
let browser;

// Storage that a browser refuses.
const without_opfs = () => {
  StorageManager.prototype.getDirectory = async () => {
    throw new DOMException('denied', 'SecurityError');
  };
};
const without_indexeddb = () => {
  IDBFactory.prototype.open = () => {
    throw new DOMException('denied', 'SecurityError');
  };
};

const open = async ({ worker = true, without = [], context = browser.context } = {}) => {
  const place = await open_store_lab(context, server.address, 'choice', { worker });
  await place.run(async () => void Object.assign(self, await import('/pages/choice.mjs')));
  for (const what of without) await place.run(`() => void (${what})()`);
  return place;
};
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

describe('the choice', { skip }, () => {
  for (const [what, place, chosen] of [
    ['OPFS in a worker', {}, { where: 'opfs', reasons: ['', ''] }],
    ['IndexedDB in a window', { worker: false }, { where: 'indexeddb', reasons: ['store_unavailable', ''] }],
    ['IndexedDB in a worker whose OPFS is refused', { without: [without_opfs] },
      { where: 'indexeddb', reasons: ['store_unavailable', ''] }],
    ['memory where both are refused', { without: [without_opfs, without_indexeddb] },
      { where: 'memory', reasons: ['store_unavailable', 'store_unavailable'] }],
  ])
    test(`is ${what}, and a search there finds what it finds in memory`, async () => {
      const lab = await open(place);
      const outcome = await lab.run(async (lab, name) => {
        const [n, dim] = [1000, 24];
        const values = make_values(n, dim);
        await begin(lab, name, n, dim);
        const writer = choice(lab, 1);
        await append(lab, values, dim);
        await lab.later('finish');
        const store = choice(lab);
        await lab.same_hits(values, n, dim);
        const few_at_once = lab.module._lab_few_at_once(lab.session) === 1;
        return { writer, store, few_at_once, shape: lab.shape(), different: await different(lab, values) };
      }, what);
      const few_at_once = chosen.where !== 'indexeddb';
      assert.deepEqual(outcome, { writer: chosen, store: chosen, few_at_once, shape: { n: 1000, dim: 24 }, different: 0 });
      // A later session finds it where it was stored.
      const later = await open(place);
      const opened = later.run(async (lab, name) => {
        await lab.later('open', name);
        return { ...choice(lab), different: await different(lab, make_values(1000, 24)) };
      }, what);
      if (chosen.where === 'memory') await fails(opened, 'store_unavailable');
      else assert.deepEqual(await opened, { ...chosen, different: 0 });
      await later.close();
      await lab.close();
    });

  test('of open() is OPFS where both have the set, and tells what OPFS has instead', async () => {
    const window = await open({ worker: false });
    await window.run((lab) => import_made(lab, 'both', { seed: 1 }));
    const worker = await open();
    const opened = (seed) => worker.run(async (lab, seed) => {
      await lab.later('open', 'both');
      return { ...choice(lab), different: await different(lab, make_values(200, 16, 'f32', seed)) };
    }, seed);
    assert.deepEqual(await opened(1), { where: 'indexeddb', reasons: ['cannot_open', ''], different: 0 });
    await worker.run((lab) => import_made(lab, 'both', { seed: 2 }));
    assert.deepEqual(await opened(2), { where: 'opfs', reasons: ['', ''], different: 0 });
    await worker.run((lab) => lab.close());
    await fails(worker.run((lab) => lab.later('open', 'neither')), 'cannot_open', 0);
    await window.close();
    await worker.close();
  });

  test('of an unfinished import is none: cannot_open, with its rows', async () => {
    const window = await open({ worker: false });
    await window.run(async (lab) => {
      await begin(lab, 'unfinished', 100, 4);
      await append(lab, make_values(100, 4), 4, 0, 30);
    });
    await fails(window.run((lab) => lab.later('open', 'unfinished')), 'cannot_open', 30);
    // A worker looks into OPFS first, and has more to tell of IndexedDB.
    const worker = await open();
    await fails(worker.run((lab) => lab.later('open', 'unfinished')), 'cannot_open', 30);
    await worker.close();
    await window.close();
  });

  test('is taken back from both places, and from one where there is only one', async () => {
    const [worker, window] = [await open(), await open({ worker: false })];
    for (const place of [worker, window]) {
      await place.run(async (lab) => {
        await import_made(lab, 'removed');
        lab.close();
      });
    }
    await worker.run((lab) => lab.later('remove', 'removed'));
    assert.deepEqual(await worker.run(async () => [...await database_names(), ...await file_names()]
        .filter((name) => name === 'removed')), []);
    await fails(worker.run((lab) => lab.later('open', 'removed')), 'cannot_open', 0);
    await worker.run((lab) => lab.later('remove', 'removed'));
    await window.run((lab) => import_made(lab, 'removed'));
    await window.run((lab) => lab.later('remove', 'removed'));
    await fails(window.run((lab) => lab.later('open', 'removed')), 'cannot_open', 0);
    const nothing = await open({ without: [without_opfs, without_indexeddb] });
    await fails(nothing.run((lab) => lab.later('remove', 'removed')), 'store_unavailable');
    await nothing.close();
    await worker.close();
    await window.close();
  });
});

for (const worker of [true, false])
  describe(`two tabs, in ${worker ? 'OPFS' : 'IndexedDB'}`, { skip }, () => {
    const name = `shared ${worker}`;
    let one;
    let two;
    before(async () => {
      one = await open({ worker });
      two = await open({ worker });
    });
    after(() => Promise.all([one.close(), two.close()]));

    test('read one set at once', async () => {
      await one.run((lab, name) => import_made(lab, name, { n: 500 }), name);
      await two.run((lab, name) => lab.later('open', name), name);
      assert.equal(await two.run((lab) => through_another_tab(lab)), false);
      const reading = async (lab) => {
        let found = 0;
        for (let i = 0; i < 10; ++i) found += await different(lab, make_values(500, 16));
        return found;
      };
      assert.deepEqual(await Promise.all([one.run(reading), two.run(reading)]), [0, 0]);
      await Promise.all([one.run((lab) => lab.close()), two.run((lab) => lab.close())]);
    });

    test('do not import under one name at once: store_in_use, until the first one has finished', async () => {
      await one.run(async (lab, name) => {
        await begin(lab, name, 200, 16);
        await append(lab, make_values(200, 16), 16, 0, 100);
      }, name);
      for (const run of [
        (lab, name) => begin(lab, name, 200, 16), (lab, name) => begin(lab, name, 200, 16, 1),
        (lab, name) => lab.later('remove', name),
      ])
        await fails(two.run(run, name), 'store_in_use');
      await two.run((lab, name) => import_made(lab, `other ${name}`), name);
      // The refused ones have changed nothing.
      assert.equal(await one.run(async (lab) => {
        const values = make_values(200, 16);
        await append(lab, values, 16, 100);
        await lab.later('finish');
        const found = await different(lab, values);
        lab.close();
        return found;
      }), 0);
      assert.equal(await two.run(async (lab, name) => {
        const values = await import_made(lab, name, { seed: 3 });
        const found = await different(lab, values);
        lab.close();
        return found;
      }, name), 0);
    });

    for (const [what, end] of [
      ['failed', (lab) => lab.later('append', new Float32Array(7), 7).then(() => null, ({ code }) => code)],
      ['was given up', (lab) => lab.module._lab_drop(lab.session) ?? null],
    ])
      test(`import under one name after the other's ${what}`, async () => {
        await one.run((lab, name) => begin(lab, name, 200, 16), name);
        await fails(two.run((lab, name) => begin(lab, name, 200, 16), name), 'store_in_use');
        assert.equal(await one.run(end), what === 'failed' ? 'wrong_dim' : null);
        await two.run(async (lab, name) => {
          await import_made(lab, name);
          lab.close();
        }, name);
      });

    test('take over from each other: where the first is closed half-way, the second goes on', async () => {
      const owner = await open({ worker });
      const dim = worker ? 4096 : 16;  // OPFS makes a checkpoint every 32 MB
      const [n, batch] = worker ? [4000, 256] : [1000, 64];
      await owner.run(async (lab, [name, n, dim, batch]) => {
        await begin(lab, name, n, dim);
        await append(lab, make_values(n, dim), dim, 0, n * 3 / 4, batch);
      }, [name, n, dim, batch]);
      await fails(two.run((lab, [name, n, dim]) => begin(lab, name, n, dim, 1), [name, n, dim]), 'store_in_use');
      await owner.close();
      const outcome = await two.run(async (lab, [name, n, dim, batch]) => {
        // The browser lets go what the page had a moment after it is closed.
        for (;;) {
          const code = await begin(lab, name, n, dim, 1).then(() => null, ({ code }) => code);
          if (code === null) break;
          if (code !== 'store_in_use') throw Object.assign(new Error(code), { code });
        }
        const from = rows_so_far(lab);
        const values = make_values(n, dim);
        await append(lab, values, dim, from, n, batch);
        await lab.later('finish');
        const found = await different(lab, values);
        lab.close();
        await lab.later('remove', name);
        return { went_on: from > 0 && from <= n * 3 / 4, found };
      }, [name, n, dim, batch]);
      assert.deepEqual(outcome, { went_on: true, found: 0 });
    });
  });

describe('where there are no locks', { skip }, () => {
  const without_locks = () => Object.defineProperty(navigator, 'locks', { value: undefined });

  const with_safaris_error = () => {
    const create = FileSystemFileHandle.prototype.createSyncAccessHandle;
    FileSystemFileHandle.prototype.createSyncAccessHandle = function (...options) {
      return create.apply(this, options).catch(({ message }) => {
        throw new DOMException(message, 'InvalidStateError');
      });
    };
  };
  for (const [what, ...without] of [['', without_locks], [', as in Safari', without_locks, with_safaris_error]])
    test(`an OPFS file is its writer's alone anyhow${what}`, async () => {
      const [one, two] = [await open({ without }), await open({ without })];
      await one.run((lab) => begin(lab, 'lockless', 100, 4));
      await fails(two.run((lab) => begin(lab, 'lockless', 100, 4)), 'store_in_use');
      await fails(two.run((lab) => lab.later('open', 'lockless')), 'store_in_use');
      await one.close();
      await two.close();
    });

  test('in IndexedDB the later import wins and the earlier one fails', async () => {
    const place = { worker: false, without: [without_locks] };
    const [one, two] = [await open(place), await open(place)];
    await one.run((lab) => begin(lab, 'lockless', 100, 4));
    assert.equal(await two.run(async (lab) => different(lab, await import_made(lab, 'lockless', { n: 100, dim: 4 }))), 0);
    await fails(one.run((lab) => append(lab, make_values(100, 4), 4)), 'store_mismatch');
    await one.close();
    await two.close();
  });
});

describe('a quota', { skip }, () => {
  /** run(place, allow) in a browser of its own: Chromium remembers for a while how much space there was. */
  const with_quota = async (more_arguments, worker, run) => {
    const small = await start_browser(more_arguments);
    try {
      const place = await open({ worker, context: small.context });
      const session = await small.context.newCDPSession(place.page);
      const allow = (quotaSize) => session.send('Storage.overrideQuotaForOrigin', { origin: server.address, quotaSize });
      await allow(12e6);
      await run(place, allow);
    } finally {
      await small.close();
    }
  };

  for (const worker of [true, false])
    test(`that is too small is no_space before anything is written, in ${worker ? 'OPFS' : 'IndexedDB'}`, () =>
      // Chromium tells pages of 10 GB that it may not have, unless it is told not to.
      with_quota(['--disable-features=StaticStorageQuota'], worker, async (place, allow) => {
        const error = await place.run((lab) => begin(lab, 'full', 20_000, 250)).catch((error) => error);
        assert.equal(error?.code, 'no_space');
        assert.ok(error.value > 10e6 && error.value <= 12e6, `${error.value} bytes`);
        assert.deepEqual(await place.run(async () => [...await database_names(), ...await file_names()]), []);
        // What fits goes in, and what it writes over makes room.
        for (const seed of [1, 2])
          assert.equal(await place.run(async (lab, seed) => {
            const values = await import_made(lab, 'fits', { n: 6000, dim: 250, seed });
            const found = await different(lab, values);
            lab.close();
            return found;
          }, seed), 0);
        await fails(place.run((lab) => begin(lab, 'second', 8000, 250)), 'no_space');
        await allow(100e6);
        await place.run((lab) => begin(lab, 'full', 20_000, 250));
      }));

  for (const worker of [true, false])
    test(`that the browser does not tell is no_space later, in ${worker ? 'OPFS' : 'IndexedDB'}, and the import goes on`, () =>
      with_quota([], worker, async (place, allow) => {
        await fails(place.run((lab) => import_made(lab, 'full', { n: 20_000, dim: 250 })), 'no_space');
        await allow(100e6);
        assert.equal(await place.run(async (lab) => {
          await begin(lab, 'full', 20_000, 250, 1);
          const values = make_values(20_000, 250);
          await append(lab, values, 250, rows_so_far(lab));
          await lab.later('finish');
          return different(lab, values);
        }), 0);
      }));
});

describe('persistence', { skip }, () => {
  for (const [what, answer, wanted] of [
    ['granted', async () => true, true], ['refused', async () => false, false],
    ['failing', async () => {
      throw new TypeError('no');
    }, false],
  ])
    test(`is asked for once by an import in a window, and reported: ${what}`, async () => {
      const place = await open({ worker: false });
      await place.run(`() => {
        self.asked = 0;
        const answer = ${answer};
        StorageManager.prototype.persisted = async () => false;
        StorageManager.prototype.persist = () => (++asked, answer());
      }`);
      const outcome = await place.run(async (lab) => {
        await begin(lab, 'persistent', 100, 4);
        const granted = await persisted(lab);
        await append(lab, make_values(100, 4), 4);
        await lab.later('finish');
        return { granted, afterwards: await persisted(lab), asked };
      });
      assert.deepEqual(outcome, { granted: wanted, afterwards: wanted, asked: 1 });
      await place.close();
    });

  test('is no reason to wait: an import goes on while the user is asked', async () => {
    const place = await open({ worker: false });
    const answer = await place.run(async (lab) => {
      StorageManager.prototype.persisted = async () => false;
      StorageManager.prototype.persist = () => new Promise(() => {});
      await begin(lab, 'asked', 100, 4);
      const answer = lab.module._lab_persisted(lab.session);
      await append(lab, make_values(100, 4), 4);
      await lab.later('finish');
      return answer;
    });
    assert.equal(answer, -1);
    await place.close();
  });

  test('is what the page has reached, in a worker', async () => {
    for (const granted of [true, false]) {
      const place = await open();
      await place.run((lab, granted) => void (StorageManager.prototype.persisted = async () => granted), granted);
      assert.equal(await place.run(async (lab) => {
        await begin(lab, 'in a worker', 100, 4);
        return persisted(lab);
      }), granted);
      await place.close();
    }
  });
});
