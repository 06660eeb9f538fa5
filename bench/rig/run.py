#!/usr/bin/env python3
"""Measures millrace beside nginx and an epoll echo server, over every link that this machine can make,
each side on a core of its own, turn by turn; and what each link itself carries, by dpdk-testpmd.

Writes latest.json, latest.md and a chart for each case. Needs root, two cores and a build with DPDK,
and a machine that does nothing else. The exit code is 1 when something did not work; no value is
judged, for that is what bench/targets is for.
"""

import argparse
import pathlib
import sys
import time

sys.dont_write_bytecode = True
_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_REPOSITORY / "bench"), str(_REPOSITORY / "tests" / "net")]

from harness import commands  # noqa: E402
from rig import machine, programs, report, runner, session, table  # noqa: E402


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path,
                        help="a build directory; without it, build/rig is made as millrace is released")
    parser.add_argument("--short", action="store_true",
                        help="one short round of a few cells, to see that everything works")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD",
                        help="cells whose case, system, link or client are these")
    parser.add_argument("--list", action="store_true", help="print the cells and measure nothing")
    parser.add_argument("--results", type=pathlib.Path, default=_REPOSITORY / "bench" / "results",
                        help="where to write")
    return parser.parse_args()


def main():
    options = _arguments()
    try:
        return _run(options)
    except commands.CommandError as error:
        print(f"bench/rig: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(options):
    cells = table.chosen(table.short() if options.short else table.full(), options.only)
    if options.list:
        print("\n".join(", ".join(cell.key) for cell in cells))
        return 0
    began = time.monotonic()
    rounds = 1 if options.short else options.rounds
    build = options.build or programs.built()
    with session.prepared(build, cells, options.short) as rig:
        heading = [*machine.described(build),
                   f"{rounds} rounds; each run {rig.seconds} s after a warm-up of {rig.warm_up_s} s, of "
                   f"{rig.filling_s} s where TIME_WAIT fills; made again when the hypervisor took more "
                   f"than {100 * runner.STOLEN_MAX:.0f} % of a core; "
                   f"hugepages: {'yes' if rig.memory.hugepages else 'no'}"]
        for line in heading:
            print(f"   {line}", flush=True)
        done = runner.measure(cells, rounds, rig, _say)
        report.write(options.results, "short" if options.short else "latest", done, cells, heading)
    print(f"{len(done.samples)} of {len(cells)} cells measured, {len(done.failures)} runs failed, "
          f"{time.monotonic() - began:.0f} s")
    return 1 if done.failures or len(done.samples) < len(cells) else 0


def _say(line):
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
