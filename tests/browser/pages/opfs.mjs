// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// For tests in the laboratory: opfs_rows.cpp as an object, and the files of the private file system as they are.

import create from '/programs/opfs_rows.js';

export const elements = { f32: 0, f16: 1, u8: 3 };

/** One program: one store, one writer and one index at a time. Errors are thrown with their code. */
export async function load() {
  let settle;
  const module = await create({ report: (code, message, value) => settle({ code, message, value }) });
  /** Calls a function that reports, and waits for the report. */
  const call = async (name, types, ...words) => {
    const reported = new Promise((resolve) => settle = resolve);
    const result = module.ccall(name, 'number', types, words);
    const { code, message, value } = await reported;
    if (code) throw Object.assign(new Error(message), { code, value });
    return result;
  };
  const numbers = (n) => Array(n).fill('number');
  const with_copy = async (values, run) => {
    const at = module._malloc(values.byteLength) >>> 0;
    module.HEAPU8.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    try {
      return await run(at);
    } finally {
      module._free(at);
    }
  };
  return {
    open: (name) => call('open_store', ['string'], name),
    close: () => module._close_store(),
    info: () => ({ n: module._store_size(), dim: module._store_dim(), exact: !!module._store_is_exact() }),
    read: (nodes) => with_copy(Uint32Array.from(nodes), async (at) => {
      const bytes = nodes.length * module._store_dim() * 4;
      const out = module._malloc(bytes) >>> 0;
      try {
        await call('read_rows', numbers(3), at, nodes.length, out);
        return new Float32Array(module.HEAPU8.slice(out, out + bytes).buffer);
      } finally {
        module._free(out);
      }
    }),
    create: (name, n, dim, element, resume = false) =>
      call('create_set', ['string', ...numbers(4)], name, n, dim, elements[element], resume ? 1 : 0),
    append: (values) => with_copy(values, (at) =>
      call('append_values', numbers(3), at, values.byteLength, values.BYTES_PER_ELEMENT)),
    rows: () => module._rows_so_far(),
    checkpoint: () => call('checkpoint', []),
    finish: () => call('finish', []),
    drop: () => module._drop_writer(),
    remove: (name) => call('remove_set', ['string'], name),
    build: (values, n, dim) => with_copy(values, (at) => call('build_index', numbers(3), at, n, dim)),
    different_hits: (values, n, dim, queries) => with_copy(values, (at) =>
      call('search_both', numbers(4), at, n, dim, queries)),
    /** Grows the memory, so that views of it from before are detached. */
    grow: (bytes) => module._free(module._malloc(bytes)),
    async import(name, values, n, dim, element, rows_at_once = 100) {
      await this.create(name, n, dim, element);
      for (let row = 0; row < n; row += rows_at_once)
        await this.append(values.subarray(row * dim, Math.min(row + rows_at_once, n) * dim));
      await this.finish();
      this.drop();
    },
  };
}

/** run(handle) on a file that no store has open. */
export async function with_file(name, run) {
  const root = await navigator.storage.getDirectory();
  const handle = await (await root.getFileHandle(name, { create: true })).createSyncAccessHandle();
  try {
    return run(handle);
  } finally {
    handle.close();
  }
}

export const size_of = (name) => with_file(name, (handle) => handle.getSize());

/** Changes bytes of the file in place. */
export const change = (name, at, count, how) => with_file(name, (handle) => {
  const bytes = new Uint8Array(count);
  handle.read(bytes, { at });
  how(bytes);
  handle.write(bytes, { at });
});
