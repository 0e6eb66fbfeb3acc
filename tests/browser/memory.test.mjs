// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Nobody holds the float vectors: not the WASM heap, not JavaScript, not the renderer process. Measured on the demo page
// with 452 MB of floats: 24,000 rows of six pictures each, dimmed so that values are no whole numbers. (A tab costs some
// 25 MB whatever it shows, a page with modules and a worker as much again, so less would tell nothing.) What is measured is what is held: garbage,
// a few tens of megabytes after hundreds of searches, is collected first and only reported.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { private_bytes, renderer_of, settled_private_bytes } from './processes.mjs';
import { demo_state, missing, open_demo, repository, start_browser, start_server, texts } from './support.mjs';

const skip = missing() || (fs.existsSync('/proc/self/status') ? false : 'no /proc here');
const n = 24_000;
const parts = 6;

function write_vectors(folder) {
  const images = fs.readFileSync(path.join(repository, 'tests/data/fashion-mnist/base.u8bin'));
  const [n_images, pixels] = [images.readUInt32LE(0), images.readUInt32LE(4)];
  const dim = parts * pixels;
  const header = (rows) => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(rows, 0);
    bytes.writeUInt32LE(dim, 4);
    return bytes;
  };
  const row_of = (i) => {
    const row = new Float32Array(dim);
    const light = .9 + .1 * Math.sin(i);
    for (let part = 0; part < parts; ++part) {
      const image = (i + part * (1 + Math.floor(i / n_images))) % n_images;
      for (let j = 0; j < pixels; ++j) row[part * pixels + j] = images[8 + image * pixels + j] * light + .25;
    }
    return Buffer.from(row.buffer);
  };
  const base = fs.openSync(path.join(folder, 'base.fbin'), 'w');
  fs.writeSync(base, header(n));
  for (let i = 0; i < n; ++i) fs.writeSync(base, row_of(i));
  fs.closeSync(base);
  const queries = Array.from({ length: 50 }, (_, i) => row_of(n + i * 13));
  fs.writeFileSync(path.join(folder, 'query.fbin'), Buffer.concat([header(queries.length), ...queries]));
  return n * dim * 4;
}

describe('memory after a reload', { skip, timeout: 300_000 }, () => {
  let folder;
  let server;
  let browser;
  let floats;
  let blank;
  let page;
  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'thimble-vectors-'));
    floats = write_vectors(folder);
    server = await start_server({ sets: [{ name: 'large', title: 'large', folder }] });
    browser = await start_browser(['--js-flags=--expose-gc']);

    const blank_page = await browser.context.newPage();
    await blank_page.goto(`${server.address}/pages/blank.html`);
    blank = await settled_private_bytes(blank_page, await renderer_of(blank_page, browser.profile));
    await blank_page.close();

    page = await open_demo(browser.context, server.address, '?set=large');
    await page.click('#start');
    await demo_state(page, ['ready'], 280_000);
    await page.waitForFunction(() => /^[\d.]+ %$/.test(document.getElementById('recall').textContent), null,
        { timeout: 120_000 });
    await page.reload();
    await demo_state(page, ['ready']);
    await page.click('#run');
    await page.waitForSelector('#measure[data-done="200"]');
    await demo_state(page, ['ready']);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const index_bytes = async () => {
    const [state] = await texts(page, 'index-state');
    return Number(/([\d.]+) MB/.exec(state)[1]) * 1e6;
  };

  test('the searches were real ones', async () => {
    const [recall, rows, batches] = (await texts(page, 'mean-recall', 'mean-rows', 'mean-batches')).map(Number.parseFloat);
    assert.ok(recall >= 95, `${recall} %`);
    assert.deepEqual([rows, batches], [50, 1]);
  });

  test('the WASM heap is below the index and 20 % of the floats', async (context) => {
    const heap = Number(await page.getAttribute('#memory', 'data-heap'));
    const index = await index_bytes();
    context.diagnostic(`floats ${floats / 1e6} MB, index ${index / 1e6} MB, heap ${heap / 1e6} MB`);
    assert.ok(heap >= index, 'the heap holds the index');
    assert.ok(heap < index + .2 * floats);
  });

  test('the renderer has less private memory than the index and 20 % of the floats',
      async (context) => {
        const pid = await renderer_of(page, browser.profile);
        const with_garbage = private_bytes(pid);
        const whole = await settled_private_bytes(page, pid);
        const index = await index_bytes();
        const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
        context.diagnostic(`floats ${megabytes(floats)}, index ${megabytes(index)}, limit ${megabytes(index + .2 * floats)}; ` +
            `renderer ${megabytes(whole)} (${megabytes(with_garbage)} before garbage was collected), ` +
            `a blank page's ${megabytes(blank)}, beyond it ${megabytes(whole - blank)}`);
        assert.ok(whole - blank > .5 * index, 'the right process was measured');
        assert.ok(whole < index + .2 * floats);
      });
});
