// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Drives the programs made of store_lab.hpp, in pages, workers and Node: calls that answer later become promises.

/** n x dim values that look random: bytes, or floats that are no whole numbers. */
export function make_values(n, dim, element = 'f32', seed = 1) {
  const values = element === 'u8' ? new Uint8Array(n * dim) : new Float32Array(n * dim);
  let state = seed;
  for (let i = 0; i < values.length; ++i) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = element === 'u8' ? state >>> 24 : (state >>> 8) / 65536 - 100;
  }
  return values;
}

/** Numbers of enum class element_type. */
export const element_types = { f32: 0, f16: 1, u8: 3 };

/** @param {(options: object) => Promise<object>} create what the program's module exports */
export async function open_lab(create) {
  const waiting = new Map();
  let last_ticket = 0;
  const module = await create({
    answered(ticket, code, value) {
      const { resolve, reject } = waiting.get(ticket);
      waiting.delete(ticket);
      if (code === null) resolve();
      else reject(Object.assign(new Error(code), { code, value }));
    },
  });
  const session = module._lab_create();

  const put = (bytes) => {
    const at = module._malloc(Math.max(bytes.byteLength, 1));
    module.HEAPU8.set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), at);
    return at;
  };
  const put_text = (text) => put(new TextEncoder().encode(text + '\0'));

  /** A call of C++ whose last argument is a ticket. Texts and arrays are put into its memory meanwhile. */
  const later = async (name, ...words) => {
    const taken = [];
    const passed = words.map((word) => {
      if (typeof word === 'number') return word;
      taken.push(typeof word === 'string' ? put_text(word) : put(word));
      return taken.at(-1);
    });
    const ticket = ++last_ticket;
    const answer = new Promise((resolve, reject) => waiting.set(ticket, { resolve, reject }));
    module[`_lab_${name}`](session, ...passed, ticket);
    try {
      return await answer;
    } finally {
      taken.forEach(module._free);
    }
  };

  return {
    module,
    session,
    later,
    make_values,
    close: () => module._lab_close(session),
    shape: () => ({ n: module._lab_size(session), dim: module._lab_dim(session) }),
    /** `call`: another one that reads the nodes. */
    async read(nodes, call = 'read') {
      const at = module._lab_nodes(session, nodes.length);
      module.HEAPU32.set(nodes, at >>> 2);
      await later(call);
      const first = module._lab_rows(session) >>> 2;
      return module.HEAPF32.slice(first, first + nodes.length * module._lab_dim(session));
    },
    /** Whether an index of these values finds the same when it reranks from the store. */
    same_hits: (values, n, dim) => later('same_hits', values, n, dim),
  };
}
