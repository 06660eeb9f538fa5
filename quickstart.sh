#!/usr/bin/env bash
# millrace in one command: on a fresh Debian 12, as root, with no NIC and no hugepages, this installs
# what is missing, builds, and serves a small site and an echo from a port in a network namespace.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=drivers-cfg/packages.sh
source "$root/drivers-cfg/packages.sh"

readonly namespace=millrace-quickstart
readonly lock_file=/run/millrace-quickstart.lock
readonly server4=198.18.0.2 server6=2001:db8::2
readonly peer4=198.18.0.1/24 peer6=2001:db8::1/64
readonly big_file=100mb.bin

usage() {
  cat <<'TEXT'
usage: ./quickstart.sh [--check] [--port PORT] [--build DIRECTORY]

  --check       try everything that is printed, say what came of it, and exit (0: all went well)
  --port PORT   the loopback port on which this machine's own browser finds the site (8080, or the
                next that is free)
  --build DIR   take the programs from this build, and build nothing

Without --check it stays until Ctrl-C. It leaves nothing on the disk but the packages and build/.
TEXT
}

say() { printf '== %s\n' "$*"; }

die() {
  printf 'quickstart: %s\n' "$*" >&2
  exit 1
}

check=
build=
first_port=8080
while (($# > 0)); do
  case "$1" in
    --check) check=1 && shift ;;
    --port)
      [[ "${2:-}" =~ ^[0-9]{1,5}$ ]] || { usage >&2; exit 2; }
      first_port=$2 && shift 2
      ;;
    --build)
      [[ -x "${2:-}/apps/millraced" ]] || die "there is no apps/millraced in '${2:-}'"
      build=$(cd "$2" && pwd -P) && shift 2
      ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
done

((EUID == 0)) || die "making a network namespace needs root; run: sudo $0 $*"

lock_machine() {
  exec 9>"$lock_file"
  flock -n 9 || die "another quickstart is running on this machine; stop it first (Ctrl-C there)"
  # The file goes with the run that holds it: what we have locked may be gone.
  [[ "$lock_file" -ef /proc/self/fd/9 ]] || lock_machine
}
lock_machine

# What is running or made, for clean_up.
server_pid=
forwarder_pid=
directory=
namespace_made=

# background COMMAND...: starts it in a session of its own, so that Ctrl-C reaches only this script,
# and so that it ends when this script is killed. Its output goes to the file $log.
background() {
  setsid setpriv --pdeathsig TERM -- "$@" >"$log" 2>&1 </dev/null 9>&- &
}

inside() { ip netns exec "$namespace" "$@"; }

running() { kill -0 "$1" 2>/dev/null; }

# wait_until SECONDS COMMAND...: whether the command came true in time, the server running.
wait_until() {
  local tries=$(($1 * 20))
  shift
  until "$@" >/dev/null 2>&1; do
    ((tries-- > 0)) && running "$server_pid" || return 1
    sleep 0.05
  done
}

# stop_server: drains the server; its exit code.
stop_server() {
  local code=0
  kill -TERM "$server_pid" 2>/dev/null || true
  wait "$server_pid" || code=$?
  server_pid=
  return "$code"
}

