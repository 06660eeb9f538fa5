#!/usr/bin/env bash
# Reserves, mounts and reports hugepages. millrace runs without them, on ordinary memory; with them it
# misses the TLB less, and physical NICs without an IOMMU need them.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: drivers-cfg/hugepages.sh                  report
       drivers-cfg/hugepages.sh --reserve MB     reserve MB of memory in 2 MiB pages, and mount them
       drivers-cfg/hugepages.sh --release        give back all 2 MiB pages that are free

Reservations do not outlive a reboot; for that add  vm.nr_hugepages = N  to /etc/sysctl.d/.
TEXT
}

pages_file=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
free_file=/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages
mount_point=/dev/hugepages

report() {
  local size pages free
  for size in /sys/kernel/mm/hugepages/hugepages-*; do
    [[ -d "$size" ]] || continue
    pages=$(<"$size/nr_hugepages")
    free=$(<"$size/free_hugepages")
    echo "hugepages: ${size##*-}: $pages reserved, $free free"
  done
  awk '$3 == "hugetlbfs" { print "hugepages: mounted at " $2; found = 1 }
       END { if (!found) print "hugepages: no hugetlbfs is mounted" }' /proc/mounts
}

need_root() {
  if ((EUID != 0)); then
    echo "hugepages: that needs root" >&2
    exit 1
  fi
  if [[ ! -w "$pages_file" ]]; then
    echo "hugepages: this kernel offers no 2 MiB pages to reserve" >&2
    exit 1
  fi
}

reserve() {
  local megabytes=$1 wanted got
  [[ "$megabytes" =~ ^[1-9][0-9]{0,7}$ ]] || {
    echo "hugepages: '$megabytes' is not a number of megabytes" >&2
    exit 2
  }
  need_root
  wanted=$(((megabytes + 1) / 2))
  echo "$wanted" >"$pages_file"
  got=$(<"$pages_file")
  if ((got < wanted)); then
    echo "hugepages: asked for $wanted pages of 2 MiB, got $got: memory is too fragmented or too" \
      "small; try again after a reboot, or reserve less" >&2
  fi
  if ! awk '$3 == "hugetlbfs" { found = 1 } END { exit !found }' /proc/mounts; then
    mkdir -p "$mount_point"
    mount -t hugetlbfs -o pagesize=2M,mode=0700 none "$mount_point"
  fi
  ((got >= wanted))
}

case "${1:-}" in
  "") report ;;
  --reserve)
    status=0
    reserve "${2:-}" || status=$?
    report
    exit "$status"
    ;;
  --release)
    need_root
    # What is in use stays: the kernel takes only free pages back.
    echo $(($(<"$pages_file") - $(<"$free_file"))) >"$pages_file"
    report
    ;;
  --help) usage ;;
  *) usage >&2 && exit 2 ;;
esac
