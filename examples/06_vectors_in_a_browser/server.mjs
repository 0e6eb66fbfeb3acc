// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// A web server with the pictures under /pictures.u8bin, for http_store: ranges and an ETag are all that it takes.

import fs from 'node:fs';
import http from 'node:http';

const pictures = fs.readFileSync(new URL('../../tests/data/fashion-mnist/query.u8bin', import.meta.url));

/**
 * @param {(request: object, response: object) => void} otherwise answers what is no request for pictures
 * @returns {Promise<{address: string, close: () => void}>}
 */
export async function serve_pictures(otherwise = (request, response) => response.writeHead(404).end()) {
  const server = http.createServer((request, response) => {
    if (request.url !== '/pictures.u8bin') return otherwise(request, response);
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range) ?? [, 0, pictures.length - 1];
    const body = pictures.subarray(+first, +last + 1);
    response.writeHead(206, {
      'content-length': body.length,
      'content-range': `bytes ${first}-${+first + body.length - 1}/${pictures.length}`,
      'etag': '"1"',
    });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `http://127.0.0.1:${server.address().port}`, close: () => (server.close(), server.closeAllConnections()) };
}
