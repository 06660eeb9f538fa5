#!/usr/bin/env bash
# Hands a PCI NIC to a driver that DPDK can use, and back, after the checks that save a lost machine.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: drivers-cfg/bind.sh                                  list NICs and their drivers
       drivers-cfg/bind.sh PCI [vfio-pci|uio_pci_generic]   take the NIC from the kernel
       drivers-cfg/bind.sh PCI --back                       give it back to the kernel's driver

  --force   also when the NIC carries an address or the default route
  PCI is an address such as 0000:03:00.0 (short form 03:00.0)

With no driver named it takes vfio-pci where the machine has an IOMMU, uio_pci_generic where not.
Mellanox NICs (mlx4, mlx5) stay with their kernel driver: do not bind them, name them as they are.
TEXT
}

fail() {
  echo "bind: $*" >&2
  exit 1
}

device_dir() { echo "/sys/bus/pci/devices/$1"; }

has_iommu() { [[ -n "$(ls /sys/kernel/iommu_groups 2>/dev/null)" ]]; }

# in_use PCI: prints why the kernel still needs the NIC, or nothing.
in_use() {
  local iface
  # A virtio NIC has its interface one device further down.
  for iface in "$(device_dir "$1")"/net/* "$(device_dir "$1")"/virtio*/net/*; do
    [[ -e "$iface" ]] || continue
    iface=${iface##*/}
    if [[ -n "$(ip route show default dev "$iface"; ip -6 route show default dev "$iface")" ]]; then
      echo "$iface carries the default route"
    elif [[ -n "$(ip -o address show dev "$iface" scope global)" ]]; then
      echo "$iface has an address"
    fi
  done
}

back_to_kernel() {
  local pci=$1 dir
  dir=$(device_dir "$pci")
  if [[ -e "$dir/driver" ]]; then echo "$pci" >"$dir/driver/unbind"; fi
  echo >"$dir/driver_override"
  echo "$pci" >/sys/bus/pci/drivers_probe
  [[ -e "$dir/driver" ]] || fail "no kernel driver took $pci"
  echo "bind: $pci is with $(basename "$(readlink -f "$dir/driver")")"
}

force=
arguments=()
for argument in "$@"; do
  case "$argument" in
    --force) force=1 ;;
    --help) usage && exit 0 ;;
    *) arguments+=("$argument") ;;
  esac
done
set -- "${arguments[@]}"

devbind=$(command -v dpdk-devbind.py) ||
  fail "dpdk-devbind.py is missing; run: drivers-cfg/packages.sh pci"
if (($# == 0)); then
  exec "$devbind" --status-dev net
fi
if (($# > 2)); then
  usage >&2
  exit 2
fi

((EUID == 0)) || fail "that needs root"
pci=$1
[[ "$pci" =~ ^[0-9a-fA-F]{2}: ]] && pci=0000:$pci
[[ "$pci" =~ ^[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]$ ]] ||
  fail "'$1' is not a PCI address such as 0000:03:00.0; the list: drivers-cfg/bind.sh"
[[ -d "$(device_dir "$pci")" ]] || fail "there is no PCI device $pci; the list: drivers-cfg/bind.sh"
[[ "$(<"$(device_dir "$pci")/class")" == 0x02* ]] || fail "$pci is not a network device"

if [[ "${2:-}" == --back ]]; then
  back_to_kernel "$pci"
  exit 0
fi

vendor=$(<"$(device_dir "$pci")/vendor")
[[ "$vendor" != 0x15b3 ]] ||
  fail "$pci is a Mellanox NIC: DPDK drives it beside the kernel's driver; do not bind it"
why=$(in_use "$pci")
if [[ -n "$why" && -z "$force" ]]; then
  fail "$why; a machine reached over it would be lost (--force if you mean it)"
fi

driver=${2:-}
if [[ -z "$driver" ]]; then
  if has_iommu; then driver=vfio-pci; else driver=uio_pci_generic; fi
fi
case "$driver" in
  vfio-pci)
    has_iommu ||
      fail "vfio-pci needs an IOMMU: boot with intel_iommu=on or amd_iommu=on, or use uio_pci_generic"
    ;;
  uio_pci_generic) ;;
  *) fail "'$driver' is neither vfio-pci nor uio_pci_generic" ;;
esac
modprobe "$driver" || fail "this kernel has no module $driver"
"$devbind" ${force:+--force} --bind="$driver" "$pci"
echo "bind: $pci is with $driver; in a configuration: device = \"$pci\""
