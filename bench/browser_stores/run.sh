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
bash bench/browser/build.sh browser_stores
bash cmake/node.sh bench/browser_stores/run.mjs "$@"
