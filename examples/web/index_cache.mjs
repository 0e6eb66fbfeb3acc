// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Keeps .thimble files in the origin's private file system (OPFS), so that a reload neither downloads nor builds. Reading
// goes through one buffer: no copy of the index is left to the garbage collector. A file gets its name when it is complete.
// Where a browser has no OPFS (some private windows) nothing is kept, which costs only time. In dedicated workers.

const buffer_bytes = 1 << 20;

const file_name = (name) => `${name}.thimble`;
const folder = () => navigator.storage.getDirectory();

async function open_file(name, options) {
  const file = await (await folder()).getFileHandle(name, options);
  return { file, handle: await file.createSyncAccessHandle() };
}

/**
 * The bytes of a kept file in pieces; each is gone when the next one is asked for.
 * @returns {Promise<{bytes: number, pieces: AsyncIterable<Uint8Array>} | null>} null: nothing is kept under this name
 */
export async function cachedIndex(name) {
  let bytes;
  try {
    bytes = (await (await (await folder()).getFileHandle(file_name(name))).getFile()).size;
  } catch {
    return null;
  }
  const pieces = (async function* () {
    const { handle } = await open_file(file_name(name));
    try {
      const buffer = new Uint8Array(Math.min(buffer_bytes, bytes));
      for (let at = 0; at < bytes;) {
        const read = handle.read(buffer, { at });
        if (read === 0) return;
        yield buffer.subarray(0, read);
        at += read;
      }
    } finally {
      handle.close();
    }
  })();
  return { bytes, pieces };
}

export async function forgetIndex(name) {
  for (const file of [file_name(name), `${file_name(name)}.partial`])
    await folder().then((root) => root.removeEntry(file)).catch(() => {});
}

/** Writes a file under a name: add() its bytes in order, then finish(). What fails only means that it is not kept. */
export class IndexCacheWriter {
  #name;
  #file = null;
  #handle = null;
  #at = 0;

  static async create(name) {
    const writer = new IndexCacheWriter();
    writer.#name = name;
    try {
      const { file, handle } = await open_file(`${file_name(name)}.partial`, { create: true });
      [writer.#file, writer.#handle] = [file, handle];
      handle.truncate(0);
    } catch {
      writer.#drop();
    }
    return writer;
  }

  /** @param {Uint8Array} bytes */
  add(bytes) {
    try {
      if (this.#handle?.write(bytes, { at: this.#at }) !== bytes.length) this.#drop();
      this.#at += bytes.length;
    } catch {
      this.#drop();
    }
  }

  /** @returns {Promise<boolean>} whether it is kept */
  async finish() {
    if (!this.#handle) return false;
    try {
      this.#handle.flush();
      this.#handle.close();
      await this.#file.move(file_name(this.#name));
      return true;
    } catch {
      return false;
    }
  }

  /** Nothing more comes. */
  abandon() {
    this.#drop();
  }

  #drop() {
    this.#handle?.close();
    this.#handle = null;
  }
}
