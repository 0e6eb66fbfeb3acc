// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The JavaScript half of shared_opfs_store.hpp: where every synchronous handle is the only one of its file, one tab has
// the file and reads for the others. That owner holds the Web Lock "thimble-owner:<name>"; the others wait for it, so
// that one of them opens the file once the owner has closed it or died. They ask on the BroadcastChannel of that name,
// and each is answered on one of its own. Linked with --js-library by the CMake target thimble::browser.

addToLibrary({
  $THIMBLE_SHARED_OPFS__deps: ['$THIMBLE_OPFS'],
  $THIMBLE_SHARED_OPFS: {
    header_bytes: 64,  // stored_set::encoded_bytes
    // A browser may free a tab's lock before its file; who has the file without the lock (an import) is not waited for.
    patience_ms: 2000,
    pause_ms: 20,
    // How long an owner may be busy, or suspended, before its readers are told so.
    answer_ms: 30000,

    // Two versions of a page may meet there: other messages need another name.
    name_of: (path) => `thimble-owner:${path}`,

    // Whether files are shared so: not where handles that only read exist, nor where nobody would learn of an owner's
    // end.
    used() {
      return THIMBLE_OPFS.available() && !('mode' in FileSystemSyncAccessHandle.prototype) && !!navigator.locks &&
          typeof BroadcastChannel != 'undefined';
    },

    // Whether some tab has the file for reading, or would have it next.
    is_read: async (path) => THIMBLE_SHARED_OPFS.used() &&
        navigator.locks.request(THIMBLE_SHARED_OPFS.name_of(path), { 'ifAvailable': true }, (lock) => !lock),

    open_patiently: async (path, closing) => {
      for (const last = performance.now() + THIMBLE_SHARED_OPFS.patience_ms;;) {
        try {
          return await THIMBLE_OPFS.open(path, false);
        } catch (error) {
          if (error.name !== 'NoModificationAllowedError' || closing.aborted || performance.now() > last) throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, THIMBLE_SHARED_OPFS.pause_ms));
      }
    },

    // What C++ has instead of a synchronous handle. While another tab is the owner only header and size are there, rows
    // are asked for: {to, ticket, header, nodes, row_bytes, first_byte}, and no nodes for a header. The answer has the
    // ticket, an outcome, and bytes, a row or a header. A message that asks for nothing tells of a new owner.
    create(path) {
      const name = THIMBLE_SHARED_OPFS.name_of(path);
      const answers_name = `${name}/${crypto.randomUUID()}`;
      const [requests, answers] = [new BroadcastChannel(name), new BroadcastChannel(answers_name)];
      const closing = new AbortController();
      const asked = new Map();  // {request, take} by ticket, until it is answered or too late
      let last_ticket = 0;
      let waits = false;  // for the lock, or for the file with the lock
      let file = null;  // the owner's
      let header = null;  // of the set that this store is of, once it is known
      let size = 0;  // as the owner told it
      let let_lock_go;

      const is_of = (other) => header.every((byte, at) => byte === other[at]);

      const read_for = (request) => {
        if (!request['header']) return { 'outcome': THIMBLE_BROWSER.ok, 'header': header, 'size': file.getSize() };
        if (!is_of(request['header'])) return { 'outcome': THIMBLE_BROWSER.replaced };
        const { 'nodes': nodes, 'row_bytes': row_bytes, 'first_byte': first_byte } = request;
        try {
          const bytes = new Uint8Array(nodes.length * row_bytes);
          const { outcome, row } = THIMBLE_OPFS.read_rows(file, nodes, bytes, row_bytes, first_byte);
          return { 'outcome': outcome, 'row': row, 'bytes': bytes };
        } catch {  // more at once than there is memory for
          return { 'outcome': THIMBLE_BROWSER.cannot_read, 'row': nodes[0] };
        }
      };

      const answer = (request) => {
        const channel = new BroadcastChannel(request['to']);
        const post = (what) => channel.postMessage({ ...what, 'ticket': request['ticket'] });
        try {
          post(read_for(request));
        } catch {  // more at once than a message takes
          post({ 'outcome': THIMBLE_BROWSER.cannot_read, 'row': request['nodes'][0] });
        }
        channel.close();
      };

      // Ends everything that was asked so far; what that leads to is asked anew.
      const answer_all = (find) => {
        const all = [...asked.values()];
        asked.clear();
        for (const { request, take } of all) take(find(request));
      };

      const own = async () => {
        const found = new Uint8Array(THIMBLE_SHARED_OPFS.header_bytes);
        let outcome = THIMBLE_BROWSER.ok;
        let opened = null;
        try {
          opened = await THIMBLE_SHARED_OPFS.open_patiently(path, closing.signal);
          opened.read(found, { 'at': 0 });
          if (header && !is_of(found)) outcome = THIMBLE_BROWSER.replaced;
        } catch (error) {
          outcome = THIMBLE_OPFS.outcome_of(error, THIMBLE_BROWSER.unavailable);
        }
        waits = false;
        if (outcome !== THIMBLE_BROWSER.ok || closing.signal.aborted) {
          opened?.close();
          return answer_all(() => ({ 'outcome': outcome }));
        }
        [file, header] = [opened, found];
        const closed = new Promise((resolve) => let_lock_go = resolve);
        requests.postMessage({});
        answer_all(read_for);
        return closed;
      };

      // The first of those who wait becomes the owner when there is none.
      const wait = () => {
        if (waits) return;
        waits = true;
        navigator.locks.request(name, { 'signal': closing.signal }, own).catch((error) => {
          waits = false;
          if (closing.signal.aborted) return;
          answer_all(() => ({ 'outcome': THIMBLE_BROWSER.unavailable }));
          throw error;
        });
      };

      requests.onmessage = ({ data }) => {
        if (!data['to']) for (const { request } of asked.values()) requests.postMessage(request);  // to a new owner
        else if (file) answer(data);
      };
      answers.onmessage = ({ data }) => {
        const found = asked.get(data['ticket']);
        asked.delete(data['ticket']);
        found?.take(data);
      };

      return {
        elsewhere: () => !file,
        // Calls take(answer) once.
        ask(what, take) {
          const request = { ...what, 'to': answers_name, 'ticket': ++last_ticket, 'header': header };
          const too_late = setTimeout(() => {
            asked.delete(request['ticket']);
            take({ 'outcome': THIMBLE_BROWSER.in_use });
          }, THIMBLE_SHARED_OPFS.answer_ms);
          const answered = (found) => {
            clearTimeout(too_late);
            take(found);
          };
          asked.set(last_ticket, { request, take: answered });
          requests.postMessage(request);
          wait();
        },
        join(settle) {
          this.ask({}, (answer) => {
            if (answer['outcome'] !== THIMBLE_BROWSER.ok) {
              this.close();
              return settle(answer['outcome']);
            }
            [header, size] = [answer['header'], answer['size']];
            settle(THIMBLE_BROWSER.ok, THIMBLE_BROWSER.hold(this));
          });
        },
        read(into, where) {
          if (file) return file.read(into, where);
          into.set(header);
          return header.length;
        },
        getSize: () => file ? file.getSize() : size,
        close() {
          closing.abort();
          requests.close();
          answers.close();
          file?.close();
          let_lock_go?.();
        },
      };
    },
  },

  thimble_shared_opfs_open__deps: ['$THIMBLE_SHARED_OPFS', 'thimble_opfs_open'],
  thimble_shared_opfs_open: (name, then, context) => {
    if (!THIMBLE_SHARED_OPFS.used()) return _thimble_opfs_open(name, 0, then, context);
    return THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.unavailable, (settle) => {
      THIMBLE_SHARED_OPFS.create(UTF8ToString(name)).join(settle);
    });
  },

  thimble_shared_opfs_elsewhere__deps: ['$THIMBLE_BROWSER'],
  thimble_shared_opfs_elsewhere: (handle) => THIMBLE_BROWSER.held[handle]?.elsewhere?.() ? 1 : 0,

  thimble_shared_opfs_read__deps: ['$THIMBLE_SHARED_OPFS'],
  thimble_shared_opfs_read: (handle, nodes, count, out, row_bytes, first_byte, then, context) =>
    THIMBLE_BROWSER.request(then, context, THIMBLE_BROWSER.cannot_read, (settle) => {
      nodes >>>= 2;
      const request = {
        'nodes': HEAPU32.slice(nodes, nodes + count), 'row_bytes': row_bytes, 'first_byte': first_byte,
      };
      THIMBLE_BROWSER.look_up(handle).ask(request, (answer) => {
        const { 'outcome': outcome, 'row': row, 'bytes': bytes } = answer;
        if (outcome !== THIMBLE_BROWSER.ok) return settle(outcome, row);
        if (bytes.length !== count * row_bytes) return settle(THIMBLE_BROWSER.cannot_read);
        HEAPU8.set(bytes, out >>> 0);
        settle(THIMBLE_BROWSER.ok);
      });
    }),
});
