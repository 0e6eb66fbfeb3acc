// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The JavaScript half of opfs_store and opfs_writer (opfs_calls.hpp declares these functions): files of the origin's
// private file system. Opening is a request; an open file is a synchronous handle, whose reads go straight into the
// WASM heap. Linked with --js-library by the CMake target thimble::opfs.

addToLibrary({
  $THIMBLE_OPFS__deps: ['$THIMBLE_BROWSER', '$UTF8ToString'],
  $THIMBLE_OPFS: {
    // Synchronous handles exist in dedicated workers only.
    available() {
      return typeof navigator != 'undefined' && !!navigator.storage?.getDirectory &&
          typeof FileSystemFileHandle != 'undefined' && !!FileSystemFileHandle.prototype.createSyncAccessHandle;
    },

    outcome_of(error, otherwise) {
      switch (error && error.name) {
        case 'NotFoundError':
          return THIMBLE_BROWSER.not_found;
        case 'TypeMismatchError':  // a folder where a file should be, or the other way round
        case 'InvalidModificationError':  // a folder that is not empty cannot be removed
          return THIMBLE_BROWSER.foreign;
      }
      return THIMBLE_BROWSER.outcome_of(error, otherwise);
    },

    // The folder of a path and the name in it.
    folder_of: async (path, create) => {
      const names = path.split('/');
      const name = names.pop();
      let folder = await navigator.storage.getDirectory();
      for (const next of names) folder = await folder.getDirectoryHandle(next, { 'create': create });
      return { folder, name };
    },

    // Several tabs may read at once where the browser knows modes; elsewhere every handle is the only one.
    open: async (path, writable) => {
      const { folder, name } = await THIMBLE_OPFS.folder_of(path, writable);
      const file = await folder.getFileHandle(name, { 'create': writable });
      try {
        return await file.createSyncAccessHandle({ 'mode': writable ? 'readwrite' : 'read-only' });
      } catch (error) {
        // Safari's name for a file that is open elsewhere.
        if (error.name !== 'InvalidStateError') throw error;
        throw new DOMException(error.message, 'NoModificationAllowedError');
      }
    },

    // Row nodes[i] to out[i * row_bytes ..]; rows that follow each other in the file come by one call. Answers with an
    // outcome and the row that is not there.
    read_rows(file, nodes, out, row_bytes, first_byte) {
      const where = { 'at': 0 };
      let i = 0;
      try {
        while (i < nodes.length) {
          let rows = 1;
          while (i + rows < nodes.length && nodes[i + rows] === nodes[i] + rows) ++rows;
          where['at'] = first_byte + nodes[i] * row_bytes;
          const got = file.read(out.subarray(i * row_bytes, (i + rows) * row_bytes), where);
          if (got !== rows * row_bytes)
            return { outcome: THIMBLE_BROWSER.missing_row, row: nodes[i + Math.floor(got / row_bytes)] };
          i += rows;
        }
        return { outcome: THIMBLE_BROWSER.ok, row: 0 };
      } catch (error) {
        return { outcome: THIMBLE_OPFS.outcome_of(error, THIMBLE_BROWSER.cannot_read), row: nodes[i] };
      }
    },

    // run(file) answers with an outcome; so does what it throws.
    attempt(handle, otherwise, run) {
      try {
        return run(THIMBLE_BROWSER.look_up(handle));
      } catch (error) {
        return THIMBLE_OPFS.outcome_of(error, otherwise);
      }
    },
  },

  thimble_opfs_open__deps: ['$THIMBLE_OPFS'],
  thimble_opfs_open: (name, writable, then, context) => {
    const path = UTF8ToString(name);
    if (!THIMBLE_OPFS.available()) return THIMBLE_BROWSER.unavailable;
    return THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.unavailable, (settle) => {
      THIMBLE_OPFS.open(path, !!writable).then(
          (file) => settle(THIMBLE_BROWSER.ok, THIMBLE_BROWSER.hold(file)),
          (error) => settle(THIMBLE_OPFS.outcome_of(error, THIMBLE_BROWSER.unavailable)));
    });
  },

  thimble_opfs_remove__deps: ['$THIMBLE_OPFS'],
  thimble_opfs_remove: (name, then, context) => {
    const path = UTF8ToString(name);
    if (!THIMBLE_OPFS.available()) return THIMBLE_BROWSER.unavailable;
    return THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.unavailable, (settle) => {
      THIMBLE_OPFS.folder_of(path, false).then(({ folder, name }) => folder.removeEntry(name)).then(
          () => settle(THIMBLE_BROWSER.ok),
          (error) => {
            const outcome = THIMBLE_OPFS.outcome_of(error, THIMBLE_BROWSER.unavailable);
            settle(outcome === THIMBLE_BROWSER.not_found ? THIMBLE_BROWSER.ok : outcome);
          });
    });
  },

  thimble_opfs_read__deps: ['$THIMBLE_OPFS'],
  thimble_opfs_read: (handle, nodes, count, out, row_bytes, first_byte, failed_row) =>
    THIMBLE_OPFS.attempt(handle, THIMBLE_BROWSER.cannot_read, (file) => {
      nodes >>>= 2;
      out >>>= 0;
      const { outcome, row } = THIMBLE_OPFS.read_rows(file, HEAPU32.subarray(nodes, nodes + count),
          HEAPU8.subarray(out, out + count * row_bytes), row_bytes, first_byte);
      HEAPU32[failed_row >>> 2] = row;
      return outcome;
    }),

  thimble_opfs_write__deps: ['$THIMBLE_OPFS'],
  thimble_opfs_write: (handle, from, bytes, first_byte) =>
    THIMBLE_OPFS.attempt(handle, THIMBLE_BROWSER.cannot_write, (file) => {
      from >>>= 0;
      const written = file.write(HEAPU8.subarray(from, from + (bytes >>> 0)), { 'at': first_byte });
      return written === (bytes >>> 0) ? THIMBLE_BROWSER.ok : THIMBLE_BROWSER.no_space;
    }),

  // What was written before is on disk when this returns.
  thimble_opfs_flush__deps: ['$THIMBLE_OPFS'],
  thimble_opfs_flush: (handle) => THIMBLE_OPFS.attempt(handle, THIMBLE_BROWSER.cannot_write, (file) => {
    file.flush();
    return THIMBLE_BROWSER.ok;
  }),

  thimble_opfs_resize__deps: ['$THIMBLE_OPFS'],
  thimble_opfs_resize: (handle, bytes) => THIMBLE_OPFS.attempt(handle, THIMBLE_BROWSER.cannot_write, (file) => {
    file.truncate(bytes);
    return THIMBLE_BROWSER.ok;
  }),

  thimble_opfs_size__deps: ['$THIMBLE_OPFS'],
  thimble_opfs_size: (handle, bytes) => THIMBLE_OPFS.attempt(handle, THIMBLE_BROWSER.cannot_read, (file) => {
    HEAPF64[bytes >>> 3] = file.getSize();
    return THIMBLE_BROWSER.ok;
  }),

  thimble_opfs_close__deps: ['$THIMBLE_BROWSER'],
  thimble_opfs_close: (handle) => {
    THIMBLE_BROWSER.let_go(handle)?.close();
  },
});
