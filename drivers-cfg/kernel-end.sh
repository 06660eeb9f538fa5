#!/usr/bin/env bash
# Makes the kernel's end of a TAP or veth fit to talk to millrace.
#
# The kernel leaves checksums unfilled and sends up to 64 KiB of TCP as one frame when it believes a
# device will finish them. Nothing on a TAP or veth does, so the offloads must be off. On a veth the
# receiver's work runs on the sender's core unless receive packet steering says otherwise.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: drivers-cfg/kernel-end.sh IFACE [--address ADDRESS/PREFIX]... [--steer CPUS]

  --address   give the kernel's end this address (may be repeated), and bring it up
  --steer     receive packet steering: the cores that do the receiver's work, as a list (1 or 0,2-3)

Run it inside the namespace where IFACE is:  ip netns exec NAME drivers-cfg/kernel-end.sh IFACE
TEXT
}

# cpu_mask LIST: "0,2-3" becomes the hexadecimal mask "d".
cpu_mask() {
  local mask=0 part first last cpu
  local -a parts
  IFS=, read -ra parts <<<"$1"
  for part in "${parts[@]}"; do
    [[ "$part" =~ ^([0-9]{1,2})(-([0-9]{1,2}))?$ ]] || {
      echo "kernel-end: '$1' is not a list of cores such as 1 or 0,2-3" >&2
      return 1
    }
    first=$((10#${BASH_REMATCH[1]}))
    last=$((10#${BASH_REMATCH[3]:-$first}))
    if ((last < first || last > 31)); then
      echo "kernel-end: '$part' is not a range of cores from 0 to 31" >&2
      return 1
    fi
    for ((cpu = first; cpu <= last; ++cpu)); do mask=$((mask | 1 << cpu)); done
  done
  printf '%x\n' "$mask"
}

if [[ "${1:-}" == --help || $# -eq 0 ]]; then
  usage
  exit $(($# == 0 ? 2 : 0))
fi
iface=$1
shift
addresses=()
steer=
while (($# > 0)); do
  case "$1" in
    --address) addresses+=("${2:?--address needs ADDRESS/PREFIX}") && shift 2 ;;
    --steer) steer=${2:?--steer needs a list of cores} && shift 2 ;;
    *) usage >&2 && exit 2 ;;
  esac
done

for tool in ip ethtool; do
  command -v "$tool" >/dev/null || {
    echo "kernel-end: $tool is missing; run: drivers-cfg/packages.sh run" >&2
    exit 1
  }
done
ip link show dev "$iface" >/dev/null 2>&1 || {
  echo "kernel-end: there is no interface '$iface' in this network namespace" >&2
  exit 1
}

# One at a time: a device that fixes one of them must not keep the others on.
for offload in tx rx tso gso gro; do
  ethtool -K "$iface" "$offload" off >/dev/null 2>&1 || true
done
still_on=$(ethtool -k "$iface" |
  grep -E '^(tx-checksumming|tcp-segmentation-offload|generic-segmentation-offload): on' || true)
if [[ -n "$still_on" ]]; then
  echo "kernel-end: $iface keeps an offload that would spoil frames:" >&2
  echo "$still_on" >&2
  exit 1
fi

for address in "${addresses[@]}"; do
  if [[ "$address" == *:* ]]; then
    # nodad: the other end is ours, and a client must not have to wait for the probe.
    ip -6 address replace "$address" dev "$iface" nodad
  else
    ip address replace "$address" dev "$iface"
  fi
done
if ((${#addresses[@]} > 0)); then ip link set dev "$iface" up; fi

if [[ -n "$steer" ]]; then
  mask=$(cpu_mask "$steer")
  for queue in "/sys/class/net/$iface"/queues/rx-*; do
    echo "$mask" >"$queue/rps_cpus"
  done
fi
echo "kernel-end: $iface is ready (offloads off${addresses[*]:+, ${addresses[*]}}${steer:+, steered to $steer})"
