#!/usr/bin/env python3
"""Shows that millrace-load leaves no delay out: the server stands still (SIGSTOP) for 100 ms of every
second. Operations that are due evenly then wait a median of 50 ms in one second's tenth: p95 has to be
near 50 ms, p99 near 90 ms. A closed loop sees a few long operations among very many short ones, and
its report has to say that it is closed.

Needs root, two cores, a build with DPDK and a machine that does nothing else. Prints a table as
Markdown; the exit code is 1 when a line does not hold, 2 when something did not work.
"""

import contextlib
import dataclasses
import os
import pathlib
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from rig import cases, command, links, loads, machine, runner, servers, session  # noqa: E402

_PERIOD_S = 1.0
_STALL_S = 0.1
# How far p95 and p99 may lie from what the stalls alone make of them.
_NEAR_MS = 10
_ASKED_MS = {"p95": 50, "p99": 90}
# Operations a second: 200 wait at the end of a stall, fewer than any ring holds.
_RATE = 2000

_ECHO = dataclasses.replace(cases.ECHO, name="stalls")
_REQUESTS = dataclasses.replace(cases.REQUESTS, name="stalls")
_CELLS = [runner.Cell(_ECHO, servers.Millraced, links.VirtioUser, loads.MillraceLoad),
          runner.Cell(_REQUESTS, servers.Millraced, links.AfPacket, loads.MillraceLoad),
          runner.Cell(_ECHO, servers.EpollEcho, links.AfPacket, loads.MillraceLoad),
          runner.Cell(_REQUESTS, servers.Nginx, links.AfPacket, loads.MillraceLoad)]


@contextlib.contextmanager
def _stalling(server):
    """Stops the server's processes for a tenth of each second, evenly."""
    over = threading.Event()

    def stall():
        began = time.monotonic()
        number = 0
        while not over.wait(max(0, began + number * _PERIOD_S - time.monotonic())):
            os.killpg(server.pid, signal.SIGSTOP)
            try:
                over.wait(max(0, began + number * _PERIOD_S + _STALL_S - time.monotonic()))
            finally:
                os.killpg(server.pid, signal.SIGCONT)
            number += 1

    thread = threading.Thread(target=stall)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _measured(cell, rig, rate, stalls):
    """What millrace-load reports."""
    run = rig.run(cell.case, rate)
    with cell.link(server=cell.system.end, client=cell.client.end) as link, \
            cell.client(link, run) as client, cell.system(link, run) as server:
        client.begin()
        with _stalling(server) if stalls else contextlib.nullcontext():
            return client.told(run.seconds)


def _milliseconds(told, name):
    return told["latency_ns"][name] / 1e6


def _line(cell, told, capacity, holds):
    loop = "closed" if told["rate_wanted"] == 0 else f"open, {told['rate_wanted']:,.0f}/s"
    values = " | ".join(f"{_milliseconds(told, name):.2f}" for name in ("p50", "p95", "p99"))
    return (f"| {cell.system.name}, {cell.link.name}, {cell.case.mode} | {loop} | "
            f"{told['operations'] / told['seconds'] / capacity:.3f} | {values} | "
            f"{'holds' if holds else 'does not hold'} |")


def _near(told):
    return all(abs(_milliseconds(told, name) - asked) <= _NEAR_MS
               for name, asked in _ASKED_MS.items())


def _arguments():
    parser = command.parser(__doc__)
    command.add_build(parser)
    parser.add_argument("--seconds", type=command.positive, default=20, help="of each run (20)")
    return parser.parse_args()


def _run():
    options = _arguments()
    hold = True
    with session.prepared(options.build, _CELLS) as rig:
        rig = dataclasses.replace(rig, seconds=options.seconds)
        print("\n".join(machine.described(rig.build)))
        print("\n| server, link, mode | loop | of its capacity | p50 ms | p95 ms | p99 ms | |")
        print("|---|---|---|---|---|---|---|")
        for cell in _CELLS:
            unstalled = _measured(cell, dataclasses.replace(rig, seconds=3), None, False)
            capacity = unstalled["operations"] / unstalled["seconds"]
            told = _measured(cell, rig, _RATE, True)
            holds = (_near(told) and told["loop"] == "open" and 2 * _RATE < capacity and
                     not any(told["errors"].values()))
            print(_line(cell, told, capacity, holds), flush=True)
            closed = _measured(cell, rig, None, True)
            says_so = closed["loop"] == "closed"
            print(_line(cell, closed, capacity, says_so), flush=True)
            hold &= holds and says_so
    return 0 if hold else 1


if __name__ == "__main__":
    sys.exit(command.run("bench/rig/stalls.py", _run))
