// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// One .thimble file gives the same hits, bit for bit, wherever it is opened: in Chromium with both binaries, in Node with
// both, and in the command line program with each instruction set. The programs are build/gcc/thimble and build/clang/thimble
// (THIMBLE_CLI names others, with commas); without one the index is built in Chromium and the native comparison is skipped.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { detectSimd, Thimble } from '../../examples/web/thimble.mjs';
import { binaries, build, missing, open_laboratory, repository, start_browser, start_server } from './support.mjs';

const skip = missing();
const data = path.join(repository, 'tests/data/fashion-mnist');
const n_queries = 100;
const programs = (process.env.THIMBLE_CLI?.split(',') ?? [path.join(build, 'gcc/thimble'), path.join(build, 'clang/thimble')])
    .filter((file) => fs.existsSync(file));

const bits = (distances) => [...new Uint32Array(Float32Array.from(distances).buffer)];

describe('the same file, the same hits', { skip }, () => {
  let folder;
  let server;
  let browser;
  let laboratory;
  const expected = {};  // by rerank: [{ids, bits}]
  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'thimble-same-'));
    server = await start_server({ folders: { same: folder } });
    browser = await start_browser();
    laboratory = await open_laboratory(browser.context, server.address);
    await laboratory.run(async () => {
      self.thimble = await Thimble.load();
      const base = await fetch_vectors('/data/fashion-mnist/base.u8bin');
      await thimble.importRows(() => in_chunks(base.values, 1 << 16),
          { name: 'same', n: base.n, dim: base.dim, element: 'u8' });
    });
    const file = path.join(folder, 'index.thimble');
    if (programs.length) {
      execFileSync(programs[0], ['build', '--input', path.join(data, 'base.u8bin'), '--metric', 'l2', '--quantizer', 'sq8',
        '--threads', '2', '--output', file, '--json'], { stdio: 'pipe' });
    } else {
      const text = await laboratory.run(async () => {
        await thimble.buildIndex();
        const texts = [];
        await thimble.saveIndex((piece) => {
          for (let at = 0; at < piece.length; at += 30000)
            texts.push(btoa(String.fromCharCode(...piece.subarray(at, at + 30000))));
        });
        return texts;
      });
      fs.writeFileSync(file, Buffer.concat(text.map((piece) => Buffer.from(piece, 'base64'))));
    }
    for (const rerank of [0, 50]) expected[rerank] = await in_chromium('simd128', rerank);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const in_chromium = (simd, rerank) => laboratory.run(async ({ simd, rerank, n_queries }) => {
    const thimble = await Thimble.load({ simd });
    const file = new Uint8Array(await (await fetch('/same/index.thimble')).arrayBuffer());
    await thimble.openIndex([file], file.length);
    await thimble.openStore('same');
    const { values, dim } = await fetch_vectors('/data/fashion-mnist/query.u8bin');
    const found = [];
    for (let i = 0; i < n_queries; ++i) {
      const query = Float32Array.from(values.subarray(i * dim, (i + 1) * dim));
      const { ids, distances } = await thimble.search(query, { k: 10, ef: 64, rerank });
      found.push({ ids, bits: [...new Uint32Array(distances.buffer)] });
    }
    return found;
  }, { simd, rerank, n_queries });

  test('there are hits to compare', () => {
    for (const rerank of [0, 50]) {
      assert.equal(expected[rerank].length, n_queries);
      assert.ok(expected[rerank].every(({ ids }) => new Set(ids).size === 10));
    }
    assert.notDeepEqual(expected[0], expected[50]);
  });

  test('Chromium, relaxed and simd128', async () => {
    for (const rerank of [0, 50]) assert.deepEqual(await in_chromium('relaxed', rerank), expected[rerank]);
  });

  for (const binary of binaries) {
    const cannot = binary === 'relaxed' && detectSimd() !== 'relaxed' && `Node ${process.version} has no relaxed SIMD`;
    test(`Node, ${binary} (vectors in memory: there is no storage)`, { skip: cannot }, async () => {
      const thimble = await Thimble.load({
        simd: binary,
        locate: (name) => pathToFileURL(path.join(build, `wasm-${name}/examples/web/thimble_web.js`)).href,
      });
      const file = fs.readFileSync(path.join(folder, 'index.thimble'));
      await thimble.openIndex([file], file.length);
      const { n, dim, simd } = thimble.indexInfo();
      assert.equal(simd, binary);
      const base = fs.readFileSync(path.join(data, 'base.u8bin'));
      const { where } = await thimble.importRows(() => [base.subarray(8)], { name: 'same', n, dim, element: 'u8' });
      assert.equal(where, 'memory');
      const queries = fs.readFileSync(path.join(data, 'query.u8bin'));
      for (const rerank of [0, 50])
        for (let i = 0; i < n_queries; ++i) {
          const query = Float32Array.from(queries.subarray(8 + i * dim, 8 + (i + 1) * dim));
          const { ids, distances } = await thimble.search(query, { k: 10, ef: 64, rerank });
          assert.deepEqual({ ids, bits: bits(distances) }, expected[rerank][i]);
        }
    });
  }

  for (const simd of ['scalar', 'avx2', 'avx512'])
    test(`native programs, ${simd}`, { skip: !programs.length && 'no native program: bash cmake/demo.sh build' },
        async (context) => {
          for (const program of programs)
            for (const rerank of [0, 50]) {
              let output;
              try {
                output = execFileSync(program, [
                  'search', '--index', path.join(folder, 'index.thimble'), '--vectors', path.join(data, 'base.u8bin'),
                  '--queries', path.join(data, 'query.u8bin'), '--k', '10', '--ef', '64', '--rerank', `${rerank}`,
                  '--query-row', Array.from({ length: n_queries }, (_, i) => i).join(), '--simd', simd, '--json',
                ], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: 'pipe' });
              } catch (error) {
                if (/instruction set|simd|processor/i.test(error.stderr)) return context.skip(error.stderr.trim());
                throw error;
              }
              const { simd: ran, queries } = JSON.parse(output);
              assert.equal(ran, simd);
              const found = queries.map(({ hits }) =>
                ({ ids: hits.map(({ id }) => id), bits: bits(hits.map(({ distance }) => distance)) }));
              assert.deepEqual(found, expected[rerank], `${program}, rerank ${rerank}`);
            }
        });
});
