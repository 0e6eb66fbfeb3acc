// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Where the demo page and the ES module keep vectors: in the best place that the browser has, and they say why it is no
// better one; an import whose page is closed goes on in the next one, one that is cancelled leaves nothing, and room is
// given back.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  demo_state, deny, missing, open_demo, open_laboratory, start_browser, start_server, texts,
} from './support.mjs';

const skip = missing();
const [n, dim] = [3000, 5000];  // 60 MB: OPFS keeps what has come every 32 MB
let folder;
let server;

/** Two sets for the page: "large", and "small" of its first rows. */
function write_vectors() {
  const values = new Float32Array(n * dim);
  let state = 1;
  for (let i = 0; i < values.length; ++i) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state >>> 8) / 65536 - 100;
  }
  const write = (name, rows) => {
    fs.mkdirSync(path.join(folder, name));
    const file = (count) =>
      Buffer.concat([Buffer.from(Uint32Array.of(count, dim).buffer), Buffer.from(values.buffer, 0, count * dim * 4)]);
    fs.writeFileSync(path.join(folder, name, 'base.fbin'), file(rows));
    fs.writeFileSync(path.join(folder, name, 'query.fbin'), file(10));
    return { name, title: name, folder: path.join(folder, name) };
  };
  return [write('large', n), write('small', 200)];
}

before(async () => {
  if (skip) return;
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'thimble-places-'));
  server = await start_server({ sets: write_vectors() });
});
after(async () => {
  await server?.close();
  if (folder) fs.rmSync(folder, { recursive: true, force: true });
});

/** For the page's worker: vectors stop coming after some bytes, and nothing says so. */
const stall_after = (bytes) => `
  const fetch_all = self.fetch;
  self.fetch = async (url, options) => {
    const answer = await fetch_all(url, options);
    if (!/base/.test(url) || options.headers.range === 'bytes=0-7') return answer;
    let left = ${bytes};
    const reader = answer.body.getReader();
    return new Response(new ReadableStream({
      async pull(to) {
        if (left === 0) return new Promise((_, reject) => {
          options.signal.addEventListener('abort', () => reject(options.signal.reason));
        });
        const { value } = await reader.read();
        const piece = value.subarray(0, left);
        left -= piece.length;
        to.enqueue(piece);
      },
    }), { status: answer.status, headers: answer.headers });
  };`;

/** Every test has a browser of its own, with nothing stored. */
const in_browser = (run, ...more_arguments) => async () => {
  const browser = await start_browser(more_arguments);
  try {
    await run(browser.context);
  } finally {
    await browser.close();
  }
};

const run_in_laboratory = async (context, ...words) => {
  const laboratory = await open_laboratory(context, server.address);
  try {
    return await laboratory.run(...words);
  } finally {
    await laboratory.close();
  }
};
const stored = (context) => run_in_laboratory(context, () => stored_names());
const usage = (context) => run_in_laboratory(context, async () => (await navigator.storage.estimate()).usage);

const hits = (page) => page.evaluate(() =>
  [...document.querySelectorAll('#hits li')].map(({ dataset }) => `${dataset.id} ${dataset.distance}`));
const progress_of = (page, share) => page.waitForFunction(
    (share) => document.getElementById('progress').value >= share, share);
const imported = (page) => page.waitForFunction(
    () => document.body.dataset.state !== 'busy' && document.getElementById('step-vectors').classList.contains('done'));

