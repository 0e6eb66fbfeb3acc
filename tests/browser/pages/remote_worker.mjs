// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A worker of remote.mjs: the module that was asked for, and then whatever its page wants evaluated.

const module = import(new URLSearchParams(location.search).get('module'));

self.onmessage = async ({ data: { number, code } }) => {
  try {
    await module;
    postMessage({ number, result: await (0, eval)(code) });
  } catch (error) {
    postMessage({ number, error: `${error}\n${error.stack}` });
  }
};
