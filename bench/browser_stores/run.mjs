// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Prints what worker.mjs measured.

import { measure, table_line } from '../browser/measure.mjs';

const [rows = 100_000, dim = 768] = process.argv.slice(2).map(Number);
const { measured, version } = await measure('browser_stores', { rows, dim });

console.log(`100 random rows of ${rows} x ${dim}, milliseconds at the median, in turns with plain JavaScript ${version}`);
const line = (...cells) => console.log(table_line(cells, 19, 12));
line('store', 'read', 'plain', 'ratio', 'import MB/s', 'plain');
for (const { name, read, plain_read, ratio, imported, plain_import } of measured)
  line(
    name, read.toFixed(3), plain_read.toFixed(3), ratio.toFixed(2), imported.toFixed(0), plain_import.toFixed(0),
  );
