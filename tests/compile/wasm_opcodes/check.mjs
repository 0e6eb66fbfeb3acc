// SPDX-FileCopyrightText: 2026 The thimble authors
// SPDX-License-Identifier: Apache-2.0
//
//   check.mjs kernels relaxed|simd128 MODULE.wat    every kernel has its SIMD opcodes
//   check.mjs none            MODULE.wat            the same kernels are there, and none of them has its opcodes
//   check.mjs shipped relaxed|simd128 MODULE.wat    a module without names has the opcodes, and none that it must not have
//
// MODULE.wat is what wasm-dis makes of a module. Binaryen 120 has no "relaxed_" in the name of the dot product yet.

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

const relaxedDot = /^i32x4\.(relaxed_)?dot_i8x16_i7x16_add_s$/;
const wideDot = /^i32x4\.dot_i16x8_s$/;
const codes = { relaxed: relaxedDot, simd128: wideDot, none: /^i32x4\./ };
const multiply = /^f32x4\.mul$/;
const add = /^f32x4\.add$/;
const subtract = /^f32x4\.sub$/;
const halfs = /^v128\.load16x4_s$/;
// Relaxed SIMD's multiply-add rounds once or twice, as the engine likes: results would differ.
const fused = /^f32x4\.relaxed_n?madd$|^f32x4\.relaxed_fn?ma$/;
const relaxed = /relaxed|dot_i8x16_i7x16/;

// What each kernel's function must hold, by its name.
const kernelOpcodes = (set) => ({
  ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8].map((bits) => [`estimate<${bits}u>`, [codes[set]]])),
  l2_rows: [subtract, multiply, add],
  dot_rows: [multiply, add],
  l2_half_rows: [halfs, subtract, multiply, add],
  dot_half_rows: [halfs, multiply, add],
  l2: [subtract, multiply, add],
  dot: [multiply, add],
  hadamard: [add, subtract, multiply],
});

// The opcodes of each function, by its name up to the parameters: thimble::..., without its namespaces.
async function functionsOf(file) {
  const functions = new Map();
  let opcodes = new Set();
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const start = /^ \(func \$"?(?:void(?:\\20| ))?(\S*?)(?:\\28|\(|"|\s|$)/.exec(line);
    if (start) {
      opcodes = new Set();
      functions.set(start[1].replace(/^thimble::.*::simd::\w+::/, ''), opcodes);
    }
    for (const [, opcode] of line.matchAll(/\(((?:v128|[if]\d+x\d+)\.\w+)/g)) opcodes.add(opcode);
  }
  return functions;
}

const has = (opcodes, wanted) => [...opcodes].some((opcode) => wanted.test(opcode));

const problems = [];
const expect = (holds, problem) => holds || problems.push(problem);

const [mode, ...rest] = process.argv.slice(2);
const [set, file] = mode === 'none' ? ['none', ...rest] : rest;
const functions = await functionsOf(file);
const all = new Set([...functions.values()].flatMap((opcodes) => [...opcodes]));

if (mode === 'shipped') {
  for (const wanted of [wideDot, halfs, multiply, add, subtract])
    expect(has(all, wanted), `no ${wanted.source}`);
  expect(has(all, relaxedDot) === (set === 'relaxed'), `relaxed dot product in a ${set} module: ${has(all, relaxedDot)}`);
} else {
  for (const [kernel, opcodes] of Object.entries(kernelOpcodes(set))) {
    expect(functions.has(kernel), `${kernel} is not in the module`);
    for (const wanted of functions.has(kernel) ? opcodes : [])
      expect(has(functions.get(kernel), wanted) === (mode === 'kernels'), `${kernel}: ${wanted.source}`);
  }
}
// A browser without relaxed SIMD refuses a module that has any of its opcodes.
if (set !== 'relaxed') expect(!has(all, relaxed), 'an opcode of relaxed SIMD');
expect(!has(all, fused), 'a fused multiply-add');

for (const problem of problems) console.error(`${file}: ${problem}`);
console.log(`${file}: ${functions.size} functions, ${all.size} different vector opcodes, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
