#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
#   bash cmake/demo.sh           builds build/release/thimble and shows the main job on 9,000 real pictures
#   bash cmake/demo.sh build     only builds build/release/thimble
#   bash cmake/demo.sh web       builds the page for the browser and serves it on 127.0.0.1 (PORT=8080 to choose the port)
#
# What is missing on a Debian 12 or 13 is installed first; a second run starts at once.
set -euo pipefail
# shellcheck source=cmake/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$top"

program=build/release/thimble
data=tests/data/fashion-mnist
index=build/demo/fashion-mnist.thimble
pictures=build/demo/neighbours.png

# run COMMAND...: shows the command as one would type it, then its output.
run() {
  printf '\n$ %s\n' "$*"
  "$@"
}

# quietly COMMAND...: shows output only when the command fails, Emscripten's huge lines cut short.
quietly() {
  local log
  log=$(mktemp)
  "$@" >"$log" 2>&1 || { cut -c1-300 "$log" | tail -n 40 >&2; rm -f "$log"; die "failed: $*"; }
  rm -f "$log"
}

build_program() {
  need_compiler
  need_command_line
  install_missing
  check_versions
  # The benchmarks' library is not needed for this; a folder that was made with it keeps it.
  local only_program=(-DTHIMBLE_BUILD_BENCH=OFF)
  if [ -x build/release/bench/thimble_bench_search ]; then only_program=(); fi
  say "building $program"
  quietly cmake --preset release "${only_program[@]}"
  quietly cmake --build --preset release --target thimble_cli
}

show_main_job() {
  mkdir -p "$(dirname "$index")"
  say "9,000 pictures of clothes, 28 x 28 grey values each: one byte a dimension goes into the index, the pictures stay in their file"
  run "$program" build --input "$data/base.u8bin" --metric l2 --quantizer sq8 --threads "$(cores)" --output "$index"
  run "$program" info --index "$index"
  say "the ten nearest of three pictures that the index has not seen; the best 50 candidates are read from the file and ranked exactly"
  run "$program" search --index "$index" --vectors "$data/base.u8bin" --queries "$data/query.u8bin" --query-row 0,1,2 \
    --k 10 --ef 64 --rerank 50
  run "$program" search --index "$index" --vectors "$data/base.u8bin" --queries "$data/query.u8bin" \
    --query-row 0,1,2,3,4,5,6,7,8,9 --k 10 --ef 64 --rerank 50 --draw never --pictures "$pictures" >/dev/null
  say "ten queries with their neighbours as pictures: $pictures"
  say "how good and how fast: 1,000 such searches against the true neighbours"
  run "$program" eval --index "$index" --vectors "$data/base.u8bin" --queries "$data/query.u8bin" \
    --k 10 --ef 10,20,40,80 --rerank 0,20,50 --threads 1
  say "the program is $program (--help says what else it does); 'bash cmake/demo.sh web' shows the same in a browser"
}

serve_page() {
  if ! have node && have nodejs; then die "node is there under the name nodejs only: give it the name node"; fi
  need node nodejs
  need_googletest
  install_missing
  bash cmake/emscripten.sh --prepare
  local preset
  for preset in wasm-simd128 wasm-relaxed; do
    say "building the page's WebAssembly: $preset"
    quietly bash cmake/emscripten.sh cmake --preset "$preset"
    quietly bash cmake/emscripten.sh cmake --build --preset "$preset" --target thimble_web
  done
  say "serving the page; stop it with Ctrl-C"
  exec node examples/web/serve.mjs --port "${PORT:-8080}"
}

case "${1:-}" in
  '')
    build_program
    show_main_job
    ;;
  build)
    build_program
    say "ready: $program"
    ;;
  web) serve_page ;;
  *) die "usage: bash cmake/demo.sh [build|web]" ;;
esac
