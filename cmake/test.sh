#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
#   bash cmake/test.sh                       everything
#   bash cmake/test.sh native|wasm|browser   a part (more than one may be named)
#
# What is missing on a Debian 12 or 13 is installed first. Then one line for each step, PASSED, FAILED or SKIPPED; the whole
# output of a step is in build/test-logs. Fails when a step fails, and under CI=true also when one is skipped.
set -euo pipefail
# shellcheck source=cmake/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$top"

logs=build/test-logs
mkdir -p "$logs"
passed=0
failed=0
skipped=0

# ---------------------------------------------------------------------------------------------------------- steps
# step NAME COMMAND...: the command's output goes to the log; what ctest or node counted is shown.
step() {
  local name=$1 log="$logs/$1.log" start=$SECONDS status
  shift
  # Not as the condition of an `if`: that would switch errexit off inside.
  set +e
  (set -e && "$@") </dev/null >"$log" 2>&1
  status=$?
  set -e
  if [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
    printf 'PASSED  %-16s %4d s  %s\n' "$name" $((SECONDS - start)) "$(counts "$log")"
  else
    failed=$((failed + 1))
    printf 'FAILED  %-16s %4d s  %s\n' "$name" $((SECONDS - start)) "the whole log is $log, its end:"
    cut -c1-300 "$log" | tail -n 60
  fi
}

skip() {
  skipped=$((skipped + 1))
  printf 'SKIPPED %-16s         %s\n' "$1" "$2"
}

# counts LOG: one line from the summaries of ctest, GoogleTest and node's test runner.
counts() {
  local total cases skips
  total=$(sed -nE 's/^[0-9]+% tests passed, [0-9]+ tests failed out of ([0-9]+)$/\1/p' "$1" | tail -n 1)
  if [ -n "$total" ]; then
    cases=$(awk '/^\[  PASSED  \] [0-9]+ tests?\.$/ { sum += $4 } END { print sum + 0 }' "$1")
    skips=$(awk '/^\[  SKIPPED \] [0-9]+ tests?/ { sum += $4 } /\*\*\*Skipped/ { ++sum } END { print sum + 0 }' "$1")
    printf '%s tests of %s cases%s' "$total" "$cases" "$([ "$skips" -eq 0 ] || echo ", $skips skipped")"
  else
    sed -nE 's/^(# |ℹ )(tests|pass|skipped) ([0-9]+)$/\2 \3/p' "$1" | tr '\n' ' '
  fi
}

# --------------------------------------------------------------------------------------------------------- native
sources() { find include tests bench examples -name node_modules -prune -o \( -name '*.hpp' -o -name '*.inl' -o -name '*.cpp' \) -print; }

check_format() { sources | xargs clang-format-19 --dry-run --Werror; }

# clang-tidy over the umbrella header and all of our own .cpp files, as the clang preset compiles them, or would: most of
# them in what CMAKE_UNITY_BUILD makes of a folder. Where one file is compiled several times, once.
check_tidy() {
  cmake --preset clang -DTHIMBLE_BUILD_BENCH=ON -DTHIMBLE_TEST_FUZZ=ON
  run-clang-tidy-19 -quiet -j "$(cores)" -p build/clang \
    "^(?!.*_O3_native\.dir/)$top/((build/clang/)?(tests|bench|examples)/.*|.*/thimble/thimble\.hpp)\.c(pp|xx)\$"
}

# native_preset NAME: configure, build, test. Tests of one build run side by side.
native_preset() {
  cmake --preset "$1"
  cmake --build --preset "$1"
  run_tests "$1"
}

# run_tests PRESET: ctest, and what GoogleTest counted and skipped in its tests.
run_tests() {
  ctest --preset "$1" -j "$(cores)"
  grep -E '^\[  (PASSED |SKIPPED)' "build/$1/Testing/Temporary/LastTest.log"
}

native() {
  need_compiler
  need_clang
  need clang-format-19 clang-format-19
  need clang-tidy-19 clang-tidy-19
  need run-clang-tidy-19 clang-tidy-19
  need python3 python3
  need_googletest
  need_command_line
  need /usr/include/hnswlib/hnswlib.h libhnswlib-dev
  need /usr/include/xxhash.h libxxhash-dev
  need /usr/include/benchmark/benchmark.h libbenchmark-dev
  need /usr/include/sqlite3.h libsqlite3-dev
  if [ "$(uname -m)" = x86_64 ]; then
    have qemu-x86_64-static || need qemu-x86_64 qemu-user
    have qemu-aarch64-static || need qemu-aarch64 qemu-user
    need aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
    need x86_64-w64-mingw32-g++-posix g++-mingw-w64-x86-64-posix
  fi
  install_missing
  check_versions

  step format check_format
  local preset
  for preset in gcc clang asan tsan noexcept; do step "$preset" native_preset "$preset"; done
  step tidy check_tidy
}

# ----------------------------------------------------------------------------------------------------------- wasm
need_for_wasm() {
  need_node
  need cmake cmake
  need_googletest
  install_missing
  npm_packages
  bash cmake/emscripten.sh --prepare
}

# wasm_build NAME: Emscripten configures and builds; what it makes runs here.
wasm_build() {
  bash cmake/emscripten.sh cmake --preset "$1"
  bash cmake/emscripten.sh cmake --build --preset "$1"
}
wasm_preset() {
  wasm_build "$1"
  run_tests "$1"
}

# The installed package, found by a stranger's Emscripten build that links the browser stores.
wasm_consumer() {
  rm -rf build/wasm-consumer
  bash cmake/emscripten.sh cmake --install build/wasm-relaxed --prefix "$top/build/wasm-consumer/prefix"
  bash cmake/emscripten.sh cmake -S tests/consumer/find_package -B build/wasm-consumer/build -G Ninja \
    -DCMAKE_TOOLCHAIN_FILE="$top/cmake/toolchain/emscripten.cmake" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_FIND_ROOT_PATH="$top/build/wasm-consumer/prefix"
  bash cmake/emscripten.sh cmake --build build/wasm-consumer/build
  bash cmake/node.sh build/wasm-consumer/build/consumer.js
}

wasm() {
  need_for_wasm
  step wasm-simd128 wasm_preset wasm-simd128
  step wasm-relaxed wasm_preset wasm-relaxed
  step wasm-consumer wasm_consumer
  wasm_is_built=yes
}

# -------------------------------------------------------------------------------------------------------- browser
# One file after the other: some of them measure memory. Everything is built, so a skipped test is a mistake.
browser_tests() {
  local log="$logs/browser-tests.log"
  THIMBLE_CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome) \
    THIMBLE_FIREFOX=$(command -v firefox-esr || command -v firefox) \
    bash cmake/node.sh --test --test-concurrency=1 --test-reporter=spec tests/browser/*.test.mjs | tee "$log"
  ! grep -qE '^ℹ skipped [1-9]' "$log"
}

browser() {
  have chromium-browser || have google-chrome || need chromium chromium
  have firefox || need firefox-esr firefox-esr
  need_for_wasm
  local preset
  for preset in wasm-simd128 wasm-relaxed; do
    # The step 'wasm' made them already when it ran just before.
    [ -n "${wasm_is_built:-}" ] || step "build-$preset" wasm_build "$preset"
  done
  step browser browser_tests
}

# ------------------------------------------------------------------------------------------------------------ main
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(native wasm browser)
for part in "${parts[@]}"; do
  case "$part" in
    native) native ;;
    wasm) wasm ;;
    browser) browser ;;
    *) die "usage: bash cmake/test.sh [native|wasm|browser]..." ;;
  esac
done

summary="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || summary="$summary, $skipped skipped"
echo "$summary"
[ "$failed" -eq 0 ] || exit 1
[ "$skipped" -eq 0 ] || [ "${CI:-}" != true ] || exit 1
