// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What the browser tests share: the demo's server with the tests' own pages, Chromium with a profile on disk (in a private
// window storage would live in memory), and the laboratory: a worker with thimble in it that tests run code in.
// THIMBLE_BUILD names another build folder, THIMBLE_CHROMIUM another browser.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { createDemoServer } from '../../examples/web/serve.mjs';

export const here = path.dirname(fileURLToPath(import.meta.url));
export const repository = path.resolve(here, '../..');
export const build = path.resolve(process.env.THIMBLE_BUILD ?? path.join(repository, 'build'));
export const binaries = ['relaxed', 'simd128'];
const browser_file = process.env.THIMBLE_CHROMIUM || '/usr/bin/chromium';
export const programs_folder = path.join(build, 'wasm-simd128/tests/browser');

/** Why these tests cannot run here, or false: for the option `skip` of a test. */
export function missing() {
  if (!fs.existsSync(browser_file)) return `no browser at ${browser_file}`;
  const files = binaries.map((binary) => path.join(build, `wasm-${binary}/examples/web/thimble_web.wasm`));
  const absent = files.find((file) => !fs.existsSync(file));
  return absent ? `${absent} is not built: bash cmake/test.sh browser` : false;
}

/** The same for the tests of one store's lab (store_lab.hpp); `browser`: whether they need one; `programs`: and these. */
export function missing_lab(store, { browser = true, programs = [] } = {}) {
  if (browser && !fs.existsSync(browser_file)) return `no browser at ${browser_file}`;
  const files = [`${store}_lab`, ...programs].map((name) => path.join(programs_folder, `${name}.wasm`));
  const absent = files.find((file) => !fs.existsSync(file));
  return absent ? `${absent} is not built: bash cmake/test.sh browser` : false;
}

export const example_folder = (name) => path.join(build, 'wasm-simd128/examples', name);

/** The same for a numbered example. */
export function missing_example(name) {
  if (!fs.existsSync(browser_file)) return `no browser at ${browser_file}`;
  const file = path.join(example_folder(name), `thimble_example_${name}.wasm`);
  return fs.existsSync(file) ? false : `${file} is not built: bash cmake/test.sh browser`;
}

/** @returns {Promise<{address: string, close: () => Promise<void>}>} */
export async function start_server(options = {}) {
  const folders = { pages: path.join(here, 'pages'), programs: programs_folder, ...options.folders };
  const server = createDemoServer({ build, ...options, folders });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
}

/** A browser with an empty profile on disk. close() removes the profile. */
export async function start_browser(more_arguments = []) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'thimble-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: browser_file,
    headless: true,
    viewport: { width: 1180, height: 1000 },
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', ...more_arguments,
    ],
  });
  return {
    context,
    profile,
    async close() {
      await context.close();
      fs.rmSync(profile, { recursive: true, force: true });
    },
  };
}

/**
 * A page whose worker has thimble (pages/laboratory.mjs). run(code, argument) runs a function in that worker; errors of
 * thimble come back with their code.
 */
export async function open_laboratory(context, address) {
  const page = await context.newPage();
  const [worker] = await Promise.all([page.waitForEvent('worker'), page.goto(`${address}/pages/laboratory.html`)]);
  await page.waitForFunction(() => document.body.dataset.ready);
  return {
    page,
    worker,
    async run(code, argument) {
      const outcome = await worker.evaluate(`self.attempt(${code}, ${JSON.stringify(argument ?? null)})`);
      if (outcome.error) throw Object.assign(new Error(outcome.error.message), outcome.error);
      return outcome.result;
    },
    close: () => page.close(),
  };
}

/**
 * The lab of one store (pages/store_lab.mjs) as `lab` of a page or of its worker. run(code, argument) runs
 * code(lab, argument) there; errors of thimble come back with their code.
 */
export async function open_store_lab(context, address, store, { worker = false, first = () => {} } = {}) {
  const page = await context.newPage();
  await page.goto(`${address}/pages/blank.html`);
  const [place] = worker ? await Promise.all([
    page.waitForEvent('worker'),
    page.evaluate(() => void (self.kept = new Worker('/pages/store_lab.mjs', { type: 'module' }))),
  ]) : [page];
  await place.evaluate(first);
  await place.evaluate(async (store) => {
    Object.assign(self, await import('/pages/store_lab.mjs'));
    self.new_lab = async () => open_lab((await import(`/programs/${store}_lab.js`)).default);
    self.lab = await new_lab();
  }, store);
  return {
    page,
    async run(code, argument) {
      const outcome = await place.evaluate(`Promise.resolve((${code})(lab, ${JSON.stringify(argument)})).then(
          (result) => ({ result }), ({ code, message, value }) => ({ error: { code, message, value } }))`);
      if (outcome.error) throw Object.assign(new Error(outcome.error.message), outcome.error);
      return outcome.result;
    },
    close: () => page.close(),
  };
}

/** Scripts that take one kind of storage away from the page or worker that runs them. */
export const deny = {
  opfs: `StorageManager.prototype.getDirectory = async () => { throw new DOMException('denied', 'SecurityError'); };`,
  indexeddb: `IDBFactory.prototype.open = () => { throw new DOMException('denied', 'SecurityError'); };`,
};

/** For assert.rejects: an error of thimble with this code. */
export const with_code = (code, value) => (error) => {
  if (error.code !== code) throw new Error(`expected ${code}, got ${error.code}: ${error.message}`, { cause: error });
  if (value !== undefined && error.value !== value) throw new Error(`expected value ${value}, got ${error.value}`);
  return true;
};

/** Opens the demo page, its worker with a script before it, and waits until it has opened what is stored. */
export async function open_demo(context, address, query = '', script = '') {
  const page = await context.newPage();
  if (script)
    await page.route('**/worker.mjs', async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, body: `${script}\n${await answer.text()}` });
    });
  await page.goto(`${address}/${query}`);
  await demo_state(page, ['idle', 'ready']);
  return page;
}

export function demo_state(page, states, timeout = 120_000) {
  return page.waitForFunction((wanted) => wanted.includes(document.body.dataset.state), states, { timeout });
}

/** The text of elements by id. */
export function texts(page, ...ids) {
  return page.evaluate((wanted) => wanted.map((id) => document.getElementById(id).textContent), ids);
}
