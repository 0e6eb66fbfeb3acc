// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// thimble for JavaScript: loads the WASM binary that this browser can run and turns the C interface of thimble_web.cpp
// into promises. Works in a dedicated worker (all of it), in a window (vectors in IndexedDB) and in Node (vectors in
// memory). What fails throws a ThimbleError whose code is the name of thimble::errc.

/** An error of thimble: `code` is one of thimble::errc by name ("missing_row"), `value` a number that belongs to it. */
export class ThimbleError extends Error {
  /** @param {string} code @param {string} message @param {number} [value] */
  constructor(code, message, value = 0) {
    super(message);
    this.name = 'ThimbleError';
    this.code = code;
    this.value = value;
  }
}

// Modules of one function with one instruction: v128.const + i8x16.popcnt, and i16x8.relaxed_dot_i8x16_i7x16_s.
const header = [0, 97, 115, 109, 1, 0, 0, 0];
const simd128_module = [...header, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
const relaxed_module = [
  ...header, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 146, 2, 11,
];

/**
 * The best binary for this browser.
 * @returns {'relaxed' | 'simd128' | null} null: no SIMD at all, thimble's binaries do not run here
 */
export function detectSimd() {
  if (typeof WebAssembly !== 'object') return null;
  if (WebAssembly.validate(new Uint8Array(relaxed_module))) return 'relaxed';
  return WebAssembly.validate(new Uint8Array(simd128_module)) ? 'simd128' : null;
}

/**
 * @typedef {object} SearchResult
 * @property {number[]} ids nearest first
 * @property {Float32Array} distances
 * @property {number} vectorsRead rows that were read from the store
 * @property {number} batches they were read in, each at once
 * @property {number} milliseconds from the call to the result, in this thread
 */

/**
 * @typedef {object} StoreInfo
 * @property {number} n
 * @property {number} dim
 * @property {number} rowBytes
 * @property {'u8' | 'f16' | 'f32'} element
 * @property {'opfs' | 'indexeddb' | 'memory'} where the vectors are; from memory they are gone with the program
 * @property {{place: 'opfs' | 'indexeddb', code: string, message: string}[]} reasons why no better place was taken
 */

/**
 * @typedef {object} StorageInfo
 * @property {boolean} persisted whether the browser has promised not to evict it when space is short
 * @property {number} usage bytes that this origin takes, as far as the browser tells
 * @property {number} quota bytes that it may take, likewise
 */

// enum class element_type.
const elements = { f32: { type: 0, bytes: 4 }, f16: { type: 1, bytes: 2 }, u8: { type: 3, bytes: 1 } };
// enum class browser_place.
const places = ['opfs', 'indexeddb', 'memory'];
// enum class build_stage.
const stages = ['train', 'encode', 'order', 'link'];

export class Thimble {
  #module;
  #session;
  #tickets = new Map();
  #next_ticket = 1;
  #queue = Promise.resolve();
  #on_progress = null;
  #importing = false;

  /**
   * @param {object} [options]
   * @param {'auto' | 'relaxed' | 'simd128'} [options.simd] which binary
   * @param {(binary: string) => string} [options.locate] address of thimble_web.js of a binary
   * @returns {Promise<Thimble>}
   */
  static async load({ simd = 'auto', locate = (binary) => `/wasm/${binary}/thimble_web.js` } = {}) {
    const binary = simd === 'auto' ? detectSimd() : simd;
    if (!binary) throw new ThimbleError('unsupported', 'this browser has no WebAssembly SIMD: use a newer one');
    const thimble = new Thimble();
    thimble.binary = binary;
    try {
      const { default: create_module } = await import(locate(binary));
      thimble.#module = await create_module({
        completed: (ticket, ok) => thimble.#completed(ticket, ok),
        progress: (stage, done, total) => thimble.#on_progress?.(stages[stage], done, total) !== false,
      });
    } catch (error) {
      throw new ThimbleError('cannot_open', `the ${binary} binary could not be loaded: ${error.message}`);
    }
    thimble.#session = thimble.#module._thimble_web_create();
    return thimble;
  }

  /** Bytes of the WASM memory: everything that thimble holds, and what was freed in it. */
  get heapBytes() {
    return this.#module.HEAPU8.buffer.byteLength;
  }

  // ------------------------------------------------------------------------------------------------------- the index
  /**
   * Opens the bytes of a .thimble file, which stream into the WASM memory and stay there.
   * @param {AsyncIterable<Uint8Array>} chunks
   * @param {number} bytes their length together
   */
  openIndex(chunks, bytes) {
    return this.#serially(async () => {
      let at = this.#pointer(this.#module._thimble_web_file_room(this.#session, bytes));
      const end = at + bytes;
      for await (const chunk of chunks) {
        if (at + chunk.length > end) throw new ThimbleError('corrupt', 'the index file is longer than it says');
        this.#module.HEAPU8.set(chunk, at);
        at += chunk.length;
      }
      if (at !== end) throw new ThimbleError('truncated', 'the index file ends too early', bytes - (end - at));
      this.#check(this.#module._thimble_web_open_index(this.#session));
    });
  }

  /**
   * Builds an index of the vectors in the open store; they are all in the WASM memory meanwhile, which never shrinks
   * again: build in a worker that ends.
   * @param {object} [options]
   * @param {(stage: string, done: number, total: number) => boolean | void} [options.progress] false cancels
   */
  async buildIndex({ quantizer = 'sq8', metric = 'l2', m = 16, efConstruction = 200, seed = 1, progress } = {}) {
    const { n } = this.storeInfo();
    const block = 1000;
    for (let first = 0; first < n; first += block) {
      const nodes = Array.from({ length: Math.min(block, n - first) }, (_, i) => first + i);
      await this.#serially(() => this.#read(nodes, true));
      if (progress?.('read', first + nodes.length, n) === false) throw new ThimbleError('cancelled', 'cancelled');
    }
    return this.#serially(async () => {
      this.#on_progress = progress;
      try {
        this.#with_string(quantizer, (q) => this.#with_string(metric, (d) =>
          this.#check(this.#module._thimble_web_build(this.#session, q, d, m, efConstruction, seed))));
      } finally {
        this.#on_progress = null;
      }
    });
  }

  /**
   * The bytes of the index as a .thimble file, in pieces that are copies.
   * @param {(piece: Uint8Array) => void | Promise<void>} sink
   * @returns {Promise<number>} how many bytes
   */
  saveIndex(sink, piece_bytes = 1 << 20) {
    return this.#serially(async () => {
      this.#check(this.#module._thimble_web_save(this.#session));
      const at = this.#pointer(this.#module._thimble_web_file_data(this.#session));
      const bytes = this.#module._thimble_web_file_bytes(this.#session);
      for (let from = 0; from < bytes; from += piece_bytes)
        await sink(this.#module.HEAPU8.slice(at + from, at + Math.min(bytes, from + piece_bytes)));
      this.#module._thimble_web_free_file(this.#session);
      return bytes;
    });
  }

  /** What the open index is and what it costs in memory, in bytes. */
  indexInfo() {
    const [n, dim, m, efConstruction, seed, bytesPerVector, ...memory] = this.#numbers('_thimble_web_index_numbers');
    const [codes, links, upperLinks, levels, labels, visited, other, total] = memory;
    const [metric, quantizer, simd] = [0, 1, 2].map((which) => this.#index_text(which));
    return {
      n, dim, m, efConstruction, seed, bytesPerVector, metric, quantizer, simd,
      memory: { codes, links, upperLinks, levels, labels, visited, other, total },
    };
  }

  // ------------------------------------------------------------------------------------------------------- the store
  /**
   * Opens the set of vectors `name` ("vectors/fashion"), finished and in OPFS or IndexedDB. One that is not finished is
   * cannot_open, with the number of rows that it has as the error's value.
   * @param {string} name
   */
  openStore(name) {
    return this.#serially(() => this.#with_string(name, (text) =>
      this.#asynchronously((ticket) => this.#module._thimble_web_open_store(this.#session, text, ticket))));
  }

  closeStore() {
    return this.#serially(async () => this.#module._thimble_web_close_store(this.#session));
  }

  /** @returns {StoreInfo} of the open store */
  storeInfo() {
    const [n, dim, rowBytes, type, place] = this.#numbers('_thimble_web_store_numbers');
    const reasons = [];
    for (let better = 0; better < place; ++better) {
      if (!this.#module._thimble_web_store_reason(this.#session, better)) continue;
      const { code, message } = this.#error();
      reasons.push({ place: places[better], code, message });
    }
    const element = Object.keys(elements).find((key) => elements[key].type === type);
    return { n, dim, rowBytes, element, where: places[place], reasons };
  }

  /**
   * What the browser says of all that this origin stores, or null where it says nothing. Only a window may ask to keep
   * it: navigator.storage.persist().
   * @returns {Promise<StorageInfo | null>}
   */
  static async storageInfo() {
    if (!globalThis.navigator?.storage) return null;
    const [persisted, { usage, quota }] =
        await Promise.all([navigator.storage.persisted(), navigator.storage.estimate()]);
    return { persisted, usage, quota };
  }

  /** Throws wrong_dim or store_mismatch unless the open store holds the vectors of the open index. */
  checkStore() {
    this.#check(this.#module._thimble_web_check_store(this.#session));
  }

  /**
   * Deletes a set of vectors, finished or not, from OPFS and IndexedDB, and closes the open store.
   * @param {string} name
   */
  removeStore(name) {
    return this.#serially(() => this.#with_string(name, (text) =>
      this.#asynchronously((ticket) => this.#module._thimble_web_remove(this.#session, text, ticket))));
  }

  /**
   * Rows of the open store, read at once.
   * @param {number[]} nodes ascending
   * @returns {Promise<Float32Array>} nodes.length x dim
   */
  readRows(nodes) {
    return this.#serially(async () => {
      const { dim } = this.storeInfo();
      await this.#read(nodes, false);
      const at = this.#pointer(this.#module._thimble_web_rows(this.#session));
      return new Float32Array(this.#module.HEAPU8.slice(at, at + nodes.length * dim * 4).buffer);
    });
  }

  /**
   * Streams rows into the best place that there is, OPFS, IndexedDB or memory, and opens the set when it is complete; a
   * store that was open closes. One import a name at a time in all tabs (store_in_use). An import that fails or whose
   * page is closed leaves an unfinished set, which does not open: resume it, begin again, or remove it. A quota that is
   * too small is no_space, its value the bytes that there is room for, where the browser tells.
   * @param {(first: number) => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>} rows_from the bytes of
   *     the rows from row `first` on, cut anywhere
   * @param {object} to
   * @param {string} to.name names with slashes between them: "vectors/fashion"
   * @param {number} to.n rows
   * @param {number} to.dim values in each
   * @param {'u8' | 'f16' | 'f32'} to.element f16: halfs, in half the room of floats
   * @param {boolean} [to.resume] go on with an unfinished import of the same vectors, where there is one; `first` is
   *     then the row after those that are stored for good: in OPFS up to 32 MB may have to come again
   * @param {number} [to.batchRows] rows that are stored at once
   * @param {(rows: number) => boolean | void} [to.progress] rows so far; false cancels
   * @returns {Promise<StoreInfo>}
   */
  async importRows(rows_from, { name, n, dim, element, resume = false, batchRows = 500, progress }) {
    if (!Object.hasOwn(elements, element)) throw new ThimbleError('invalid_argument', `no element type: ${element}`);
    if (this.#importing) throw new ThimbleError('store_in_use', 'this Thimble is importing already');
    this.#importing = true;
    try {
      return await this.#import(rows_from, { name, n, dim, ...elements[element], resume, batchRows, progress });
    } finally {
      this.#module._thimble_web_import_end(this.#session);
      this.#importing = false;
    }
  }

  async #import(rows_from, { name, n, dim, type, bytes, resume, batchRows, progress }) {
    const module = this.#module;
    const session = this.#session;
    const row_bytes = dim * bytes;
    await this.#serially(() => this.#with_string(name, (text) => this.#asynchronously(
      (ticket) => module._thimble_web_import_begin(session, text, n, dim, type, +resume, ticket))));
    let done = module._thimble_web_import_rows(session);
    let filled = 0;
    const report = () => {
      if (progress?.(done) === false) throw new ThimbleError('cancelled', 'the import was cancelled', done);
    };
    const append = async (rows) => {
      await this.#serially(() => this.#asynchronously(
        (ticket) => module._thimble_web_import_append(session, rows, ticket)));
      done += rows;
      filled = 0;
      report();
    };
    report();
    const room = this.#pointer(module._thimble_web_import_room(session, batchRows * row_bytes));
    for await (let chunk of done < n ? await rows_from(done) : []) {
      while (chunk.length > 0) {
        const taken = chunk.subarray(0, batchRows * row_bytes - filled);
        module.HEAPU8.set(taken, room + filled);
        filled += taken.length;
        chunk = chunk.subarray(taken.length);
        if (filled === batchRows * row_bytes) await append(batchRows);
      }
    }
    if (filled % row_bytes !== 0) throw new ThimbleError('truncated', 'the last vector is not complete', done);
    if (filled > 0) await append(filled / row_bytes);
    return this.#serially(async () => {
      await this.#asynchronously((ticket) => module._thimble_web_import_finish(session, ticket));
      return this.storeInfo();
    });
  }

  // ---------------------------------------------------------------------------------------------------------- search
  /**
   * The k nearest of a query. With rerank > 0 the open store is read, and the distances are exact.
   * @param {Float32Array} query
   * @param {{k?: number, ef?: number, rerank?: number}} [params]
   * @returns {Promise<SearchResult>}
   */
  search(query, { k = 10, ef = 64, rerank = 50 } = {}) {
    return this.#serially(async () => {
      const start = performance.now();
      const module = this.#module;
      const session = this.#session;
      const { dim } = this.#index_shape();
      if (query.length !== dim)
        throw new ThimbleError('wrong_dim', `the query has ${query.length} values, the index ${dim}`, query.length);
      this.#set_query(query);
      await this.#asynchronously((ticket) => module._thimble_web_search(session, k, ef, rerank, +(rerank > 0), ticket));
      const count = module._thimble_web_result_count(session);
      const at = module._thimble_web_results(session) >>> 0;
      const results = new DataView(module.HEAPU8.buffer, at, count * 16);
      const ids = [];
      const distances = new Float32Array(count);
      for (let i = 0; i < count; ++i) {
        ids.push(Number(results.getBigUint64(i * 16, true)));
        distances[i] = results.getFloat32(i * 16 + 8, true);
      }
      return {
        ids,
        distances,
        vectorsRead: module._thimble_web_vectors_read(session),
        batches: module._thimble_web_batches(session),
        milliseconds: performance.now() - start,
      };
    });
  }

  /**
   * The true k nearest of each query, by reading every row of the store once. One scan at a time.
   * @param {Float32Array} queries whole rows
   * @param {{k?: number, progress?: (rows: number, n: number) => boolean | void}} [options] false cancels
   * @returns {Promise<Uint32Array>} (number of queries) x k
   */
  async exact(queries, { k = 10, blockRows = 250, progress } = {}) {
    const module = this.#module;
    const session = this.#session;
    const { n, dim } = this.storeInfo();
    const count = queries.length / dim;
    await this.#serially(async () => {
      this.#set_query(queries);
      this.#check(module._thimble_web_exact_begin(session, count, k));
    });
    // Searches may come in between the blocks.
    for (let row = 0; row < n; row = module._thimble_web_exact_row(session)) {
      if (progress?.(row, n) === false) throw new ThimbleError('cancelled', 'the scan was cancelled');
      await this.#serially(() => this.#asynchronously(
        (ticket) => module._thimble_web_exact_step(session, blockRows, ticket)));
    }
    const at = module._thimble_web_exact_results(session) >>> 0;
    return new Uint32Array(module.HEAPU8.slice(at, at + count * k * 4).buffer);
  }

  // ----------------------------------------------------------------------------------------------------------- inside
  // One call at a time: they share scratch memory.
  #serially(run) {
    const result = this.#queue.then(run);
    this.#queue = result.catch(() => {});
    return result;
  }

  #asynchronously(start) {
    const ticket = this.#next_ticket++;
    return new Promise((resolve, reject) => {
      this.#tickets.set(ticket, { resolve, reject });
      start(ticket);
    });
  }

  #completed(ticket, ok) {
    const { resolve, reject } = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    if (ok) resolve();
    else reject(this.#error());
  }

  #error() {
    const { UTF8ToString } = this.#module;
    return new ThimbleError(
      UTF8ToString(this.#module._thimble_web_error_code(this.#session)),
      UTF8ToString(this.#module._thimble_web_error_message(this.#session)),
      this.#module._thimble_web_error_value(this.#session));
  }
  #check(ok) {
    if (!ok) throw this.#error();
  }
  #pointer(address) {
    if (!address) throw this.#error();
    return address >>> 0;
  }

  #set_query(values) {
    const at = this.#pointer(this.#module._thimble_web_query(this.#session, values.length));
    this.#module.HEAPU8.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
  }

  #read(nodes, keep) {
    const at = this.#pointer(this.#module._thimble_web_nodes(this.#session, nodes.length));
    new Uint32Array(this.#module.HEAPU8.buffer, at, nodes.length).set(nodes);
    return this.#asynchronously((ticket) =>
      this.#module._thimble_web_read_rows(this.#session, nodes.length, +keep, ticket));
  }

  #numbers(function_name) {
    const at = this.#module._malloc(16 * 8);
    try {
      const count = this.#module[function_name](this.#session, at);
      if (!count) throw this.#error();
      return Array.from(new Float64Array(this.#module.HEAPU8.buffer, at, count));
    } finally {
      this.#module._free(at);
    }
  }
  #index_shape() {
    const [n, dim] = this.#numbers('_thimble_web_index_numbers');
    return { n, dim };
  }
  #index_text(which) {
    const length_at = this.#module._malloc(4);
    const at = this.#module._thimble_web_index_text(this.#session, which, length_at);
    const length = new DataView(this.#module.HEAPU8.buffer).getUint32(length_at, true);
    this.#module._free(length_at);
    return this.#module.UTF8ToString(at, length);
  }

  // run(pointer) with a C string that lives until it returns or its promise settles.
  #with_string(text, run) {
    const { _malloc, _free, stringToUTF8, lengthBytesUTF8 } = this.#module;
    const bytes = lengthBytesUTF8(text) + 1;
    const at = _malloc(bytes);
    stringToUTF8(text, at, bytes);
    let result;
    try {
      result = run(at);
    } catch (error) {
      _free(at);
      throw error;
    }
    if (!(result instanceof Promise)) {
      _free(at);
      return result;
    }
    return result.finally(() => _free(at));
  }
}
