#!/usr/bin/env python3
"""Runs the tests against real peers: the kernel's TCP, curl, wrk, ab and nc in network namespaces.

Needs root, and a build with DPDK. Ends with "N passed, N failed, N skipped".
"""

import argparse
import os
import pathlib
import signal
import sys
import time
import unittest

sys.dont_write_bytecode = True
here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here))

from harness import workplace  # noqa: E402

# No test may hang the run: each gets this long, and as a rule needs seconds.
TEST_LIMIT_S = 240


class TestTimeout(AssertionError):
    pass


class Result(unittest.TestResult):
    """Prints a line for each test as it ends, and for each failure how to repeat it."""

    def __init__(self, build):
        super().__init__()
        self._build = build
        self.passed = 0

    def startTest(self, test):
        super().startTest(test)
        self._began = time.monotonic()
        signal.alarm(TEST_LIMIT_S)
        print(f"{test.id():<72} ", end="", flush=True)

    def stopTest(self, test):
        signal.alarm(0)
        super().stopTest(test)

    def _say(self, word):
        print(f"{word} ({time.monotonic() - self._began:.1f} s)", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1
        note = getattr(test, "note", "")
        self._say(f"ok{' - ' if note else ''}{note}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._say(f"skipped: {reason}")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._failed(test, self.failures[-1][1])

    def addError(self, test, error):
        super().addError(test, error)
        self._failed(test, self.errors[-1][1])

    def addSubTest(self, test, subtest, error):
        if error is not None:
            before = len(self.failures) + len(self.errors)
            super().addSubTest(test, subtest, error)
            if len(self.failures) + len(self.errors) > before:
                newest = self.failures if issubclass(error[0], test.failureException) else self.errors
                self._failed(test, f"{subtest}\n{newest[-1][1]}")

    def _failed(self, test, text):
        self._say("FAILED")
        print(text)
        print(f"repeat it: tests/net/run.py --build {self._build} {test.id()}", flush=True)


def default_build():
    for name in ("test-gcc", "quickstart"):
        candidate = workplace.repository / "build" / name
        if (candidate / "apps" / "millraced").exists():
            return candidate
    return workplace.repository / "build" / "test-gcc"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=default_build(), type=pathlib.Path,
                        help="the build directory whose programs are tested")
    parser.add_argument("--quick", action="store_true", help="shorter loads and smaller files")
    parser.add_argument("--list", action="store_true", help="print the names and run nothing")
    parser.add_argument("--summary", type=pathlib.Path,
                        help="write PASSED FAILED SKIPPED to this file at the end")
    parser.add_argument("names", nargs="*", help="tests to run, as printed (default: all)")
    return parser.parse_args()


def each_test(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from each_test(item)
        else:
            yield item


def on_alarm(*_):
    raise TestTimeout(f"no end after {TEST_LIMIT_S} s")


def on_terminate(*_):
    raise KeyboardInterrupt


def main():
    options = arguments()
    workplace.use_build(options.build)
    if options.quick:
        os.environ["MILLRACE_QUICK"] = "1"
    loader = unittest.TestLoader()
    if options.names:
        suite = loader.loadTestsFromNames(options.names)
    else:
        suite = loader.discover(str(here), pattern="*_test.py", top_level_dir=str(here))
    if options.list:
        print("\n".join(test.id() for test in each_test(suite)))
        return 0
    if os.geteuid() != 0:
        print("tests/net: making network namespaces needs root", file=sys.stderr)
        return 2
    signal.signal(signal.SIGALRM, on_alarm)
    # Also ^C: a shell that starts us in the background lets us ignore it.
    signal.signal(signal.SIGINT, on_terminate)
    signal.signal(signal.SIGTERM, on_terminate)
    signal.signal(signal.SIGHUP, on_terminate)
    result = Result(options.build)
    status = 0
    try:
        workplace.remove_leftovers()
        suite.run(result)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        status = 130
    finally:
        workplace.remove()
    failed = len(result.failures) + len(result.errors)
    if options.summary and status == 0:
        options.summary.write_text(f"{result.passed} {failed} {len(result.skipped)}\n")
    print(f"{result.passed} passed, {failed} failed, {len(result.skipped)} skipped")
    return status or (1 if failed else 0)


if __name__ == "__main__":
    sys.exit(main())
