// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The program under Node, which has a web but no storage: from the server, and from memory.
//
//   node run.mjs build/wasm-simd128/examples/06_vectors_in_a_browser/thimble_example_06_vectors_in_a_browser.js

import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { search_everywhere } from './everywhere.mjs';
import { serve_pictures } from './server.mjs';

const { default: create } = await import(pathToFileURL(path.resolve(process.argv[2])));
const server = await serve_pictures();
const answers = await search_everywhere(create, `${server.address}/pictures.u8bin`, ['http', 'browser', 'indexeddb']);
server.close();
for (const [store, error] of Object.entries(answers)) console.log(`${store}: ${error ?? 'the hits of memory'}`);
if (answers.http !== null || answers.browser !== null || answers.indexeddb === null) process.exitCode = 1;