describe('the page', { skip }, () => {
  const found = {};
  for (const [place, script, badge, sentences, names] of [
    ['opfs', '', 'OPFS', [/^The browser may evict/], ['opfs:small.thimble', 'opfs:vectors/small']],
    ['indexeddb', deny.opfs, 'IndexedDB', [/^Not in OPFS: .*\(store_unavailable\)/, /The browser may evict/],
      ['vectors/small']],
    ['memory', deny.opfs + deny.indexeddb, 'memory',
      [/^Not in OPFS: .*\(store_unavailable\)\. Not in IndexedDB: .*\(store_unavailable\)/, /gone when this page is/], []],
  ])
    test(`keeps vectors in ${place}${place === 'opfs' ? '' : ' where nothing better is allowed'}, and says so`,
        in_browser(async (context) => {
          const page = await open_demo(context, server.address, '?set=small', script);
          assert.deepEqual(await texts(page, 'storage', 'place'), ['–', '']);
          await page.click('#start');
          await demo_state(page, ['ready']);
          await page.waitForSelector('#hits li:nth-child(10)');
          const [storage, why, vectors] = await texts(page, 'storage', 'place', 'vectors-state');
          assert.equal(storage, badge);
          for (const sentence of sentences) assert.match(why, sentence);
          assert.equal(vectors, `200 × 5000, 4.0 MB in ${badge}`);
          assert.ok(!await page.isVisible('#alert'));
          found[place] = await hits(page);
          assert.deepEqual(await stored(context), names);

          const requests = [];
          page.on('request', (request) => requests.push(new URL(request.url()).pathname));
          await page.reload();
          await demo_state(page, ['idle', 'ready']);
          assert.equal((await texts(page, 'storage'))[0], place === 'memory' ? '–' : badge);
          if (place === 'memory') return;
          // The index file is kept in OPFS or not at all.
          if (place === 'indexeddb') await page.click('#build');
          await demo_state(page, ['ready']);
          await page.waitForSelector('#hits li:nth-child(10)');
          assert.deepEqual(await hits(page), found[place]);
          assert.ok(requests.length > 0 && !requests.some((name) => /base/.test(name)), 'no new import');
        }));

  test('finds the same in all of them', () => {
    assert.equal(found.opfs.length, 10);
    assert.deepEqual(found.indexeddb, found.opfs);
    assert.deepEqual(found.memory, found.opfs);
  });

  for (const granted of [true, false])
    test(`asks the browser to keep what is stored, and says what it answers: ${granted ? 'yes' : 'no'}`,
        in_browser(async (context) => {
          const answers = `StorageManager.prototype.persisted = async () => ${granted};`;
          await context.addInitScript((granted) => {
            StorageManager.prototype.persist = async () => (sessionStorage.asked = 'yes', granted);
          }, granted);
          const page = await open_demo(context, server.address, '?set=small', answers);
          assert.equal(await page.evaluate(() => sessionStorage.asked), undefined);
          await page.click('#import');
          await imported(page);
          assert.equal(await page.evaluate(() => sessionStorage.asked), 'yes');
          await page.waitForFunction((words) => document.getElementById('place').textContent.includes(words),
              granted ? 'has promised to keep' : 'may evict');
        }));

  test('waits a moment for vectors that another page is about to let go', in_browser(async (context) => {
    const laboratory = await open_laboratory(context, server.address);
    await laboratory.run(async () => {
      const { n, dim, values } = await fetch_vectors('/data/small/base.fbin');
      const thimble = await Thimble.load();
      let go_on;
      const rows_from = async () => {
        await new Promise((resolve) => go_on = resolve);
        return in_chunks(values, 1 << 16);
      };
      const imported = thimble.importRows(rows_from, { name: 'vectors/small', n, dim, element: 'f32' });
      self.let_go = async () => {
        go_on();
        await imported;
        await thimble.closeStore();
      };
    });
    const opening = open_demo(context, server.address, '?set=small');
    await laboratory.page.waitForTimeout(700);
    await laboratory.run(() => let_go());
    const page = await opening;
    assert.deepEqual(await texts(page, 'storage', 'import'), ['OPFS', 'Import again']);
    assert.ok(!await page.isVisible('#alert'));
  }));

  test('gives the room back', in_browser(async (context) => {
    const page = await open_demo(context, server.address, '?set=large');
    await page.click('#import');
    await imported(page);
    assert.ok(await usage(context) > 55e6);
    await page.click('#forget');
    await demo_state(page, ['idle']);
    assert.deepEqual(await texts(page, 'storage', 'place', 'import'), ['–', '', 'Import']);
    assert.deepEqual(await stored(context), []);
    assert.ok(await usage(context) < 1e6);
  }));

  test('says no_space, and how much there is, where the quota is too small', in_browser(async (context) => {
    const page = await open_demo(context, server.address, '?set=large');
    const session = await context.newCDPSession(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.address, quotaSize: 20e6 });
    await page.click('#import');
    await page.waitForSelector('#alert:not([hidden])');
    const [code, text] = await texts(page, 'alert-code', 'alert-text');
    assert.equal(code, 'no_space');
    assert.match(text, /room for (1\d|20)\.\d MB$/);
    assert.deepEqual(await stored(context), []);
    await demo_state(page, ['idle']);
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.address, quotaSize: 200e6 });
    await page.click('#import');
    await imported(page);
    assert.ok(!await page.isVisible('#alert'));
    // Chromium tells every page of 10 GB, unless it is told not to.
  }, '--disable-features=StaticStorageQuota'));
});

test('the module keeps vectors in IndexedDB in a window, where OPFS is not', { skip }, in_browser(async (context) => {
  const page = await context.newPage();
  await page.goto(`${server.address}/pages/blank.html`);
  const outcome = await page.evaluate(async () => {
    const { Thimble } = await import('/thimble.mjs');
    const thimble = await Thimble.load();
    const [n, dim] = [300, 8];
    const values = Float32Array.from({ length: n * dim }, (_, i) => Math.sin(i * i));
    const info = await thimble.importRows(() => [new Uint8Array(values.buffer)],
        { name: 'window', n, dim, element: 'f32' });
    await thimble.buildIndex({ m: 8, efConstruction: 40 });
    await thimble.closeStore();
    await thimble.openStore('window');
    const { ids, distances, batches } = await thimble.search(values.slice(200 * dim, 201 * dim));
    const { persisted, usage, quota } = await Thimble.storageInfo();
    return {
      where: info.where, reasons: info.reasons.map(({ place, code }) => [place, code]), id: ids[0],
      distance: distances[0], batches, told: [typeof persisted, usage > 0, quota > usage],
    };
  });
  assert.deepEqual(outcome, {
    where: 'indexeddb', reasons: [['opfs', 'store_unavailable']], id: 200, distance: 0, batches: 1,
    told: ['boolean', true, true],
  });
}));

