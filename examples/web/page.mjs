// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// The demo page: buttons and pictures. All work is done by worker.mjs; the address may say ?simd=simd128 to force a binary
// and ?set=NAME to choose the vectors.

import { WorkerClient } from './client.mjs';
import { drawHistogram, drawVector, percentile } from './draw.mjs';

const k = 10;
const truth_queries = 100;

const $ = (id) => document.getElementById(id);
const options = new URLSearchParams(location.search);

let client = null;
let sets = [];
let set = null;  // the chosen one of sets
let store = null;  // what the worker has open
let unfinished = 0;  // rows of an import that did not end
let importing = false;
let index = null;
let n_queries = 0;
let truth = null;  // Uint32Array, truth_queries x k
let shown = 0;  // the query on show

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
const milliseconds = (t) => `${t.toFixed(t < 10 ? 2 : 1)} ms`;
const count = (n) => n.toLocaleString('en');
const place_names = { opfs: 'OPFS', indexeddb: 'IndexedDB', memory: 'memory' };
const percent = (share) => `${(share * 100).toFixed(1)} %`;

// ------------------------------------------------------------------------------------------------ errors and progress
function show_error(error) {
  if (error.code === 'cancelled') return;
  $('alert-code').textContent = error.code ?? error.name;
  const room = error.code === 'no_space' && error.value > 0 ? `: it has room for ${megabytes(error.value)}` : '';
  $('alert-text').textContent = error.message + room;
  $('alert').hidden = false;
}

let busy = false;
let last_job = Promise.resolve();
// Runs one long job with the progress bar; errors are shown, and the outcome says whether it went well.
function job(text, work) {
  if (busy) return Promise.resolve(false);
  busy = true;
  return last_job = run_job(text, work);
}

async function run_job(text, work) {
  $('alert').hidden = true;
  const started = performance.now();
  const progress = ({ done, total, stage }) => {
    const seconds = (performance.now() - started) / 1000;
    $('progress').value = total > 0 ? done / total : 0;
    $('progress-text').textContent = `${text}${stage ? ` (${stage})` : ''}: ${count(done)} of ${count(total)}, ` +
        `${seconds.toFixed(1)} s`;
  };
  $('progress').removeAttribute('value');
  $('progress-text').textContent = `${text} …`;
  $('running').hidden = false;
  show_state();
  try {
    await work(progress);
    return true;
  } catch (error) {
    show_error(error);
    return false;
  } finally {
    busy = false;
    $('running').hidden = true;
    show_state();
  }
}

// ------------------------------------------------------------------------------------------------------------- set-up
async function start_worker() {
  client?.end();
  client = new WorkerClient();
  store = index = null;
  unfinished = 0;
  const { binary } = await client.call('init', { simd: options.get('simd') ?? 'auto' });
  $('binary').textContent = binary;
}

async function open_stored() {
  const found = await client.call('open_stored', { set: set.name });
  ({ store, index, unfinished } = found);
  await show_place();
  if (found.problem) throw found.problem;
  await check_pair();
}

// An index of other vectors is no use: the error is shown, and another index is asked for.
async function check_pair() {
  if (!store || !index) return;
  try {
    await client.call('check_store');
  } catch (error) {
    index = null;
    throw error;
  }
}

// A worker that has just what is needed in its memory.
async function fresh_worker() {
  await start_worker();
  await load_queries();
  await open_stored();
}

async function load_queries() {
  ({ n: n_queries } = await client.call('load_queries', { url: set.query }));
  $('query-number').max = n_queries - 1;
}

// The true neighbours are kept from visit to visit, where the browser allows it.
const truth_key = () => `thimble-truth ${set.name} ${set.n} ${set.dim}`;
function keep_truth(found) {
  truth = found;
  try {
    if (found) localStorage.setItem(truth_key(), JSON.stringify([...found]));
    else localStorage.removeItem(truth_key());
  } catch {
    // Storage is off: it is computed again next time.
  }
}
function recall_truth() {
  truth = null;
  try {
    const kept = localStorage.getItem(truth_key());
    if (kept) truth = Uint32Array.from(JSON.parse(kept));
  } catch {
    // The same.
  }
}

