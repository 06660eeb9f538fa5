"""The servers, each with its exact configuration and what it says of itself.

A server is a context manager with a `name`, a `time_wait` policy in words, `described()`, which is its
command line and configuration, and `counters()`.
"""

import contextlib
import dataclasses
import subprocess
import time

from harness import commands, daemons, workplace
from rig import kernel, links

IPERF_PORT = 5201

_MILLRACED_PORT_DROPS = ("imissed", "ierrors", "oerrors", "rx_nombuf", "tx_refused", "tx_rejected")


@dataclasses.dataclass
class Counters:
    """What a server has done since its start."""

    seconds: float
    packets_in: int
    packets_out: int
    drops: dict
    # How many there are.
    time_waits: int
    # Of `seconds`; None where the account of the core says it.
    busy_s: float = None
    # Bytes sent from where they lie, and bytes copied into packets; None for what does not say.
    payload_attached: int = None
    payload_copied: int = None


class Millraced:
    """Our daemon, with the services that the cases ask for."""

    name = "millraced"
    end = links.PORT

    def __init__(self, link, run):
        time_wait = {"policy": "timestamps", "duration_s": kernel.TIME_WAIT_S,
                     "entries_max": kernel.TIME_WAIT_MAX, "when_full": "oldest", **run.case.time_wait}
        self.time_wait = (f"policy {time_wait['policy']}, 2·MSL {time_wait['duration_s']} s, at most "
                          f"{time_wait['entries_max']}, then {time_wait['when_full']}")
        self._text = daemons.configuration(
            link, [daemons.http(run.site), daemons.echo()],
            eal=run.memory.configuration(run.case.memory_mb),
            workers={"cores": [link.server.core], "idle": "poll"}, tcp=run.case.tcp,
            time_wait=time_wait)
        self._daemon = daemons.Daemon(link, self._text, start_timeout_s=run.case.start_timeout_s)

    def __enter__(self):
        self._daemon.__enter__()
        return self

    def __exit__(self, *error):
        self._daemon.__exit__(*error)

    @property
    def pid(self):
        """Of the process that leads its group."""
        return self._daemon.pid

    def resident_bytes(self):
        return self._daemon.resident_bytes()

    def described(self):
        return {"command": ["millraced", "--config", "millraced.toml"],
                "millraced.toml": self._text}

    def totals(self):
        """Every counter by "group.name"."""
        return {f"{line['group']}.{line['name']}": line["value"] for line in self._daemon.stats()}

    def counters(self):
        values = {(line["group"], line["name"]): line["value"] for line in self._daemon.stats()}
        drops = {name: value for (group, name), value in values.items()
                 if group == "drop" and name != "none" or name in _MILLRACED_PORT_DROPS}
        return Counters(seconds=values["worker", "elapsed_ns"] / 1e9,
                        packets_in=values["stack", "rx_packets"],
                        packets_out=values["stack", "tx_packets"],
                        drops=drops,
                        time_waits=values["use", "time_wait"],
                        busy_s=values["worker", "busy_ns"] / 1e9,
                        payload_attached=values["stack", "payload_bytes_attached"],
                        payload_copied=values["stack", "payload_bytes_copied"])


class _KernelServer:
    """A program on the kernel's stack."""

    end = links.KERNEL
    time_wait = (f"Linux's, 2·MSL {kernel.TIME_WAIT_S} s, at most {kernel.TIME_WAIT_MAX}, "
                 "then refuse")

    def __init__(self, link, run):
        self._side = link.server
        self._site = run.site
        self._log_path = workplace.file(f"{self.name}.log")

    def __enter__(self):
        kernel.tune(self._side)
        self._process = commands.start(self._side.command(self._command()), self._log_path)
        try:
            commands.wait_until(lambda: self._process.poll() is not None or
                                kernel.listens(self._side, self._port), f"{self.name} listens")
            if self._process.poll() is not None:
                raise commands.CommandError(f"{self.name} ended at start")
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind, error, _):
        # A program with children ends them when it is asked to.
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        commands.kill(self._process)
        if error is not None:
            error.add_note(f"{self.name}'s log:\n{self._log_path.read_text()[-3000:]}")

    @property
    def pid(self):
        return self._process.pid

    def described(self):
        return {"command": self._command()}

    def counters(self):
        interface = kernel.interface_counters(self._side)
        return Counters(seconds=time.monotonic(), packets_in=interface["rx"]["packets"],
                        packets_out=interface["tx"]["packets"],
                        drops=kernel.drops(self._side, interface),
                        time_waits=kernel.time_waits(self._side))


_NGINX = """\
user root;
worker_processes 1;
worker_cpu_affinity {cpu_mask};
worker_rlimit_nofile 200000;
daemon off;
error_log stderr crit;
pid {directory}/nginx.pid;
events {{
    use epoll;
    worker_connections 100000;
    multi_accept on;
    accept_mutex off;
}}
http {{
    access_log off;
    server_tokens off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    reset_timedout_connection on;
    tcp_nodelay on;
    sendfile off;
    open_file_cache max=100 inactive=600s;
    open_file_cache_valid 600s;
    open_file_cache_min_uses 1;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    types {{ text/html html; }}
    server {{
        listen {port} reuseport backlog=65535 deferred;
        root {site};
    }}
}}
"""


class Nginx(_KernelServer):
    name = "nginx"
    _port = daemons.HTTP_PORT

    def __enter__(self):
        self._directory = workplace.file("nginx")
        self._directory.mkdir()
        self._text = _NGINX.format(cpu_mask=bin(1 << self._side.core)[2:], port=daemons.HTTP_PORT,
                                   directory=self._directory, site=self._site)
        self._config_path = self._directory / "nginx.conf"
        self._config_path.write_text(self._text)
        return super().__enter__()

    def _command(self):
        return ["nginx", "-p", self._directory, "-c", self._config_path, "-e", "stderr"]

    def described(self):
        return {**super().described(), "nginx.conf": self._text, "sysctl": kernel.settings_text()}


class EpollEcho(_KernelServer):
    name = "epoll_echo"
    _port = daemons.ECHO_PORT

    def _command(self):
        return [workplace.bench_program("epoll_echo"), daemons.ECHO_PORT]


class Iperf3(_KernelServer):
    """How fast the kernel moves one stream."""

    name = "iperf3"
    _port = IPERF_PORT

    def _command(self):
        return ["iperf3", "--server", "--port", IPERF_PORT]
