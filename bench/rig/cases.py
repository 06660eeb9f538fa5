"""The kinds of load, and what is read off each."""

import dataclasses

from harness import daemons
from rig import asked, testpmd

PAGE_BYTES = 64
MESSAGE_BYTES = 64
DOCUMENT_BYTES = 16 << 20

PAGE = "/"
DOCUMENT = "/document.bin"


@dataclasses.dataclass(frozen=True)
class Metric:
    name: str
    unit: str
    # What gives its value: a function of what a load has Done, or a flow of testpmd's.
    value: object


def _rate(name):
    return Metric(name, f"{name}/s", lambda done: done.operations / done.seconds)


def _latency(name):
    return Metric(f"latency {name.replace('_', '.')}", "µs", lambda done: done.latency_us[name])


_GIGABITS = Metric("throughput", "Gbit/s", lambda done: done.bytes_received * 8e-9 / done.seconds)


MACSWAP = Metric("macswap", "packets/s", testpmd.THERE_AND_BACK)
ONE_WAY = Metric("one way", "packets/s", testpmd.ONE_WAY)
SEGMENTS = Metric("full segments", "packets/s", testpmd.segments_of(asked.SEGMENT_BYTES))


@dataclasses.dataclass(frozen=True)
class Run:
    """What a server and a client are told of one run."""

    case: "Case"
    # The folder of what is served.
    site: object
    memory: object
    warm_up_s: int
    seconds: int
    # What a server may take to start.
    start_s: int
    # Operations a second that are offered; None: as many as are answered.
    rate: int = None


# Memory that a machine has never used can take a second for 300 MB.
_START_S_PER_MB = 0.01


@dataclasses.dataclass(frozen=True)
class Case:
    """One kind of load. `mode` is millrace-load's name for it."""

    name: str
    title: str
    metrics: tuple
    mode: str = None
    port: int = None
    connections: int = None
    path: str = PAGE
    # The server ends each connection, and TIME_WAIT fills before the clock starts.
    closes: bool = False
    # What is offered, as a multiple of what is achieved in the case named here. Without it every
    # connection asks again as soon as it is answered.
    load_of: str = None
    load_factor: float = None
    # Of millraced's configuration, what is other than in every other case.
    tcp: dict = dataclasses.field(default_factory=dict)
    time_wait: dict = dataclasses.field(default_factory=dict)
    memory_mb: int = 1024
    client_memory_mb: int = 1024
    # Local addresses of our client, each of which has 64,512 ports.
    client_addresses: int = 1
    # The warm-up where it must be longer.
    filling_s: int = 0

    @property
    def start_timeout_s(self):
        return 10 + self.memory_mb * _START_S_PER_MB


CEILING = Case("ceiling", "What each link carries: packets of 64 bytes, by testpmd",
               (MACSWAP, ONE_WAY))
SEGMENT_CEILING = Case(
    "segments", f"Packets with {asked.SEGMENT_BYTES:,} bytes of payload, by testpmd", (SEGMENTS,))
CONNECTIONS = Case("connections", "Connections: open, one GET, close by the server",
                   (_rate("connections"),), mode="connect-request-close", port=daemons.HTTP_PORT,
                   connections=256, closes=True)
OVERLOAD = dataclasses.replace(
    CONNECTIONS, name="overload", connections=50_000, load_of="connections", load_factor=3,
    title="Connections, when three times as many are offered as can be served")
REQUESTS = Case("requests", "Requests on 1,000 standing connections", (_rate("requests"),),
                mode="keep-alive", port=daemons.HTTP_PORT, connections=1000)
HALF = dataclasses.replace(
    REQUESTS, name="half", load_of="requests", load_factor=0.5,
    title="Latency of a request at half the highest rate",
    metrics=(_latency("p50"), _latency("p99"), _latency("p99_9")))
ECHO = Case("echo", f"{MESSAGE_BYTES} bytes echoed on 1,000 connections", (_rate("echoes"),),
            mode="echo", port=daemons.ECHO_PORT, connections=1000)
PING_PONG = dataclasses.replace(
    ECHO, name="ping-pong", connections=1, metrics=(_latency("p50"), _latency("p99")),
    title=f"{MESSAGE_BYTES} bytes to and fro on one connection")
BULK = Case("bulk", f"Documents of {DOCUMENT_BYTES >> 20} MiB on one connection", (_GIGABITS,),
            mode="keep-alive", port=daemons.HTTP_PORT, connections=1, path=DOCUMENT)
TIME_WAITS = dataclasses.replace(
    CONNECTIONS, name="much TIME_WAIT", title=f"Connections, with {asked.VERY_MANY:,} in TIME_WAIT",
    time_wait={"entries_max": asked.VERY_MANY}, memory_mb=3584, client_addresses=200, filling_s=45)
NO_TIME_WAITS = dataclasses.replace(
    TIME_WAITS, name="no TIME_WAIT", title="Connections, with none in TIME_WAIT",
    time_wait={"entries_max": 1, "when_full": "refuse"}, filling_s=0)
