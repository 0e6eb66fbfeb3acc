// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// One set in OPFS in several tabs of a browser without handles that only read: Firefox, and Chromium whose modes are taken
// away. One tab reads for all, another takes over when it ends, and rows are always those of the set that was opened.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missing_firefox, start_firefox } from './firefox.mjs';
import { missing_lab, open_store_lab, start_browser, start_server, with_code } from './support.mjs';

// As in a browser that knows no modes: every handle is the only one of its file.
const without_modes = () => {
  delete FileSystemSyncAccessHandle.prototype.mode;
  self.create_handle = FileSystemFileHandle.prototype.createSyncAccessHandle;
  FileSystemFileHandle.prototype.createSyncAccessHandle = function () {
    return create_handle.call(this);
  };
};
const as_it_is = () => {
  if ('mode' in FileSystemSyncAccessHandle.prototype) throw new Error('this browser has handles that only read');
  self.create_handle = FileSystemFileHandle.prototype.createSyncAccessHandle;
};

const browsers = [
  { name: 'Chromium without modes', skip: missing_lab('choice'), start: () => start_browser(), prepare: without_modes },
  {
    name: 'Firefox', skip: missing_firefox() || missing_lab('choice', { browser: false }), start: start_firefox,
    prepare: as_it_is,
  },
];

