"""The clients that make the load.

A load is a context manager: entered, its end of the link is there where the server's needs it. After
`begin()` it has warmed up and its clock runs; `finish()` waits for its end and says what it has done.
"""

import dataclasses
import ipaddress
import json
import subprocess
import time

from harness import commands, daemons, workplace
from rig import kernel, links, servers

# What a client may take beyond its time before it is given up.
_PATIENCE_S = 30

# From a side's own address to where more of them begin, beyond everybody's own.
_MORE_ADDRESSES_FROM = 10

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


class MillraceLoad(_Load):
    """Our own, with a port of its own."""

    name = "millrace-load"
    end = links.PORT

    def __init__(self, link, run):
        super().__init__(link, run)
        self._link = link
        self._is_first = link.first == "client"
        self._json_path = workplace.file("load.json")

    def __enter__(self):
        if not self._is_first:
            return self
        self._launch()
        try:
            commands.wait_until(lambda: self._link.second_may_open() or
                                self._process.poll() is not None, "millrace-load has made the link")
            self._expect_running()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def _expect_running(self):
        if self._process.poll() is not None:
            raise commands.CommandError(f"{self.name} ended, exit code {self._process.returncode}")

    def _launch(self):
        program, *arguments = self.described()
        self._start([workplace.program(program), *arguments, "--json", self._json_path])

    def begin(self):
        if not self._is_first:
            self._launch()
        self.wait_until_it_says("measuring", self._run.warm_up_s + _PATIENCE_S)

    def wait_until_it_says(self, word, timeout_s):
        """Every second it says what it is doing."""
        commands.wait_until(lambda: word in self._log() or self._process.poll() is not None,
                            f"millrace-load is {word}", timeout_s)
        self._expect_running()

    def described(self):
        run, case = self._run, self._run.case
        arguments = [self.name, case.mode, "--target", f"{self._server.address}:{case.port}",
                     "--device", self._side.device, "--mac", self._side.mac,
                     "--cores", self._side.core, "--idle", "poll",
                     "--connections", case.connections,
                     # Who is there first warms up while the server starts, too.
                     "--warm-up", run.warm_up_s + (run.start_s if self._is_first else 0),
                     # The second in which it is seen that the clock runs.
                     "--duration", run.seconds + 1]
        if case.port == daemons.HTTP_PORT:
            arguments += ["--path", case.path]
        for address in addresses_of(self._side, case.client_addresses):
            arguments += ["--address", address]
        if run.rate is not None:
            arguments += ["--rate", run.rate]
        return arguments + run.memory.load_arguments(case.client_memory_mb)

    def told(self, seconds):
        """What it reports when it has ended, in so long."""
        # 1: there were errors, or the rate was missed; what was done is a result all the same.
        self._wait(seconds, codes=(0, 1))
        told = json.loads(self._json_path.read_text())
        if told["problems"] or told["operations"] == 0:
            raise commands.CommandError(f"millrace-load: {told['problems'] or 'nothing was done'}")
        return told

    def finish(self):
        told = self.told(self._run.seconds)
        return Done(operations=told["operations"], seconds=told["seconds"],
                    bytes_received=told["bytes_received_per_second"] * told["seconds"],
                    latency_us={name: value / 1000 for name, value in told["latency_ns"].items()},
                    errors=_those_that_happened({**told["errors"], "unstarted": told["unstarted"]}),
                    busy_share=told["busy_permille"][0] / 1000,
                    drops={f"client's {name}": count for name, count in told["counters"].items()
                           if name.startswith("drop.") or name.endswith("missed")})


def addresses_of(side, count):
    """A side's own, and as a range as many more as make `count` of its first's family."""
    if count == 1:
        return side.addresses
    first = ipaddress.ip_interface(side.addresses[0])
    begin = first.ip + _MORE_ADDRESSES_FROM
    return [*side.addresses, f"{begin}-{begin + count - 2}/{first.network.prefixlen}"]


def _those_that_happened(errors):
    return {name: count for name, count in errors.items() if count}
