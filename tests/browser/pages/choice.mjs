// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the store that chooses its place do in a page or worker, beside store_lab.mjs.

import { element_types, make_values } from './store_lab.mjs';

const places = ['opfs', 'indexeddb', 'memory'];

export const begin = (lab, name, n, dim, resume = 0, element = 'f32') =>
  lab.later('begin', name, resume, n, dim, element_types[element]);

export const rows_so_far = (lab) => lab.module._lab_rows_so_far(lab.session);

/** The rows from `from` until `until`, in batches. */
export async function append(lab, values, dim, from = 0, until = values.length / dim, batch = 64) {
  for (let row = from; row < until; row += batch) {
    const rows = values.subarray(row * dim, Math.min(row + batch, until) * dim);
    await lab.later('append', rows, rows.length);
  }
}

/** Where the store (the writer) is, and why it is not in a better place. */
export const choice = (lab, of_writer = 0) => ({
  where: places[lab.module._lab_where(lab.session, of_writer)],
  reasons: [0, 1].map((place) => lab.module.UTF8ToString(lab.module._lab_reason(lab.session, of_writer, place))),
});

export const through_another_tab = (lab) => lab.module._lab_through_another_tab(lab.session) === 1;

export async function import_made(lab, name, { n = 200, dim = 16, seed = 1, element = 'f32' } = {}) {
  const values = make_values(n, dim, 'f32', seed);
  await begin(lab, name, n, dim, 0, element);
  await append(lab, values, dim);
  await lab.later('finish');
  return values;
}

/** How many values are not those that were imported, over all rows. `call`: that of lab.read(). */
export async function different(lab, values, call) {
  const { n } = lab.shape();
  const rows = await lab.read([...Array(n).keys()], call);
  return rows.length !== values.length ? values.length : rows.filter((value, i) => !Object.is(value, values[i])).length;
}

export async function persisted(lab) {
  for (;;) {
    const answer = lab.module._lab_persisted(lab.session);
    if (answer !== -1) return answer === 1;
    await new Promise((resolve) => setTimeout(resolve));
  }
}

export const database_names = async () => (await indexedDB.databases()).map(({ name }) => name);

export async function file_names() {
  const names = [];
  for await (const name of (await navigator.storage.getDirectory()).keys()) names.push(name);
  return names;
}
