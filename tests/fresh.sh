#!/usr/bin/env bash
# Proves the README on a machine that has nothing: makes a minimal Debian 12 with debootstrap, copies a
# clean clone in, and runs the README's two commands there and nothing else.
#
# Takes minutes, and is not part of continuous integration. Packages come from where this machine's
# apt takes Debian's. Mounts and processes live in namespaces of their own and end with the script.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=drivers-cfg/packages.sh
source "$root/drivers-cfg/packages.sh"

# The README's two commands.
commands=("./quickstart.sh --check" "tests/run.sh")

usage() {
  cat <<TEXT
usage: tests/fresh.sh [--keep] [COMMAND...]

  --keep     do not remove the new system at the end; its directory is printed
  COMMAND    run these in the clone instead of: ${commands[*]@Q}

What is cloned is the last commit. The system is made in \${TMPDIR:-/var/tmp} and needs 6 GB there.
TEXT
}

say() { printf '=== %s\n' "$*"; }

die() {
  printf 'fresh: %s\n' "$*" >&2
  exit 1
}

# apt_sources: this machine's Debian 12 package sources, as lines for sources.list.
apt_sources() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(ORIGIN) deb $(SITE) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' | sed -n 's/^Debian \(deb .* bookworm.*\)/\1/p' | sort -u
}

# in_new_system DIRECTORY COMMAND: inside namespaces of their own for mounts and processes.
in_new_system() {
  local system=$1 command=$2
  mount --bind "$system" "$system" # ip netns wants / to be a mount point
  mount -t proc proc "$system/proc"
  mount -t sysfs sysfs "$system/sys"
  mount -t bpf bpf "$system/sys/fs/bpf" 2>/dev/null || true
  mount --rbind /dev "$system/dev"
  mount -t tmpfs tmpfs "$system/run"
  mkdir -p "$system/run/lock"
  exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ${TERM:+TERM="$TERM"} ${http_proxy:+http_proxy="$http_proxy"} \
    ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
    chroot "$system" sh -c "cd /root/millrace && exec $command" </dev/null
}

if [[ "${1:-}" == --in-new-system ]]; then
  in_new_system "$2" "$3"
fi

keep=
chosen=()
for argument in "$@"; do
  case "$argument" in
    --keep) keep=1 ;;
    --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *) chosen+=("$argument") ;;
  esac
done
if ((${#chosen[@]} == 0)); then
  for command in "${commands[@]}"; do
    grep -qF "$command" "$root/README.md" || die "the README does not say '$command'"
  done
  chosen=("${commands[@]}")
fi

((EUID == 0)) || die "debootstrap needs root"
for package in debootstrap git; do
  package_installed "$package" || apt-get -q -y install --no-install-recommends "$package" ||
    die "$package is missing"
done
[[ -z "$(git -C "$root" status --porcelain)" ]] ||
  say "there are changes that are not committed; they are not tested"

system=$(mktemp -d "${TMPDIR:-/var/tmp}/millrace-fresh.XXXXXX")
chmod 755 "$system" # it becomes /, which everyone may pass
child=
clean_up() {
  local status=$?
  trap '' INT TERM HUP
  if [[ -n "$child" ]]; then
    kill -KILL "$child" 2>/dev/null || true # unshare heeds nothing less; its namespaces go with it
    wait "$child" 2>/dev/null || true
  fi
  if [[ -n "$keep" ]]; then
    say "the new system is in $system"
  else
    rm -rf --one-file-system "$system"
  fi
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

began=$SECONDS
sources=$(apt_sources)
[[ -n "$sources" ]] || die "this machine's apt has no source for Debian 12 (bookworm); apt-get update?"
site=$(awk '$3 == "bookworm" { print $2; exit }' <<<"$sources")
say "a minimal Debian 12 in $system, from $site"
include=
[[ "$sources" != *" https://"* ]] || include=--include=ca-certificates
# shellcheck disable=SC2086 # one word or none
debootstrap --variant=minbase $include bookworm "$system" "$site" >"$system.log" 2>&1 || {
  tail -n 20 "$system.log" >&2
  rm -f "$system.log"
  die "debootstrap failed"
}
rm -f "$system.log"
echo "$sources" >"$system/etc/apt/sources.list"
# How this machine reaches its package source: names, proxy, certificates of its own.
cat /etc/resolv.conf >"$system/etc/resolv.conf" 2>/dev/null || true
cat /etc/hosts >"$system/etc/hosts"
apt-config dump | grep -E '^Acquire::(http|https)::' >"$system/etc/apt/apt.conf.d/00machine" || true
if [[ -n "$include" ]]; then
  cp -r /usr/local/share/ca-certificates "$system/usr/local/share/" 2>/dev/null || true
  chroot "$system" update-ca-certificates >/dev/null 2>&1 || true
fi
git clone -q --no-hardlinks "$root" "$system/root/millrace"
say "made in $((SECONDS - began)) s"

status=0
for command in "${chosen[@]}"; do
  say "in the new system: $command"
  began=$SECONDS
  unshare --mount --propagation private --pid --fork --kill-child \
    bash "$root/tests/fresh.sh" --in-new-system "$system" "$command" &
  child=$!
  code=0
  wait "$child" || code=$?
  child=
  say "$command: exit code $code, $((SECONDS - began)) s"
  ((code == 0)) || status=1
done
exit "$status"
