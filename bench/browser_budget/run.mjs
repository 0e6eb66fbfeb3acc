// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Prints what worker.mjs measured.

import fs from 'node:fs';
import path from 'node:path';
import { measure, table_line } from '../browser/measure.mjs';

const [folder, metric = 'cosine', quantizers = 'rabitq1,rabitq2,rabitq4'] = process.argv.slice(2);
const extensions = ['.fbin', '.u8bin', '.i8bin', '.f16bin', '.bf16bin'];
const file_of = (stem) => {
  const found = extensions.map((extension) => stem + extension).find((file) => fs.existsSync(path.join(folder, file)));
  if (!found) throw new Error(`no ${path.join(folder, stem)}${extensions.join(', ')}`);
  return found;
};
const [share, ef, rerank] = [.2, 64, 50];
const { measured: { rows, dim, measured }, version } = await measure('browser_budget', {
  base: file_of('base'), query: file_of('query'), metric, quantizers: quantizers.split(','), share, ef, rerank,
}, {
  folders: { set: path.resolve(folder) },
  on_progress: (text) => process.stderr.write(`${text}\n`),
});

console.log(`${path.basename(path.resolve(folder))}, ${rows} x ${dim}, k 10, ef ${ef}, rerank ${rerank}; index and cache in ` +
  `${(share * rows * dim * 4 / 1e6).toFixed(1)} MB; microseconds, and times those with all vectors in memory; Chromium ${version}`);
const line = (...cells) => console.log(table_line(cells, 11, 15));
line('quantizer', 'store', 'index MB', 'cache MB', 'hits', 'p50', 'in memory', 'p99', 'in memory');
for (const { quantizer, store, index, cache, hits, memory, budget } of measured) {
  const sizes = [index, cache].map((bytes) => (bytes / 1e6).toFixed(1));
  if (!memory) {
    line(quantizer, store, ...sizes, 'no room');
    continue;
  }
  const times = ['p50', 'p99'].flatMap((q) => [
    `${budget[q].toFixed(0)} x${(budget[q] / memory[q]).toFixed(2)}`, memory[q].toFixed(0),
  ]);
  line(quantizer, store, ...sizes, `${(100 * hits).toFixed(1)} %`, ...times);
}
