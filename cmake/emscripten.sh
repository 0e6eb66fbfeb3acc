#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
#   cmake/emscripten.sh COMMAND...     for instance: cmake/emscripten.sh cmake --workflow --preset wasm-relaxed
#   cmake/emscripten.sh --prepare      only makes sure that it will work
#
# Runs a command, in the current folder, where an emcc of 3.1.69 or newer is on PATH. That is here when there is one.
# Debian 13 gets its own package. On Debian 12, whose package is too old, the command runs inside a small Debian 13 tree
# (2.5 GB, made once by mmdebstrap under ~/.cache/thimble, about a minute), with this repository at the same path.
# Mounts live in a namespace of their own and end with the command.
set -euo pipefail
# shellcheck source=cmake/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

oldest_emcc=3.1.69
tree="${THIMBLE_EMSCRIPTEN_TREE:-${XDG_CACHE_HOME:-$HOME/.cache}/thimble/emscripten}"

emcc_on_path_is_current() {
  have emcc || return 1
  local version
  version=$(emcc --version 2>/dev/null | sed -n '1s/.* \([0-9][0-9]*\.[0-9][0-9]*\.[0-9][0-9]*\).*/\1/p')
  [ -n "$version" ] && version_at_least "$oldest_emcc" "$version"
}

# Debian's emscripten brings Debian's nodejs along; where another Node is there, the tree keeps the two apart.
debian_package_is_current() {
  [ "$(debian_version | cut -d. -f1)" -ge 13 ] && { ! have node || dpkg -s nodejs >/dev/null 2>&1; }
}

make_tree() {
  need mmdebstrap mmdebstrap
  need flock util-linux
  install_missing
  mkdir -p "$(dirname "$tree")"
  exec 9>"$tree.lock"
  flock 9
  if [ ! -x "$tree/usr/bin/emcc" ]; then
    local mirror log="$tree.log"
    mirror=$(debian_mirror)
    say "making a Debian 13 tree with Emscripten in $tree, from $mirror (once, about a minute)"
    as_root rm -rf --one-file-system "$tree.partial"
    as_root mmdebstrap --variant=minbase \
      --include=emscripten,cmake,ninja-build,googletest,ca-certificates \
      --aptopt='APT::Install-Recommends "false"' \
      trixie "$tree.partial" "$mirror" >"$log" 2>&1 ||
      { tail -n 20 "$log" >&2; die "mmdebstrap failed, its log is $log"; }
    as_root mv "$tree.partial" "$tree"
  fi
  exec 9>&-
}

prepare() {
  emcc_on_path_is_current && return 0
  if ! on_known_debian; then
    die "no emcc of $oldest_emcc or newer on PATH. Install the emsdk (https://emscripten.org/docs/getting_started) and put it on PATH."
  fi
  if debian_package_is_current; then
    need emcc emscripten
    need cmake cmake
    need ninja ninja-build
    need /usr/src/googletest/CMakeLists.txt googletest
    install_missing
    emcc_on_path_is_current || die "Debian's emscripten is older than $oldest_emcc"
    return 0
  fi
  [ -x "$tree/usr/bin/emcc" ] || make_tree
}

# in_tree COMMAND...: in a mount namespace where the system allows one (always as root), else with mounts undone by the trap.
in_tree() {
  local namespace=(unshare --mount)
  as_root unshare --mount true 2>/dev/null || namespace=(unshare --mount --propagation unchanged)
  as_root "${namespace[@]}" bash -c '
    set -euo pipefail
    tree=$1 top=$2 folder=$3 user=$4
    shift 4
    mounted=()
    undo() {
      local status=$? i
      for ((i = ${#mounted[@]} - 1; i >= 0; i--)); do umount "${mounted[i]}" || umount -l "${mounted[i]}" || true; done
      exit "$status"
    }
    trap undo EXIT
    attach() {
      mkdir -p "$tree$1"
      mount --bind "$1" "$tree$1"
      mounted+=("$tree$1")
    }
    attach /proc
    attach /dev
    attach "$top"
    case "$folder/" in "$top/"*) ;; *) attach "$folder" ;; esac
    build=$(readlink -f "$top/build" || true)
    case "$build/" in "$top/"* | /) ;; *) mkdir -p "$build"; attach "$build" ;; esac
    chroot --userspec="$user" "$tree" /usr/bin/env -i HOME=/tmp PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
      LANG=C.UTF-8 TERM="${TERM:-dumb}" /bin/sh -c "cd \"\$1\" && shift && exec \"\$@\"" sh "$folder" "$@"
  ' bash "$tree" "$top" "$PWD" "$(id -u):$(id -g)" "$@"
}

[ $# -gt 0 ] || die "usage: cmake/emscripten.sh COMMAND... | --prepare"
prepare
if [ "$1" = --prepare ]; then
  exit 0
elif emcc_on_path_is_current; then
  exec "$@"
else
  in_tree "$@"
fi
