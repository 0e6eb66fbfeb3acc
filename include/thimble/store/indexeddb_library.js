// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The JavaScript half of indexeddb_store and indexeddb_writer (indexeddb_calls.hpp declares these functions). Linked
// with --js-library by the CMake target thimble::indexeddb.
//
// Rows go straight between records and the WASM heap. Only whole copies are given to put(): a view would make IndexedDB
// clone all of the WASM memory.

addToLibrary({
  $THIMBLE_INDEXEDDB__deps: ['$THIMBLE_BROWSER', '$UTF8ToString'],
  $THIMBLE_INDEXEDDB: {
    version: 1,
    rows: 'rows',
    set: 'set',
    set_key: 0,
    header_bytes: 64,  // stored_set::encoded_bytes

    outcome_of(error, otherwise) {
      if (error && error.name === 'NotFoundError') return THIMBLE_BROWSER.foreign;  // no table of this name
      return THIMBLE_BROWSER.outcome_of(error, otherwise);
    },

    // Runs opened(database); with `create` the database is made, else its absence is not_found.
    open_database(name, create, settle, opened) {
      const request = indexedDB.open(name, THIMBLE_INDEXEDDB.version);
      let absent = false;
      request.onupgradeneeded = () => {
        absent = !create;
        if (absent) return request.transaction.abort();
        for (const table of [THIMBLE_INDEXEDDB.rows, THIMBLE_INDEXEDDB.set]) request.result.createObjectStore(table);
      };
      request.onerror = (event) => {
        event.preventDefault();
        settle(absent ? THIMBLE_BROWSER.not_found :
            THIMBLE_INDEXEDDB.outcome_of(request.error, THIMBLE_BROWSER.unavailable));
      };
      request.onsuccess = () => {
        const database = request.result;
        // Whoever wants to delete or upgrade the database need not wait for this page to end.
        database.onversionchange = () => database.close();
        try {
          opened(database);
        } catch (error) {
          database.close();
          settle(THIMBLE_INDEXEDDB.outcome_of(error, THIMBLE_BROWSER.unavailable));
        }
      };
    },

    // A transaction on both tables whose failure settles with an outcome; what runs in it may fail(outcome), too.
    begin(database, mode, durability, otherwise, settle) {
      const transaction =
          database.transaction([THIMBLE_INDEXEDDB.rows, THIMBLE_INDEXEDDB.set], mode, { 'durability': durability });
      const state = {
        transaction,
        rows: transaction.objectStore(THIMBLE_INDEXEDDB.rows),
        set: transaction.objectStore(THIMBLE_INDEXEDDB.set),
        failure: THIMBLE_BROWSER.ok,
        fail(outcome) {
          state.failure = outcome;
          transaction.abort();
        },
      };
      transaction.onabort = (event) => {
        event.stopPropagation();
        settle(state.failure || THIMBLE_INDEXEDDB.outcome_of(transaction.error, otherwise));
      };
      return state;
    },

    // Runs take(bytes, record) on the record of the set; bytes is null where it is none of ours.
    with_set(state, take) {
      const found = state.set.get(THIMBLE_INDEXEDDB.set_key);
      found.onsuccess = () => {
        const record = found.result;
        try {
          take(record && THIMBLE_INDEXEDDB.bytes_of(record['header'], THIMBLE_INDEXEDDB.header_bytes), record);
        } catch (error) {
          state.fail(THIMBLE_INDEXEDDB.outcome_of(error, THIMBLE_BROWSER.cannot_write));
        }
      };
    },

    // A value of the database as Uint8Array, or null where it is not `length` bytes.
    bytes_of(value, length) {
      if (!ArrayBuffer.isView(value) || value.byteLength !== length) return null;
      return new Uint8Array(value.buffer, value.byteOffset, length);
    },

    // Whether a header is one of an unfinished import of this layout: the same but for fingerprint, rows and checksum.
    goes_on(header, fresh) {
      return header.every((byte, at) => byte === fresh[at] || (at >= 24 && at < 32) || at >= 40);
    },
  },

  thimble_indexeddb_open__deps: ['$THIMBLE_INDEXEDDB'],
  thimble_indexeddb_open: (name, header, then, context) => {
    if (typeof indexedDB == 'undefined' || !indexedDB) return THIMBLE_BROWSER.unavailable;
    return THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.unavailable, (settle) => {
      THIMBLE_INDEXEDDB.open_database(UTF8ToString(name), false, settle, (database) => {
        const end = (outcome, value) => {
          if (outcome !== THIMBLE_BROWSER.ok) database.close();
          settle(outcome, value);
        };
        const state = THIMBLE_INDEXEDDB.begin(database, 'readonly', 'default', THIMBLE_BROWSER.cannot_read, end);
        THIMBLE_INDEXEDDB.with_set(state, (bytes, record) => {
          if (!record) return end(THIMBLE_BROWSER.not_found);
          if (!bytes) return end(THIMBLE_BROWSER.bad_manifest);
          HEAPU8.set(bytes, header >>> 0);
          end(THIMBLE_BROWSER.ok, THIMBLE_BROWSER.hold({ database, stamp: record['stamp'] }));
        });
      });
    });
  },

  thimble_indexeddb_read__deps: ['$THIMBLE_INDEXEDDB'],
  thimble_indexeddb_read: (handle, nodes, count, out, row_bytes, then, context) =>
    THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.cannot_read, (settle) => {
      const { database, stamp } = THIMBLE_BROWSER.look_up(handle);
      const state = THIMBLE_INDEXEDDB.begin(database, 'readonly', 'default', THIMBLE_BROWSER.cannot_read, settle);
      let left = count + 1;
      const came = () => {
        if (--left === 0) settle(THIMBLE_BROWSER.ok);
      };
      THIMBLE_INDEXEDDB.with_set(state, (bytes, record) => {
        if (!record || record['stamp'] !== stamp) return settle(THIMBLE_BROWSER.replaced);
        came();
      });
      const first = nodes >>> 2;
      out >>>= 0;
      for (let i = 0; i < count; ++i) {
        const row = HEAPU32[first + i];
        const found = state.rows.get(row);
        found.onsuccess = () => {
          if (!settle.pending) return;
          if (found.result === undefined) return settle(THIMBLE_BROWSER.missing_row, row);
          const bytes = THIMBLE_INDEXEDDB.bytes_of(found.result, row_bytes);
          if (!bytes) return settle(THIMBLE_BROWSER.bad_row, row);
          HEAPU8.set(bytes, out + i * row_bytes);
          came();
        };
      }
    }),

  thimble_indexeddb_create__deps: ['$THIMBLE_INDEXEDDB'],
  thimble_indexeddb_create: (name, resume, header, then, context) => {
    if (typeof indexedDB == 'undefined' || !indexedDB) return THIMBLE_BROWSER.unavailable;
    return THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.unavailable, (settle) => {
      THIMBLE_INDEXEDDB.open_database(UTF8ToString(name), true, settle, (database) => {
        const end = (outcome, value) => {
          if (outcome !== THIMBLE_BROWSER.ok) database.close();
          settle(outcome, value);
        };
        const state = THIMBLE_INDEXEDDB.begin(database, 'readwrite', 'relaxed', THIMBLE_BROWSER.cannot_write, end);
        THIMBLE_INDEXEDDB.with_set(state, (before, record) => {
          const at = header >>> 0;
          const fresh = HEAPU8.slice(at, at + THIMBLE_INDEXEDDB.header_bytes);
          const goes_on = resume && before && THIMBLE_INDEXEDDB.goes_on(before, fresh);
          // Later than the import before, so that the two can be told apart.
          const stamp = Math.max(Date.now(), (+record?.['stamp'] || 0) + 1);
          if (!goes_on) state.rows.clear();
          else HEAPU8.set(before, at);
          state.set.put({ 'stamp': stamp, 'header': goes_on ? before : fresh }, THIMBLE_INDEXEDDB.set_key);
          state.transaction.oncomplete = () => end(THIMBLE_BROWSER.ok, THIMBLE_BROWSER.hold({ database, stamp }));
        });
      });
    });
  },

  thimble_indexeddb_write__deps: ['$THIMBLE_INDEXEDDB'],
  thimble_indexeddb_write: (handle, first, rows, count, row_bytes, header, strict, then, context) => {
    const told = HEAPU8.slice(header >>> 0, (header >>> 0) + THIMBLE_INDEXEDDB.header_bytes);
    return THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.cannot_write, (settle) => {
      const { database, stamp } = THIMBLE_BROWSER.look_up(handle);
      // Strict: when this is on disk, so are the transactions before it.
      const state = THIMBLE_INDEXEDDB.begin(
          database, 'readwrite', strict ? 'strict' : 'relaxed', THIMBLE_BROWSER.cannot_write, settle);
      THIMBLE_INDEXEDDB.with_set(state, (bytes, record) => {
        if (!record || record['stamp'] !== stamp) return state.fail(THIMBLE_BROWSER.replaced);
        let at = rows >>> 0;
        for (let row = first; row < first + count; ++row, at += row_bytes)
          state.rows.put(HEAPU8.slice(at, at + row_bytes), row);
        state.set.put({ 'stamp': stamp, 'header': told }, THIMBLE_INDEXEDDB.set_key);
        state.transaction.oncomplete = () => settle(THIMBLE_BROWSER.ok);
      });
    });
  },

  thimble_indexeddb_remove__deps: ['$THIMBLE_INDEXEDDB'],
  thimble_indexeddb_remove: (name, then, context) => {
    if (typeof indexedDB == 'undefined' || !indexedDB) return THIMBLE_BROWSER.unavailable;
    const database_name = UTF8ToString(name);
    return THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.unavailable, (settle) => {
      const opened = (outcome) => settle(outcome === THIMBLE_BROWSER.not_found ? THIMBLE_BROWSER.ok : outcome);
      THIMBLE_INDEXEDDB.open_database(database_name, false, opened, (database) => {
        // Another program's database is not ours to delete: it has other tables.
        database.transaction([THIMBLE_INDEXEDDB.rows, THIMBLE_INDEXEDDB.set], 'readonly');
        database.close();
        const request = indexedDB.deleteDatabase(database_name);
        request.onsuccess = () => settle(THIMBLE_BROWSER.ok);
        request.onerror = () =>
          settle(THIMBLE_INDEXEDDB.outcome_of(request.error, THIMBLE_BROWSER.cannot_write));
      });
    });
  },

  thimble_indexeddb_close__deps: ['$THIMBLE_INDEXEDDB'],
  thimble_indexeddb_close: (handle) => {
    THIMBLE_BROWSER.let_go(handle)?.database.close();
  },
});