async function import_vectors() {
  keep_truth(null);
  store = null;
  unfinished = 0;
  return job('Importing vectors', async (progress) => {
    // Nobody waits for the answer: a browser may ask the user.
    navigator.storage?.persist?.().then(show_place).catch(() => {});
    importing = true;
    try {
      store = await client.call('import_vectors', { set: set.name, url: set.base }, progress);
    } finally {
      importing = false;
      await show_place();
    }
    await check_pair();
  });
}

// Where the vectors are, why they are nowhere better, and whether they stay there.
async function show_place() {
  const now = store;
  const words = [];
  $('storage').textContent = now ? place_names[now.where] : '–';
  for (const { place, code, message } of now?.reasons ?? [])
    words.push(`Not in ${place_names[place]}: ${message} (${code}).`);
  const stored = now && now.where !== 'memory' ? await client.call('storage') : null;
  if (stored) {
    words.push(stored.persisted ? 'The browser has promised to keep what is stored.' :
      'The browser may evict what is stored when space is short.');
    words.push(`This site takes ${megabytes(stored.usage)} in all.`);
  }
  if (now?.where === 'memory') words.push('The vectors are gone when this page is.');
  if (now === store) $('place').textContent = words.join(' ');
}

async function load_index() {
  return job('Loading the index', async (progress) => {
    index = await client.call('fetch_index', { set: set.name, url: set.index }, progress);
    await check_pair();
  });
}

async function build_index() {
  return job('Building the index', async (progress) => {
    const built = await client.call('build_index', { set: set.name }, progress);
    if (built.kept && store.where !== 'memory') return fresh_worker();
    index = built.index;
    await check_pair();
  });
}

async function set_up() {
  if (!store && !(await import_vectors())) return;
  if (!index && !(await (set.index ? load_index() : build_index()))) return;
  await ready();
}

// After every change: what can be searched is searched.
async function ready() {
  show_state();
  if (!store || !index) return;
  await show_query(shown);
  if (!truth) await compute_truth();
}

async function compute_truth() {
  const n = Math.min(truth_queries, n_queries);
  try {
    const found = await client.call('exact', { count: n, k }, ({ done, total }) => {
      $('recall').textContent = `${Math.floor(done / total * 100)} % …`;
      $('recall').title = 'brute force over every stored row';
    });
    keep_truth(found);
    await show_query(shown);
  } catch (error) {
    if (!busy) show_error(error);  // else a job has taken the store away
  }
}

async function forget() {
  await job('Removing', async () => {
    keep_truth(null);
    await client.call('forget', { set: set.name });
    await fresh_worker();
  });
}

async function cancel() {
  if (importing) return client.call('cancel_import');
  // A build does not listen: the worker just ends.
  client.end();
  await last_job;
  await job('Stopping', fresh_worker);
}

// ------------------------------------------------------------------------------------------------------------- search
let searching = false;
let wanted = null;
// Shows the hits of a query; while one search runs, only the last one asked for waits.
async function show_query(query) {
  wanted = query;
  if (searching || !store || !index) return;
  searching = true;
  try {
    while (wanted !== null) {
      shown = wanted;
      wanted = null;
      await search_and_draw(shown);
    }
  } catch (error) {
    if (!busy) show_error(error);
  } finally {
    searching = false;
  }
}

const settings = () => ({ k, ef: Number($('ef').value), rerank: Number($('rerank').value) });

async function search_and_draw(query) {
  const [values, hits] = await Promise.all([
    client.call('query_values', { query }),
    client.call('search', { query, ...settings() }),
  ]);
  const nodes = [...hits.ids].sort((a, b) => a - b);
  const rows = await client.call('rows', { nodes });
  const picture = (id) => rows.subarray(nodes.indexOf(id) * store.dim, (nodes.indexOf(id) + 1) * store.dim);
  const right = query < truth_queries && truth ? new Set(truth.subarray(query * k, (query + 1) * k)) : null;

  $('query-number').value = query;
  drawVector($('query'), values);
  $('hits').replaceChildren(...hits.ids.map((id, i) => {
    const item = document.createElement('li');
    const canvas = document.createElement('canvas');
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `Hit ${i + 1}, vector ${id}`);
    drawVector(canvas, picture(id));
    const text = document.createElement('p');
    const [name, distance] = [document.createElement('span'), document.createElement('span')];
    name.textContent = `#${id}`;
    distance.textContent = format_distance(hits.distances[i]);
    distance.title = `distance ${hits.distances[i]}`;
    text.append(name, distance);
    item.append(canvas, text);
    item.dataset.id = id;
    item.dataset.distance = hits.distances[i];
    if (right && !right.has(id)) {
      item.className = 'missed';
      item.title = 'not among the true ten nearest';
    }
    return item;
  }));
  $('latency').textContent = milliseconds(hits.milliseconds);
  $('rows-read').textContent = hits.vectorsRead;
  $('batches').textContent = hits.batches;
  $('recall').textContent = right ? percent(hits.ids.filter((id) => right.has(id)).length / k) : '–';
  $('recall').title = right ? '' : `known for the first ${truth_queries} queries`;
  await show_memory();
}

