#!/usr/bin/env python3
"""Lists the ids of docs/behaviour.md that no test carries; exit code 1 when one of them is not "later".

usage: tests/ids.py [--tests] [ID...]

With --tests, lists the tests of each id (or of the given ids) instead. A test carries an id
  - at the beginning of a comment or docstring, or as all of it:   // D4.prr, E6: the flight falls evenly.
  - at the beginning of a GoogleTest's name:      TEST(PrrTest, D4_prr_below_ssthresh_one_for_one)
Where a row has ids of its own mechanisms, each of them needs a test; the row's own id needs none.
"""

import argparse
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIST = ROOT / "docs" / "behaviour.md"
ID = r"[A-F]\d{1,2}(?:\.[a-z0-9_]+)?"
ROW = re.compile(r"^### ([A-F]\d{1,2}) (.*)$")
MECHANISM = re.compile(r"^- \*\*([A-F]\d{1,2}\.[a-z0-9_]+)\*\* (.*)$")
COMMENT = re.compile(rf'(?:^|\s)(?:///?|#|""")\s*({ID}(?:, {ID})*)(?::(?:\s|$)|$)')
CASE = re.compile(r"\bTEST(?:_[FP])?\(\s*\w+,\s*([A-F]\d{1,2}_\w+)\s*\)")
KINDS = {".cpp", ".hpp", ".py", ".pkt", ".txt"}
SELF_TESTS = ROOT / "tests" / "script" / "runner"


class Behaviour:
    """What docs/behaviour.md lists, in its order."""

    def __init__(self, text):
        self.rows = {}  # row: its title
        self.mechanisms = {}  # id: its row
        self.later = set()
        row = None
        for line in text.splitlines():
            if found := ROW.match(line):
                row = found[1]
                self.rows[row] = found[2].removesuffix(" (later)")
                if found[2].endswith(" (later)"):
                    self.later.add(row)
            elif found := MECHANISM.match(line):
                if found[1].split(".")[0] != row:
                    raise SystemExit(f"{LIST}: {found[1]} stands under {row}")
                self.mechanisms[found[1]] = row
                if found[2].startswith("(later)") or row in self.later:
                    self.later.add(found[1])

    def wanted(self):
        """The ids that need tests, by row."""
        by_row = {row: [] for row in self.rows}
        for mechanism, row in self.mechanisms.items():
            by_row[row].append(mechanism)
        return {row: ids or [row] for row, ids in by_row.items()}

    def knows(self, name):
        return name in self.rows or name in self.mechanisms

    def of_case(self, name):
        """The ids at the beginning of a GoogleTest's name."""
        words = name.split("_")
        while words and re.fullmatch(r"[A-F]\d{1,2}", words[0]):
            row = words.pop(0)
            length = next((n for n in range(len(words), 0, -1)
                           if f"{row}.{'_'.join(words[:n])}" in self.mechanisms), 0)
            yield f"{row}.{'_'.join(words[:length])}" if length else row
            words = words[length:]


def carried(behaviour):
    """(id, file and line) of every test."""
    for path in sorted((ROOT / "tests").rglob("*")):
        if path.suffix not in KINDS or SELF_TESTS in path.parents or path == pathlib.Path(__file__).resolve():
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            place = f"{path.relative_to(ROOT)}:{number}"
            for found in COMMENT.finditer(line):
                for name in found[1].split(", "):
                    yield name, place
            for found in CASE.finditer(line):
                for name in behaviour.of_case(found[1]):
                    yield name, f"{place} {found[1]}"


def show_tests(behaviour, tests, names):
    for name in names or [*behaviour.rows, *behaviour.mechanisms]:
        print(f"{name}: {len(tests[name])}")
        for place in tests[name]:
            print(f"  {place}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tests", action="store_true", help="list the tests of each id instead")
    parser.add_argument("ids", nargs="*")
    arguments = parser.parse_args()
    behaviour = Behaviour(LIST.read_text())
    tests = collections.defaultdict(list)
    for name, place in carried(behaviour):
        tests[name].append(place)
    if arguments.tests or arguments.ids:
        show_tests(behaviour, tests, arguments.ids)
        return 0

    unknown = [name for name in tests if not behaviour.knows(name)]
    for name in unknown:
        print(f"{name} stands in no row of {LIST.relative_to(ROOT)}: {', '.join(tests[name])}")
    missing = waiting = 0
    for row, wanted in behaviour.wanted().items():
        without = [name for name in wanted if not tests[name]]
        due = [name for name in without if name not in behaviour.later]
        if due:
            print(f"{row} {behaviour.rows[row]}: no test carries {', '.join(due)}")
        missing += len(due)
        waiting += len(without) - len(due)
    total = sum(len(wanted) for wanted in behaviour.wanted().values())
    print(f"{total} ids, {missing} without a test, {waiting} that come later, {len(unknown)} unknown")
    return 1 if missing or unknown else 0


if __name__ == "__main__":
    sys.exit(main())
