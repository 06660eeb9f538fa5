"""millrace-load on a link, and what it reports."""

import dataclasses
import json

from harness import commands, links, workplace


@dataclasses.dataclass
class Report:
    """The end of a run: its exit code, its JSON (None when there is none), what it printed."""

    code: int
    result: dict
    text: str

    def total(self, name):
        return self.result["totals"][name]

    def counter(self, name):
        """One of the stack's by "group.name"."""
        return self.result["counters"].get(name, 0)


class LoadGenerator:
    """A millrace-load that runs in `namespace`, with the port `device` and its addresses."""

    def __init__(self, namespace, device, addresses, mac=None):
        self._namespace = namespace
        self._port = ["--device", device]
        for address in addresses:
            self._port += ["--address", address]
        if mac:
            self._port += ["--mac", mac]

    def start(self, mode, target, *arguments):
        """Starts a run; `finish` waits for it."""
        self._json_path = workplace.file("load.json")
        self._log_path = workplace.file("load.log")
        self._process = commands.start(
            self._namespace.command([workplace.program("millrace-load"), mode, "--target", target,
                                     *self._port, "--hugepages", "off", "--memory-mb", 256,
                                     "--idle", "adaptive", "--json", self._json_path,
                                     *arguments]), self._log_path)
        return self

    def wait_for(self, text):
        """Until it has printed that."""
        commands.wait_until(lambda: text in self.log(), f"millrace-load says {text!r}")

    def log(self):
        return self._log_path.read_text(errors="replace")

    def signal(self, number):
        self._process.send_signal(number)

    def finish(self, timeout_s=60):
        try:
            code = self._process.wait(timeout=timeout_s)
        finally:
            commands.kill(self._process)
        result = json.loads(self._json_path.read_text()) if self._json_path.exists() else None
        if left := commands.eal_leftovers(self._process):
            raise commands.CommandError(f"millrace-load left {left} behind")
        return Report(code, result, self.log())

    def run(self, mode, target, *arguments):
        report = self.start(mode, target, *arguments).finish()
        if report.code == 2:
            raise commands.CommandError(f"millrace-load did not start:\n{report.text[-3000:]}")
        return report


def at(address, port):
    """As --target has it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class PortToPort(links.Link):
    """A veth with a port of ours at each end: the daemon's, and the generator's."""

    device = links.af_packet("port0")

    def _build(self, undo):
        self.server = undo.enter_context(links.Namespace("server"))
        self.client = undo.enter_context(links.Namespace("client"))
        links.join(self.server, "port0", self.client, "load0")
        links.silent_end(self.server, "port0")
        links.silent_end(self.client, "load0")

    def generator(self, addresses=tuple(links.PEER_ADDRESSES)):
        return LoadGenerator(self.client, links.af_packet("load0"), addresses)


class KernelServed(links.AfPacket):
    """A veth whose kernel end serves; the generator has the port."""

    def generator(self):
        return LoadGenerator(self.server, self.device, links.SERVER_ADDRESSES, self.mac)