for (const [place, script] of [['opfs', ''], ['indexeddb', deny.opfs]])
  describe(`an import into ${place}`, { skip }, () => {
    // OPFS keeps four batches of 500 rows by then, IndexedDB each.
    const stalled = script + stall_after(45e6);

    // A reloaded page may find its file still open.
    for (const how of place === 'opfs' ? ['closed', 'reloaded'] : ['closed'])
      test(`whose page is ${how} half-way opens nowhere, goes on in the next one and gives the right hits`,
          in_browser(async (context) => {
            let page = await open_demo(context, server.address, '?set=large', stalled);
            await page.click('#import');
            await progress_of(page, 2000 / n);
            if (how === 'reloaded') {
              await page.unrouteAll();
              await page.reload();
              await demo_state(page, ['idle']);
            } else {
              await page.close();
              page = await open_demo(context, server.address, '?set=large', script);
            }
            const [state, button] = await texts(page, 'vectors-state', 'import');
            assert.deepEqual([state, button], ['2,000 of 3,000 are here, 20.0 MB to fetch', 'Go on importing']);
            assert.ok(!await page.isVisible('#alert'));

            const ranges = [];
            page.on('request', (request) => /base/.test(request.url()) && ranges.push(request.headers().range));
            await page.click('#import');
            await imported(page);
            assert.deepEqual(ranges, ['bytes=0-7', `bytes=${8 + 2000 * dim * 4}-`]);
            assert.match((await texts(page, 'vectors-state'))[0], /^3,000 × 5000, 60\.0 MB in /);
            await page.close();

            const outcome = await run_in_laboratory(context, async () => {
              const thimble = await Thimble.load();
              const { where } = (await thimble.openStore('vectors/large'), thimble.storeInfo());
              const { n, dim, values } = await fetch_vectors('/data/large/base.fbin');
              let different = 0;
              for (let first = 0; first < n; first += 500) {
                const rows = await thimble.readRows(Array.from({ length: 500 }, (_, i) => first + i));
                rows.forEach((value, i) => different += value !== values[first * dim + i]);
              }
              await thimble.buildIndex({ m: 8, efConstruction: 40 });
              const query = values.slice(1999 * dim, 2000 * dim).map((value) => value + 1);
              const { ids, distances } = await thimble.search(query, { ef: 100, rerank: 100 });
              const truth = await thimble.exact(query);
              return { where, different, distance: distances[0], hits: ids.slice(0, 1), right: [...truth.slice(0, 1)] };
            });
            assert.deepEqual(outcome, { where: place, different: 0, distance: dim, hits: [1999], right: [1999] });
          }));

    test('that the button cancels leaves nothing at all', in_browser(async (context) => {
      const page = await open_demo(context, server.address, '?set=large', stalled);
      await page.click('#import');
      await progress_of(page, 2000 / n);
      await page.click('#cancel');
      await demo_state(page, ['idle']);
      assert.deepEqual(await texts(page, 'storage', 'import'), ['–', 'Import']);
      assert.ok(!await page.isVisible('#alert'));
      assert.deepEqual(await stored(context), []);
    }));

    test('that did not end can be removed', in_browser(async (context) => {
      let page = await open_demo(context, server.address, '?set=large', stalled);
      await page.click('#import');
      await progress_of(page, 2000 / n);
      await page.close();
      page = await open_demo(context, server.address, '?set=large', script);
      await page.click('#forget');
      await demo_state(page, ['idle']);
      assert.equal((await texts(page, 'import'))[0], 'Import');
      assert.deepEqual(await stored(context), []);
    }));

    test('is the only one under its name in all tabs', in_browser(async (context) => {
      const first = await open_demo(context, server.address, '?set=large', stalled);
      await first.click('#import');
      await progress_of(first, 2000 / n);
      const second = await open_demo(context, server.address, '?set=large', script);
      await second.click('#import');
      await second.waitForSelector('#alert:not([hidden])');
      assert.equal((await texts(second, 'alert-code'))[0], 'store_in_use');
      await first.close();
      await second.click('#import');
      await imported(second);
      assert.ok(!await second.isVisible('#alert'));
    }));
  });
