#!/usr/bin/env bash
# Installs what is missing, builds millrace in every way that is supported, and runs every test.
# The last lines say "N passed, N failed"; the exit code is 0 only when nothing failed.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P) || exit 2
# shellcheck source=drivers-cfg/packages.sh
source "$root/drivers-cfg/packages.sh"

all_stages=(scripts gcc sim bench nodpdk sanitize fuzz tsan net rig quickstart)
optional_stages=(mutants) # Run where --only asks for them.

usage() {
  cat <<TEXT
usage: tests/run.sh [--quick] [--only STAGE]... [--no-install]

  --quick        one build (g++), its unit tests, simulations and real peers with short loads
  --only STAGE   only this stage (may be repeated): ${all_stages[*]} ${optional_stages[*]}
  --no-install   do not look for missing packages

  scripts    shellcheck, and Python's own compiler, over every script; clang-format over every source
  gcc        build with g++, warnings are errors; unit tests
  sim        simulations, in g++'s build
  bench      every micro benchmark runs, for a moment each and on small tables, in g++'s build; instructions
             are counted twice and have to agree
  nodpdk     everything but nic, runtime and apps, built and tested without DPDK (simulations: see sim)
  sanitize   build with clang 14, warnings are errors; all of the above under ASan and UBSan
  fuzz       every fuzz target for ${MILLRACE_FUZZ_SECONDS:-10} s (MILLRACE_FUZZ_SECONDS), in that build
  tsan       what several threads touch, under the thread sanitizer (clang 14)
  mutants    ${MILLRACE_MUTANTS:-5} mechanisms (MILLRACE_MUTANTS) are broken on purpose, others for each commit, and
             their tests have to fail; only where asked for
  net        real peers in network namespaces (root)
  rig        bench/rig on every link, with every server and client, for a moment each; no time is judged; what
             millrace-load has done is what millraced has counted (root)
  quickstart ./quickstart.sh --check, with g++'s build (root)

Builds are kept in build/test-* and used again.
TEXT
}

quick=
install=1
stages=()
while (($# > 0)); do
  case "$1" in
    --quick) quick=1 && shift ;;
    --no-install) install= && shift ;;
    --only)
      [[ " ${all_stages[*]} ${optional_stages[*]} " == *" ${2:-} "* ]] || { usage >&2; exit 2; }
      stages+=("$2") && shift 2
      ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
