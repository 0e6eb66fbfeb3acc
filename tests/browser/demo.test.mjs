// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The demo page as a visitor uses it, with both binaries: import, build, search, measure, reload, load a prebuilt index.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  binaries, build, demo_state, missing, open_demo, open_laboratory, start_browser, start_server, texts,
} from './support.mjs';

const skip = missing();
let server;
let browser;

before(async () => {
  if (skip) return;
  server = await start_server();
});
after(() => server?.close());

const number = (text) => Number.parseFloat(text.replace(',', ''));
const wait_for_truth = (page) =>
  page.waitForFunction(() => /^[\d.]+ %$/.test(document.getElementById('recall').textContent));

/** What the pictures on the page hold: their distinct grey values, 0 for one that was not drawn. */
const pictures = (page) => page.evaluate(() => [...document.querySelectorAll('#query, #hits canvas')].map((canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const greys = new Set();
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) greys.add(data[i]);
  return canvas.width === 28 ? greys.size : 0;
}));

for (const binary of binaries)
  describe(`the page with the ${binary} binary`, { skip }, () => {
    let page;
    let failures;
    before(async () => {
      browser = await start_browser();
      failures = [];
      page = await open_demo(browser.context, server.address, `?simd=${binary}`);
      page.on('pageerror', (error) => failures.push(error.message));
      page.on('console', (message) => message.type() === 'error' && failures.push(message.text()));
    });
    after(() => browser.close());

    test('imports the vectors, builds the index and shows hits', async () => {
      await page.click('#start');
      await page.waitForFunction(() => document.getElementById('progress').value > 0);
      await demo_state(page, ['ready']);
      await page.waitForSelector('#hits li:nth-child(10)');
      const [loaded, kernels, vectors, index] = await texts(page, 'binary', 'simd', 'vectors-state', 'index-state');
      assert.equal(loaded, binary);
      assert.equal(kernels, binary, 'the index reports the kernels that run');
      assert.match(vectors, /^9,000 × 784, 7\.1 MB in OPFS$/);
      assert.match(index, /^sq8, m 16/);
      const greys = await pictures(page);
      assert.equal(greys.length, 11);
      assert.ok(greys.every((count) => count > 10), `${greys}`);
      const [rows, batches] = await texts(page, 'rows-read', 'batches');
      assert.deepEqual([rows, batches], ['50', '1']);
    });

    test('finds what brute force finds: recall@10 of at least .95 with rerank 50', async () => {
      await wait_for_truth(page);
      await page.selectOption('#measure-count', '100');
      await page.click('#run');
      await page.waitForSelector('#measure[data-done="100"]');
      await demo_state(page, ['ready']);
      const [recall, rows, batches, median, p99] =
          (await texts(page, 'mean-recall', 'mean-rows', 'mean-batches', 'median', 'p99')).map(number);
      assert.ok(recall >= 95, `${recall} %`);
      assert.deepEqual([rows, batches], [50, 1]);
      assert.ok(median > 0 && p99 >= median);
    });

    test('its sliders change what is read', async () => {
      const set = (id, value) => page.evaluate(([id, value]) => {
        const slider = document.getElementById(id);
        slider.value = value;
        slider.dispatchEvent(new Event('input'));
      }, [id, value]);
      const rows_read = (expected) => page.waitForFunction(
          (expected) => document.getElementById('rows-read').textContent === expected, expected);
      await set('rerank', 20);
      await rows_read('20');
      await set('rerank', 200);
      await rows_read('64');
      await set('ef', 120);
      await rows_read('120');
      await set('rerank', 0);
      await rows_read('0');
      assert.equal((await texts(page, 'batches'))[0], '0');
      await set('rerank', 50);
      await rows_read('50');
    });

    test('turns to other queries by button, number and key', async () => {
      const shows = (query) => page.waitForFunction(
          (query) => Number(document.getElementById('query-number').value) === query &&
              document.getElementById('rows-read').textContent === '50', query);
      await page.click('#next');
      await shows(1);
      await page.fill('#query-number', '41');
      await page.press('#query-number', 'Enter');
      await shows(41);
      await page.focus('#random');
      await page.keyboard.press('ArrowLeft');
      await shows(40);
      assert.ok((await pictures(page)).every((count) => count > 5));
    });

    test('opens at once after a reload, with the same hits', async () => {
      const hits = () => page.evaluate(() => [...document.querySelectorAll('#hits li')].map(({ dataset }) =>
        `${dataset.id} ${dataset.distance}`));
      await page.fill('#query-number', '0');
      await page.press('#query-number', 'Enter');
      await page.waitForFunction(() => document.getElementById('query-number').value === '0');
      await page.waitForTimeout(300);
      const before_reload = await hits();
      const requests = [];
      page.on('request', (request) => requests.push(new URL(request.url()).pathname));
      await page.reload();
      await demo_state(page, ['ready']);
      await page.waitForSelector('#hits li:nth-child(10)');
      assert.deepEqual(await hits(), before_reload);
      assert.equal((await texts(page, 'storage'))[0], 'OPFS');
      assert.ok(!requests.some((name) => /base\.|\.thimble/.test(name)), 'neither vectors nor index are fetched again');
    });

    test('forgets everything when asked', async () => {
      await page.click('#forget');
      await demo_state(page, ['idle']);
      const laboratory = await open_laboratory(browser.context, server.address);
      assert.deepEqual(await laboratory.run(() => stored_names()), []);
      await laboratory.close();
    });

    test('without an error on the way', () => assert.deepEqual(failures, []));
  });

