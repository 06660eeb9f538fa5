#!/usr/bin/env python3
"""Measures millrace beside nginx and an epoll echo server, over every link that this machine can make,
each side on a core of its own, turn by turn; and what each link itself carries, by dpdk-testpmd.

Writes latest.json, latest.md and a chart for each case. Needs root, two cores and a build with DPDK,
and a machine that does nothing else. The exit code is 1 when a run has failed, 2 when it could not begin;
no value is judged, for that is what bench/targets is for.
"""

import pathlib
import sys
import time

sys.dont_write_bytecode = True
_BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[0] = str(_BENCH)

from rig import command, machine, report, runner, session, table  # noqa: E402


def _arguments():
    parser = command.parser(__doc__)
    command.add_build(parser)
    parser.add_argument("--short", action="store_true",
                        help="one short round of a few cells, to see that everything works; writes "
                             "short.* in place of latest.*")
    parser.add_argument("--rounds", type=command.positive, default=5,
                        help="how often each cell is measured (5)")
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD",
                        help="cells that have every WORD as their case, system, link or client, and "
                             "those that say how much is offered to them")
    parser.add_argument("--list", action="store_true", help="print the cells and measure nothing")
    parser.add_argument("--results", type=pathlib.Path, default=_BENCH / "results",
                        metavar="DIRECTORY", help="where to write (bench/results)")
    return parser.parse_args()


def _run():
    options = _arguments()
    cells = table.chosen(table.short() if options.short else table.full(), options.only)
    if options.list:
        print("\n".join(", ".join(cell.key) for cell in cells))
        return 0
    began = time.monotonic()
    rounds = 1 if options.short else options.rounds
    with session.prepared(options.build, cells, options.short) as rig:
        heading = [*machine.described(rig.build),
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
    sys.exit(command.run("bench/rig/run.py", _run))
