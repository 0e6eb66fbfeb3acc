// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// For gtest_in_browser.mjs: runs /program/thimble_unit_tests.js with the words after '?' as its command line.

self.Module = {
  arguments: JSON.parse(decodeURIComponent(self.location.search.slice(1))),
  print: (line) => postMessage({ line }),
  printErr: (line) => postMessage({ line }),
  locateFile: (name) => `/program/${name}`,
  onExit: (status) => postMessage({ status }),
  onAbort: (why) => postMessage({ line: `aborted: ${why}`, status: 134 }),
};
importScripts('/program/thimble_unit_tests.js');
