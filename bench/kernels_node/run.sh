#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
#   bash bench/kernels_node/run.sh [BITS [DIM]]
#
# Builds the kernels as both WASM binaries and prints a table for each, measured in Node 24 (wasm/main.cpp): all of them
# in about a minute, or those of so many bits (16, 32: halfs, floats) and dim.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

out=build/kernels_node
mkdir -p "$out"
for binary in simd128 relaxed; do
  flags=(-msimd128)
  if [ "$binary" = relaxed ]; then flags+=(-mrelaxed-simd); fi
  bash cmake/emscripten.sh em++ -std=c++23 -O3 -DNDEBUG -fno-exceptions -fno-rtti "${flags[@]}" -Iinclude \
    bench/kernels_node/wasm/main.cpp -o "$out/$binary.js" -sENVIRONMENT=node -sALLOW_MEMORY_GROWTH=1
done
for binary in simd128 relaxed; do
  # Compiled by the optimising compiler from the start, as it is soon after a page's first queries.
  bash cmake/node.sh --no-liftoff "$out/$binary.js" "$@"
done