function format_distance(d) {
  return Math.abs(d) >= 1e5 ? `${(d / 1e6).toFixed(2)}M` : d.toPrecision(4);
}

// ------------------------------------------------------------------------------------------------------------ measure
async function measure() {
  await job('Searching', async (progress) => {
    const wish = Number($('measure-count').value);
    const { milliseconds: times, ids, vectors_read, batches } =
        await client.call('measure', { count: wish, ...settings() }, progress);
    const sorted = Float64Array.from(times).sort();
    $('median').textContent = milliseconds(percentile(sorted, .5));
    $('p99').textContent = milliseconds(percentile(sorted, .99));
    $('mean-rows').textContent = vectors_read.toFixed(1);
    $('mean-batches').textContent = batches.toFixed(1);
    const judged = truth ? Math.min(ids.length, truth.length / k) : 0;
    let found = 0;
    for (let q = 0; q < judged; ++q) {
      const right = new Set(truth.subarray(q * k, (q + 1) * k));
      found += ids[q].filter((id) => right.has(id)).length;
    }
    $('mean-recall').textContent = judged ? percent(found / judged / k) : '–';
    $('recall-of').textContent = judged ? `of ${judged}` : '';
    $('histogram').hidden = false;
    drawHistogram($('histogram'), times);
    $('measure').dataset.done = ids.length;
  });
  await show_memory();
}

// ------------------------------------------------------------------------------------------------------------- memory
function bar(name, total, largest, parts) {
  const block = document.createElement('div');
  const head = document.createElement('div');
  head.className = 'bar-name';
  const [title, value] = [document.createElement('span'), document.createElement('b')];
  title.textContent = name;
  value.textContent = megabytes(total);
  head.append(title, value);
  const line = document.createElement('div');
  line.className = 'bar';
  const legend = document.createElement('div');
  legend.className = 'legend';
  for (const { kind, label, bytes } of parts) {
    const piece = document.createElement('i');
    piece.className = kind;
    piece.style.width = `${bytes / largest * 100}%`;
    line.append(piece);
    if (!label) continue;
    const entry = document.createElement('span');
    entry.style.setProperty('--key', `var(--${kind})`);
    entry.textContent = `${label} ${megabytes(bytes)}`;
    legend.append(entry);
  }
  block.append(head, line);
  if (legend.childElementCount) block.append(legend);
  return block;
}

async function show_memory() {
  if (!store || !index) {
    $('bars').replaceChildren();
    $('memory-hint').textContent = 'Nothing is held yet.';
    return;
  }
  const { heap } = await client.call('memory');
  const floats = store.n * store.dim * 4;
  const originals = store.n * store.rowBytes;
  const in_memory = store.where === 'memory' ? originals : 0;
  const { codes, links, upperLinks } = index.memory;
  const held = codes + links + upperLinks + in_memory;
  const largest = Math.max(floats, heap, originals);
  $('bars').replaceChildren(
      bar('float32 vectors, had they been loaded', floats, largest, [{ kind: 'absent', bytes: floats }]),
      bar('WASM heap, all of it', heap, largest, [
        { kind: 'codes', label: 'codes', bytes: codes },
        { kind: 'links', label: 'links', bytes: links + upperLinks },
        ...in_memory ? [{ kind: 'disk', label: 'originals', bytes: in_memory }] : [],
        { kind: 'rest', label: 'everything else', bytes: Math.max(0, heap - held) },
      ]),
      ...in_memory ? [] : [
        bar(`originals in ${place_names[store.where]} (${store.element === 'u8' ? 'bytes' : 'float32'})`, originals,
            largest, [{ kind: 'disk', bytes: originals }]),
      ]);
  $('memory-hint').textContent = `${index.bytesPerVector.toFixed(0)} bytes per vector in memory, of ${count(store.n)} ` +
      `vectors with ${store.dim} values. Building and importing need more for a while; what a worker grew to goes back ` +
      'when it ends.';
  $('memory').dataset.heap = heap;
}

