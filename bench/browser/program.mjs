// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A measured program (bench/NAME/wasm/main.cpp) in a worker, and what both sides of the worker say to each other.

/** @returns {Promise<{module: object, call: (name: string, ...words) => Promise<void>}>} */
export async function open_program() {
  const { default: create } = await import('/built/program.mjs');
  let settle;
  const module = await create({ report: (message) => settle(message) });
  return {
    module,
    /** Calls an exported function that ends in a report (report.hpp), now or later. */
    async call(name, ...words) {
      const reported = new Promise((resolve) => settle = resolve);
      module.ccall(name, null, words.map((word) => typeof word), words);
      const message = await reported;
      if (message) throw new Error(`${name}: ${message}`);
    },
  };
}

/** Answers each message with what measure(data) returns, or with its error. */
export function answer_with(measure) {
  self.onmessage = async ({ data }) => {
    try {
      postMessage({ measured: await measure(data) });
    } catch (error) {
      postMessage({ error: String(error) });
    }
  };
}
