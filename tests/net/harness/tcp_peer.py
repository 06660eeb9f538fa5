"""tcp_peer: our engine with one service that keeps to a known stream, listening or connecting."""

import json
import signal

from harness import commands, links, workplace


class TcpPeer:
    """A running tcp_peer on a link, with the arguments of its command line."""

    def __init__(self, link, *arguments):
        self._link = link
        self._arguments = arguments
        self._log_path = workplace.file("tcp_peer.log")
        self._process = None

    def __enter__(self):
        mac = ["--mac", self._link.mac] if self._link.mac else []
        self._process = commands.start(
            self._link.server.command([workplace.test_program("tcp_peer"),
                                       "--device", self._link.device, *mac,
                                       "--address", f"{links.SERVER4}/24",
                                       "--address", f"{links.SERVER6}/64", *self._arguments]),
            self._log_path)
        try:
            commands.wait_until(lambda: "ready" in self.log() or self._process.poll() is not None,
                                "tcp_peer is ready")
            if self._process.poll() is not None:
                raise commands.CommandError("tcp_peer ended at start")
            self._link.after_start()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind, error, traceback):
        commands.kill(self._process)
        if error is not None:
            error.add_note(f"tcp_peer's log:\n{self.log()[-3000:]}")

    def open(self):
        """Has it open its connections."""
        self._process.send_signal(signal.SIGUSR1)

    def log(self):
        return self._log_path.read_text(errors="replace")

    def ended(self, count, timeout_s=30):
        """What it says of the connections that have ended, when there are `count` of them."""
        return commands.wait_until(lambda: self._ended(count),
                                   f"{count} connections of tcp_peer have ended", timeout_s)

    def _ended(self, count):
        lines = [line for line in self.log().splitlines(keepends=True)
                 if line.startswith('{"local_port"') and line.endswith("\n")]
        return [json.loads(line) for line in lines] if len(lines) >= count else None

    def finish(self):
        """Ends it; the engine's counters by name."""
        self._process.terminate()
        code = self._process.wait(timeout=20)
        if code != 0:
            raise commands.CommandError(f"tcp_peer ended with exit code {code}")
        for line in self.log().splitlines():
            if line.startswith('{"counters"'):
                return json.loads(line)["counters"]
        raise commands.CommandError("tcp_peer printed no counters")