// --------------------------------------------------------------------------------------------------------------- page
function vectors_state() {
  if (!set) return '';
  const bytes = (n) => megabytes(n * set.dim * (set.element === 'u8' ? 1 : 4));
  if (store) return `${count(store.n)} × ${store.dim}, ${bytes(store.n)} in ${place_names[store.where]}`;
  if (unfinished) return `${count(unfinished)} of ${count(set.n)} are here, ${bytes(set.n - unfinished)} to fetch`;
  return `${count(set.n)} × ${set.dim} to fetch, ${bytes(set.n)}`;
}

function show_state() {
  $('step-vectors').classList.toggle('done', !!store);
  $('vectors-state').textContent = vectors_state();
  $('step-index').classList.toggle('done', !!index);
  $('index-state').textContent = index ?
      `${index.quantizer}, m ${index.m}, ${megabytes(index.memory.total)}` :
      set?.index ? 'prebuilt one at hand' : 'to be built';
  $('simd').textContent = index?.simd ?? '–';
  $('import').textContent = store ? 'Import again' : unfinished ? 'Go on importing' : 'Import';
  $('import').disabled = busy || !set;
  $('load').disabled = busy || !set?.index;
  $('load').hidden = !set?.index;
  $('build').disabled = busy || !store;
  $('start').disabled = busy || !set;
  $('start').hidden = !!(store && index);
  $('forget').disabled = busy || !set;
  $('run').disabled = busy;
  $('set').disabled = busy;
  for (const id of ['search', 'measure']) $(id).inert = !(store && index);
  document.body.dataset.state = busy || !set ? 'busy' : store && index ? 'ready' : 'idle';
  if (!store || !index) show_memory();
}

async function choose(name) {
  set = sets.find((one) => one.name === name) ?? sets[0];
  $('set').value = set.name;
  shown = 0;
  recall_truth();
  await job('Opening', fresh_worker);
  await ready();
}

function listen() {
  const on = (id, event, run) => $(id).addEventListener(event, run);
  on('alert-close', 'click', () => $('alert').hidden = true);
  on('set', 'change', () => choose($('set').value));
  on('start', 'click', set_up);
  on('import', 'click', async () => await import_vectors() && ready());
  on('load', 'click', async () => await load_index() && ready());
  on('build', 'click', async () => await build_index() && ready());
  on('cancel', 'click', cancel);
  on('forget', 'click', forget);
  const turn = (by) => n_queries && show_query(((shown + by) % n_queries + n_queries) % n_queries);
  on('previous', 'click', () => turn(-1));
  on('next', 'click', () => turn(1));
  on('random', 'click', () => show_query(Math.floor(Math.random() * Math.min(n_queries, truth_queries))));
  on('query-number', 'change', () => {
    const wish = Math.trunc(Number($('query-number').value));
    show_query(Math.min(Math.max(wish || 0, 0), n_queries - 1));
  });
  for (const id of ['ef', 'rerank'])
    on(id, 'input', () => {
      $(`${id}-value`).textContent = $(id).value;
      show_query(shown);
    });
  on('run', 'click', measure);
  document.addEventListener('keydown', (event) => {
    if (event.target.matches('input, select')) return;
    if (event.key === 'ArrowLeft') turn(-1);
    if (event.key === 'ArrowRight') turn(1);
  });
}

async function main() {
  listen();
  show_state();
  try {
    const answer = await fetch('/datasets.json');
    if (!answer.ok) throw new Error(`datasets.json: ${answer.status}`);
    sets = await answer.json();
    if (sets.length === 0) throw new Error('the server has no vectors: tests/data/fashion-mnist is missing');
    $('set').replaceChildren(...sets.map(({ name, title, n }) => new Option(`${title}, ${count(n)}`, name)));
    await choose(options.get('set'));
  } catch (error) {
    show_error(error);
  }
}

main();
