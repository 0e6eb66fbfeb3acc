#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
#   bash bench/browser_stores/run.sh [ROWS [DIM]]
#
# What the browser stores cost in headless Chromium, beside plain JavaScript over the same interface (worker.mjs): 100
# random rows of 100,000 of 768 floats at the median, and the import in MB/s. About two minutes; THIMBLE_CHROMIUM
# names another browser.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=cmake/setup.sh
source cmake/setup.sh
need_node
[ -n "${THIMBLE_CHROMIUM:-}" ] || have chromium || need chromium chromium
install_missing
npm_packages >&2

out=build/browser_stores
mkdir -p "$out"
stores=include/thimble/store
bash cmake/emscripten.sh em++ -std=c++23 -O3 -DNDEBUG -fno-exceptions -fno-rtti -msimd128 -Iinclude \
  bench/browser_stores/wasm/main.cpp -o "$out/stores.mjs" --no-entry \
  --js-library "$stores/browser_library.js" --js-library "$stores/opfs_library.js" \
  --js-library "$stores/indexeddb_library.js" \
  -sMODULARIZE=1 -sENVIRONMENT=worker -sFILESYSTEM=0 -sINITIAL_MEMORY=32MB \
  -sEXPORTED_FUNCTIONS=_malloc -sEXPORTED_RUNTIME_METHODS=HEAPU8,ccall
bash cmake/node.sh bench/browser_stores/run.mjs "$@"
