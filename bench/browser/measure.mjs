// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs bench/NAME/worker.mjs in a browser with a fresh profile.

import path from 'node:path';
import { here, repository, start_browser, start_server } from '../../tests/browser/support.mjs';

/**
 * What the worker measured when it was told `argument`, and the browser's version. More folders that the server shows,
 * by the first part of the address; on_progress(text) is called when the worker says how far it is.
 */
export async function measure(name, argument, { folders = {}, on_progress = () => {} } = {}) {
  const server = await start_server({
    folders: {
      bench: path.join(repository, 'bench'),
      built: path.join(repository, 'build', name),
      pages: path.join(here, 'pages'),
      ...folders,
    },
  });
  const browser = await start_browser();
  try {
    const page = await browser.context.newPage();
    await page.exposeFunction('show_progress', on_progress);
    await page.goto(`${server.address}/pages/blank.html`);
    const measured = await page.evaluate(([name, argument]) => new Promise((resolve, reject) => {
      const worker = new Worker(`/bench/${name}/worker.mjs`, { type: 'module' });
      worker.onmessage = ({ data: { measured, error, progress } }) => {
        if (progress) return self.show_progress(progress);
        return error ? reject(new Error(error)) : resolve(measured);
      };
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(argument);
    }), [name, argument]);
    return { measured, version: browser.context.browser()?.version() ?? '' };
  } finally {
    await browser.close();
    await server.close();
  }
}

/** A line of a table: the first cell to the left, the others to the right. */
export const table_line = (cells, first, others) =>
  cells.map((cell, i) => i === 0 ? cell.padEnd(first) : cell.padStart(others)).join('');
