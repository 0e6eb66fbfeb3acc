// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The JavaScript half of idbfs_store and idbfs_writer (idbfs_calls.hpp declares these functions): IndexedDB requests in
// the layout of Emscripten's IDBFS. Linked with --js-library by the CMake target thimble::idbfs.
//
// Rows go straight between records and the WASM heap. Only whole copies are given to put(): a view would make IndexedDB
// clone all of the WASM memory.

addToLibrary({
  $THIMBLE_IDBFS__deps: ['$THIMBLE_BROWSER', '$UTF8ToString'],
  $THIMBLE_IDBFS: {
    version: 21,
    table: 'FILE_DATA',
    directory_mode: 16895,  // 040777
    file_mode: 33206,  // 0100666

    outcome_of(error, otherwise) {
      if (error && error.name === 'NotFoundError') return THIMBLE_BROWSER.foreign;  // no table of this name
      return THIMBLE_BROWSER.outcome_of(error, otherwise);
    },

    // Opens the database of a mount point; with `create` it is made as IDBFS makes it, else its absence is not_found.
    open_database(mount, create, settle, opened) {
      const request = indexedDB.open(mount, THIMBLE_IDBFS.version);
      let absent = false;
      request.onupgradeneeded = (event) => {
        if (!create) {
          absent = true;
          request.transaction.abort();
          return;
        }
        const database = request.result;
        const table = database.objectStoreNames.contains(THIMBLE_IDBFS.table) ?
            request.transaction.objectStore(THIMBLE_IDBFS.table) : database.createObjectStore(THIMBLE_IDBFS.table);
        if (!table.indexNames.contains('timestamp')) table.createIndex('timestamp', 'timestamp', { 'unique': false });
      };
      request.onerror = (event) => {
        event.preventDefault();
        settle(absent ? THIMBLE_BROWSER.not_found :
            THIMBLE_IDBFS.outcome_of(request.error, THIMBLE_BROWSER.unavailable));
      };
      request.onsuccess = () => {
        const database = request.result;
        // Whoever wants to delete or upgrade the database need not wait for this page to end.
        database.onversionchange = () => database.close();
        try {
          opened(database);
        } catch (error) {
          database.close();
          settle(THIMBLE_IDBFS.outcome_of(error, THIMBLE_BROWSER.unavailable));
        }
      };
    },

    // A transaction for writing that settles when it is complete. What runs in it may abort(outcome) it.
    write(database, durability, settle) {
      const transaction = database.transaction([THIMBLE_IDBFS.table], 'readwrite', { 'durability': durability });
      const table = transaction.objectStore(THIMBLE_IDBFS.table);
      const state = { table, failure: THIMBLE_BROWSER.ok, done: () => settle(THIMBLE_BROWSER.ok) };
      state.abort = (failure) => {
        state.failure = failure;
        transaction.abort();
      };
      transaction.oncomplete = () => state.done();
      transaction.onabort = (event) => {
        event.stopPropagation();
        settle(state.failure || THIMBLE_IDBFS.outcome_of(transaction.error, THIMBLE_BROWSER.cannot_write));
      };
      return state;
    },

    // Runs write(table) when the folder is still that of this import: its directory record carries the import's time.
    write_as_owner(handle, durability, settle, write) {
      const { database, folder, stamp } = THIMBLE_BROWSER.look_up(handle);
      const state = THIMBLE_IDBFS.write(database, durability, settle);
      const owner = state.table.get(folder);
      owner.onsuccess = () => {
        const directory = owner.result;
        if (!directory || +directory['timestamp'] !== stamp) return state.abort(THIMBLE_BROWSER.replaced);
        try {
          write(state.table, folder, stamp);
        } catch (error) {
          state.abort(THIMBLE_IDBFS.outcome_of(error, THIMBLE_BROWSER.cannot_write));
        }
      };
    },

    file_of(folder, file) {
      return folder + '/' + String(file).padStart(10, '0');
    },
    everything_below(folder) {
      return IDBKeyRange.bound(folder + '/', folder + '0', false, true);  // '0' follows '/'
    },
    // The contents of a record as Uint8Array, or null where they are not `length` bytes. What C wrote to a file in one
    // piece IDBFS keeps as Int8Array; a view of a larger buffer is possible too.
    bytes_of(record, length) {
      const contents = record['contents'];
      if (!ArrayBuffer.isView(contents) || contents.byteLength !== length) return null;
      return new Uint8Array(contents.buffer, contents.byteOffset, length);
    },
  },

  thimble_idbfs_open__deps: ['$THIMBLE_IDBFS'],
  thimble_idbfs_open: (mount, name, manifest, manifest_bytes, then, context) => {
    const database_name = UTF8ToString(mount);
    const folder = database_name + '/' + UTF8ToString(name);
    if (typeof indexedDB == 'undefined' || !indexedDB) return THIMBLE_BROWSER.unavailable;
    return THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.unavailable, (settle) => {
      THIMBLE_IDBFS.open_database(database_name, false, settle, (database) => {
        const end = (outcome, value) => {
          if (outcome !== THIMBLE_BROWSER.ok) database.close();
          settle(outcome, value);
        };
        const found = database.transaction([THIMBLE_IDBFS.table], 'readonly').objectStore(THIMBLE_IDBFS.table)
            .get(folder + '/manifest');
        found.onerror = (event) => {
          event.preventDefault();
          end(THIMBLE_IDBFS.outcome_of(found.error, THIMBLE_BROWSER.cannot_read));
        };
        found.onsuccess = () => {
          const record = found.result;
          if (!record) return end(THIMBLE_BROWSER.not_found);
          const contents = THIMBLE_IDBFS.bytes_of(record, manifest_bytes);
          if (!contents) return end(THIMBLE_BROWSER.bad_manifest);
          HEAPU8.set(contents, manifest >>> 0);
          end(THIMBLE_BROWSER.ok, THIMBLE_BROWSER.hold({ database, folder }));
        };
      });
    });
  },

  thimble_idbfs_read__deps: ['$THIMBLE_IDBFS'],
  thimble_idbfs_read: (handle, nodes, count, out, out_stride, row_bytes, rows_per_file, n, then, context) =>
    THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.cannot_read, (settle) => {
      const { database, folder } = THIMBLE_BROWSER.look_up(handle);
      const transaction = database.transaction([THIMBLE_IDBFS.table], 'readonly');
      const table = transaction.objectStore(THIMBLE_IDBFS.table);
      let left = 0;
      const first = nodes >>> 2;
      out >>>= 0;
      for (let i = 0; i < count;) {
        const file = Math.floor(HEAPU32[first + i] / rows_per_file);
        const file_bytes = Math.min(rows_per_file, n - file * rows_per_file) * row_bytes;
        const from = i;
        while (i < count && Math.floor(HEAPU32[first + i] / rows_per_file) === file) ++i;
        const to = i;
        ++left;
        const found = table.get(THIMBLE_IDBFS.file_of(folder, file));
        found.onerror = (event) => {
          event.preventDefault();
          settle(THIMBLE_IDBFS.outcome_of(found.error, THIMBLE_BROWSER.cannot_read), HEAPU32[first + from]);
        };
        found.onsuccess = () => {
          if (!settle.pending) return;
          const record = found.result;
          if (!record) return settle(THIMBLE_BROWSER.missing_row, HEAPU32[first + from]);
          const contents = THIMBLE_IDBFS.bytes_of(record, file_bytes);
          if (!contents) return settle(THIMBLE_BROWSER.bad_row, HEAPU32[first + from]);
          for (let j = from; j < to; ++j) {
            const at = (HEAPU32[first + j] - file * rows_per_file) * row_bytes;
            HEAPU8.set(rows_per_file === 1 ? contents : contents.subarray(at, at + row_bytes), out + j * out_stride);
          }
          if (--left === 0) settle(THIMBLE_BROWSER.ok);
        };
      }
      transaction.onabort = (event) => {
        event.stopPropagation();
        settle(THIMBLE_IDBFS.outcome_of(transaction.error, THIMBLE_BROWSER.cannot_read));
      };
    }),

  thimble_idbfs_create__deps: ['$THIMBLE_IDBFS'],
  thimble_idbfs_create: (mount, name, then, context) => {
    const database_name = UTF8ToString(mount);
    const folder = database_name + '/' + UTF8ToString(name);
    if (typeof indexedDB == 'undefined' || !indexedDB) return THIMBLE_BROWSER.unavailable;
    return THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.unavailable, (settle) => {
      THIMBLE_IDBFS.open_database(database_name, true, settle, (database) => {
        const end = (outcome, value) => {
          if (outcome !== THIMBLE_BROWSER.ok) database.close();
          settle(outcome, value);
        };
        const state = THIMBLE_IDBFS.write(database, 'relaxed', end);
        const before = state.table.get(folder);
        before.onsuccess = () => {
          // Later than the import before, so that the two can be told apart.
          const stamp = Math.max(Date.now(), before.result ? +before.result['timestamp'] + 1 : 0);
          state.table.delete(THIMBLE_IDBFS.everything_below(folder));
          state.table.put({ 'timestamp': new Date(stamp), 'mode': THIMBLE_IDBFS.directory_mode }, folder);
          state.done = () => end(THIMBLE_BROWSER.ok, THIMBLE_BROWSER.hold({ database, folder, stamp }));
        };
      });
    });
  },

  thimble_idbfs_append__deps: ['$THIMBLE_IDBFS'],
  thimble_idbfs_append: (handle, first_file, rows, bytes, file_bytes, then, context) =>
    THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.cannot_write, (settle) => {
      THIMBLE_IDBFS.write_as_owner(handle, 'relaxed', settle, (table, folder, stamp) => {
        const from = rows >>> 0;
        const to = from + bytes;
        for (let at = from, file = first_file; at < to; at += file_bytes, ++file) {
          table.put({
            'timestamp': new Date(stamp),
            'mode': THIMBLE_IDBFS.file_mode,
            'contents': HEAPU8.slice(at, Math.min(to, at + file_bytes)),
          }, THIMBLE_IDBFS.file_of(folder, file));
        }
      });
    }),

  thimble_idbfs_finish__deps: ['$THIMBLE_IDBFS'],
  thimble_idbfs_finish: (handle, manifest, manifest_bytes, then, context) => {
    const contents = HEAPU8.slice(manifest >>> 0, (manifest >>> 0) + manifest_bytes);
    return THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.cannot_write, (settle) => {
      // Strict: when this is on disk, so are the transactions before it.
      THIMBLE_IDBFS.write_as_owner(handle, 'strict', settle, (table, folder, stamp) => {
        table.put({ 'timestamp': new Date(stamp), 'mode': THIMBLE_IDBFS.file_mode, 'contents': contents },
            folder + '/manifest');
      });
    });
  },

  thimble_idbfs_remove__deps: ['$THIMBLE_IDBFS'],
  thimble_idbfs_remove: (mount, name, then, context) => {
    const database_name = UTF8ToString(mount);
    const folder = database_name + '/' + UTF8ToString(name);
    if (typeof indexedDB == 'undefined' || !indexedDB) return THIMBLE_BROWSER.unavailable;
    return THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.unavailable, (settle) => {
      const opened = (outcome) => settle(outcome === THIMBLE_BROWSER.not_found ? THIMBLE_BROWSER.ok : outcome);
      THIMBLE_IDBFS.open_database(database_name, false, opened, (database) => {
        const state = THIMBLE_IDBFS.write(database, 'strict', (outcome) => {
          database.close();
          settle(outcome);
        });
        state.table.delete(THIMBLE_IDBFS.everything_below(folder));
        state.table.delete(folder);
      });
    });
  },

  thimble_idbfs_close__deps: ['$THIMBLE_IDBFS'],
  thimble_idbfs_close: (handle) => {
    THIMBLE_BROWSER.let_go(handle)?.database.close();
  },
});
