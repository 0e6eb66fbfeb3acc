// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The JavaScript half of browser_claim.hpp: who may import under a name, whether there is room for it, and whether the
// browser keeps it. Linked with --js-library by the CMake target thimble::browser, beside those of OPFS and IndexedDB.

addToLibrary({
  $THIMBLE_CLAIM__deps: [
    '$THIMBLE_BROWSER', '$THIMBLE_OPFS', '$THIMBLE_SHARED_OPFS', '$THIMBLE_INDEXEDDB', '$UTF8ToString',
  ],
  $THIMBLE_CLAIM: {
    // What navigator.storage has answered so far.
    unanswered: 0,
    may_evict: 1,
    persisted: 2,

    // What lets the lock go, or null where somebody has it. Where there are no locks everybody gets one.
    lock(name) {
      return new Promise((resolve) => {
        if (!navigator.locks) return resolve(() => {});
        navigator.locks.request(`thimble:${name}`, { 'ifAvailable': true }, (lock) => {
          if (!lock) return resolve(null);
          return new Promise((release) => resolve(release));
        }).catch(() => resolve(() => {}));
      });
    },

    // Bytes that an import under this name may take, those that it writes over among them.
    room: async (name, bytes) => {
      try {
        const { 'quota': quota, 'usage': usage } = await navigator.storage.estimate();
        const free = quota - usage;
        if (free >= bytes) return free;
        return free + await THIMBLE_CLAIM.in_opfs(name) + await THIMBLE_CLAIM.in_indexeddb(name);
      } catch {
        return Infinity;
      }
    },

    in_opfs: async (path) => {
      try {
        const { folder, name } = await THIMBLE_OPFS.folder_of(path, false);
        return (await (await folder.getFileHandle(name)).getFile()).size;
      } catch {
        return 0;
      }
    },

    // All rows are as long as the first one.
    in_indexeddb: (name) => new Promise((resolve) => {
      const none = () => resolve(0);
      try {
        THIMBLE_INDEXEDDB.open_database(name, false, none, (database) => {
          const end = (bytes) => {
            database.close();
            resolve(bytes);
          };
          const state = THIMBLE_INDEXEDDB.begin(
              database, 'readonly', 'default', THIMBLE_BROWSER.cannot_read, () => end(0));
          const count = state.rows.count();
          const first = state.rows.get(0);
          first.onsuccess = () => end(count.result * (first.result?.byteLength ?? 0));
        });
      } catch {
        none();
      }
    }),

    // Nobody waits for this: a browser may ask the user. Only windows may ask the browser, workers learn what it said.
    persist: async (claim) => {
      const storage = navigator.storage;
      try {
        const granted = await storage.persisted() || !!storage.persist && await storage.persist();
        claim.answer = granted ? THIMBLE_CLAIM.persisted : THIMBLE_CLAIM.may_evict;
      } catch {
        claim.answer = THIMBLE_CLAIM.may_evict;
      }
    },

    take: async (name, bytes, room, settle) => {
      const release = await THIMBLE_CLAIM.lock(name);
      if (!release) return settle(THIMBLE_BROWSER.in_use);
      // Who reads through another tab has no open file that would keep an import away.
      if (await THIMBLE_SHARED_OPFS.is_read(name)) {
        release();
        return settle(THIMBLE_BROWSER.in_use);
      }
      const claim = { release, answer: THIMBLE_CLAIM.unanswered };
      if (bytes > 0) {
        const found = await THIMBLE_CLAIM.room(name, bytes);
        if (found < bytes) {
          release();
          HEAPF64[room >>> 3] = Math.max(found, 0);
          return settle(THIMBLE_BROWSER.no_space);
        }
        THIMBLE_CLAIM.persist(claim);
      }
      settle(THIMBLE_BROWSER.ok, THIMBLE_BROWSER.hold(claim));
    },
  },

  thimble_browser_claim__deps: ['$THIMBLE_CLAIM'],
  thimble_browser_claim: (name, bytes, room, then, context) => {
    if (typeof navigator == 'undefined' || !navigator.storage) return THIMBLE_BROWSER.unavailable;
    return THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.unavailable, (settle) => {
      THIMBLE_CLAIM.take(UTF8ToString(name), bytes, room, settle);
    });
  },

  thimble_browser_persisted__deps: ['$THIMBLE_CLAIM'],
  thimble_browser_persisted: (handle) => THIMBLE_BROWSER.held[handle]?.answer ?? THIMBLE_CLAIM.unanswered,

  thimble_browser_release__deps: ['$THIMBLE_BROWSER'],
  thimble_browser_release: (handle) => {
    THIMBLE_BROWSER.let_go(handle)?.release();
  },
});
