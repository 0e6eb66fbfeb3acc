// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// examples/06_vectors_in_a_browser in Chromium: every store that a window or a worker has gives the hits of memory.

import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { serve_pictures } from '../../examples/06_vectors_in_a_browser/server.mjs';
import { createDemoServer } from '../../examples/web/serve.mjs';
import { example_folder, here, missing_example, repository, start_browser } from './support.mjs';

const name = '06_vectors_in_a_browser';
const skip = missing_example(name);
let server;
let browser;

before(async () => {
  if (skip) return;
  const demo = createDemoServer({
    folders: {
      pages: path.join(here, 'pages'), program: example_folder(name), example: path.join(repository, 'examples', name),
    },
  });
  server = await serve_pictures((request, response) => demo.emit('request', request, response));
  browser = await start_browser();
});
after(async () => {
  await browser?.close();
  server?.close();
});

for (const [place, expected] of [
  ['window', { http: null, browser: null, indexeddb: null, idbfs: null }],
  ['worker', { http: null, browser: null, indexeddb: null, idbfs: null, opfs: null }],
])
  test(`in a ${place} every store gives the hits of memory`, { skip }, async () => {
    const page = await browser.context.newPage();
    await page.goto(`${server.address}/pages/blank.html`);
    const [where] = place === 'window' ? [page] : await Promise.all([
      page.waitForEvent('worker'),
      page.evaluate(() => void (self.kept = new Worker('/example/everywhere.mjs', { type: 'module' }))),
    ]);
    const answers = await where.evaluate(async ([name, stores]) => {
      const { search_everywhere } = await import('/example/everywhere.mjs');
      const { default: create } = await import(`/program/thimble_example_${name}.js`);
      return search_everywhere(create, '/pictures.u8bin', stores);
    }, [name, Object.keys(expected)]);
    assert.deepEqual(answers, expected);
    await page.close();
  });
