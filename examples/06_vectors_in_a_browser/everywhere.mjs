// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs the program of main.cpp, in Node, a page or a worker.

/**
 * What a search in each of the stores says: null, or what went wrong.
 * @param {(options: object) => Promise<object>} create what the program's module exports
 * @param {string} url of the pictures
 * @param {string[]} stores 'http', 'browser', 'indexeddb', 'idbfs', 'opfs'
 */
export async function search_everywhere(create, url, stores) {
  let report;
  const module = await create({ report: (error) => report(error) });
  const call = (name, ...words) => new Promise((resolve) => {
    report = resolve;
    module.ccall(name, null, words.map(() => 'string'), words);
  });
  const begun = await call('begin', url);
  if (begun !== null) throw new Error(begun);
  const answers = {};
  for (const store of stores) answers[store] = await call(`search_${store}`);
  return answers;
}
