// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
//   node tests/browser/gtest_in_browser.mjs build/wasm-relaxed/tests [--gtest_filter=...]
//
// Runs the GoogleTest program of a WebAssembly build in a worker of headless Chromium, prints what it prints while it
// does, and exits with its status. (unit_tests.test.mjs runs all of it as a test; this is for looking at one.)

import fs from 'node:fs';
import path from 'node:path';
import { start_browser, start_server } from './support.mjs';

const [folder, ...words] = process.argv.slice(2);
if (!folder || !fs.existsSync(path.join(folder, 'thimble_unit_tests.js'))) {
  console.error('usage: node gtest_in_browser.mjs FOLDER-OF-thimble_unit_tests.js [--gtest_filter=...]');
  process.exit(2);
}

const server = await start_server({ folders: { program: path.resolve(folder) } });
const browser = await start_browser();
const page = await browser.context.newPage();
await page.exposeFunction('print', (line) => console.log(String(line).slice(0, 300)));
await page.goto(`${server.address}/pages/blank.html`);
const status = await page.evaluate((words) => new Promise((resolve) => {
  const worker = new Worker(`/pages/gtest_worker.js?${encodeURIComponent(JSON.stringify(words))}`);
  let printed = Promise.resolve();
  worker.onmessage = ({ data }) => {
    if (data.line !== undefined) printed = printed.then(() => window.print(data.line));
    if (data.status !== undefined) printed.then(() => resolve(data.status));
  };
  worker.onerror = (event) => {
    printed.then(() => window.print(event.message)).then(() => resolve(1));
  };
}), words);
await browser.close();
await server.close();
process.exitCode = status;
