// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The GoogleTest program of each WebAssembly build, run in a worker of a real browser. The same binary runs under Node
// (ctest); what differs here is the engine's machine code for SIMD, the memory, and that there is no Node around it.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { build, here, start_browser, start_server } from './support.mjs';

let server;
let browser;

before(async () => {
  server = await start_server({ folders: { build, tests: here } });
  browser = await start_browser();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** In the page: resolves to the lines the program printed and its exit status. */
function run_worker(preset) {
  return new Promise((resolve) => {
    const lines = [];
    const worker = new Worker(`unit_tests_worker.js?${preset}`);
    const done = (status) => {
      worker.terminate();
      resolve({ lines, status });
    };
    worker.onmessage = ({ data }) => {
      if (data.line !== undefined) lines.push(data.line.slice(0, 300));
      if (data.status !== undefined) done(data.status);
    };
    worker.onerror = (event) => {
      lines.push(String(event.message).slice(0, 300));
      done(-1);
    };
  });
}

for (const preset of ['wasm-simd128', 'wasm-relaxed']) {
  test(`the unit tests of ${preset} pass in a worker of Chromium`, { timeout: 1_200_000 }, async (context) => {
    const program = path.join(build, preset, 'tests/thimble_unit_tests.wasm');
    assert.ok(existsSync(program), `${program} is not built: bash cmake/test.sh wasm`);

    const page = await browser.context.newPage();
    await page.goto(`${server.address}/tests/unit_tests.html`);
    const { lines, status } = await page.evaluate(run_worker, preset);
    await page.close();

    const uninteresting = /^\[( RUN      |       OK |----------)\]/;
    assert.equal(status, 0, lines.filter((line) => !uninteresting.test(line)).slice(-80).join('\n'));
    const ran = lines.map((line) => /^\[==========\] (\d+) tests? from .* ran\./.exec(line)).find(Boolean);
    assert.ok(ran && Number(ran[1]) > 0, 'no test ran');
    context.diagnostic(`${preset}: ${ran[1]} tests`);
  });
}
