// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
// What a page costs the system: the private memory of its renderer process, from /proc (Linux).

import fs from 'node:fs';

const read = (file) => {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

function all_processes() {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => {
    const stat = read(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      pid: Number(pid),
      parent: Number(fields[1]),
      ticks: Number(fields[11]) + Number(fields[12]),
      command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' '),
    };
  });
}

/** The renderers of the browser that uses this profile. */
function renderers(profile) {
  const processes = all_processes();
  const family = new Set(processes.filter(({ command }) => command.includes(profile) && !command.includes('--type='))
      .map(({ pid }) => pid));
  for (let before = 0; before !== family.size;) {
    before = family.size;
    for (const { pid, parent } of processes) if (family.has(parent)) family.add(pid);
  }
  return processes.filter(({ pid, command }) => family.has(pid) && command.includes('--type=renderer'));
}

/** The renderer of a page: the one that works when the page does, and not otherwise (the browser has pages of its own). */
export async function renderer_of(page, profile) {
  const ticks_of = async (run) => {
    const before = new Map(renderers(profile).map(({ pid, ticks }) => [pid, ticks]));
    await run();
    return new Map(renderers(profile).map(({ pid, ticks }) => [pid, ticks - (before.get(pid) ?? ticks)]));
  };
  for (let attempt = 0; attempt < 5; ++attempt) {
    const idle = await ticks_of(() => page.waitForTimeout(700));
    const busy = await ticks_of(() => page.evaluate(() => {
      for (const end = performance.now() + 700; performance.now() < end;);
    }));
    const [first, second] = [...busy].map(([pid, ticks]) => ({ pid, more: ticks - (idle.get(pid) ?? 0) }))
        .sort((a, b) => b.more - a.more);
    if (first?.more >= 20 && first.more > 2 * (second?.more ?? 0)) return first.pid;
  }
  throw new Error('the renderer of the page could not be told from others');
}

/** Chromium's "private memory footprint": anonymous memory, in RAM or swapped out. Mapped files can be dropped any time. */
export function private_bytes(pid) {
  const status = read(`/proc/${pid}/status`);
  const [resident, swapped] = ['RssAnon', 'VmSwap'].map((name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? NaN) * 1024);
  if (!(resident > 0)) throw new Error(`the memory of process ${pid} cannot be read`);
  return resident + (swapped || 0);
}

/** The same after garbage was collected in the page and its workers, for which Chromium needs --expose-gc. */
export async function settled_private_bytes(page, pid) {
  for (let i = 0; i < 3; ++i) {
    for (const isolate of [page, ...page.workers()]) await isolate.evaluate(() => gc());
    await page.waitForTimeout(500);
  }
  return private_bytes(pid);
}
