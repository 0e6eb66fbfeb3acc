// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The HTTP store against a real server, in Node, in a page and in a worker: what it asks for, and that whatever a server
// answers, a read gives the right rows or a named error.

import assert from 'node:assert/strict';
import http from 'node:http';
import path from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { createDemoServer } from '../../examples/web/serve.mjs';
import { make_values, open_lab } from './pages/store_lab.mjs';
import { here, missing_lab, open_store_lab, programs_folder, start_browser, with_code } from './support.mjs';

const skip = missing_lab('http', { browser: false });
const skip_browser = missing_lab('http');

const n = 2000;
const dim = 48;
const header_bytes = 4096;
const values = make_values(n, dim);
const file = Buffer.concat([Buffer.from(Uint32Array.of(n, dim).buffer), Buffer.from(values.buffer)]);
const rows_of = (nodes) => nodes.flatMap((row) => [...values.subarray(row * dim, (row + 1) * dim)]);

/** Serves the file at /vectors.fbin with ranges; the rest comes from the demo's server. Two ports: two origins. */
function file_server() {
  const demo = createDemoServer({ folders: { pages: path.join(here, 'pages'), programs: programs_folder } });
  const self = {
    reset() {
      self.requests = [];
      self.etag = '"one"';
      self.cors = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Content-Range, ETag, Retry-After' };
      self.meddle = () => false;  // (i, request, response) => whether it answers request i itself
      self.at_once = self.most_at_once = 0;
    },
    /** The right answer to a request for a range. */
    answer(request, response, { bytes = file, status = 206, headers = {} } = {}) {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range);
      const end = Math.min(+last + 1, file.length);
      const body = bytes.subarray(+first, end);
      response.writeHead(status, {
        ...self.cors, 'etag': self.etag, 'content-range': `bytes ${first}-${end - 1}/${file.length}`,
        'content-length': body.length, ...headers,
      });
      response.end(body);
    },
    close: () => servers.forEach((server) => (server.close(), server.closeAllConnections())),
  };
  self.reset();
  const servers = [0, 1].map(() => http.createServer((request, response) => {
    if (!request.url.startsWith('/vectors.fbin')) return demo.emit('request', request, response);
    const i = self.requests.length;
    self.requests.push({
      method: request.method, range: request.headers.range, if_range: request.headers['if-range'], at: Date.now(),
    });
    self.most_at_once = Math.max(self.most_at_once, ++self.at_once);
    response.on('close', () => --self.at_once);
    if (!self.meddle(i, request, response)) self.answer(request, response);
  }));
  self.listen = async () => {
    for (const server of servers) await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    [self.address, self.elsewhere] = servers.map((server) => `http://127.0.0.1:${server.address().port}`);
  };
  return self;
}

const server = file_server();
let browser;
before(async () => {
  if (skip) return;
  await server.listen();
  if (!skip_browser) browser = await start_browser();
});
after(async () => {
  await browser?.close();
  server.close();
});

// Where the store runs: run(code, argument) runs code(lab, argument) there.
async function in_node() {
  const lab = await open_lab((await import(path.join(programs_folder, 'http_lab.js'))).default);
  return { run: async (code, argument) => code(lab, argument), close: () => lab.close() };
}
const in_browser = (worker) => open_store_lab(browser.context, server.address, 'http', { worker });