done
if ((${#stages[@]} == 0)); then
  if [[ -n "$quick" ]]; then stages=(gcc sim net); else stages=("${all_stages[@]}"); fi
fi

cd "$root" || exit 2
mkdir -p build || exit 2
exec 9>build/.tests-run.lock
if ! flock -n 9; then
  echo "tests/run.sh: another run is using $root/build; wait for it, or use another clone" >&2
  exit 2
fi

passed=0
failed=0
skipped=0
failures=()
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
child=
trap 'interrupted' INT TERM HUP

export PYTHONDONTWRITEBYTECODE=1
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

interrupted() {
  if [[ -n "$child" ]]; then
    kill -TERM "$child" 2>/dev/null
    wait "$child"
  fi
  exit 130
}

say() { printf '== %s\n' "$*"; }

# tally PASSED FAILED SKIPPED
tally() {
  passed=$((passed + $1))
  failed=$((failed + $2))
  skipped=$((skipped + $3))
}

# fail WHAT REPEAT: one failure that is not a test program's.
fail() {
  tally 0 1 0
  failures+=("$1")
  printf 'failed: %s\nrepeat it: %s\n' "$1" "$2"
}

# configure DIRECTORY OPTION...: a meson build directory with exactly these options, made anew when the
# options or the clone's own path are others than the last time. The compiler is $CC and $CXX. Lines are
# all that a test's failure needs of debug information: -g1 takes a third less time to build.
configure() {
  local directory=$1 recorded=$1/.millrace-options wanted
  shift
  wanted="$root ${CC:-} ${CXX:-} $*"
  if [[ -f "$directory/build.ninja" && "$(cat "$recorded" 2>/dev/null)" == "$wanted" ]]; then
    return 0
  fi
  rm -rf "$directory"
  meson setup "$directory" -Dcpp_args=-g1 "$@" || return 1
  printf '%s\n' "$wanted" >"$recorded"
}

# build DIRECTORY TARGETS OPTION...: configures and builds (TARGETS: a list in one word, or all), and
# counts as one test.
build() {
  local directory=$1 targets=$2 log=$scratch/build.log
  shift 2
  say "building $directory ($*)"
  # shellcheck disable=SC2086 # targets are words
  if { configure "$directory" "$@" && ninja -C "$directory" -j "$(nproc)" $targets; } >"$log" 2>&1; then
    tally 1 0 0
    return 0
  fi
  grep -E -A 12 'FAILED:|error:|ERROR:' "$log" | head -n 80 || true
  echo "the log's end:"
  tail -n 20 "$log"
  fail "the build in $directory" "${CXX:+CC=\"$CC\" CXX=\"$CXX\" }meson setup $directory $* && ninja -C $directory $targets"
  return 1
}

# without_randomisation: the sanitizers of clang 14 cannot live with as much address space
# randomisation as newer kernels have by default.
without_randomisation() {
  if setarch -R true 2>/dev/null; then echo "setarch -R"; fi
}

# meson_tests DIRECTORY MULTIPLIER WRAPPER OPTION...: runs and counts test programs.
meson_tests() {
  local directory=$1 multiplier=$2 wrapper=$3 log=$scratch/test.log code=0 before
  shift 3
  rm -f "$directory"/meson-logs/testlog*
  find "$directory" -name meson-private -prune -o -name '*.xml' -exec rm -f {} +
  meson test -C "$directory" --timeout-multiplier "$multiplier" ${wrapper:+--wrapper "$wrapper"} \
    --print-errorlogs "$@" >"$log" 2>&1 || code=$?
  if ((code != 0)); then tail -n 150 "$log"; fi
  # shellcheck disable=SC2086 # the wrapper is words
  /usr/bin/python3 tests/meson_report.py "$directory" "$code" $wrapper >"$scratch/report" ||
    echo "0 1 0" >>"$scratch/report"
  head -n -1 "$scratch/report"
  before=$failed
  # shellcheck disable=SC2046 # three numbers
  tally $(tail -n 1 "$scratch/report")
  ((failed == before)) || failures+=("tests in $directory")
  say "$(tail -n 1 "$scratch/report" |
    awk '{ print $1 " passed, " $2 " failed, " $3 " skipped" }')"
  if [[ "$(tail -n 1 "$scratch/report")" == "0 0 0" ]]; then
    fail "no test was found in $directory ($*)" "meson test -C $directory $*"
  fi
}

stage_scripts() {
  say "scripts"
  local file scripts=() python=()
  while IFS= read -r file; do
    case "$(head -c 40 "$file" | head -n 1 | tr -d '\0')" in
      *bash | *"/sh") scripts+=("$file") ;;
      *python3) python+=("$file") ;;
    esac
    [[ "$file" == *.py ]] && python+=("$file")
  done < <(find . -path ./build -prune -o -path ./.git -prune -o -type f -print)
  for file in "${scripts[@]}"; do
    if (cd "$(dirname "$file")" && shellcheck -x -e SC2317 -P "$root" "$(basename "$file")"); then
      tally 1 0 0
    else
      fail "shellcheck of $file" "shellcheck -x -e SC2317 $file"
    fi
  done
  for file in "${python[@]}"; do
    if /usr/bin/python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$file"; then
      tally 1 0 0
    else
      fail "syntax of $file" "python3 -m py_compile $file"
    fi
  done
  local sources=()
  mapfile -t sources < <(find lib apps tests bench -name '*.[ch]pp' | sort)
  if clang-format-14 --dry-run -Werror "${sources[@]}" >"$scratch/format.log" 2>&1; then
    tally 1 0 0
  else
    grep 'error:' "$scratch/format.log" | cut -d : -f 1 | uniq
    fail "clang-format of those" "clang-format-14 --dry-run -Werror FILE (or -i, to mend it)"
  fi
}

# The build that gcc, sim, bench and net share.
gcc_build() {
  [[ -n "${gcc_is_built:-}" ]] && return 0
  CC="${ccache}gcc" CXX="${ccache}g++" build build/test-gcc all -Ddpdk=enabled -Dbench=true && gcc_is_built=1
}

stage_gcc() {
  gcc_build && meson_tests build/test-gcc 4 "" --no-rebuild --no-suite sim
}

stage_sim() {
  gcc_build && meson_tests build/test-gcc 4 "" --no-rebuild --suite sim
}

