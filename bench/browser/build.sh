#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
#   bash bench/browser/build.sh NAME [FLAG...]
#
# Installs what a measurement in headless Chromium needs, and compiles bench/NAME/wasm/main.cpp with the browser stores to
# build/NAME/program.mjs, a module for a worker. THIMBLE_CHROMIUM names another browser.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=cmake/setup.sh
source cmake/setup.sh
need_node
[ -n "${THIMBLE_CHROMIUM:-}" ] || have chromium || need chromium chromium
install_missing
npm_packages >&2

name=$1
shift
mkdir -p "build/$name"
stores=include/thimble/store
bash cmake/emscripten.sh em++ -std=c++23 -O3 -DNDEBUG -fno-exceptions -fno-rtti -msimd128 -Iinclude -Ibench \
  "bench/$name/wasm/main.cpp" -o "build/$name/program.mjs" --no-entry \
  --js-library "$stores/browser_library.js" --js-library "$stores/opfs_library.js" \
  --js-library "$stores/indexeddb_library.js" --js-library "$stores/idbfs_library.js" \
  -sMODULARIZE=1 -sENVIRONMENT=worker -sFILESYSTEM=0 -sINITIAL_MEMORY=32MB \
  -sEXPORTED_FUNCTIONS=_malloc,_free -sEXPORTED_RUNTIME_METHODS=HEAPU8,ccall "$@"
