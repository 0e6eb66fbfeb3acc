// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What the JavaScript halves of all browser stores share (browser_calls.hpp is its C++ side): outcomes, requests that
// C++ waits for, and what C++ holds by number. Linked with --js-library by the CMake target of each store.
//
// Every request answers 0 when then(context, outcome, value) will be called once, later, or an outcome at once. HEAPU8
// is looked up anew after each wait, because memory may have grown.

addToLibrary({
  $THIMBLE_BROWSER__deps: ['$callUserCallback', '$runtimeKeepalivePush', '$runtimeKeepalivePop'],
  $THIMBLE_BROWSER: {
    // enum class browser_outcome
    ok: 0,
    unavailable: 1,
    not_found: 2,
    bad_manifest: 3,
    missing_row: 4,
    bad_row: 5,
    no_space: 6,
    cannot_read: 7,
    cannot_write: 8,
    replaced: 9,
    newer_version: 10,
    foreign: 11,
    in_use: 12,

    // The outcome of a DOMException, or `otherwise` when its name says nothing more.
    outcome_of(error, otherwise) {
      switch (error && error.name) {
        case 'QuotaExceededError':
          return THIMBLE_BROWSER.no_space;
        case 'VersionError':
          return THIMBLE_BROWSER.newer_version;
        case 'NoModificationAllowedError':
          return THIMBLE_BROWSER.in_use;
        case 'InvalidStateError':  // the connection is closing
        case 'NotAllowedError':
        case 'SecurityError':
          return THIMBLE_BROWSER.unavailable;
      }
      return otherwise;
    },

    // Runs start(settle); settle(outcome, value) ends the request: the first call counts, the program lives until then.
    // What start throws is the answer at once. While settle.pending holds, C++ waits and its memory may be written.
    request(then, context, otherwise, start) {
      {{{ runtimeKeepalivePush() }}}
      const settle = (outcome, value = 0) => {
        if (!settle.pending) return;
        settle.pending = false;
        {{{ runtimeKeepalivePop() }}}
        const answer = {{{ makeDynCall('vpii', 'then') }}};
        callUserCallback(() => answer(context, outcome, value));
      };
      settle.pending = true;
      try {
        start(settle);
      } catch (error) {
        settle.pending = false;
        {{{ runtimeKeepalivePop() }}}
        return THIMBLE_BROWSER.outcome_of(error, otherwise);
      }
      return THIMBLE_BROWSER.ok;
    },

    // What C++ holds by number; 0 is nothing.
    held: [null],

    hold(thing) {
      const free = THIMBLE_BROWSER.held.indexOf(undefined);
      const handle = free < 0 ? THIMBLE_BROWSER.held.length : free;
      THIMBLE_BROWSER.held[handle] = thing;
      return handle;
    },

    // What was let go answers as the browser does for something closed.
    look_up(handle) {
      const found = THIMBLE_BROWSER.held[handle];
      if (!found) throw new DOMException('closed', 'InvalidStateError');
      return found;
    },

    // What was held, or nothing.
    let_go(handle) {
      const found = THIMBLE_BROWSER.held[handle];
      if (found) THIMBLE_BROWSER.held[handle] = undefined;
      return found;
    },
  },
});
