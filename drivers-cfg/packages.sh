#!/usr/bin/env bash
# The Debian packages millrace needs, in one place: quickstart.sh and tests/run.sh source this file.
#
#   drivers-cfg/packages.sh                     print the lists
#   drivers-cfg/packages.sh build run test      install what is missing of these (root)
#   drivers-cfg/packages.sh --help              print this, and the lists

# build: to compile everything that quickstart.sh needs.
# run:   to make a machine ready for a port, and for quickstart.sh's forwarder.
# check: what quickstart.sh --check asks the server with.
# test:  what tests/run.sh needs beyond all of these.
# bench: what bench/rig and bench/targets build and run, with their peers.
# pci:   for binding a NIC to a DPDK driver (bind.sh).
declare -A packages=(
  [build]="g++ meson ninja-build pkgconf libdpdk-dev libtomlplusplus-dev libcli11-dev libfmt-dev
           libspdlog-dev nlohmann-json3-dev libboost-dev"
  [run]="iproute2 ethtool socat"
  [check]="curl iputils-ping"
  [test]="libgtest-dev libgmock-dev libbenchmark-dev libtbb-dev clang-14 llvm-14 libclang-rt-14-dev
          clang-format-14 ccache shellcheck wrk apache2-utils netcat-openbsd procps python3 dpdk dpdk-dev valgrind"
  [bench]="libbenchmark-dev libtbb-dev valgrind ccache nginx iperf3 wrk dpdk iproute2 ethtool util-linux python3"
  [pci]="dpdk pciutils kmod"
)

# package_installed NAME: whether dpkg has it unpacked and configured.
package_installed() {
  [[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

# without_services COMMAND...: while it runs, no package starts its service: nginx's would take port 80.
without_services() (
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e "$policy" ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" || exit 1
  fi
  "$@"
)

# install_packages LIST...: installs what is missing of the named lists, and says what.
install_packages() {
  local list package missing=()
  for list in "$@"; do
    for package in ${packages[$list]}; do
      package_installed "$package" || missing+=("$package")
    done
  done
  if ((${#missing[@]} == 0)); then
    echo "packages: nothing is missing ($*)"
    return 0
  fi
  echo "packages: installing ${missing[*]}"
  if ((EUID != 0)); then
    echo "packages: that needs root; run: apt-get install ${missing[*]}" >&2
    return 1
  fi
  local log status=0
  log=$(mktemp) || return 1
  {
    apt-get -q -o DPkg::Lock::Timeout=300 update &&
      DEBIAN_FRONTEND=noninteractive without_services apt-get -q -y -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Options::=--force-confold install --no-install-recommends "${missing[@]}"
  } >"$log" 2>&1 </dev/null || status=1
  if ((status != 0)); then
    tail -n 40 "$log" >&2
    echo "packages: apt-get failed; is this Debian 12, and does its package source answer?" >&2
  fi
  rm -f "$log"
  return "$status"
}

# print_packages: a line for each list.
print_packages() {
  local list
  for list in "${!packages[@]}"; do
    # shellcheck disable=SC2086 # the list is split into its words
    echo "$list:" ${packages[$list]}
  done | sort
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
  set -euo pipefail
  if [[ "${1:-}" == --help ]]; then
    sed -n '/^#   /s/^#   //p' "${BASH_SOURCE[0]}"
    echo
    print_packages
    exit 0
  fi
  for list in "$@"; do
    [[ -v packages["$list"] ]] || {
      echo "packages: there is no list '$list'; there are: $(print_packages | cut -d : -f 1 | xargs)" >&2
      exit 2
    }
  done
  if (($# > 0)); then install_packages "$@"; else print_packages; fi
fi
