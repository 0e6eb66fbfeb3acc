# shellcheck shell=bash
# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the scripts beside it: finds out what is missing on this machine and installs that, and nothing else.
# Debian 12 and 13 are known; anywhere else the missing things are named and the script stops.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
browser_tests="$top/tests/browser"

say() { printf '== %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
cores() { nproc 2>/dev/null || echo 2; }

# version_at_least 3.1.69 3.1.6 -> false: is the second version the first one or newer?
version_at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# debian_version prints 12, 13, ... on Debian and nothing elsewhere.
debian_version() {
  if [ -r /etc/os-release ]; then
    (
      . /etc/os-release
      if [ "${ID:-}" = debian ]; then echo "${VERSION_ID:-99}"; fi
    )
  fi
}
on_known_debian() {
  local version
  version=$(debian_version)
  [ -n "$version" ] && [ "${version%%.*}" -ge 12 ] && have apt-get
}

# as_root COMMAND...: runs it as root, through sudo where this is not root.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo -- "$@"
  else
    die "root is needed for: $*  (become root, or install sudo)"
  fi
}

# ------------------------------------------------------------------------------------------- Debian's packages
# need WHAT PACKAGE...: WHAT is a command, or a file when it begins with '/'. Notes the packages where it is missing.
missing_packages=()
missing_things=()
need() {
  local what=$1
  shift
  case "$what" in
    /*) [ ! -e "$what" ] || return 0 ;;
    *) ! have "$what" || return 0 ;;
  esac
  missing_things+=("$what (Debian: $*)")
  missing_packages+=("$@")
}

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@"; }

# install_missing: what `need` noted, all at once; silent when nothing is missing.
install_missing() {
  [ ${#missing_packages[@]} -gt 0 ] || return 0
  if ! on_known_debian; then
    printf 'error: this is not Debian 12 or newer, so nothing is installed for you. Missing here:\n' >&2
    printf '  %s\n' "${missing_things[@]}" >&2
    printf 'Install these (the names in brackets are the packages on Debian) and run the command again.\n' >&2
    exit 1
  fi
  say "installing what is missing with apt-get: ${missing_packages[*]}"
  apt_install "${missing_packages[@]}"
  missing_packages=()
  missing_things=()
}

# apt_install PACKAGE...: refreshes the package lists only when the install cannot go on without.
apt_install() {
  local log
  log=$(mktemp)
  if ! apt_get install -y --no-install-recommends "$@" >"$log" 2>&1; then
    apt_get update >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "apt-get update failed"; }
    apt_get install -y --no-install-recommends "$@" >"$log" 2>&1 ||
      { tail -n 20 "$log" >&2; die "apt-get install $* failed"; }
  fi
  rm -f "$log"
}

# The mirror that apt's own sources name: the entry that ends in /debian.
debian_mirror() {
  local found
  found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    grep -v '^[[:space:]]*#' | grep -oE 'https?://[^[:space:]]+/debian/?([[:space:]]|$)' | head -n 1 | tr -d '[:space:]')
  echo "${found:-http://deb.debian.org/debian}"
}

# need_dpkg FILE-PATTERN PACKAGE: for headers and libraries whose folder depends on the architecture.
need_dpkg() { compgen -G "$1" >/dev/null || need "$1" "$2"; }

need_compiler() {
  need g++ g++
  need cmake cmake
  need ninja ninja-build
}
need_clang() {
  need clang++-19 clang-19
  need ld.lld-19 lld-19
  need_dpkg '/usr/lib/llvm-19/lib/clang/19/lib/*/libclang_rt.tsan*.a' libclang-rt-19-dev
}
need_command_line() {
  need /usr/include/CLI/CLI.hpp libcli11-dev
  need /usr/include/nlohmann/json.hpp nlohmann-json3-dev
  need /usr/include/png.h libpng-dev
}
need_googletest() {
  need /usr/include/gtest/gtest.h libgtest-dev
  need /usr/src/googletest/CMakeLists.txt googletest
}
# A Node that is there stays, whoever made it: Debian's packages conflict with other vendors'.
need_node() {
  if ! have node && ! have nodejs; then
    need node nodejs
    need npm npm
  elif ! have npm; then
    die "there is a node ($(command -v node || command -v nodejs)) but no npm: install the npm that belongs to it"
  fi
}

check_versions() {
  local found
  found=$(cmake --version | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p')
  version_at_least 3.25 "$found" || die "cmake 3.25 or newer is needed, $(command -v cmake) is $found"
  found=$(g++ -dumpfullversion)
  version_at_least 12 "$found" || die "g++ 12 or newer is needed, $(command -v g++) is $found"
}

# -------------------------------------------------------------------------------------------------- npm's packages
node_major() { node -p 'process.versions.node.split(".")[0]'; }

# npm_packages: playwright-core, and Node 24 where the Node on PATH is older, under tests/browser/node_modules.
npm_packages() {
  local omit=()
  if [ "$(node_major)" -ge 24 ]; then omit=(--omit=optional); fi
  if [ "$browser_tests/node_modules/.package-lock.json" -nt "$browser_tests/package-lock.json" ] &&
    [ -d "$browser_tests/node_modules/playwright-core" ] && bash "$top/cmake/node.sh" --version >/dev/null 2>&1; then
    return 0
  fi
  if [ ${#omit[@]} -gt 0 ]; then
    say "npm: playwright-core into tests/browser/node_modules"
  else
    say "npm: playwright-core and Node 24 (node on PATH is $(node --version)) into tests/browser/node_modules"
  fi
  local log
  log=$(mktemp)
  (cd "$browser_tests" && npm ci --no-audit --no-fund "${omit[@]}") >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "npm ci failed"; }
  rm -f "$log"
  touch "$browser_tests/node_modules/.package-lock.json"
  bash "$top/cmake/node.sh" --version >/dev/null || die "npm ran, but there is still no Node 24"
}
