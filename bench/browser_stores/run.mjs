// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs worker.mjs in a browser with a fresh profile and prints what it measured.

import path from 'node:path';
import { here, repository, start_browser, start_server } from '../../tests/browser/support.mjs';

const [rows = 100_000, dim = 768] = process.argv.slice(2).map(Number);
const server = await start_server({
  folders: {
    bench: path.join(repository, 'bench/browser_stores'),
    built: path.join(repository, 'build/browser_stores'),
    pages: path.join(here, 'pages'),
  },
});
const browser = await start_browser();
try {
  const page = await browser.context.newPage();
  await page.goto(`${server.address}/pages/blank.html`);
  const measured = await page.evaluate(([rows, dim]) => new Promise((resolve, reject) => {
    const worker = new Worker('/bench/worker.mjs', { type: 'module' });
    worker.onmessage = ({ data: { measured, error } }) => error ? reject(new Error(error)) : resolve(measured);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage({ rows, dim });
  }), [rows, dim]);

  const version = browser.context.browser()?.version() ?? '';
  console.log(`100 random rows of ${rows} x ${dim}, milliseconds at the median, in turns with plain JavaScript ${version}`);
  const columns = ['store', 'read', 'plain', 'ratio', 'import MB/s', 'plain'];
  const line = (cells) => cells.map((cell, i) => i === 0 ? cell.padEnd(19) : cell.padStart(12)).join('');
  console.log(line(columns));
  for (const { name, read, plain_read, ratio, imported, plain_import } of measured)
    console.log(line([
      name, read.toFixed(3), plain_read.toFixed(3), ratio.toFixed(2), imported.toFixed(0), plain_import.toFixed(0),
    ]));
} finally {
  await browser.close();
  await server.close();
}