describe('an index that was built elsewhere', { skip }, () => {
  let folder;
  let prebuilt_server;
  before(async () => {
    browser = await start_browser();
    // A build folder of its own: the binaries of the real one, and an index beside them.
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'thimble-build-'));
    for (const binary of binaries)
      fs.symlinkSync(path.join(build, `wasm-${binary}`), path.join(folder, `wasm-${binary}`));
    fs.mkdirSync(path.join(folder, 'web'));
    const laboratory = await open_laboratory(browser.context, server.address);
    const pieces = await laboratory.run(async () => {
      const thimble = await Thimble.load();
      const base = await fetch_vectors('/data/fashion-mnist/base.u8bin');
      await thimble.importRows(() => in_chunks(base.values, 1 << 16),
          { name: 'elsewhere', n: base.n, dim: base.dim, element: 'u8' });
      await thimble.buildIndex({ m: 12, efConstruction: 60 });
      const pieces = [];
      await thimble.saveIndex((piece) => void pieces.push(piece));
      const texts = [];
      for (const piece of pieces) texts.push(btoa(piece.reduce((text, byte) => text + String.fromCharCode(byte), '')));
      await thimble.removeStore('elsewhere');
      return texts;
    });
    await laboratory.close();
    const bytes = Buffer.concat(pieces.map((text) => Buffer.from(text, 'base64')));
    fs.writeFileSync(path.join(folder, 'web/fashion-mnist.thimble'), bytes);
    fs.writeFileSync(path.join(folder, 'web/fashion-mnist-784.thimble'), bytes.subarray(0, bytes.length - 1000));
    prebuilt_server = await start_server({ build: folder });
  });
  after(async () => {
    await prebuilt_server.close();
    await browser.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  test('is what the page takes first', async () => {
    const page = await open_demo(browser.context, prebuilt_server.address);
    assert.ok(await page.isVisible('#load'));
    const requests = [];
    page.on('request', (request) => requests.push(new URL(request.url()).pathname));
    await page.click('#start');
    await demo_state(page, ['ready']);
    await wait_for_truth(page);
    assert.match((await texts(page, 'index-state'))[0], /^sq8, m 12/);
    await page.close();
  });

  test('is refused by name when it is not whole', async () => {
    const page = await open_demo(browser.context, prebuilt_server.address);
    fs.truncateSync(path.join(folder, 'web/fashion-mnist.thimble'), 5_000_000);
    await page.click('#load');
    await page.waitForSelector('#alert:not([hidden])');
    assert.match((await texts(page, 'alert-code'))[0], /^(truncated|corrupt)$/);
    await page.close();
  });
});

test('the server serves files below its folders only', { skip }, async () => {
  const status = (address) => {
    // fetch() would tidy the path up.
    return new Promise((resolve) => http.get(new URL(server.address).origin, { path: address }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }));
  };
  assert.equal(await status('/thimble.mjs'), 200);
  assert.equal(await status('/data/fashion-mnist/base.u8bin'), 200);
  for (const address of [
    '/..%2f..%2fCMakeLists.txt', '/data/fashion-mnist/..%2f..%2f..%2fCMakeLists.txt', '/data/fashion-mnist/../../../LICENSE',
    '/wasm/simd128/..%2f..%2f..%2fCMakeCache.txt', '/wasm/..%2f..', '/index/..%2f..%2fCMakeLists.txt', '/pages/..%2fsupport.mjs',
    '/data/constructor/x', '/__proto__/x', '/nothing',
  ])
    assert.equal(await status(address), 404, address);
  assert.equal(await status('/%'), 400);
});

test('the server sends the bytes that are asked for', { skip }, async () => {
  const get = async (range) => {
    const answer = await fetch(`${server.address}/data/fashion-mnist/base.u8bin`, { headers: range ? { range } : {} });
    const bytes = Buffer.from(await answer.arrayBuffer());
    return { status: answer.status, told: answer.headers.get('content-range'), bytes };
  };
  const all = (await get()).bytes;
  const end = all.length - 1;
  for (const [range, first, last] of [['bytes=0-7', 0, 7], ['bytes=1000-', 1000, end], ['bytes=5-99999999', 5, end]]) {
    const { status, told, bytes } = await get(range);
    assert.deepEqual({ status, told }, { status: 206, told: `bytes ${first}-${last}/${all.length}` });
    assert.ok(bytes.equals(all.subarray(first, last + 1)), range);
  }
  assert.equal((await get(`bytes=${all.length}-`)).status, 416);
  assert.equal((await get('bytes=1-2,5-6')).status, 200);
});
