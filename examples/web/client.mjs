// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The page's end of the line to worker.mjs: calls as promises, with progress; ending the worker fails what is under way.

import { ThimbleError } from './thimble.mjs';

export class WorkerClient {
  #worker = new Worker(new URL('worker.mjs', import.meta.url), { type: 'module', name: 'thimble' });
  #waiting = new Map();
  #next = 1;

  constructor() {
    this.#worker.onmessage = ({ data: { id, result, progress, error } }) => {
      const waiting = this.#waiting.get(id);
      if (!waiting) return;
      if (progress) return waiting.progress?.(progress);
      this.#waiting.delete(id);
      if (error) waiting.reject(new ThimbleError(error.code, error.message, error.value));
      else waiting.resolve(result);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new ThimbleError('unknown', `the worker failed: ${event.message || 'it could not be loaded'}`));
    };
  }

  /**
   * @param {string} method of worker.mjs
   * @param {object} [argument]
   * @param {(progress: {done: number, total: number, stage?: string}) => void} [progress]
   */
  call(method, argument, progress) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, progress });
      this.#worker.postMessage({ id, method, argument });
    });
  }

  /** Ends the worker at once; its memory goes back to the system. */
  end() {
    this.#worker.terminate();
    this.#fail(new ThimbleError('cancelled', 'stopped'));
  }

  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