clean_up() {
  local status=$?
  trap '' INT TERM HUP
  set +e
  if [[ -n "$forwarder_pid" ]]; then
    # The forwarder is a session of its own: its children too.
    kill -TERM -- "-$forwarder_pid" 2>/dev/null
    wait "$forwarder_pid" 2>/dev/null
  fi
  if [[ -n "$server_pid" ]]; then stop_server; fi
  if [[ -n "$namespace_made" ]]; then ip netns delete "$namespace"; fi
  if [[ -n "$directory" ]]; then
    rm -rf "$directory"
    rmdir --ignore-fail-on-non-empty /run/millrace 2>/dev/null
  fi
  rm -f "$lock_file"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

build_server() {
  if [[ -n "$build" ]]; then return; fi
  # Where there is a ccache, meson takes it.
  export CCACHE_DIR=$root/build/ccache
  build=$root/build/quickstart
  say "building millrace in ${build#"$PWD"/}"
  local log=$directory/build.log recorded=$build/.millrace-root
  # A build directory remembers its path: a clone that has moved needs a new one.
  if [[ ! -f "$build/build.ninja" || "$(cat "$recorded" 2>/dev/null)" != "$root" ]]; then
    rm -rf "$build"
    meson setup "$build" "$root" --buildtype=release -Doptimization=2 \
      -Ddpdk=enabled -Dtests=false >"$log" 2>&1 || {
      tail -n 30 "$log" >&2
      die "meson could not configure the build"
    }
    printf '%s\n' "$root" >"$recorded"
  fi
  ninja -C "$build" >"$log" 2>&1 || {
    grep -A 12 'FAILED:' "$log" >&2 || tail -n 30 "$log" >&2
    die "the build failed; repeat it: ninja -C $build"
  }
}

# A run that was killed could not remove its namespace. The lock is ours, so nobody uses it.
remove_leftovers() {
  local pid
  rm -rf /var/tmp/millrace-quickstart.??????
  if ip netns list | grep -q "^$namespace\\b"; then
    say "removing what an earlier run left"
    for pid in $(ip netns pids "$namespace"); do kill -KILL "$pid" 2>/dev/null || true; done
    ip netns delete "$namespace"
  fi
}

# The site, and beside it a file of 100 MB that is the same on every machine.
make_site() {
  say "making the site, with a file of 100 MB"
  cp "$root/configs/quickstart.toml" "$directory/"
  # The configuration's own document root, relative to it: here with our site in it.
  site=$directory/$(sed -n 's/^root = "\([^"]*\)".*/\1/p' "$root/configs/quickstart.toml")
  cp -r "$root/site" "$site"
  /usr/bin/python3 - "$site/$big_file" <<'PYTHON'
import random, sys
source = random.Random(2)
with open(sys.argv[1], "wb") as file:
    for _ in range(100):
        file.write(source.randbytes(1_000_000))
PYTHON
  (cd "$site" && sha256sum "$big_file" >"$big_file.sha256")
}

start_server() {
  local config=$directory/quickstart.toml log=$directory/millraced.log interface
  interface=$(sed -n 's/^[^#]*iface=\([^,"]*\).*/\1/p' "$config" | head -n 1)
  [[ -n "$interface" ]] || die "configs/quickstart.toml names no interface"
  say "starting millraced on $interface in the network namespace $namespace"
  ip netns add "$namespace" || die "this machine lets us make no network namespace"
  namespace_made=1
  inside ip link set dev lo up
  background ip netns exec "$namespace" "$build/apps/millraced" --config "$config"
  server_pid=$!
  if ! wait_until 30 inside ip link show dev "$interface"; then
    cat "$log" >&2
    die "millraced did not make its port"
  fi
  inside "$root/drivers-cfg/kernel-end.sh" "$interface" --address "$peer4" --address "$peer6" \
    >/dev/null
  if ! wait_until 30 inside curl -sf --max-time 2 "http://$server4/"; then
    cat "$log" >&2
    die "millraced does not answer"
  fi
  sed 's/^/   /' "$log"
}

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A listener on loopback outside the namespace; each connection is carried on from inside it.
start_forwarder() {
  local log=$directory/forwarder.log
  for ((port = first_port; port < first_port + 50; ++port)); do
    port_answers "$port" && continue
    background socat "TCP4-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" \
      "EXEC:ip netns exec $namespace socat STDIO TCP4\\:$server4\\:80"
    forwarder_pid=$!
    if wait_until 5 port_answers "$port" && running "$forwarder_pid"; then return 0; fi
    wait "$forwarder_pid" 2>/dev/null || true
    forwarder_pid=
  done
  cat "$log" >&2
  die "found no free loopback port from $first_port on"
}

print_commands() {
  cat <<TEXT

millrace is serving. To try, in another terminal on this machine, as root:

  ip netns exec $namespace curl http://$server4/
  ip netns exec $namespace curl -g 'http://[$server6]/'
  ip netns exec $namespace curl --data hello http://$server4/echo
  ip netns exec $namespace ping -c 3 $server4
  ip netns exec $namespace ping -c 3 $server6
  ip netns exec $namespace curl -s http://$server4/$big_file | sha256sum
      # $(sum_of_big_file)
  echo hello | ip netns exec $namespace socat -t 5 - TCP4:$server4:7         # echo
  echo hello | ip netns exec $namespace socat -t 2 - UDP4:$server4:7
  $build/apps/millrace-ctl conns
  $build/apps/millrace-ctl stats

In this machine's own browser: http://127.0.0.1:$port/

TEXT
}

passed=0
failed=0

# try WHAT COMMAND...: one line of --check.
try() {
  local what=$1 status=0
  shift
  "$@" >"$directory/try.log" 2>&1 || status=$?
  if ((status == 0)); then
    passed=$((passed + 1))
    echo "   ok      $what"
  else
    failed=$((failed + 1))
    echo "   FAILED  $what (exit code $status)"
    tail -n 5 "$directory/try.log" | sed 's/^/           /'
  fi
}

page_agrees() { "$@" | cmp - "$site/index.html"; }

sum_of_big_file() { cut -d ' ' -f 1 "$site/$big_file.sha256"; }

download_agrees() {
  local sum
  sum=$(inside curl -sSf -g --max-time 120 "http://$1/$big_file" | sha256sum | cut -d ' ' -f 1)
  echo "got $sum, wanted $(sum_of_big_file)"
  [[ "$sum" == "$(sum_of_big_file)" ]]
}

# -t: how long socat stays for the rest of the echo once all is sent.
echo_agrees() {
  local sum
  sum=$(inside timeout 180 socat -t 60 - "$1" <"$site/$big_file" | sha256sum |
    cut -d ' ' -f 1)
  echo "got $sum, wanted $(sum_of_big_file)"
  [[ "$sum" == "$(sum_of_big_file)" ]]
}

post_agrees() {
  local answer
  answer=$(inside curl -sSf --max-time 20 --data "millrace" "http://$server4/echo")
  echo "got '$answer'"
  [[ "$answer" == "millrace" ]]
}

datagram_agrees() {
  local answer
  answer=$(echo "millrace $1" | inside timeout 20 socat -t 2 - "$1")
  echo "got '$answer'"
  [[ "$answer" == "millrace $1" ]]
}

check_all() {
  say "checking"
  local curl=(curl -sSf -g --max-time 20)
  try "a page over IPv4" page_agrees inside "${curl[@]}" "http://$server4/"
  try "a page over IPv6" page_agrees inside "${curl[@]}" "http://[$server6]/"
  try "a body posted to /echo comes back" post_agrees
  try "ping over IPv4" inside ping -c 3 -i 0.2 -W 5 "$server4"
  try "ping over IPv6" inside ping -c 3 -i 0.2 -W 5 "$server6"
  try "the SHA-256 of a 100 MB file agrees, over IPv4" download_agrees "$server4"
  try "the SHA-256 of a 100 MB file agrees, over IPv6" download_agrees "[$server6]"
  try "100 MB echoed back are equal, over IPv4" echo_agrees "TCP4:$server4:7"
  try "100 MB echoed back are equal, over IPv6" echo_agrees "TCP6:[$server6]:7"
  try "UDP echo over IPv4" datagram_agrees "UDP4:$server4:7"
  try "UDP echo over IPv6" datagram_agrees "UDP6:[$server6]:7"
  try "the site on this machine's loopback port $port" page_agrees "${curl[@]}" \
    "http://127.0.0.1:$port/"
  try "SIGTERM drains the server, exit code 0" stop_server
  say "$passed passed, $failed failed"
  ((failed == 0))
}

install_packages build run check
[[ -c /dev/net/tun ]] || modprobe tun 2>/dev/null || true
[[ -c /dev/net/tun ]] || die "this machine has no /dev/net/tun, which a TAP needs"
remove_leftovers
directory=$(mktemp -d /var/tmp/millrace-quickstart.XXXXXX)
build_server
make_site
start_server
start_forwarder
if [[ -n "$check" ]]; then
  check_all
  exit
fi
print_commands
echo "Ctrl-C stops it."
code=0
wait "$server_pid" || code=$?
server_pid=
tail -n 20 "$directory/millraced.log" >&2
die "millraced has ended by itself, exit code $code"
