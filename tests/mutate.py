#!/usr/bin/env python3
"""Breaks each mechanism on purpose, and shows that its test fails.

usage: tests/mutate.py [--sample N] [--expected-only] [--jobs N] [--scratch DIRECTORY] [ID or file or text...]

tests/mutations.txt lists what is changed: which lines of which file, the id of docs/behaviour.md, and the
test that is expected to fail. Each is done in a scratch copy of the work tree, of which only what
that test needs is built. When the test passes all the same, the other fast tests are run too: packet scripts,
unit tests of tcp and stack, some seeds of the simulation. What survives them all is a missing test.

With words, only the mutations whose id, file or text has one of them. With --sample, N of them, chosen by
the commit. Exit code 1 when one survives, or stands in no file any more.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import os
import pathlib
import queue
import re
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "mutations.txt"
SCRIPTS = "tests/script/packet_scripts"
SIMULATION = "tests/sim/simulation"
SEEDS = "60"
TEST_LIMIT_S = 120  # What hangs is broken too.


@dataclasses.dataclass
class Mutation:
    line: int
    id: str
    file: str
    test: str
    old: list  # Stripped lines, those around it included.
    new: list

    @property
    def name(self):
        return f"mutations.txt:{self.line} {self.id} {self.file}"

    def applied(self, text):
        """The file with the mutation in it; raises LookupError where the lines are not there once."""
        lines = text.splitlines()
        stripped = [line.strip() for line in lines]
        length = len(self.old)
        places = [at for at in range(len(lines) - length + 1) if stripped[at:at + length] == self.old]
        if len(places) != 1:
            raise LookupError(f"its lines stand in {self.file} {len(places)} times")
        return "\n".join([*lines[:places[0]], *self.new, *lines[places[0] + length:], ""])


def read_list(text):
    """Blocks of `ID | FILE | TEST`, then lines to go (`-`), to come (`+`) and around them (` `)."""
    mutations = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line[0] in "-+ ":
            current = mutations[-1]
            if line[0] != "+":
                current.old.append(line[1:].strip())
            if line[0] != "-":
                current.new.append(line[1:].strip())
            continue
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != 3:
            raise SystemExit(f"{LIST}:{number}: ID | FILE | TEST is expected")
        mutations.append(Mutation(number, *fields, [], []))
    return mutations


def program_and_command(test):
    """The program to build and how to run it: `script ack/delayed`, `unit tcp/rack_test`, `sim`."""
    kind, _, rest = test.partition(" ")
    if kind == "script":
        return SCRIPTS, [f"tests/script/{rest}.pkt"]
    if kind == "unit":
        folder, name = rest.split("/")
        return f"tests/unit/{folder}/{folder}_{name}", ["--gtest_brief=1"]
    if kind == "sim":
        return SIMULATION, ["--seeds", rest or SEEDS]
    raise SystemExit(f"no such kind of test: {test}")


class Scratch:
    """A copy of the work tree with a build of its own."""

    def __init__(self, home):
        self.home = home
        self.build = home / "build"

    def make(self, programs):
        listed = subprocess.run(["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"],
                                check=True, capture_output=True, text=True).stdout.split("\n")
        kept = {name for name in listed if name and (ROOT / name).is_file()}
        self.originals = {name: (ROOT / name).read_bytes() for name in kept}
        for name, data in self.originals.items():
            self.write(name, data)
        for path in [p for p in self.home.rglob("*") if p.is_file() and self.build not in p.parents]:
            if str(path.relative_to(self.home)) not in kept:
                path.unlink()
        if not (self.build / "build.ninja").exists():
            # As a developer's build but for warnings, which ccache is told below to make nothing of.
            self.run(["meson", "setup", "build", "-Ddpdk=disabled", "-Dcpp_args=-w"], 600)
        listing = self.run(["ninja", "-C", "build", "-t", "targets", "all"], 60).stdout
        self.units = re.findall(r"^(tests/unit/(?:tcp|stack)/\w+_test): ", listing, re.M)
        self.builds(programs, 2)

    def write(self, name, data):
        """Writes a file unless it is as wanted, so that nothing is built for nothing."""
        path = self.home / name
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            os.utime(path)

    def run(self, command, limit_s):
        return subprocess.run(command, cwd=self.home, timeout=limit_s, capture_output=True, text=True,
                              errors="replace",
                              env={**os.environ, "CCACHE_NOHASHDIR": "1", "CCACHE_IGNOREOPTIONS": "-w"})

    def builds(self, programs, jobs=1):
        return self.run(["ninja", "-C", "build", f"-j{jobs}", *programs], 1800)

    def fails(self, program, arguments):
        try:
            return self.run([self.build / program, *arguments], TEST_LIMIT_S).returncode != 0
        except subprocess.TimeoutExpired:
            return True

    def all_tests(self):
        yield SCRIPTS, ["tests/script"]
        for unit in self.units:
            yield unit, ["--gtest_brief=1"]
        yield SIMULATION, ["--seeds", SEEDS]

    def command_of(self, target):
        """The words of the command by which ninja makes a target."""
        listed = self.run(["ninja", "-C", "build", "-t", "commands", target], 60).stdout
        return shlex.split(listed.splitlines()[-1])

    def compile_mutant(self, mutation):
        """The object of a source file of a library, compiled quickly, beside the one that is right."""
        folder, name = mutation.file.split("/")[1:]
        words = self.command_of(f"lib/{folder}/lib{folder}.a.p/{name}.o")
        words = [{"-O2": "-O0", "-g": "-g0"}.get(word, word) for word in words if word != "ccache"]
        words[words.index("-o") + 1] = "mutant.o"
        words[words.index("-MF") + 1] = "mutant.d"
        return subprocess.run(words, cwd=self.build, capture_output=True, text=True, errors="replace")

    def link_mutant(self, program):
        """The program with that object: what it defines is not looked for in the library."""
        words = self.command_of(program)
        out = words.index("-o")
        linked = subprocess.run([*words[:out], "-o", "mutant", "mutant.o", *words[out + 2:]], cwd=self.build,
                                capture_output=True, text=True, errors="replace")
        return linked, "mutant"

    def build_mutant(self, program, mutation):
        """(what the build said, the program)."""
        if re.fullmatch(r"lib/\w+/\w+\.cpp", mutation.file):
            built = self.compile_mutant(mutation)
            return self.link_mutant(program) if built.returncode == 0 else (built, None)
        return self.builds([program]), program

    def judge(self, mutation, expected_only):
        """(what became of it, what there is to say)."""
        original = self.originals[mutation.file]
        try:
            mutant = mutation.applied(original.decode()).encode()
        except LookupError as problem:
            return "gone", str(problem)
        program, arguments = program_and_command(mutation.test)
        self.builds([program])
        try:
            self.write(mutation.file, mutant)
            built, broken = self.build_mutant(program, mutation)
            if "static assertion failed" in built.stdout + built.stderr:
                return "killed", "by a static assertion"
            if built.returncode != 0:
                wrong = re.search(r"^.*(?:error|unknown target|multiple).*$", built.stdout + built.stderr, re.M)
                return "broken", f"does not build: {wrong[0] if wrong else built.stdout[-300:]}"
            if self.fails(broken, arguments):
                return "killed", f"by {mutation.test}"
        finally:
            self.restore(mutation.file, original)
        return ("survived", mutation.test) if expected_only else self.judge_by_all(mutation, mutant)

    def restore(self, name, data):
        """As it was, its time too: what was built of it is still right when only a mutant was."""
        self.write(name, data)
        if re.fullmatch(r"lib/\w+/\w+\.cpp", name):
            os.utime(self.home / name, (0, 0))

    def judge_by_all(self, mutation, mutant):
        original = self.originals[mutation.file]
        self.builds([name for name, _ in self.all_tests()])
        try:
            self.write(mutation.file, mutant)
            for program, arguments in self.all_tests():
                built, broken = self.build_mutant(program, mutation)
                if built.returncode != 0 or self.fails(broken, arguments):
                    return "elsewhere", f"by {program}, not by {mutation.test}"
        finally:
            self.restore(mutation.file, original)
        return "survived", mutation.test


def chosen(mutations, words, sample):
    if words:
        mutations = [m for m in mutations
                     if any(word in " ".join([m.id, m.file, *m.old, *m.new]) for word in words)]
    if sample and sample < len(mutations):
        commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True)
        first = int(commit.stdout.strip() or "0", 16)
        mutations = [mutations[(first + i * (len(mutations) // sample)) % len(mutations)]
                     for i in range(sample)]
    return mutations


def run_all(mutations, scratches, expected_only):
    free = queue.Queue()
    for scratch in scratches:
        free.put(scratch)

    def one(mutation):
        scratch = free.get()
        try:
            return scratch.judge(mutation, expected_only)
        finally:
            free.put(scratch)

    counts = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(len(scratches)) as pool:
        for mutation, (verdict, note) in zip(mutations, pool.map(one, mutations)):
            counts[verdict] += 1
            print(f"{verdict:<9} {mutation.name} ({note})", flush=True)
            if verdict not in ("killed", "elsewhere"):
                print("".join(f"    - {line}\n" for line in mutation.old) +
                      "".join(f"    + {line}\n" for line in mutation.new), end="")
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=0, help="only so many, chosen by the commit")
    parser.add_argument("--expected-only", action="store_true", help="run no other tests where that one passes")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / "build" / "mutate")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    mutations = chosen(read_list(LIST.read_text()), arguments.words, arguments.sample)
    began = time.monotonic()
    scratches = [Scratch(arguments.scratch.resolve() / str(i))
                 for i in range(max(1, min(arguments.jobs, len(mutations))))]
    for scratch in scratches:
        # One after the other, so that the later ones find objects in ccache.
        scratch.make(sorted({program_and_command(mutation.test)[0] for mutation in mutations}))
    counts = run_all(mutations, scratches, arguments.expected_only)
    killed = counts["killed"] + counts["elsewhere"]
    bad = len(mutations) - killed
    print(f"{len(mutations)} mutations, {killed} killed ({counts['elsewhere']} by another test than expected), "
          f"{counts['survived']} survived, {counts['gone']} not found, {counts['broken']} do not build; "
          f"{time.monotonic() - began:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
