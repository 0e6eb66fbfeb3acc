// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs the GoogleTest program of one WebAssembly build (the folder after '?') and hands every line and the exit status
// to the page.

const folder = `/build/${self.location.search.slice(1)}/tests/`;
const line = (text) => postMessage({ line: String(text) });

self.Module = {
  print: line,
  printErr: line,
  locateFile: (name) => folder + name,
  onExit: (status) => postMessage({ status }),
  onAbort: (why) => {
    line(why);
    postMessage({ status: -1 });
  },
};
importScripts(`${folder}thimble_unit_tests.js`);
