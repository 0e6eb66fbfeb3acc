#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The thimble authors
# SPDX-License-Identifier: Apache-2.0
#
#   cmake/fresh.sh [bookworm|trixie] [COMMAND]    (as root; by default bookworm, cmake/demo.sh and cmake/test.sh)
#
# Proves the two commands on a machine that has nothing but git: makes a minimal Debian in a temporary folder, copies this
# machine's certificates and registry settings in, clones HEAD there, runs the commands, removes the tree.
# KEEP=1 keeps the tree; the last line says how it went.
set -euo pipefail
# shellcheck source=cmake/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

[ "$(id -u)" -eq 0 ] || die "cmake/fresh.sh makes a Debian tree and mounts into it: run it as root"

# A mount namespace of its own: whatever happens, no mount outlives this script.
if [ -z "${THIMBLE_FRESH_INSIDE:-}" ]; then
  need mmdebstrap mmdebstrap
  install_missing
  THIMBLE_FRESH_INSIDE=1 exec unshare --mount --propagation private bash "${BASH_SOURCE[0]}" "$@"
fi

suite=bookworm
case "${1:-}" in
  bookworm | trixie)
    suite=$1
    shift
    ;;
esac
commands=("$@")
[ ${#commands[@]} -gt 0 ] || commands=('bash cmake/demo.sh' 'bash cmake/test.sh')

work=$(mktemp -d "${TMPDIR:-/tmp}/thimble-fresh.XXXXXX")
tree="$work/$suite"
mounted=()
# attach SOURCE TARGET [OPTIONS]
attach() {
  mkdir -p "$2"
  mount --bind "$1" "$2"
  mounted+=("$2")
  [ -z "${3:-}" ] || mount -o "remount,bind,$3" "$2"
}
clean_up() {
  local i
  for ((i = ${#mounted[@]} - 1; i >= 0; i--)); do umount "${mounted[i]}" || umount -l "${mounted[i]}" || true; done
  if [ -n "${KEEP:-}" ]; then
    say "kept: $tree"
  elif findmnt -rno TARGET | grep -qF "$work/"; then
    say "something is still mounted below $work, so it stays"
  else
    rm -rf --one-file-system "$work"
  fi
}
trap clean_up EXIT

# copy_in FILE-OR-FOLDER...: to the same path inside, links followed; what is not there is not copied.
copy_in() {
  local from
  for from in "$@"; do
    [ -e "$from" ] || continue
    # Away with what is there: its absolute links would lead the copy out of the tree.
    rm -rf "$tree$from"
    mkdir -p "$tree$(dirname "$from")"
    cp -rL "$from" "$tree$from"
  done
}

mirror=$(debian_mirror)
say "a minimal $suite with git and ca-certificates in $tree, from $mirror"
mmdebstrap --variant=minbase --include=git,ca-certificates "$suite" "$tree" "$mirror" >"$work/mmdebstrap.log" 2>&1 ||
  { tail -n 20 "$work/mmdebstrap.log" >&2; die "mmdebstrap failed"; }

say "copying this machine's certificates and registry settings into it"
copy_in /etc/ssl/certs /usr/local/share/ca-certificates /etc/resolv.conf /etc/hosts /etc/npmrc /root/.npmrc
# shellcheck disable=SC2046
copy_in $(grep -lsE '^Acquire::(Check|http|https|Retries|Max)' /etc/apt/apt.conf.d/* || true)
settings=()
while IFS='=' read -r name value; do
  case "$name" in
    *CERT* | *_CA_BUNDLE | GIT_SSL_* | [Hh][Tt][Tt][Pp]*_[Pp][Rr][Oo][Xx][Yy] | [Nn][Oo]_[Pp][Rr][Oo][Xx][Yy] | npm_config_registry | CI)
      settings+=("$name=$value")
      ;;
  esac
done < <(env)

attach /proc "$tree/proc"
attach /dev "$tree/dev"
attach /sys "$tree/sys"
attach "$top" "$tree/mnt/thimble" ro

inside() {
  chroot "$tree" /usr/bin/env -i HOME=/root USER=root TERM=dumb LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${settings[@]}" "$@"
}

say "git clone, at $(git -C "$top" rev-parse --short HEAD)"
inside git -c safe.directory='*' clone -q --no-hardlinks /mnt/thimble /root/thimble

failed=0
for command in "${commands[@]}"; do
  say "in the fresh $suite: $command"
  start=$SECONDS
  if inside bash -c "cd /root/thimble && $command" </dev/null; then
    result="went well"
  else
    result="FAILED"
    failed=$((failed + 1))
  fi
  say "$result after $((SECONDS - start)) s: $command"
done
say "fresh $suite: ${#commands[@]} commands, $failed failed"
[ "$failed" -eq 0 ]
