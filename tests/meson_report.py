#!/usr/bin/env python3
"""Counts what a `meson test` run did, GoogleTest case by case, and says how to repeat what failed.

usage: tests/meson_report.py BUILD_DIRECTORY MESON_EXIT_CODE [WRAPPER...]
The last line is "PASSED FAILED SKIPPED".
"""

import json
import pathlib
import shlex
import sys
import xml.etree.ElementTree as ElementTree

BAD = {"FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"}


def records(build):
    """What meson wrote of each test program; the log's name depends on the wrapper."""
    for log in sorted((build / "meson-logs").glob("testlog*.json")):
        for line in log.read_text().splitlines():
            yield json.loads(line)


def cases(build, name):
    """GoogleTest's own account of a program's cases, or None when it left none."""
    path = build / f"{name}.xml"
    try:
        root = ElementTree.parse(path).getroot()
    except (FileNotFoundError, ElementTree.ParseError):
        return None
    return root.findall("testsuite/testcase")


def repeat(record, wrapper, case=None):
    command = [word for word in record["command"] if not word.startswith("--gtest_output")]
    if command[:len(wrapper)] != wrapper:
        command = [*wrapper, *command]
    if case is not None:
        command.append(f"--gtest_filter={case.get('classname')}.{case.get('name')}")
    # meson fills freed memory with a byte of its own choice; a failure may depend on it.
    perturb = record.get("env", {}).get("MALLOC_PERTURB_")
    if perturb is not None:
        command = ["env", f"MALLOC_PERTURB_={perturb}", *command]
    return "repeat it: " + shlex.join(command)


def count(build, record, wrapper):
    """(passed, failed, skipped) of one test program."""
    name = record["name"].split(" / ")[-1]
    bad = record["result"] in BAD
    if record["result"] == "SKIP":
        return 0, 0, 1
    found = cases(build, name)
    if not found:
        if bad:
            print(f"failed: {name} ({record['result']})\n{repeat(record, wrapper)}")
        return (0, 1, 0) if bad else (1, 0, 0)
    passed = failed = skipped = 0
    for case in found:
        if case.find("failure") is not None:
            failed += 1
            print(f"failed: {name}: {case.get('classname')}.{case.get('name')}\n"
                  f"{repeat(record, wrapper, case)}")
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            skipped += case.find("skipped") is not None
        else:
            passed += 1
    if bad and failed == 0:
        # A sanitizer at exit, a crash after the report, a time limit.
        failed = 1
        print(f"failed: {name} ({record['result']}) after its cases\n{repeat(record, wrapper)}")
    return passed, failed, skipped


def main():
    build = pathlib.Path(sys.argv[1])
    exit_code = int(sys.argv[2])
    wrapper = sys.argv[3:]
    totals = [0, 0, 0]
    for record in records(build):
        totals = [sum(pair) for pair in zip(totals, count(build, record, wrapper))]
    if exit_code != 0 and totals[1] == 0:
        print(f"failed: meson test itself, exit code {exit_code}")
        totals[1] = 1
    print(*totals)


if __name__ == "__main__":
    main()
