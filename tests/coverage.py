#!/usr/bin/env python3
"""Prints the line coverage of lib/tcp: by its unit tests, the packet scripts and some simulations.

usage: tests/coverage.py [--lines] [--least PERCENT] [FOLDER]

Builds with clang's source-based coverage in build/coverage. With --lines, shows the lines that nothing has
run. Exit code 1 below the least percentage (95 unless given). Needs clang-14 and llvm-14.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "coverage"
SEEDS = "200"


def run(command, **options):
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True,
                          errors="replace", **options)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(str(word) for word in command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def build():
    """The programs to run, with their arguments."""
    ccache = "ccache " if any((pathlib.Path(p) / "ccache").exists() for p in os.get_exec_path()) else ""
    environment = {**os.environ, "CC": f"{ccache}clang-14", "CXX": f"{ccache}clang++-14"}
    if not (BUILD / "build.ninja").exists():
        # Said here, or ccache may hand in what another clone has compiled, and llvm-cov looks there.
        flags = f"-fprofile-instr-generate -fcoverage-mapping -fcoverage-compilation-dir={BUILD}"
        run(["meson", "setup", BUILD, "-Ddpdk=disabled", "-Dbuildtype=plain", "-Db_lundef=false",
             f"-Dcpp_args={flags}", "-Dcpp_link_args=-fprofile-instr-generate"], env=environment)
    listing = run(["ninja", "-C", BUILD, "-t", "targets", "all"])
    programs = {unit: [] for unit in re.findall(r"^(tests/unit/tcp/\w+_test): ", listing, re.M)}
    programs["tests/script/packet_scripts"] = ["tests/script"]
    programs["tests/sim/simulation"] = ["--seeds", SEEDS]
    run(["ninja", "-C", BUILD, *programs])
    return programs


def measure(programs):
    """What llvm-cov says of each source file of the project."""
    profiles = BUILD / "profiles"
    profiles.mkdir(exist_ok=True)
    for number, (program, arguments) in enumerate(programs.items()):
        run([BUILD / program, *arguments],
            env={**os.environ, "LLVM_PROFILE_FILE": str(profiles / f"{number}.profraw")})
    merged = profiles / "all.profdata"
    run(["llvm-profdata-14", "merge", "-sparse", "-o", merged,
         *(profiles / f"{number}.profraw" for number in range(len(programs)))])
    first, *others = (BUILD / program for program in programs)
    objects = [word for other in others for word in ("-object", other)]
    return first, objects, merged


def source(name):
    return pathlib.Path(os.path.normpath(name))


def uncovered(first, objects, merged, folder):
    """`file:line: text` of every line in the folder that was never run."""
    shown = run(["llvm-cov-14", "show", first, *objects, f"-instr-profile={merged}",
                 "-show-instantiations=false"])
    path = ROOT
    for line in shown.splitlines():
        if line.startswith("/") and line.endswith(":"):
            path = source(line[:-1])
        elif folder in path.parents and (found := re.match(r"\s*(\d+)\|\s*0\|(.*)$", line)):
            yield f"{path.relative_to(ROOT)}:{found[1]}: {found[2].strip()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", action="store_true", help="show the lines that nothing has run")
    parser.add_argument("--least", type=float, default=95)
    parser.add_argument("folder", nargs="?", default="lib/tcp")
    arguments = parser.parse_args()
    first, objects, merged = measure(build())
    text = run(["llvm-cov-14", "export", "-summary-only", first, *objects, f"-instr-profile={merged}"])
    folder = ROOT / arguments.folder
    counts = {source(f["filename"]): f["summary"]["lines"] for f in json.loads(text)["data"][0]["files"]
              if folder in source(f["filename"]).parents}
    for path, lines in sorted(counts.items()):
        print(f"{lines['percent']:6.1f} %  {lines['covered']:5} of {lines['count']:5}  {path.relative_to(ROOT)}")
    if arguments.lines:
        print(*uncovered(first, objects, merged, folder), sep="\n")
    count = sum(lines["count"] for lines in counts.values())
    covered = sum(lines["covered"] for lines in counts.values())
    percent = 100 * covered / max(count, 1)
    print(f"{arguments.folder}: {percent:.1f} % of {count} lines; at least {arguments.least:g} % are wanted")
    return 0 if percent >= arguments.least else 1


if __name__ == "__main__":
    sys.exit(main())