stage_bench() {
  gcc_build || return
  local program programs=()
  mapfile -t programs < <(ninja -C build/test-gcc -t targets all |
    sed -n 's,^\(bench/micro/[^:]*_bench\): cpp_LINKER.*,\1,p' | sort)
  if ((${#programs[@]} == 0)); then
    fail "no benchmark was found" "ninja -C build/test-gcc -t targets all"
    return
  fi
  say "${#programs[@]} benchmark programs, each for a moment"
  : >"$scratch/benchmarks"
  for program in "${programs[@]}"; do
    # Tables and wheels of a million and more take most of the time to fill.
    if "build/test-gcc/$program" --benchmark_min_time=0.001 '--benchmark_filter=-/[0-9]{7,}' \
      >"$scratch/bench.log" 2>&1; then
      cat "$scratch/bench.log" >>"$scratch/benchmarks"
      tally 1 0 0
    else
      tail -n 20 "$scratch/bench.log"
      fail "benchmark $program" "build/test-gcc/$program"
    fi
  done
  # What table, wheel, checksum, parse and HTTP parse are compared with.
  local reference
  for reference in rte_hash_ tbb_ rte_timer_ checksum_rte_raw_cksum checksum_plain_loop \
    headers_rte_net_get_ptype parse_reference beast; do
    grep -qE "^$reference.* ns " "$scratch/benchmarks" ||
      fail "no benchmark has measured $reference" "tests/run.sh --only bench"
  done
  instructions
}

# Two counts of the same agree, and the command tells what has risen.
instructions() {
  say "instructions, counted twice"
  local figures=$scratch/instructions.json less=$scratch/less.json
  local command=(/usr/bin/python3 bench/instructions --build build/test-gcc --others 1000)
  if "${command[@]}" --twice --json "$figures" >"$scratch/instructions.log" 2>&1; then
    tally 1 0 0
  else
    tail -n 20 "$scratch/instructions.log"
    fail "counting instructions" "${command[*]} --twice"
    return
  fi
  /usr/bin/python3 - "$figures" "$less" <<'PYTHON'
import json, sys
told = json.load(open(sys.argv[1]))
told["figures"]["tcp: echo of 64 bytes"]["instructions"] *= 0.98
json.dump(told, open(sys.argv[2], "w"))
PYTHON
  "${command[@]}" --compare "$less" tcp >"$scratch/instructions.log" 2>&1
  if (($? == 1)) && grep -q "^tcp: echo of 64 bytes: .* before$" "$scratch/instructions.log" &&
    "${command[@]}" --compare "$figures" tcp >/dev/null 2>&1; then
    tally 1 0 0
  else
    fail "comparing instructions" "${command[*]} --json FILE; ${command[*]} --compare FILE tcp"
  fi
}

stage_nodpdk() {
  CC="${ccache}gcc" CXX="${ccache}g++" build build/test-nodpdk all -Ddpdk=disabled &&
    meson_tests build/test-nodpdk 4 "" --no-rebuild --no-suite sim
}

stage_mutants() {
  local count=${MILLRACE_MUTANTS:-5}
  say "breaking $count mechanisms on purpose"
  if /usr/bin/python3 tests/mutate.py --sample "$count" >"$scratch/mutants.log" 2>&1; then
    tally "$count" 0 0
  else
    fail "a broken mechanism that no test notices" "tests/mutate.py ID"
    cat "$scratch/mutants.log"
  fi
}

sanitize_build() {
  [[ -n "${sanitize_is_built:-}" ]] && return 0
  CC="${ccache}clang-14" CXX="${ccache}clang++-14" build build/test-sanitize all -Ddpdk=enabled -Dfuzz=true \
    -Dsimulation_seeds=100 -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false && sanitize_is_built=1
}

stage_sanitize() {
  sanitize_build && meson_tests build/test-sanitize 10 "$(without_randomisation)" --no-rebuild
}

# fuzz_one PROGRAM: begins with the inputs that the repository has for it. Those that it finds live as
# long as the run; one that breaks it is kept in the build. Sessions of segments need more time.
fuzz_one() {
  local program=$1 name=${1##*/} seconds=${MILLRACE_FUZZ_SECONDS:-10} corpus kept seeds
  corpus=$scratch/corpus-$name
  kept=build/test-sanitize/fuzz-failures
  seeds=${name#fuzz_*_}
  seeds=${program%/*}/${seeds%_fuzz}_corpus
  [[ "$name" == *live* ]] && seconds=$((6 * seconds))
  mkdir -p "$corpus" "$kept"
  # shellcheck disable=SC2046 # the wrapper is words
  if $(without_randomisation) "build/test-sanitize/$program" -max_total_time="$seconds" \
    -timeout=10 -rss_limit_mb=4096 -seed="${MILLRACE_FUZZ_SEED:-1}" \
    -artifact_prefix="$kept/$name-" "$corpus" $([[ -d "$seeds" ]] && echo "$seeds") >"$scratch/$name.log" 2>&1; then
    echo 1 >"$scratch/$name.fuzzed"
    grep -E '^Done' "$scratch/$name.log" | sed "s,^,   $name: ,"
  else
    echo 0 >"$scratch/$name.fuzzed"
  fi
}

stage_fuzz() {
  sanitize_build || return
  local program programs=() running=0 name input
  mapfile -t programs < <(ninja -C build/test-sanitize -t targets all |
    sed -n 's,^\(tests/fuzz/[^:]*fuzz_[a-z0-9_]*\): cpp_LINKER.*,\1,p' | sort)
  if ((${#programs[@]} == 0)); then
    fail "no fuzz target was found" "ninja -C build/test-sanitize -t targets all"
    return
  fi
  say "fuzzing ${#programs[@]} targets for ${MILLRACE_FUZZ_SECONDS:-10} s each, live connections for six times as long"
  for program in "${programs[@]}"; do
    fuzz_one "$program" 9>&- &
    running=$((running + 1))
    if ((running >= $(nproc))); then
      wait -n
      running=$((running - 1))
    fi
  done
  wait
  for program in "${programs[@]}"; do
    name=${program##*/}
    if [[ "$(cat "$scratch/$name.fuzzed" 2>/dev/null)" == 1 ]]; then
      tally 1 0 0
    else
      tail -n 40 "$scratch/$name.log"
      input=$(sed -n 's/.*Test unit written to \(.*\)/\1/p' "$scratch/$name.log" | tail -n 1)
      fail "fuzzing $name" "build/test-sanitize/$program $input"
    fi
  done
}

stage_tsan() {
  say "configuring build/test-tsan"
  if ! CC="${ccache}clang-14" CXX="${ccache}clang++-14" configure build/test-tsan -Ddpdk=enabled -Doptimization=1 \
    -Db_sanitize=thread -Db_lundef=false >"$scratch/build.log" 2>&1; then
    tail -n 20 "$scratch/build.log"
    fail "configuring build/test-tsan" "CC=clang-14 CXX=clang++-14 meson setup build/test-tsan -Db_sanitize=thread -Db_lundef=false"
    return
  fi
  # The suite `threads`, of which only these programs are built, and of which these may not be lost.
  local test listed expected=(base/ring_test flow/published_test flow/table_readers_test
    runtime/counters_test runtime/management_test runtime/worker_thread_test)
  listed=$(meson test -C build/test-tsan --list --suite threads 2>/dev/null | sed 's,.* / ,,')
  for test in "${expected[@]}"; do
    grep -qxF "$test" <<<"$listed" ||
      fail "$test is not in the suite threads" "meson test -C build/test-tsan --list --suite threads"
  done
  meson_tests build/test-tsan 10 "$(without_randomisation)" --suite threads
}

stage_net() {
  if ((EUID != 0)); then
    say "net: skipped, network namespaces need root"
    tally 0 0 1
    return
  fi
  gcc_build || return
  say "real peers"
  # In the background, so that a signal to this script reaches it; without the lock's descriptor.
  local line
  /usr/bin/python3 tests/net/run.py --build build/test-gcc --summary "$scratch/net" \
    ${quick:+--quick} 9>&- &
  child=$!
  wait "$child"
  child=
  line=$(cat "$scratch/net" 2>/dev/null)
  if [[ -z "$line" ]]; then
    fail "tests/net did not come to its end" "tests/net/run.py --build build/test-gcc"
    return
  fi
  # shellcheck disable=SC2086 # three numbers
  tally $line
  [[ "$line" == *" 0 "* ]] || failures+=("real peers")
}

stage_rig() {
  say "what the rig makes of what it reads"
  if /usr/bin/python3 bench/rig/rig_test.py >"$scratch/rig.log" 2>&1; then
    tally 1 0 0
  else
    tail -n 40 "$scratch/rig.log"
    fail "bench/rig/rig_test.py" "bench/rig/rig_test.py"
  fi
  if ((EUID != 0)); then
    say "rig: skipped, network namespaces need root"
    tally 0 0 1
    return
  fi
  gcc_build || return
  say "bench/rig, short"
  local line repeat="bench/rig/run.py --build build/test-gcc --short"
  # shellcheck disable=SC2086 # the command is words
  /usr/bin/python3 $repeat --results "$scratch/rig" >"$scratch/rig.log" 2>&1 9>&- &
  child=$!
  wait "$child"
  child=
  line=$(sed -n 's/^\([0-9]*\) of [0-9]* cells measured, \([0-9]*\) runs failed.*/\1 \2 0/p' "$scratch/rig.log")
  if [[ -z "$line" || "$line" != *" 0 0" ]]; then tail -n 60 "$scratch/rig.log"; fi
  if [[ -z "$line" ]]; then
    fail "bench/rig did not come to its end" "$repeat"
    return
  fi
  # shellcheck disable=SC2086 # three numbers
  tally $line
  [[ "$line" == *" 0 0" ]] || failures+=("bench/rig")
  # A short run has not everything that is judged (3), and its values may fall short (1). But an exit code
  # of 1 is also Python's own, so the last line has to be there, and something judged.
  local code=0
  bench/targets --results "$scratch/rig/short.json" >"$scratch/targets.log" 2>&1 || code=$?
  if [[ "$code" =~ ^[013]$ ]] && tail -n 1 "$scratch/targets.log" |
    grep -Eq '^([1-9][0-9]* hold, [0-9]+|0 hold, [1-9][0-9]*) fall short, [0-9]+ not measured$'; then
    tally 1 0 0
  else
    tail -n 40 "$scratch/targets.log"
    fail "bench/targets does not judge what was measured" "bench/targets --results FILE"
  fi
  say "what client and server count, over every link"
  /usr/bin/python3 bench/rig/agreement.py --build build/test-gcc >"$scratch/agreement.log" 2>&1 9>&- &
  child=$!
  if wait "$child"; then
    tally 1 0 0
  else
    tail -n 40 "$scratch/agreement.log"
    fail "millrace-load and millraced do not count the same" "bench/rig/agreement.py --build build/test-gcc"
  fi
  child=
}

stage_quickstart() {
  if ((EUID != 0)); then
    say "quickstart: skipped, network namespaces need root"
    tally 0 0 1
    return
  fi
  gcc_build || return
  say "quickstart.sh --check"
  ./quickstart.sh --check --build build/test-gcc >"$scratch/quickstart.log" 2>&1 9>&- &
  child=$!
  wait "$child"
  child=
  local line
  line=$(sed -n 's/^== \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2 0/p' "$scratch/quickstart.log")
  if [[ -z "$line" || "$line" != *" 0 0" ]]; then tail -n 40 "$scratch/quickstart.log"; fi
  if [[ -z "$line" ]]; then
    fail "quickstart.sh did not come to its end" "./quickstart.sh --check --build build/test-gcc"
    return
  fi
  # shellcheck disable=SC2086 # three numbers
  tally $line
  [[ "$line" == *" 0 0" ]] || failures+=("quickstart.sh --check")
}

if [[ -n "$install" ]] && ! install_packages build run check test bench; then
  fail "installing packages" "drivers-cfg/packages.sh build run check test bench"
  stages=()
fi
# Builds in different directories may share compiled objects. Only now is it known to be installed.
export CCACHE_NOHASHDIR=1 CCACHE_DIR=$root/build/ccache
ccache=
if command -v ccache >/dev/null; then ccache="ccache "; fi

began=$SECONDS
for stage in "${stages[@]}"; do
  stage_began=$SECONDS
  "stage_$stage" || true
  say "$stage took $((SECONDS - stage_began)) s"
done

echo
if ((${#failures[@]} > 0)); then
  echo "what failed:"
  printf '  %s\n' "${failures[@]}"
fi
echo "$((SECONDS - began)) s"
echo "$passed passed, $failed failed$( ((skipped > 0)) && echo ", $skipped skipped")"
((failed == 0))