for (const { name, skip, start, prepare } of browsers) describe(name, { skip }, () => {
  let server;
  let browser;

  before(async () => {
    server = await start_server();
    browser = await start(server.address);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  const open = async (...without) => {
    const place = await open_store_lab(browser.context, server.address, 'choice', { worker: true });
    await place.run(async () => void Object.assign(self, await import('/pages/choice.mjs')));
    for (const what of [prepare, ...without]) await place.run(`() => void (${what})()`);
    return place;
  };
  const fails = (promise, code, value) => assert.rejects(promise, with_code(code, value));

  const imports = (tab, name, layout = {}) => tab.run(async (lab, [name, layout]) => {
    await import_made(lab, name, layout);
  }, [name, layout]);
  /** The same where readers have just gone: the browser lets go what they had a moment later. */
  const imports_soon = async (tab, name, layout) => {
    for (let code = 'store_in_use'; code === 'store_in_use';)
      code = await imports(tab, name, layout).catch((error) => {
        if (error.code !== 'store_in_use') throw error;
        return error.code;
      });
  };
  const opens = (tab, name) => tab.run((lab, name) => lab.later('open', name), name);
  const closes = (tab) => tab.run((lab) => lab.close());
  const is_through_another = (tab) => tab.run((lab) => through_another_tab(lab));
  /** How many values are wrong, by one read of all rows and by one for each row, all at once. */
  const wrong = (tab, { n = 200, dim = 16, seed = 1 } = {}) => tab.run(async (lab, [n, dim, seed]) => {
    const values = make_values(n, dim, 'f32', seed);
    return await different(lab, values) + await different(lab, values, 'read_each');
  }, [n, dim, seed]);

  /** Three tabs with one set, which the first one has imported and has the file of. */
  async function with_tabs(name, run) {
    const tabs = [await open(), await open(), await open()];
    await imports(tabs[0], name);
    for (const tab of tabs.slice(1)) await opens(tab, name);
    try {
      await run(...tabs);
    } finally {
      for (const tab of tabs) await tab.close();
    }
  }

  describe('a set that several tabs read', () => {
    test('is read by one for all: right rows, and the hits of memory', () => with_tabs('read', async (...tabs) => {
      assert.deepEqual(await Promise.all(tabs.map(is_through_another)), [false, true, true]);
      const few_at_once = (tab) => tab.run((lab) => lab.module._lab_few_at_once(lab.session) === 1);
      assert.deepEqual(await Promise.all(tabs.map(few_at_once)), [true, false, false], 'through another tab is a latency');
      for (let i = 0; i < 5; ++i) assert.deepEqual(await Promise.all(tabs.map((tab) => wrong(tab))), [0, 0, 0]);
      await tabs[1].run((lab) => lab.same_hits(make_values(200, 16), 200, 16));
    }));

    test('may be halfs: rows come rounded', async () => {
      const [one, two] = [await open(), await open()];
      const rows = (tab) => tab.run(async (lab) => [...await lab.read([0, 7, 8, 99])]);
      await imports(one, 'halfs', { n: 100, dim: 5, element: 'f16' });
      await opens(two, 'halfs');
      assert.ok(await is_through_another(two));
      const expected = await rows(one);
      assert.equal(expected.length, 20);
      assert.deepEqual(await rows(two), expected);
      await one.close();
      await two.close();
    });

    test('has another owner once the first one has closed it, who reads on through that one', () =>
      with_tabs('closed', async (one, two, three) => {
        await closes(one);
        assert.deepEqual(await Promise.all([wrong(two), wrong(three)]), [0, 0]);
        // Both have waited, the second tab for longer.
        assert.deepEqual([await is_through_another(two), await is_through_another(three)], [false, true]);
        await opens(one, 'closed');
        assert.ok(await is_through_another(one));
        assert.equal(await wrong(one), 0);
        await closes(two);
        assert.deepEqual(await Promise.all([wrong(one), wrong(three)]), [0, 0]);
        assert.deepEqual([await is_through_another(one), await is_through_another(three)], [true, false]);
      }));

    test('has another owner though the file is free only a moment after its lock', async () => {
      const [one, two] = [await open(), await open()];
      await imports(one, 'late');
      await opens(two, 'late');
      await two.run(() => {
        const create = FileSystemFileHandle.prototype.createSyncAccessHandle;
        self.refusals = 0;
        FileSystemFileHandle.prototype.createSyncAccessHandle = async function () {
          if (++refusals <= 5) throw new DOMException('open elsewhere', 'NoModificationAllowedError');
          return create.call(this);
        };
      });
      await closes(one);
      assert.equal(await wrong(two), 0);
      assert.equal(await two.run(() => refusals), 6);
      assert.ok(!await is_through_another(two));
      await one.close();
      await two.close();
    });

    for (const [what, end] of [
      ['page is closed', (tab) => tab.close()],
      ['worker is terminated', (tab) => tab.page.evaluate(() => kept.terminate())],
      // Firefox does not let a page end its process.
      ...(prepare === as_it_is ? [] : [['process is killed', async (tab) => {
        const session = await browser.context.newCDPSession(tab.page);
        const crashed = new Promise((resolve) => tab.page.once('crash', resolve));
        session.send('Page.crash').catch(() => {});
        await crashed;
      }]]),
    ]) {
      test(`has another owner once the first one's ${what}, amid reads`, () =>
        with_tabs(`killed: ${what}`, async (one, two, three) => {
          const reading = [two, three].map((tab) => tab.run(async (lab) => {
            const values = make_values(200, 16);
            let wrong = 0;
            for (self.alive = true, self.rounds = 0; alive; ++rounds) {
              wrong += await different(lab, values) + await different(lab, values, 'read_each');
              await new Promise((resolve) => setTimeout(resolve));  // the owner's reads do not wait for events
            }
            return wrong;
          }));
          const some_rounds = (tab) => tab.run(async () => {
            for (const wanted = rounds + 5; rounds < wanted;) await new Promise((resolve) => setTimeout(resolve));
          });
          await Promise.all([two, three].map(some_rounds));
          await end(one);
          // The browser ends what the page had a moment later.
          await two.run(async (lab) => {
            while (through_another_tab(lab)) await new Promise((resolve) => setTimeout(resolve));
          });
          await Promise.all([two, three].map(some_rounds));
          for (const tab of [two, three]) await tab.run(() => void (alive = false));
          assert.deepEqual(await Promise.all(reading), [0, 0]);
          assert.deepEqual([await is_through_another(two), await is_through_another(three)], [false, true]);
        }));

      test(`and answers what the first one had not when its ${what}`, () =>
        with_tabs(`unanswered: ${what}`, async (one, two, three) => {
          await one.run(() => {
            self.unanswered = 0;
            BroadcastChannel.prototype.postMessage = () => void ++unanswered;
          });
          const reading = [two, three].map((tab) => tab.run(async (lab) => different(lab, make_values(200, 16), 'read_each')));
          await one.run(async () => {
            while (unanswered < 400) await new Promise((resolve) => setTimeout(resolve));
          });
          await end(one);
          assert.deepEqual(await Promise.all(reading), [0, 0]);
          assert.deepEqual([await is_through_another(two), await is_through_another(three)], [false, true]);
        }));
    }

    test('may be open twice in one worker', async () => {
      const one = await open();
      await imports(one, 'twice');
      const outcome = await one.run(async (lab) => {
        const other = await new_lab();
        await other.later('open', 'twice');
        const values = make_values(200, 16);
        const before = [through_another_tab(other), await different(other, values)];
        lab.close();
        return [...before, await different(other, values, 'read_each')];
      });
      assert.deepEqual(outcome, [true, 0, 0]);
      await one.close();
    });
  });

  describe('a set that another tab reads', () => {
    const change = [
      (lab, name) => begin(lab, name, 200, 16), (lab, name) => begin(lab, name, 200, 16, 1),
      (lab, name) => lab.later('remove', name),
    ];

    test('is neither imported nor removed, be it through the tab that would do so: store_in_use', () =>
      with_tabs('kept', async (one, two, three) => {
        for (const run of change) for (const tab of [one, two]) await fails(tab.run(run, 'kept'), 'store_in_use');
        await closes(one);
        for (const run of change) await fails(one.run(run, 'kept'), 'store_in_use');
        assert.deepEqual(await Promise.all([wrong(two), wrong(three)]), [0, 0]);
        for (const tab of [two, three]) await closes(tab);
        await imports_soon(one, 'kept', { seed: 2 });
        await opens(two, 'kept');
        assert.deepEqual([await wrong(one, { seed: 2 }), await wrong(two, { seed: 2 })], [0, 0]);
      }));

    // The second tab does not get the file before it may.
    const hold_back = (tab) => tab.run(() => {
      const create = FileSystemFileHandle.prototype.createSyncAccessHandle;
      const allowed = new Promise((resolve) => self.allow = resolve);
      FileSystemFileHandle.prototype.createSyncAccessHandle = async function () {
        self.held_back = true;
        await allowed;
        return create.call(this);
      };
    });
    const is_held_back = (tab) => tab.run(async () => {
      while (!self.held_back) await new Promise((resolve) => setTimeout(resolve));
    });

    for (const [what, code, change, reopened] of [
      ['was replaced', 'store_mismatch', async (from, to) => {
        const bytes = await (await from.getFile()).arrayBuffer();
        const file = await create_handle.call(to);
        file.write(bytes, { at: 0 });
        file.close();
      }, async (tab) => {
        await opens(tab, 'store_mismatch');
        assert.equal(await wrong(tab, { seed: 2 }), 0);
      }],
      ['was removed', 'cannot_open', (from, to, root) => root.removeEntry(to.name),
        (tab) => fails(opens(tab, 'cannot_open'), 'cannot_open', 0)],
    ])
      test(`and that ${what} before it could take over is no longer read: ${code}`, async () => {
        const [one, two] = [await open(), await open()];
        await imports(one, `other ${code}`, { seed: 2 });
        await imports(one, code);
        await opens(two, code);
        await hold_back(two);
        await closes(one);
        await is_held_back(two);
        const refused = fails(two.run((lab) => lab.read([1, 2, 3], 'read_each')), code);
        await one.run(`async () => {
          const root = await navigator.storage.getDirectory();
          const files = await Promise.all(['other ${code}', '${code}'].map((name) => root.getFileHandle(name)));
          await (${change})(...files, root);
        }`);
        await two.run(() => void allow());
        await refused;
        await fails(two.run((lab) => lab.read([5])), code);
        await reopened(two);
        await one.close();
        await two.close();
      });

    test('and that nobody answers for is not waited for without end: store_in_use, and store_mismatch once it is replaced',
        async () => {
          const [one, two] = [await open(), await open()];
          await imports(one, 'busy');
          await opens(two, 'busy');
          await two.run(() => {
            self.whole = FileSystemFileHandle.prototype.createSyncAccessHandle;
            FileSystemFileHandle.prototype.createSyncAccessHandle = async () => {
              throw new DOMException('open elsewhere', 'NoModificationAllowedError');
            };
          });
          await closes(one);
          await fails(two.run((lab) => lab.read([1, 2], 'read_each')), 'store_in_use');
          await fails(two.run((lab) => lab.read([1, 2])), 'store_in_use');
          await imports_soon(one, 'busy', { seed: 2 });
          await fails(two.run((lab) => lab.read([1, 2])), 'store_mismatch');
          await opens(two, 'busy');
          assert.ok(await is_through_another(two));
          assert.equal(await wrong(two, { seed: 2 }), 0);
          await one.close();
          await fails(two.run((lab) => lab.read([1, 2])), 'store_in_use');
          // That store reads again when it may have the file.
          await two.run(() => void (FileSystemFileHandle.prototype.createSyncAccessHandle = whole));
          assert.equal(await wrong(two, { seed: 2 }), 0);
          await two.close();
        });

    test('and that does not answer, for it computes, is not waited for without end: store_in_use, until it answers again',
        async () => {
          const impatient = () => {
            const later = self.setTimeout;
            self.setTimeout = (run, ms) => later(run, ms === 30000 ? 300 : ms);
          };
          const [one, two, three] = [await open(), await open(impatient), await open(impatient)];
          await imports(one, 'computing');
          await opens(two, 'computing');
          assert.equal(await wrong(two), 0);
          const computing = one.run(() => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5000));
          await fails(two.run((lab) => lab.read([1, 2], 'read_each')), 'store_in_use');
          await fails(opens(three, 'computing'), 'store_in_use');
          await computing;
          // Answers that come too late are for nobody.
          assert.equal(await wrong(two), 0);
          await opens(three, 'computing');
          assert.deepEqual([await wrong(one), await wrong(three)], [0, 0]);
          for (const tab of [one, two, three]) await tab.close();
        });

    test('does not open while it is imported: store_in_use', async () => {
      const [one, two] = [await open(), await open()];
      await one.run((lab) => begin(lab, 'importing', 200, 16));
      await fails(opens(two, 'importing'), 'store_in_use');
      await one.run(async (lab) => {
        await append(lab, make_values(200, 16), 16);
        await lab.later('finish');
      });
      await opens(two, 'importing');
      assert.deepEqual([await wrong(one), await wrong(two)], [0, 0]);
      await one.close();
      await two.close();
    });
  });

  describe('where there are no locks', () => {
    test('the second tab gets store_in_use', async () => {
      const without_locks = () => Object.defineProperty(navigator, 'locks', { value: undefined });
      const [one, two] = [await open(without_locks), await open(without_locks)];
      await imports(one, 'alone');
      await fails(opens(two, 'alone'), 'store_in_use');
      assert.equal(await wrong(one), 0);
      await one.close();
      await two.close();
    });
  });
});
