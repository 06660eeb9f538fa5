"""dpdk-testpmd at both sides of a link: how many packets the link itself carries."""

import contextlib
import dataclasses
import re
import subprocess

from harness import commands, workplace

NAME = "testpmd"

_MEMORY_MB = 256
_PROMPT = "testpmd> "
_STATISTICS = re.compile(
    r"NIC statistics for port 0 .*?"
    r"RX-packets: (?P<rx_packets>\d+) +RX-missed: (?P<rx_missed>\d+).*?"
    r"TX-packets: (?P<tx_packets>\d+) +TX-errors: (?P<tx_errors>\d+).*?"
    r"Rx-pps: +(?P<rx_per_second>\d+).*?"
    r"Tx-pps: +(?P<tx_per_second>\d+) ", re.DOTALL)


def parse(text):
    """What `show port stats 0` says, once it is all there."""
    found = _STATISTICS.search(text)
    return found and {name: int(value) for name, value in found.groupdict().items()}


@dataclasses.dataclass(frozen=True)
class Flow:
    """What the two sides do. Packets have 64 bytes unless `settings` say otherwise."""

    server_mode: str
    client_mode: str
    # Whose statistic is the result.
    judge: str
    statistic: str
    # Who sends first, and to whom.
    sender: str = "client"
    receiver: str = "server"
    settings: tuple = ()

    def commands(self, role):
        """What is typed at that side."""
        mode = self.server_mode if role == "server" else self.client_mode
        return [*self.settings, f"set fwd {mode}", "start"]

    def result(self, after):
        return after[self.judge][self.statistic]

    def lost(self, before, after):
        """Packets that were sent and did not arrive."""
        sent, arrived = (after[role][counter] - before[role][counter] for role, counter in
                         ((self.sender, "tx_packets"), (self.receiver, "rx_packets")))
        return max(0, sent - arrived)


THERE_AND_BACK = Flow("macswap", "flowgen", "server", "tx_per_second")
ONE_WAY = Flow("rxonly", "txonly", "server", "rx_per_second")


def segments_of(payload_bytes):
    """From the server, as large as TCP segments with timestamps that carry so much."""
    frame = 14 + 20 + 20 + 12 + payload_bytes
    return Flow("txonly", "rxonly", "client", "rx_per_second", sender="server",
                receiver="client", settings=(f"set txpkts {frame}",))


class Testpmd:
    """A running dpdk-testpmd, into which commands are typed."""

    def __init__(self, link, side, memory):
        self._link = link
        self._side = side
        self._log_path = workplace.file("testpmd.log")
        self.command_line = [
            "dpdk-testpmd", "--no-pci", "--no-telemetry", f"--lcores=(0,1)@{side.core}",
            f"--file-prefix={workplace.file_prefix()}", *memory.eal_arguments(_MEMORY_MB),
            f"--vdev={side.device}", "--", "--interactive", "--total-num-mbufs=32768",
            "--no-lsc-interrupt", "--disable-link-check"]

    def __enter__(self):
        # Into a file it would otherwise print by the page.
        self._process = commands.start(
            self._side.command(["stdbuf", "--output=L", *self.command_line]), self._log_path,
            stdin=subprocess.PIPE)
        try:
            self._wait_for(lambda text: _PROMPT in text, 0, "dpdk-testpmd takes commands")
            self._link.opened_as_it_is(self._side)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind, error, _):
        with contextlib.suppress(BrokenPipeError):
            self.type("quit")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        commands.kill(self._process)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        if error is not None:
            error.add_note(f"dpdk-testpmd's log:\n{self._log()[-3000:]}")

    def type(self, command):
        self._process.stdin.write(f"{command}\n".encode())
        self._process.stdin.flush()

    def start(self, flow):
        for command in flow.commands(self._side.role):
            self.type(command)

    def stop(self):
        """Ends the forwarding."""
        said = len(self._log())
        self.type("stop")
        self._wait_for(lambda text: "Done." in text, said, "dpdk-testpmd has stopped")

    def statistics(self):
        """Packets since the start, and packets a second since it was last asked, by its own clock."""
        said = len(self._log())
        self.type("show port stats 0")
        return self._wait_for(parse, said, "dpdk-testpmd shows its statistics")

    def _log(self):
        return self._log_path.read_text(errors="replace")

    def _wait_for(self, condition, said, what):
        found = commands.wait_until(
            lambda: condition(self._log()[said:]) or self._process.poll() is not None, what)
        if self._process.poll() is not None:
            raise commands.CommandError("dpdk-testpmd ended early")
        return found


@contextlib.contextmanager
def pair(link, memory):
    """A program at each side, by its role."""
    with contextlib.ExitStack() as undo:
        yield {side.role: undo.enter_context(Testpmd(link, side, memory))
               for side in link.in_order()}


@contextlib.contextmanager
def flowing(running, flow):
    """Packets between a pair."""
    for role in ("server", "client"):
        running[role].start(flow)
    yield
    # Some drivers do not outlive it when their peer goes while they poll.
    for program in running.values():
        program.stop()
