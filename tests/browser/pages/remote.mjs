// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// Evaluates what ../firefox.mjs wants of this page, and what it wants of its only worker there.

const [page, jobs] = ['page', 'jobs'].map((name) => new URLSearchParams(location.search).get(name));

const waiting = new Map();  // by the job's number, for the worker's answer
let give_worker;
const worker = new Promise((resolve) => give_worker = resolve);

// A worker that evaluates, too.
self.Worker = class extends Worker {
  constructor(module, options) {
    super(`/pages/remote_worker.mjs?module=${encodeURIComponent(module)}`, options);
    this.onmessage = ({ data }) => {
      waiting.get(data.number)(data);
      waiting.delete(data.number);
    };
    give_worker(this);
  }
};

const evaluate_in_worker = async (number, code) => {
  const place = await worker;
  return new Promise((resolve) => {
    waiting.set(number, resolve);
    place.postMessage({ number, code });
  });
};

const evaluate = async (number, code) => {
  try {
    return { number, result: await (0, eval)(code) };
  } catch (error) {
    return { number, error: `${error}\n${error.stack}` };
  }
};

for (;;) {
  const { number, code, in_worker } = await (await fetch(`${jobs}/next?page=${page}`)).json();
  const answer = in_worker ? evaluate_in_worker(number, code) : evaluate(number, code);
  answer.then((outcome) => fetch(`${jobs}/done`, { method: 'POST', body: JSON.stringify(outcome) }));
}