for (const [where, start, skipped, origins] of [
  ['Node', in_node, skip, ['any']],
  ['a page', () => in_browser(false), skip_browser, ['its own', 'another']],
  ['a worker', () => in_browser(true), skip_browser, ['its own', 'another']],
])
  describe(`the HTTP store in ${where}`, { skip: skipped }, () => {
    let place;
    before(async () => {
      place = await start();
    });
    after(() => place.close());
    beforeEach(() => server.reset());
    afterEach(() => server.reset());

    const url = (query = '') => `${server.elsewhere}/vectors.fbin${query}`;
    const open = (address = url(), options = {}) => place.run(
        (lab, { address, gap, tries, wait, longest, silence }) =>
          lab.later('open', address, gap, tries, wait, longest, silence),
        { address, gap: 0, tries: 3, wait: 10, longest: 5000, silence: 20_000, ...options });
    const read = async (nodes) => place.run(async (lab, nodes) => [...await lab.read(nodes)], nodes);
    const fails = (promise, code, value) => assert.rejects(promise, with_code(code, value));
    const clear = () => server.requests.length = 0;

    for (const origin of origins)
      test(`reads the rows it is asked for, from ${origin} origin`, async () => {
        await open(origin === 'its own' ? '/vectors.fbin?x=1' : url());
        assert.deepEqual(await place.run(async (lab) => lab.shape()), { n, dim });
        assert.equal(server.requests[0].range, `bytes=0-${header_bytes - 1}`);
        assert.equal(server.requests.length, 1 + 64, 'the header, then the rows of the fingerprint');
        clear();
        const nodes = [0, 1, 2, 100, 1500, 1998, 1999];
        assert.deepEqual(await read(nodes), rows_of(nodes));
        const row = dim * 4;
        const range = (first, last) => `bytes=${8 + first * row}-${7 + (last + 1) * row}`;
        assert.deepEqual(server.requests.map(({ range }) => range).sort(),
            [range(0, 2), range(100, 100), range(1500, 1500), range(1998, 1999)].sort());
        // Nothing but plain GETs: to another origin no header that would need a preflight request.
        assert.ok(server.requests.every(({ method }) => method === 'GET'));
        assert.ok(server.requests.every(({ if_range }) => if_range === (origin === 'another' ? undefined : '"one"')));
      });

    test('joins what is near', async () => {
      await open(url(), { gap: 100 * dim * 4 });
      clear();
      const nodes = [5, 50, 151, 253, 1000];
      assert.deepEqual(await read(nodes), rows_of(nodes));
      assert.equal(server.requests.length, 3);
    });

    test('a search reranks from it and finds what it finds in memory', async () => {
      await open(url(), { gap: 1000 });
      await place.run((lab, [n, dim]) => lab.same_hits(lab.make_values(n, dim), n, dim), [n, dim]);
    });

    test('no more than six requests are under way, and those in one go', async () => {
      await open();
      server.most_at_once = 0;
      const held = [];
      server.meddle = (i, request, response) => {
        held.push(() => server.answer(request, response));
        if (held.length === 6) setTimeout(() => {
          server.meddle = () => false;
          held.forEach((go) => go());
        }, 50);
        return true;
      };
      const nodes = Array.from({ length: 30 }, (_, i) => i * 60);
      assert.deepEqual(await read(nodes), rows_of(nodes));
      assert.equal(server.most_at_once, 6);
    });

    test('a file that is not there, or not for us, is a named error at once', async () => {
      for (const status of [404, 403]) {
        clear();
        server.meddle = (i, request, response) => server.answer(request, response, { status }) ?? true;
        await fails(open(), 'cannot_open', status);
        assert.equal(server.requests.length, 1);
      }
      server.reset();
      await open();
      clear();
      server.meddle = (i, request, response) => server.answer(request, response, { status: 404 }) ?? true;
      await fails(read([7]), 'cannot_read', 404);
      assert.equal(server.requests.length, 1);
    });

    test('a server in trouble is asked again', async () => {
      await open();
      clear();
      server.meddle = (i, request, response) => i < 2 && (server.answer(request, response, { status: 500 + 3 * i }) ?? true);
      assert.deepEqual(await read([7]), rows_of([7]));
      assert.equal(server.requests.length, 3);
    });

    test('a server that stays in trouble is asked three times', async () => {
      await open();
      clear();
      server.meddle = (i, request, response) => server.answer(request, response, { status: 502 }) ?? true;
      await fails(read([7]), 'cannot_read', 502);
      assert.equal(server.requests.length, 3);
    });

    test('Retry-After is waited for, or not at all where it is too long', async () => {
      await open();
      clear();
      const too_many = (after) => (i, request, response) =>
        i === 0 && (server.answer(request, response, { status: 429, headers: { 'retry-after': after } }) ?? true);
      server.meddle = too_many('1');
      assert.deepEqual(await read([7]), rows_of([7]));
      assert.ok(server.requests[1].at - server.requests[0].at >= 990);
      clear();
      server.meddle = too_many(new Date(Date.now() + 3000).toUTCString());
      assert.deepEqual(await read([7]), rows_of([7]));
      assert.ok(server.requests[1].at - server.requests[0].at >= 990);
      clear();
      server.meddle = too_many('3600');
      await fails(read([7]), 'cannot_read', 429);
      assert.equal(server.requests.length, 1);
    });

    test('a connection that breaks off in the middle of a body is tried again', async () => {
      await open();
      clear();
      server.meddle = (i, request, response) => {
        if (i !== 0) return false;
        response.writeHead(206, { ...server.cors, 'etag': '"one"', 'content-length': 192, 'content-range': `bytes 1352-1543/${file.length}` });
        response.write(file.subarray(1352, 1400), () => setTimeout(() => response.destroy(), 20));
        return true;
      };
      assert.deepEqual(await read([7]), rows_of([7]));
      assert.equal(server.requests.length, 2);
    });

    test('a body that is shorter or longer than what it says it is', async () => {
      await open();
      server.meddle = (i, request, response) => {
        response.writeHead(206, { ...server.cors, 'etag': '"one"', 'content-range': `bytes 1352-1543/${file.length}` });
        response.end(file.subarray(1352, 1352 + 100));
        return true;
      };
      await fails(read([7]), 'truncated', 1352 + 100);
      let written = 0;
      let closed;
      server.meddle = (i, request, response) => {
        closed = new Promise((resolve) => response.on('close', resolve));
        response.writeHead(206, { ...server.cors, 'etag': '"one"', 'content-range': `bytes 1352-1543/${file.length}` });
        const more = () => {
          while (!response.destroyed && written < 1e9) {
            written += 65536;
            if (!response.write(Buffer.alloc(65536))) return response.once('drain', more);
          }
          response.end();
        };
        more();
        return true;
      };
      await fails(read([7]), 'corrupt');
      await closed;
      assert.ok(written < 1e9, 'an endless body is not read to its end');
    });

    test('a file that changed is never mixed with what it was', async () => {
      await open();
      const other = Buffer.alloc(file.length, 1);
      server.meddle = (i, request, response) => {
        server.etag = '"two"';
        if (request.headers['if-range'] === '"one"') {
          response.writeHead(200, { ...server.cors, 'etag': '"two"' });
          response.end(other);
        } else {
          server.answer(request, response, { bytes: other });
        }
        return true;
      };
      await fails(read([1, 1000]), 'store_mismatch');
      server.meddle = () => false;
      await fails(read([1]), 'store_mismatch');
      await open();
      assert.deepEqual(await read([1]), rows_of([1]));
    });

    test('a server without ranges is refused, and the file is not downloaded', async () => {
      let written = 0;
      let closed;
      server.meddle = (i, request, response) => {
        closed = new Promise((resolve) => response.on('close', resolve));
        response.writeHead(200, { ...server.cors, 'etag': '"one"' });
        const more = () => {
          while (!response.destroyed && written < 1e9) {
            written += 65536;
            if (!response.write(Buffer.alloc(65536))) return response.once('drain', more);
          }
          response.end();
        };
        more();
        return true;
      };
      await fails(open(), 'unsupported');
      await closed;
      assert.ok(written < 1e9);
      assert.equal(server.requests.length, 1);
    });

    test('headers that mean nothing, or are not there', async () => {
      for (const [headers, code] of [
        [{ 'content-range': 'bytes 5-4/3' }, 'corrupt'],
        [{ 'content-range': `bytes 0-4095/*` }, 'unsupported'],
        [{ 'content-range': `bytes 4096-8191/${file.length}` }, 'corrupt'],
        [{ 'content-range': '' }, 'unsupported'],
        [{ 'etag': '' }, 'unsupported'],
        [{ 'etag': `"${'x'.repeat(300)}"` }, 'unsupported'],
        [{ 'content-range': `bytes 0-4095/${2 ** 52}` }, 'corrupt'],  // longer than the file's own header says
      ]) {
        server.meddle = (i, request, response) => server.answer(request, response, { headers }) ?? true;
        await fails(open(), code);
      }
    });

    test('redirects are followed', async () => {
      server.meddle = (i, request, response) => {
        if (request.url !== '/vectors.fbin?old') return false;
        response.writeHead(307, { ...server.cors, location: '/vectors.fbin?new' }).end();
        return true;
      };
      await open(url('?old'));
      assert.deepEqual(await read([3, 1234]), rows_of([3, 1234]));
    });

    test('a server that says nothing, and one that is not there', async () => {
      server.meddle = () => true;
      await fails(open(url(), { tries: 2, silence: 200 }), 'cannot_read', 0);
      assert.equal(server.requests.length, 2);
      await fails(open('http://127.0.0.1:1/vectors.fbin', { tries: 2 }), 'cannot_read', 0);
    });

    test('what is no address of http', async () => {
      for (const address of ['http://[/vectors.fbin', 'file:///vectors.fbin', 'blob:vectors.fbin', 'data:,vectors.fbin'])
        await fails(open(address), 'invalid_argument');
      await fails(open('vectors'), 'unknown_format');
    });

    test('the first error aborts what is under way', async () => {
      await open();
      clear();
      const closed = [];
      server.meddle = (i, request, response) => {
        if (i === 5) server.answer(request, response, { status: 404 });
        else closed.push(new Promise((resolve) => response.on('close', resolve)));
        return true;
      };
      await fails(read([1, 100, 200, 300, 400, 500, 600, 700]), 'cannot_read', 404);
      await Promise.all(closed);
      assert.equal(server.requests.length, 6);
      server.meddle = () => false;
      assert.deepEqual(await read([1, 100]), rows_of([1, 100]));
    });

    if (where !== 'Node')
      test('without CORS headers it is a named error', async () => {
        server.cors = {};
        await fails(open(), 'cannot_read', 0);
        server.cors = { 'access-control-allow-origin': '*' };
        await fails(open(), 'unsupported');
        server.cors = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Content-Range' };
        await fails(open(), 'unsupported');
      });
  });
