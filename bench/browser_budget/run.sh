#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
#   bash bench/browser_budget/run.sh FOLDER [METRIC [QUANTIZER,...]]
#
# The setting of WebANNS in headless Chromium: searches where memory is a fifth of the vectors' bytes (an index, and a
# cache of rows in what is left), all other rows in OPFS or IndexedDB, beside searches with all of them in memory. FOLDER
# holds base.* and query.*; 10,000 vectors of 768 floats take about three minutes. THIMBLE_CHROMIUM names another browser.
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: bash bench/browser_budget/run.sh FOLDER [METRIC [QUANTIZER,...]]" >&2; exit 2; }
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bash bench/browser/build.sh browser_budget -sALLOW_MEMORY_GROWTH=1 -sMAXIMUM_MEMORY=3GB
bash cmake/node.sh bench/browser_budget/run.mjs "$@"
