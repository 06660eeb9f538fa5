#!/usr/bin/env python3
"""Compares what millrace-load says that it has done with what millraced has counted, over every link
that joins two ports: connections, bytes each way, and operations have to be the same to the unit.

Needs root, two cores and a build with DPDK. Prints a table as Markdown; the exit code is 1 when two
numbers differ, 2 when something did not work.
"""

import dataclasses
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from rig import cases, command, links, loads, runner, servers, session  # noqa: E402
from harness import commands  # noqa: E402

_CASES = [dataclasses.replace(case, connections=64, closes=False)
          for case in (cases.CONNECTIONS, cases.REQUESTS, cases.ECHO)]
_CELLS = [runner.Cell(case, servers.Millraced, link, loads.MillraceLoad)
          for link in links.PORT_LINKS for case in _CASES]

# Of millrace-load's totals, and of millraced's counters.
_SAME = {"connections_opened": "tcp.passive_opens", "bytes_sent": "tcp.bytes_received",
         "bytes_received": "tcp.bytes_acked"}
_OPERATIONS = {"connect-request-close": "http.requests", "keep-alive": "http.requests"}


def _counted(cell, rig):
    """What either side says: pairs of numbers by the client's names."""
    run = rig.run(cell.case, None)
    with cell.link() as link, cell.client(link, run) as client, cell.system(link, run) as server:
        client.begin()
        told = client.told(run.seconds)
        # The client's last acknowledgement is on its way.
        commands.wait_until(lambda: server.totals()["use.connections"] == 0,
                            "millraced has no connection left")
        counted = server.totals()
    same = dict(_SAME)
    if cell.case.mode in _OPERATIONS:
        same["operations_completed"] = _OPERATIONS[cell.case.mode]
    return {name: (told["totals"][name], counted[counter]) for name, counter in same.items()}


def _run():
    parser = command.parser(__doc__)
    command.add_build(parser)
    options = parser.parse_args()
    names = [*_SAME, "operations_completed"]
    agree = True
    with session.prepared(options.build, _CELLS, short=True) as rig:
        print(f"| link, mode | {' | '.join(names)} | |")
        print(f"|---|{'---|' * len(names)}---|")
        for cell in _CELLS:
            counted = _counted(cell, rig)
            same = all(ours == theirs for ours, theirs in counted.values())
            values = (" and ".join(f"{value:,}" for value in dict.fromkeys(counted.get(name, ())))
                      for name in names)
            print(f"| {cell.link.name}, {cell.case.mode} | {' | '.join(values)} | "
                  f"{'agree' if same else 'differ'} |", flush=True)
            agree &= same
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(command.run("bench/rig/agreement.py", _run))
