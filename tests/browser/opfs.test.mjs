// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The OPFS store in Chromium: rows come back as they were imported, hits are those from memory, an import that ends
// half-way goes on or starts clean, and everything that can go wrong has a name.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missing, open_laboratory, start_browser, start_server, with_code } from './support.mjs';

const skip = missing({ program: 'opfs_rows' });
let server;
let browser;

before(async () => {
  if (skip) return;
  server = await start_server();
  browser = await start_browser();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

/** A worker with the program of opfs_rows.cpp as `opfs`, and the helpers of pages/opfs.mjs. */
async function open_worker(context = browser.context) {
  const laboratory = await open_laboratory(context, server.address);
  await laboratory.run(async () => {
    Object.assign(self, await import('/pages/opfs.mjs'));
    self.opfs = await load();
  });
  return laboratory;
}

describe('the store', { skip }, () => {
  let worker;
  before(async () => {
    worker = await open_worker();
  });
  after(() => worker.close());

  const fails = (code, run, value) => assert.rejects(worker.run(run), with_code(code, value));

  for (const element of ['f32', 'u8'])
    test(`${element} rows come back bit for bit, neighbours and others, first and last`, async () => {
      const outcome = await worker.run(async (element) => {
        const [n, dim] = [1000, 37];
        const values = make_vectors(n, dim, element);
        await opfs.import('set', values, n, dim, element, 77);
        await opfs.open('set');
        const differences = [];
        const all = [...Array(n).keys()];
        for (const nodes of [[0], [999], [0, 1, 2, 3], [0, 999], [5, 6, 7, 100, 102, 103, 999], all, []]) {
          const rows = await opfs.read(nodes);
          if (rows.length !== nodes.length * dim) differences.push('size');
          nodes.forEach((node, i) => {
            for (let j = 0; j < dim; ++j)
              if (!Object.is(rows[i * dim + j], values[node * dim + j])) differences.push([node, j]);
          });
        }
        const info = opfs.info();
        opfs.close();
        return { differences, info, size: await size_of('set') };
      }, element);
      const bytes = element === 'f32' ? 4 : 1;
      assert.deepEqual(outcome,
          { differences: [], info: { n: 1000, dim: 37, exact: true }, size: 4096 + 1000 * 37 * bytes });
    });

  test('f16 rows are the nearest halfs, from floats or from halfs, in half the bytes', async () => {
    const outcome = await worker.run(async () => {
      const [n, dim] = [300, 1001];  // more than one round of rounding
      const values = make_vectors(n, dim, 'f32');
      values.set([0, -0, 1e-8, 65504, -65504, 1 / 3]);
      await opfs.import('set', values, n, dim, 'f16', 299);
      await opfs.open('set');
      const rows = await opfs.read([...Array(n).keys()]);
      const info = opfs.info();
      opfs.close();
      // What a half keeps: 11 bits of a number, none below 2^-24.
      const nearest = (x) => {
        const step = 2 ** Math.max(Math.floor(Math.log2(Math.abs(x))) - 10, -24);
        const quotient = x / step;
        const down = Math.floor(quotient);
        const up = quotient - down > .5 || (quotient - down === .5 && down % 2 !== 0);
        return x === 0 ? x : (down + (up ? 1 : 0)) * step;
      };
      let different = 0;
      for (let i = 0; i < rows.length; ++i) if (rows[i] !== nearest(values[i])) ++different;
      const size = await size_of('set');

      const halfs = Uint16Array.from({ length: 400 }, (_, i) => i * 79);
      await opfs.import('halfs', halfs, 4, 100, 'f16', 3);
      await opfs.open('halfs');
      const widened = await opfs.read([0, 1, 2, 3]);
      opfs.close();
      const of_half = (bits) => bits >> 10 ? (1 + (bits & 1023) / 1024) * 2 ** ((bits >> 10) - 15) : bits * 2 ** -24;
      return { different, size, info, widened: widened.every((value, i) => value === of_half(halfs[i])) };
    });
    assert.deepEqual(outcome,
        { different: 0, size: 4096 + 300 * 1001 * 2, info: { n: 300, dim: 1001, exact: false }, widened: true });
  });

  test('reads on after the memory has grown', async () => {
    const equal = await worker.run(async () => {
      const values = make_vectors(500, 16);
      await opfs.import('set', values, 500, 16, 'u8');
      await opfs.open('set');
      await opfs.read([1]);
      opfs.grow(64 << 20);
      const rows = await opfs.read([3, 499]);
      opfs.close();
      return rows.every((value, j) => value === values[j < 16 ? 3 * 16 + j : 499 * 16 + j - 16]);
    });
    assert.ok(equal);
  });

  test('lies in folders where its name has slashes, and is gone when it was removed', async () => {
    await worker.run(async () => {
      await opfs.import('a/b/set', make_vectors(10, 4), 10, 4, 'u8');
      await opfs.open('a/b/set');
      opfs.close();
    });
    await fails('unknown_format', () => opfs.open('a/b'));
    await worker.run(() => opfs.remove('a/b/set'));
    await fails('cannot_open', () => opfs.open('a/b/set'));
    await worker.run(() => opfs.remove('a/b/set'));
    await fails('cannot_open', () => opfs.open('nowhere/set'));
    await fails('invalid_argument', () => opfs.open('../set'));
  });

  test('a search that reranks from it finds what it finds in memory, by either policy', async () => {
    const different = await worker.run(async () => {
      const [n, dim] = [2000, 48];
      const values = make_vectors(n, dim, 'f32');
      await opfs.import('set', values, n, dim, 'f32');
      await opfs.build(values, n, dim);
      await opfs.open('set');
      const different = await opfs.different_hits(values, n, dim, 100);
      opfs.close();
      // The index of these floats takes them rounded, too.
      await opfs.import('halfs', values, n, dim, 'f16');
      await opfs.open('halfs');
      await opfs.different_hits(values, n, dim, 1);
      opfs.close();
      return different;
    });
    assert.equal(different, 0);
  });

  test('the store of another index is refused', async () => {
    await worker.run(async () => {
      self.ours = make_vectors(300, 8, 'f32');
      await opfs.build(ours, 300, 8);
      await opfs.import('theirs', make_vectors(300, 8, 'f32', 99), 300, 8, 'f32');
      await opfs.import('fewer', ours, 299, 8, 'f32');
      await opfs.import('narrow', ours, 300, 7, 'f32');
    });
    for (const [name, code] of [['theirs', 'store_mismatch'], ['fewer', 'store_mismatch'], ['narrow', 'wrong_dim']]) {
      await worker.run((name) => opfs.open(name), name);
      await fails(code, () => opfs.different_hits(ours, 300, 8, 1));
    }
    await worker.run(() => opfs.close());
  });

  for (const [what, code, change] of [
    ['a magic that is not ours', 'unknown_format', (bytes) => bytes[0] ^= 1],
    ['a version of tomorrow', 'wrong_version', (bytes) => bytes[8] = 2],
    ['one flipped bit', 'corrupt', (bytes) => bytes[16] ^= 1],
    ['a flipped checksum', 'corrupt', (bytes) => bytes[63] ^= 128],
  ])
    test(`a header with ${what} is refused: ${code}`, async () => {
      await worker.run(async (source) => {
        await opfs.remove('header');
        await opfs.import('header', make_vectors(10, 4), 10, 4, 'u8');
        await change('header', 0, 64, eval(source));
      }, change.toString());
      await fails(code, () => opfs.open('header'));
    });

  test('a file of a wrong size is refused: truncated when it is shorter, corrupt when it is longer', async () => {
    const resize = (bytes) => worker.run(async (bytes) => {
      await opfs.import('size', make_vectors(10, 4), 10, 4, 'u8');
      await with_file('size', (handle) => handle.truncate(bytes));
    }, bytes);
    for (const [bytes, code] of [[4096 + 39, 'truncated'], [4096, 'truncated'], [63, 'truncated'], [4096 + 41, 'corrupt']]) {
      await resize(bytes);
      await fails(code, () => opfs.open('size'));
    }
    await resize(0);
    await fails('cannot_open', () => opfs.open('size'), 0);
  });

  test('a file that is cut short while it is open: the first row that is gone is named', async () => {
    // Nobody else can write to an open file; the store's own handle is what can be reached.
    await worker.run(async () => {
      await opfs.import('cut', make_vectors(100, 4), 100, 4, 'u8');
      const read = FileSystemSyncAccessHandle.prototype.read;
      await opfs.open('cut');
      FileSystemSyncAccessHandle.prototype.read = function (view, where) {
        return read.call(this, view.subarray(0, Math.max(0, 4096 + 50 * 4 + 2 - where.at)), where);
      };
      self.mend = () => FileSystemSyncAccessHandle.prototype.read = read;
    });
    assert.equal(await worker.run(async () => (await opfs.read([48, 49])).length), 8);
    await fails('truncated', () => opfs.read([1, 48, 49, 50, 51]), 50);
    await fails('truncated', () => opfs.read([99]), 99);
    await worker.run(() => mend());
    assert.equal(await worker.run(async () => (await opfs.read([99])).length), 4);
    await worker.run(() => opfs.close());
  });

  test('a read that fails is cannot_read, and names where', async () => {
    await worker.run(async () => {
      await opfs.import('failing', make_vectors(100, 4), 100, 4, 'u8');
      await opfs.open('failing');
      self.whole_read = FileSystemSyncAccessHandle.prototype.read;
      FileSystemSyncAccessHandle.prototype.read = () => {
        throw new TypeError('the disk is gone');
      };
    });
    await fails('cannot_read', () => opfs.read([7, 9]), 7);
    await worker.run(() => {
      FileSystemSyncAccessHandle.prototype.read = whole_read;
      opfs.close();
    });
  });
});

describe('an import', { skip }, () => {
  let worker;
  before(async () => {
    worker = await open_worker();
  });
  after(() => worker.close());

  const fails = (code, run, value) => assert.rejects(worker.run(run), with_code(code, value));

  test('refuses rows that are not what was announced', async () => {
    const begin = (element) => worker.run((element) => opfs.create('rows', 10, 4, element), element);
    await begin('u8');
    await fails('invalid_argument', () => opfs.append(make_vectors(1, 4, 'f32')));
    await fails('cannot_write', () => opfs.append(make_vectors(1, 4)));
    await begin('u8');
    await fails('wrong_dim', () => opfs.append(make_vectors(1, 5)), 5);
    await begin('u8');
    await fails('too_many_vectors', () => opfs.append(make_vectors(11, 4)), 11);
    await begin('u8');
    await worker.run(() => opfs.append(make_vectors(9, 4)));
    await fails('truncated', () => opfs.finish(), 9);
    await worker.run(async () => {
      await opfs.append(make_vectors(1, 4));
      await opfs.finish();
      await opfs.open('rows');
      opfs.close();
    });
    await fails('cannot_write', () => opfs.append(new Uint8Array(0)));
    await fails('cannot_write', () => opfs.finish());
  });

  test('names the row that is not finite, or no float16', async () => {
    for (const [element, bad, code] of [
      ['f32', NaN, 'not_finite'], ['f32', 1e38, 'not_finite'], ['f16', -Infinity, 'not_finite'],
      ['f16', 65520, 'too_large'],
    ]) {
      await assert.rejects(worker.run(async ([element, bad]) => {
        const values = make_vectors(20, 4, 'f32');
        values[13 * 4 + 2] = bad;
        await opfs.import('bad', values, 20, 4, element, 6);
      }, [element, String(bad)]), with_code(code, 13));
      await worker.run(() => opfs.drop());
      await fails('cannot_open', () => opfs.open('bad'));
    }
  });

  test('takes an old set out of service at once, though nobody has it open', async () => {
    await worker.run(async () => {
      await opfs.import('again', make_vectors(100, 4), 100, 4, 'u8');
      await opfs.create('again', 100, 4, 'u8');
      opfs.drop();
    });
    await fails('cannot_open', () => opfs.open('again'), 0);
  });

  test('goes on at its last checkpoint where it is resumed, and has the identity of all rows', async () => {
    const outcome = await worker.run(async () => {
      const values = make_vectors(1000, 8, 'f32');
      await opfs.create('resumed', 1000, 8, 'f32');
      await opfs.append(values.subarray(0, 333 * 8));
      await opfs.checkpoint();
      await opfs.append(values.subarray(333 * 8, 500 * 8));
      opfs.drop();
      const refused = (await attempt(() => opfs.open('resumed'))).error;
      await opfs.create('resumed', 1000, 8, 'f32', true);
      const rows = opfs.rows();
      await opfs.append(values.subarray(rows * 8));
      await opfs.finish();
      opfs.drop();
      await opfs.build(values, 1000, 8);
      await opfs.open('resumed');
      const different = await opfs.different_hits(values, 1000, 8, 20);
      const read = await opfs.read([...Array(1000).keys()]);
      opfs.close();
      return { code: refused.code, value: refused.value, rows, different, equal: read.every((x, i) => x === values[i]) };
    });
    assert.deepEqual(outcome, { code: 'cannot_open', value: 333, rows: 333, different: 0, equal: true });
  });

  test('that has all its rows, but was not finished, is finished when it is resumed', async () => {
    const outcome = await worker.run(async () => {
      await opfs.create('complete', 20, 4, 'u8');
      await opfs.append(make_vectors(20, 4));
      await opfs.checkpoint();
      opfs.drop();
      const { code } = (await attempt(() => opfs.open('complete'))).error;
      await opfs.create('complete', 20, 4, 'u8', true);
      const rows = opfs.rows();
      await opfs.finish();
      await opfs.open('complete');
      opfs.close();
      return { code, rows };
    });
    assert.deepEqual(outcome, { code: 'cannot_open', rows: 20 });
  });

  test('does not touch the file of another program', async () => {
    const theirs = await worker.run(async () => {
      const theirs = make_vectors(1, 1000);
      await with_file('foreign', (handle) => handle.write(theirs));
      return [...theirs];
    });
    await fails('unknown_format', () => opfs.create('foreign', 20, 4, 'u8'));
    await fails('unknown_format', () => opfs.create('foreign', 20, 4, 'u8', true));
    const left = await worker.run(() => with_file('foreign', (handle) => {
      const bytes = new Uint8Array(handle.getSize());
      handle.read(bytes, { at: 0 });
      return [...bytes];
    }));
    assert.deepEqual(left, theirs);
  });

  test('makes checkpoints by itself', async () => {
    const rows = await worker.run(async () => {
      const values = make_vectors(1 << 10, 1 << 10);  // 1 MB
      await opfs.create('large', 50 << 10, 1 << 10, 'u8');
      for (let i = 0; i < 45; ++i) await opfs.append(values);
      opfs.drop();
      await opfs.create('large', 50 << 10, 1 << 10, 'u8', true);
      const rows = opfs.rows();
      opfs.drop();
      await opfs.remove('large');
      return rows;
    });
    assert.equal(rows, 32 << 10);
  });

  test('starts clean where there is nothing to resume: none, another layout, a finished set, a damaged header', async () => {
    const rows = await worker.run(async () => {
      const stop = async (rows) => {
        await opfs.create('clean', 100, 4, 'u8');
        await opfs.append(make_vectors(rows, 4));
        await opfs.checkpoint();
        opfs.drop();
      };
      const resume = async (n, dim, element) => {
        await opfs.create('clean', n, dim, element, true);
        const rows = opfs.rows();
        opfs.drop();
        return rows;
      };
      await opfs.remove('clean');
      const found = { none: await resume(100, 4, 'u8') };
      for (const [what, layout] of Object.entries({ n: [101, 4, 'u8'], dim: [100, 2, 'u8'], element: [100, 4, 'f32'] })) {
        await stop(30);
        found[what] = await resume(...layout);
      }
      await opfs.import('clean', make_vectors(100, 4), 100, 4, 'u8');
      found.finished = await resume(100, 4, 'u8');
      await stop(30);
      await change('clean', 40, 1, (bytes) => bytes[0] ^= 1);
      found.damaged = await resume(100, 4, 'u8');
      await stop(30);
      await with_file('clean', (handle) => handle.truncate(4096 + 29 * 4));
      found.cut = await resume(100, 4, 'u8');
      await stop(30);
      found.same = await resume(100, 4, 'u8');
      return found;
    });
    assert.deepEqual(rows, { none: 0, n: 0, dim: 0, element: 0, finished: 0, damaged: 0, cut: 0, same: 30 });
  });
});

describe('an import whose page is killed', { skip }, () => {
  const begin_and_kill = async (name) => {
    const killed = await open_worker();
    await killed.run(async (name) => {
      const values = make_vectors(1 << 10, 1 << 10);
      await opfs.create(name, 64 << 10, 1 << 10, 'u8');
      for (let i = 0; i < 40; ++i) await opfs.append(values);
    }, name);
    await killed.close();
    return open_worker();
  };

  test('does not open, goes on where its rows are known to be on disk, and is whole then', async () => {
    const worker = await begin_and_kill('killed');
    await assert.rejects(worker.run(() => opfs.open('killed')), with_code('cannot_open', 32 << 10));
    const outcome = await worker.run(async () => {
      const values = make_vectors(1 << 10, 1 << 10);
      await opfs.create('killed', 64 << 10, 1 << 10, 'u8', true);
      const rows = opfs.rows();
      for (let i = rows; i < 64 << 10; i += 1 << 10) await opfs.append(values);
      await opfs.finish();
      await opfs.open('killed');
      let different = 0;
      for (let row = 0; row < 64 << 10; row += 1 << 10) {
        const read = await opfs.read([row, row + 513]);
        for (let j = 0; j < 1 << 10; ++j)
          if (read[j] !== values[j] || read[(1 << 10) + j] !== values[513 * 1024 + j]) ++different;
      }
      opfs.close();
      return { rows, different };
    });
    assert.deepEqual(outcome, { rows: 32 << 10, different: 0 });
    await worker.close();
  });

  test('or starts clean', async () => {
    const worker = await begin_and_kill('clean');
    const outcome = await worker.run(async () => {
      const values = make_vectors(20, 4, 'u8', 7);
      await opfs.create('clean', 20, 4, 'u8');
      const rows = opfs.rows();
      await opfs.append(values);
      await opfs.finish();
      await opfs.open('clean');
      const read = await opfs.read([...Array(20).keys()]);
      opfs.close();
      return { rows, size: await size_of('clean'), equal: read.every((x, i) => x === values[i]) };
    });
    assert.deepEqual(outcome, { rows: 0, size: 4096 + 80, equal: true });
    await worker.close();
  });
});

describe('a file that is open', { skip }, () => {
  test('in another tab is read by both, but neither imported nor removed: store_in_use', async () => {
    const [one, two] = [await open_worker(), await open_worker()];
    await one.run(async () => {
      await opfs.import('shared', make_vectors(100, 4), 100, 4, 'u8');
      await opfs.open('shared');
    });
    await two.run(() => opfs.open('shared'));
    const read = () => opfs.read([1, 50, 99]);
    assert.deepEqual(await two.run(read), await one.run(read));
    await two.run(() => opfs.close());
    for (const run of [
      () => opfs.create('shared', 100, 4, 'u8'),
      () => opfs.create('shared', 100, 4, 'u8', true),
      () => opfs.remove('shared'),
    ])
      await assert.rejects(two.run(run), with_code('store_in_use'));
    await one.run(() => opfs.close());
    await two.run(() => opfs.create('shared', 100, 4, 'u8'));
    await assert.rejects(one.run(() => opfs.open('shared')), with_code('store_in_use'));
    await assert.rejects(one.run(() => opfs.create('shared', 100, 4, 'u8')), with_code('store_in_use'));
    await one.close();
    await two.close();
  });
});

describe('a quota that is full', { skip }, () => {
  test('is no_space before the first row, and nothing is served', async () => {
    const small = await start_browser();
    const page = await small.context.newPage();
    const session = await small.context.newCDPSession(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.address, quotaSize: 5e6 });
    const worker = await open_worker(small.context);
    await assert.rejects(worker.run(() => opfs.create('full', 20_000, 1000, 'u8')), with_code('no_space'));
    await assert.rejects(worker.run(() => opfs.open('full')), with_code('cannot_open', 0));
    await worker.run(() => opfs.import('small', make_vectors(1000, 1000), 1000, 1000, 'u8'));
    await small.close();
  });

  test('or that fills up meanwhile is no_space, and the import goes on once there is room', async () => {
    const worker = await open_worker();
    await worker.run(async () => {
      await opfs.create('filled', 100, 4, 'u8');
      await opfs.append(make_vectors(50, 4));
      await opfs.checkpoint();
      self.whole_write = FileSystemSyncAccessHandle.prototype.write;
      FileSystemSyncAccessHandle.prototype.write = () => {
        throw new DOMException('full', 'QuotaExceededError');
      };
    });
    await assert.rejects(worker.run(() => opfs.append(make_vectors(50, 4))), with_code('no_space'));
    await assert.rejects(worker.run(() => opfs.finish()), (error) => error.code !== undefined);
    const rows = await worker.run(async () => {
      FileSystemSyncAccessHandle.prototype.write = whole_write;
      opfs.drop();
      await opfs.create('filled', 100, 4, 'u8', true);
      return opfs.rows();
    });
    assert.equal(rows, 50);
    await worker.close();
  });
});

describe('OPFS that is not there', { skip }, () => {
  for (const [what, break_it] of [
    ['absent', () => Object.defineProperty(navigator, 'storage', { value: undefined })],
    ['without synchronous handles, as outside dedicated workers',
      () => void delete FileSystemFileHandle.prototype.createSyncAccessHandle],
    ['refused', () => {
      StorageManager.prototype.getDirectory = async () => {
        throw new DOMException('denied', 'SecurityError');
      };
    }],
    ['refused in a private window', () => {
      StorageManager.prototype.getDirectory = async () => {
        throw new DOMException('denied', 'UnknownError');
      };
    }],
  ])
    test(`${what}: store_unavailable`, async () => {
      const worker = await open_worker();
      await worker.run(`() => void (${break_it})()`);
      for (const run of [
        () => opfs.open('x'), () => opfs.create('x', 4, 4, 'u8'), () => opfs.create('x', 4, 4, 'u8', true),
        () => opfs.remove('x'),
      ])
        await assert.rejects(worker.run(run), with_code('store_unavailable'));
      await worker.close();
    });
});
