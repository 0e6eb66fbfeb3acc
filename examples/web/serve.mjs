// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
//   node examples/web/serve.mjs [--port 8080] [--build DIR]
//
// Serves the demo on 127.0.0.1: this folder, both WebAssembly binaries out of the build folder, the vectors, and an index
// for them where the build folder has one (web/<set>.thimble). Node 18 or newer, nothing else.

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const repository = path.resolve(here, '../..');

const types = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

const known_sets = [
  { name: 'fashion-mnist', title: 'Fashion-MNIST, test images', folder: path.join(repository, 'tests/data/fashion-mnist') },
  {
    name: 'fashion-mnist-784',
    title: 'Fashion-MNIST, training images',
    folder: path.join(repository, '../shared/data/fashion-mnist-784'),
  },
];

/** Sets of vectors that are there, as the page sees them. */
function sets_in(sets, build) {
  const found = [];
  for (const { name, title, folder } of sets) {
    const base = ['base.u8bin', 'base.fbin'].find((file) => fs.existsSync(path.join(folder, file)));
    if (!base) continue;
    const extension = path.extname(base);
    const header = Buffer.alloc(8);
    const file = fs.openSync(path.join(folder, base));
    fs.readSync(file, header, 0, 8, 0);
    fs.closeSync(file);
    const index = fs.existsSync(path.join(build, 'web', `${name}.thimble`)) ? `/index/${name}.thimble` : null;
    found.push({
      name, title, index,
      base: `/data/${name}/${base}`,
      query: `/data/${name}/query${extension}`,
      n: header.readUInt32LE(0),
      dim: header.readUInt32LE(4),
      element: extension === '.u8bin' ? 'u8' : 'f32',
    });
  }
  return found;
}

/** The file below a folder, or nothing when the path leads out of it. */
function below(folder, relative) {
  const file = path.join(folder, relative);
  return file.startsWith(folder + path.sep) ? file : null;
}

/**
 * A server that is not listening yet.
 * @param {object} [options]
 * @param {string} [options.build] folder with wasm-relaxed, wasm-simd128 and web
 * @param {{name: string, title: string, folder: string}[]} [options.sets] more sets of vectors
 * @param {Record<string, string>} [options.folders] more folders, by the first part of the address
 */
export function createDemoServer({ build = path.join(repository, 'build'), sets = [], folders = {} } = {}) {
  const all_sets = [...known_sets, ...sets];
  const file_of = (address) => {
    const [first, ...rest] = address.slice(1).split('/');
    const relative = rest.join('/');
    if (first === 'wasm' && /^(relaxed|simd128)$/.test(rest[0]))
      return below(path.join(build, `wasm-${rest[0]}`, 'examples/web'), rest.slice(1).join('/'));
    if (first === 'data') {
      const set = all_sets.find(({ name }) => name === rest[0]);
      return set ? below(set.folder, rest.slice(1).join('/')) : null;
    }
    if (first === 'index') return below(path.join(build, 'web'), relative);
    if (Object.hasOwn(folders, first)) return below(folders[first], relative);
    return below(here, address === '/' ? 'index.html' : address.slice(1));
  };

  return http.createServer((request, response) => {
    // With these two the page is isolated: finer clocks, and the browser may be asked for its memory.
    const headers = {
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    };
    const answer = (status, text, type) => {
      response.writeHead(status, { ...headers, 'content-type': type, 'content-length': Buffer.byteLength(text) });
      response.end(request.method === 'HEAD' ? undefined : text);
    };
    let address;
    try {
      address = decodeURIComponent(new URL(request.url, 'http://127.0.0.1').pathname);
    } catch {
      return answer(400, 'a bad address\n', 'text/plain');
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'only GET\n', 'text/plain');
    if (address === '/datasets.json')
      return answer(200, JSON.stringify(sets_in(all_sets, build)), types['.json']);

    const file = file_of(address);
    const status = file ? fs.statSync(file, { throwIfNoEntry: false }) : null;
    if (!status?.isFile()) return answer(404, `nothing at ${address}\n`, 'text/plain');
    // One range, so that an import that was cut off goes on where it stood; whatever else is asked for gets all.
    const [ranged, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range) ?? [];
    const [start, end] = [Number(first ?? 0), Math.min(Number(last || Infinity), status.size - 1)];
    if (ranged && start > end) return answer(416, 'no such bytes\n', 'text/plain');
    response.writeHead(ranged ? 206 : 200, {
      ...headers,
      ...(ranged && { 'content-range': `bytes ${start}-${end}/${status.size}` }),
      'content-type': types[path.extname(file)] ?? 'application/octet-stream',
      'content-length': end + 1 - start,
    });
    if (request.method === 'HEAD') return response.end();
    fs.createReadStream(file, ranged ? { start, end } : {}).on('error', () => response.destroy()).pipe(response);
  });
}

function main() {
  const options = { port: '8080', build: path.join(repository, 'build') };
  const words = process.argv.slice(2);
  while (words.length > 0) {
    const [, name] = /^--(port|build)$/.exec(words.shift()) ?? [];
    const value = words.shift();
    if (!name || value === undefined) {
      console.error('usage: node serve.mjs [--port 8080] [--build DIR]');
      process.exit(2);
    }
    options[name] = value;
  }
  const server = createDemoServer({ build: path.resolve(options.build) });
  server.on('error', (error) => {
    const taken = error.code === 'EADDRINUSE';
    console.error(taken ? `port ${options.port} is taken: use another --port` : error.message);
    process.exit(1);
  });
  server.listen(Number(options.port), '127.0.0.1', () =>
    console.log(`thimble's demo: http://127.0.0.1:${server.address().port}/  (end with Ctrl-C)`));
}

if (process.argv[1] && import.meta.url === pathToFileURL(fs.realpathSync(process.argv[1])).href) main();
