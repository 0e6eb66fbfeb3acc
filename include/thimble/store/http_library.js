// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The JavaScript half of http_store (http_calls.hpp declares these functions): one range request, one wait, and the end
// of either. Linked with --js-library by the CMake target thimble::http.

addToLibrary({
  $THIMBLE_HTTP__deps: ['$THIMBLE_BROWSER', '$UTF8ToString', '$stringToUTF8', '$lengthBytesUTF8'],
  $THIMBLE_HTTP: {
    // struct http_answer: where its fields are, and how long its texts may be, their end included.
    received_at: 4,
    retry_after_at: 8,
    same_origin_at: 12,
    texts: [['ETag', 16, 256], ['Last-Modified', 272, 64], ['Content-Range', 336, 96]],
    answer_bytes: 432,
    no_retry_after: 0xffffffff,

    // How to end what is under way, by its context.
    under_way: {},

    // Milliseconds from now, of a number of seconds or a date.
    retry_after(response) {
      const text = response.headers.get('Retry-After');
      const ms = /^\d+$/.test(text) ? 1000 * text : Math.max(0, Date.parse(text) - Date.now());
      return ms >= 0 ? Math.min(ms, THIMBLE_HTTP.no_retry_after - 1) : THIMBLE_HTTP.no_retry_after;
    },

    // A URL, or null where it is none.
    parse(text, base) {
      try {
        return new URL(text, base);
      } catch {
        return null;
      }
    },

    same_origin(response) {
      if (!globalThis.location) return true;  // Node: no page, no origins
      return THIMBLE_HTTP.parse(response.url)?.origin === location.origin;
    },

    // The body's bytes, no more than there is room for; one more in number when there would be more.
    take_body: async (response, body, bytes, heard) => {
      let received = 0;
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return received;
        heard();
        const left = bytes - received;
        HEAPU8.set(value.length > left ? value.subarray(0, left) : value, body + received);
        if (value.length > left) return bytes + 1;
        received += value.length;
      }
    },

    write_answer(at, response, received) {
      HEAPU8.fill(0, at, at + THIMBLE_HTTP.answer_bytes);
      const put = (offset, value) => HEAPU32[(at + offset) >>> 2] = value;
      put(THIMBLE_HTTP.retry_after_at, response ? THIMBLE_HTTP.retry_after(response) : THIMBLE_HTTP.no_retry_after);
      if (!response) return;
      put(0, response.status);
      put(THIMBLE_HTTP.received_at, received);
      put(THIMBLE_HTTP.same_origin_at, THIMBLE_HTTP.same_origin(response) ? 1 : 0);
      for (const [name, offset, room] of THIMBLE_HTTP.texts) {
        const text = response.headers.get(name) ?? '';
        if (lengthBytesUTF8(text) < room) stringToUTF8(text, at + offset, room);
      }
    },
  },

  thimble_http_get__deps: ['$THIMBLE_HTTP'],
  thimble_http_get: (url, if_range, offset, bytes, silence_ms, body, answer, then, context) => {
    if (typeof fetch == 'undefined') return THIMBLE_BROWSER.unavailable;
    const address = THIMBLE_HTTP.parse(UTF8ToString(url), globalThis.location?.href);
    if (!address || !/^https?:$/.test(address.protocol)) return THIMBLE_BROWSER.not_found;
    const headers = { 'Range': `bytes=${offset}-${offset + bytes - 1}` };
    if (if_range) headers['If-Range'] = UTF8ToString(if_range);
    return THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.cannot_read, async (settle) => {
      const controller = new AbortController();
      const end = () => controller.abort();
      THIMBLE_HTTP.under_way[context] = end;
      let silence = setTimeout(end, silence_ms);
      const heard = () => {
        clearTimeout(silence);
        silence = setTimeout(end, silence_ms);
      };
      let response = null;
      let received = 0;
      try {
        response = await fetch(address, { headers, cache: 'no-store', signal: controller.signal });
        heard();
        if (response.status === 206 && response.body)
          received = await THIMBLE_HTTP.take_body(response, body >>> 0, bytes, heard);
      } catch {
        response = null;
      }
      clearTimeout(silence);
      controller.abort();  // whatever else the server would send
      delete THIMBLE_HTTP.under_way[context];
      THIMBLE_HTTP.write_answer(answer >>> 0, response, received);
      settle(THIMBLE_BROWSER.ok);
    });
  },

  // Up to a quarter longer, so that many pages do not come back at once.
  thimble_http_wait__deps: ['$THIMBLE_HTTP'],
  thimble_http_wait: (ms, then, context) =>
    THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.cannot_read, (settle) => {
      const end = () => {
        delete THIMBLE_HTTP.under_way[context];
        settle(THIMBLE_BROWSER.ok);
      };
      const timer = setTimeout(end, ms * (1 + Math.random() / 4));
      THIMBLE_HTTP.under_way[context] = () => {
        clearTimeout(timer);
        setTimeout(end);
      };
    }),

  thimble_http_abort__deps: ['$THIMBLE_HTTP'],
  thimble_http_abort: (context) => THIMBLE_HTTP.under_way[context]?.(),
});
