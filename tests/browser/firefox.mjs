// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Firefox for tests, as much of Playwright's context as they use (Playwright drives only a Firefox of its own): pages that
// ask a server of this process what to evaluate next, for themselves and their workers (pages/remote.mjs).
// THIMBLE_FIREFOX names another browser.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

const browser_file = process.env.THIMBLE_FIREFOX || '/usr/bin/firefox-esr';

/** Why there are no tests in Firefox here, or false. */
export const missing_firefox = () => fs.existsSync(browser_file) ? false : `no browser at ${browser_file}`;

const preferences = {
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'dom.allow_scripts_to_close_windows': true,
  'dom.disable_open_during_load': false,
  'dom.popup_maximum': 1000,
};

// A page that was closed answers nothing any more.
const answer_within_ms = 60_000;

/** What pages are to evaluate: a page waits for its next job until there is one. */
function job_server() {
  const pages = new Map();  // {jobs, waiting} by name
  const under_way = new Map();  // by the job's number
  const page_of = (name) => {
    if (!pages.has(name)) pages.set(name, { jobs: [], waiting: null });
    return pages.get(name);
  };
  const give_next = (page) => {
    if (!page.waiting || page.jobs.length === 0) return;
    page.waiting(page.jobs.shift());
    page.waiting = null;
  };
  const server = http.createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://127.0.0.1');
    const answer = (value) => {
      response.writeHead(200, { 'access-control-allow-origin': '*', 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    if (pathname === '/next') {
      const page = page_of(searchParams.get('page'));
      page.waiting = answer;
      return give_next(page);
    }
    const parts = [];
    for await (const part of request) parts.push(part);
    const { number, result, error } = JSON.parse(Buffer.concat(parts));
    answer({});
    under_way.get(number)?.(error && new Error(error), result);
  });
  let last_number = 0;
  return {
    server,
    /** What `code` is in that page, or in its worker. */
    evaluate: (name, code, in_worker) => new Promise((resolve, reject) => {
      const page = page_of(name);
      const number = ++last_number;
      const ended = (error, result) => {
        clearTimeout(too_late);
        under_way.delete(number);
        if (error) reject(error);
        else resolve(result);
      };
      const too_late = setTimeout(() => ended(new Error(`${name} does not answer`)), answer_within_ms);
      too_late.unref();
      under_way.set(number, ended);
      page.jobs.push({ number, code, in_worker });
      give_next(page);
    }),
  };
}

/** As code: a function is called with the argument, a text is evaluated. */
const as_code = (what, argument) =>
  typeof what === 'function' ? `(${what})(${JSON.stringify(argument) ?? ''})` : what;

/**
 * A browser with an empty profile on disk; close() removes it. `address`: of the server that has the pages. Pages of its
 * context have evaluate, goto, close, and waitForEvent('worker') for their only worker, which has evaluate.
 */
export async function start_firefox(address) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'thimble-firefox-'));
  fs.writeFileSync(path.join(profile, 'user.js'), Object.entries(preferences)
    .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''));
  const { server, evaluate } = job_server();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address_of = (name) =>
    `${address}/pages/remote.html?page=${name}&jobs=http://127.0.0.1:${server.address().port}`;

  const first = 'first';
  // Tests may run as root: with a home of root's own, and where processes cannot be put into a sandbox.
  const program = spawn(browser_file, ['--headless', '--no-remote', '--profile', profile, address_of(first)],
      { stdio: 'ignore', env: { ...process.env, HOME: profile, MOZ_DISABLE_CONTENT_SANDBOX: '1' } });
  const ended = new Promise((resolve) => program.once('exit', resolve));
  await evaluate(first, 'self.opened = {}, null');
  let n_pages = 0;
  return {
    context: {
      async newPage() {
        const name = `page${++n_pages}`;
        await evaluate(first, `opened.${name} = open('${address_of(name)}'), null`);
        const worker = { evaluate: (what, argument) => evaluate(name, as_code(what, argument), true) };
        return {
          goto: async () => {},  // it is where workers can be made
          evaluate: (what, argument) => evaluate(name, as_code(what, argument), false),
          waitForEvent: async () => worker,  // what it is asked for waits until it is there
          close: () => evaluate(first, `opened.${name}.close()`),
        };
      },
    },
    async close() {
      program.kill();
      await ended;
      server.close();
      server.closeAllConnections();
      fs.rmSync(profile, { recursive: true, force: true });
    },
  };
}
