#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
#   bash bench/recall/run.sh FOLDER...    recall of every quantizer beside Faiss (faiss-cpu from PyPI, in a folder of its
#                                         own under build/)
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
packages="$top/build/python"
if [ ! -x "$packages/bin/python" ]; then
  python3 -m venv "$packages"
  "$packages/bin/pip" install --quiet faiss-cpu==1.15.1 numpy
fi
[ -x "$top/build/release/thimble" ] || bash "$top/cmake/demo.sh" build
exec "$packages/bin/python" "$top/bench/recall/recall.py" --program "$top/build/release/thimble" "$@"
