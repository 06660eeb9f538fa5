"""The daemon under test: its configuration, its start, its end, and what it says of itself."""

import contextlib
import json
import os
import signal
import subprocess

from harness import commands, links, workplace

# The services that `configuration` sets up unless told otherwise.
ECHO_PORT = 7
DISCARD_PORT = 9
SOURCE_PORT = 19
HTTP_PORT = 80

_READY = "is ready"


def http(root, port=HTTP_PORT, **keys):
    return {"service": "http", "port": port, "root": str(root), **keys}


def echo(protocol="tcp", port=ECHO_PORT, **keys):
    return {"service": "echo", "protocol": protocol, "port": port, **keys}


def discard(port=DISCARD_PORT, **keys):
    return {"service": "discard", "port": port, **keys}


def source(bytes, then="close", port=SOURCE_PORT, **keys):
    return {"service": "source", "port": port, "bytes": bytes, "then": then, **keys}


def configuration(link, listeners, eal=None, workers=None, tcp=None, time_wait=None, management=None,
                  more_addresses=()):
    """The text of a configuration for `link`; the sections are dictionaries of keys."""
    port = {"name": "net0", "device": link.device,
            "addresses": [f"{links.SERVER4}/24", f"{links.SERVER6}/64", *more_addresses]}
    if link.mac:
        port["mac"] = link.mac
    if link.queues:
        port["queues"] = link.queues
    sections = [("[eal]", {"hugepages": "off", "memory_mb": 512, **(eal or {})}),
                ("[workers]", workers or {}),
                ("[[port]]", port),
                ("[tcp]", tcp or {}),
                ("[tcp.time_wait]", time_wait or {}),
                *(("[[listen]]", listener) for listener in listeners),
                ("[management]", {"socket": str(workplace.file("daemon.sock")),
                                  **(management or {})})]
    return "\n".join(header + "\n" + "".join(f"{key} = {_toml(value)}\n"
                                             for key, value in keys.items())
                     for header, keys in sections)


def _toml(value):
    # JSON's strings, numbers, booleans and arrays are TOML's too.
    return json.dumps(value)


class Daemon:
    """A running millraced. Leaving the context kills it if the test has not drained it, and attaches
    its log to the failure if there is one."""

    def __init__(self, link, text, start_timeout_s=20):
        self._link = link
        self._start_timeout_s = start_timeout_s
        self._text = text
        self.socket = socket_of(text)
        self.config_path = workplace.file("millraced.toml")
        self._log_path = workplace.file("millraced.log")
        self._process = None

    def start(self):
        """Starts it, and does not wait until it is ready."""
        self.config_path.write_text(self._text)
        self._process = commands.start(
            self._link.server.command([workplace.program("millraced"), "--config",
                                       self.config_path]), self._log_path)

    def __enter__(self):
        self.start()
        try:
            commands.wait_until(lambda: _READY in self.log() or self._process.poll() is not None,
                                "millraced is ready", self._start_timeout_s)
            if self._process.poll() is not None:
                raise commands.CommandError(
                    f"millraced ended at start, exit code {self._process.returncode}")
            self._link.after_start()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind, error, traceback):
        commands.kill(self._process)
        if error is not None:
            error.add_note(f"millraced's log:\n{self.log()[-6000:]}")

    @property
    def pid(self):
        return self._process.pid

    def log(self):
        with contextlib.suppress(FileNotFoundError):
            return self._log_path.read_text(errors="replace")
        return ""

    def running(self):
        return self._process.poll() is None

    def terminate(self):
        """Asks for a drain and returns at once."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s=45):
        """Waits for the end; the exit code."""
        try:
            return self._process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise commands.CommandError(f"millraced did not end in {timeout_s} s") from None

    def drain(self, timeout_s=45):
        """SIGTERM, and everything that must then be true: exit code 0, nothing left behind."""
        self.terminate()
        code = self.wait(timeout_s)
        if code != 0:
            raise commands.CommandError(f"millraced drained with exit code {code}")
        if os.path.exists(self.socket):
            raise commands.CommandError(f"millraced left {self.socket} behind")
        if left := commands.eal_leftovers(self._process):
            raise commands.CommandError(f"millraced left {left} behind")

    def ctl(self, *arguments, check=True):
        """What millrace-ctl prints."""
        return commands.run([workplace.program("millrace-ctl"), "--socket", self.socket,
                             *arguments], check=check).stdout

    def stats(self):
        """Every counter: a dictionary of group, name, kind, value and, where it has them, the workers'
        values."""
        return [json.loads(line) for line in self.ctl("stats", "--json").splitlines()]

    def counter(self, name):
        """One counter by "group.name"."""
        for line in self.stats():
            if f"{line['group']}.{line['name']}" == name:
                return line
        raise KeyError(name)

    def total(self, name):
        return self.counter(name)["value"]

    def by_worker(self, name):
        return self.counter(name)["workers"]

    def connections(self):
        return [json.loads(line) for line in self.ctl("conns", "--json").splitlines()]

    def connections_alive(self):
        """Those that are not merely waiting for their end."""
        return [c for c in self.connections() if c["state"] not in ("TIME-WAIT", "LISTEN")]

    @contextlib.contextmanager
    def leak_check(self, timeout_s=30):
        """What happens inside must leave every pool as it was: connections, buffers, packets."""
        before = self.pools()
        yield
        try:
            commands.wait_until(lambda: self.pools() == before, "every pool is full again",
                                timeout_s=timeout_s, interval_s=0.2)
        except commands.CommandError as error:
            now = self.pools()
            error.add_note("\n".join(f"{name}: {before[name]} before, {now[name]} now"
                                     for name in before if now[name] != before[name]))
            raise

    def pools(self):
        """How much of each pool is in use, by name. Packets are not among them: the port's rings hold
        as many as they like; they are counted when the daemon ends, which is then exit code 1.
        Neighbours age by the clock, and with the addresses they keep timers of their own."""
        return {f"{line['group']}.{line['name']}": line["value"] for line in self.stats()
                if line["group"].startswith("use") and line["name"] not in ("neighbours", "timers")}

    def resident_bytes(self):
        """Memory that it has, but for hugepages."""
        with open(f"/proc/{self.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        """CPU time used so far, by all its threads."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def socket_of(text):
    """Where the daemon with this configuration is asked."""
    for line in text.splitlines():
        if line.startswith("socket = "):
            return json.loads(line.partition("=")[2])
    raise ValueError("no management socket in the configuration")
