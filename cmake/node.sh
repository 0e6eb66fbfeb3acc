#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs a JavaScript file with Node 24 or newer: the one on PATH, else the one that npm put under tests/browser.
# (Node 20 refuses relaxed SIMD.)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
local_node="$here/../tests/browser/node_modules/node/bin/node"

if command -v node >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 24 ]; then
  exec node "$@"
elif [ -x "$local_node" ]; then
  exec "$local_node" "$@"
else
  echo "cmake/node.sh: no Node 24 or newer: run 'bash cmake/test.sh wasm', which fetches one from npm" >&2
  exit 127
fi
