"""The clients that make the load.

A load is a context manager: entered, its end of the link is there where the server's needs it. After
`begin()` it has warmed up and its clock runs; `finish()` waits for its end and says what it has done.
"""

import dataclasses
import json
import subprocess
import time

from harness import commands, workplace
from rig import kernel, links, servers

# What a client may take beyond its time before it is given up.
_PATIENCE_S = 30

_REPORT = "report "
_WRK_SCRIPT = workplace.repository / "bench" / "rig" / "wrk_report.lua"


@dataclasses.dataclass
class Done:
    """What a load has done while its clock ran."""

    operations: int
    seconds: float
    bytes_received: int
    # Microseconds by name: p50, p90, p99, p99_9, max.
    latency_us: dict
    # By name, those that happened.
    errors: dict
    # Of the client's time; None where the account of its core says it.
    busy_share: float = None
    drops: dict = dataclasses.field(default_factory=dict)


class _Load:
    """A client program on its side of a link."""

    name = None
    end = links.KERNEL

    def __init__(self, link, run):
        self._side = link.client
        self._server = link.server
        self._run = run
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if self._process is None:
            return
        commands.kill(self._process)
        if error is not None:
            error.add_note(f"{self.name} said:\n{self._log()[-3000:]}")

    def _start(self, command):
        self._log_path = workplace.file(f"{self.name}.log")
        self._process = commands.start(self._side.command(command), self._log_path)

    def _wait(self, seconds, codes=(0,)):
        """Waits for the end of what runs for so long; what it said."""
        try:
            code = self._process.wait(timeout=seconds + _PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise commands.CommandError(f"{self.name} does not end") from None
        if code not in codes:
            raise commands.CommandError(f"{self.name}: exit code {code}")
        return self._log()

    def _log(self):
        return self._log_path.read_text(errors="replace")


class Wrk(_Load):
    """wrk, which has no warm-up of its own: it runs twice, and the second run counts."""

    name = "wrk"

    def begin(self):
        kernel.tune(self._side)
        self._start(self._command(self._run.warm_up_s))
        self._wait(self._run.warm_up_s)
        self._start(self._command(self._run.seconds))

    def _command(self, seconds):
        close = ["--header", "Connection: close"] if self._run.case.closes else []
        return ["wrk", "--threads", 1, "--connections", self._run.case.connections,
                "--duration", f"{seconds}s", "--timeout", "10s", "--script", _WRK_SCRIPT, *close,
                f"http://{self._server.address}:{self._run.case.port}{self._run.case.path}"]

    def described(self):
        return self._command(self._run.seconds)

    def finish(self):
        report = json.loads(self._wait(self._run.seconds).partition(_REPORT)[2])
        return Done(operations=report["requests"], seconds=report["us"] / 1e6,
                    bytes_received=report["bytes"], latency_us=report["latency_us"],
                    errors=_those_that_happened(report["errors"]))


class Iperf3(_Load):
    """iperf3's client, to which the server sends."""

    name = "iperf3"

    def begin(self):
        self._start(self.described())
        time.sleep(self._run.warm_up_s)

    def described(self):
        return ["iperf3", "--client", self._server.address, "--port", servers.IPERF_PORT, "--reverse",
                "--omit", self._run.warm_up_s, "--time", self._run.seconds, "--json"]

    def finish(self):
        received = json.loads(self._wait(self._run.seconds))["end"]["sum_received"]
        return Done(operations=1, seconds=received["seconds"], bytes_received=received["bytes"],
                    latency_us={}, errors={})


def _those_that_happened(errors):
    return {name: count for name, count in errors.items() if count}
