"""Ports without the stack: nic_echo answers UDP over each driver, each way a packet can be sent."""

import re
import signal
import socket

from harness import commands, links, workplace
from harness.cases import on_each_link

# nic_echo's ports: what the answer is made of.
_WAYS = {"in place": 7000, "copied": 7001, "packet attached": 7002, "store attached": 7003}
# Odd and even lengths, an empty datagram, and the most that an MTU of 1500 takes.
_SIZES = (0, 1, 2, 333, 334, 335, 1000, 1471, 1472)
_BURST = 48


def _payload(size, seed):
    return bytes((seed * 31 + place * 7) % 256 for place in range(size))


class _Echo:
    """nic_echo on a link; its counts are there after `end()`."""

    def __init__(self, link, *arguments):
        self._log = workplace.file("nic_echo.log")
        program = workplace.test_program("nic_echo")
        self._process = commands.start(link.server.command([program, link.device, *arguments]),
                                       self._log)

    def __enter__(self):
        try:
            commands.wait_until(lambda: "\nready\n" in self.text() or self._process.poll() is not None,
                                "nic_echo is ready")
            if self._process.poll() is not None:
                raise commands.CommandError(f"nic_echo ended early:\n{self.text()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        commands.kill(self._process)

    def text(self):
        return self._log.read_text(errors="replace")

    def mac(self):
        return re.search(r"MAC ([0-9a-f:]+)", self.text())[1]

    def uses(self, offload):
        return re.search(rf"{offload} +yes +\S+ +(\S+)", self.text())[1] == "yes"

    def end(self):
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(timeout=20) != 0:
            raise commands.CommandError(f"nic_echo failed:\n{self.text()}")
        return {name: int(value) for name, value in
                re.findall(r"^(\w+) (\d+)$", self.text(), re.MULTILINE)}


@on_each_link(links.ALL_LINKS)
class NicEcho:
    def _answers(self, *arguments):
        with self.make_link() as link, _Echo(link, *arguments) as echo:
            link.after_start()
            listed = link.client.run(["ip", "-o", "-4", "route", "show", links.SERVER4 + "/24"])
            interface = re.search(r"dev (\S+)", listed.stdout)[1]
            link.client.run(["ip", "neigh", "replace", links.SERVER4, "lladdr", echo.mac(), "dev",
                             interface, "nud", "permanent"])
            chains = echo.uses("tx multi-segment") if not arguments else False
            probes = self._wait_for_link(link)
            self._ask(link)
            counts = echo.end()
        asked = len(_WAYS) * (len(_SIZES) + _BURST)
        self.assertIn(counts["answered"], range(asked + 1, asked + probes + 1))
        for name in ("bad", "refused", "rejected"):
            self.assertEqual(counts[name], 0, name)
        self.assertEqual(counts["attached"] > 0, chains)
        self.assertLessEqual(counts["lost"], counts["kept_at_most"])
        self.note = (f"{counts['attached']} slices attached, {counts['copied']} chains copied, "
                     f"{counts['vouched_for']} checksums vouched for, {counts['lost']} packets kept")

    def _wait_for_link(self, link):
        """Asks until there is an answer, for a link may lose frames until both its ends are up, and
        says how often that was."""
        with link.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2)
            client.connect((links.SERVER4, _WAYS["copied"]))
            for probes in range(1, 51):
                client.send(b"?")
                try:
                    client.recv(16)
                    return probes
                except TimeoutError:
                    continue
        self.fail("no answer: 50 probes")

    def _ask(self, link):
        for way, port in _WAYS.items():
            with link.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(5)
                client.connect((links.SERVER4, port))
                for size in _SIZES:
                    sent = _payload(size, size)
                    client.send(sent)
                    self.assertEqual(self._received(client, f"{way}, {size} bytes"), sent)
                burst = [_payload(700 + number, number) for number in range(_BURST)]
                for sent in burst:
                    client.send(sent)
                answers = sorted(self._received(client, f"{way}, one of many") for _ in burst)
                self.assertEqual(answers, sorted(burst), way)

    def _received(self, client, what):
        try:
            return client.recv(4096)
        except TimeoutError:
            self.fail(f"no answer: {what}")

    def test_with_every_offload_that_the_port_has(self):
        self._answers()

    def test_without_offloads(self):
        self._answers("none")
