"""Very many connections that stand, each of which has to echo in the end."""

import dataclasses

from rig import cases, links, loads, servers
from rig.runner import Sample

_PORTS_OF_AN_ADDRESS = 64_512
# What opens and echoes so many a second is fast enough not to be given up.
_PER_SECOND_MIN = 20_000

SERVER_BYTES = cases.Metric("server's memory", "bytes/connection", None)
CLIENT_BYTES = cases.Metric("client's memory", "bytes/connection", None)
ECHOED = cases.Metric("echoed", "of all", None)


def case_of(connections):
    return cases.Case(
        "hold", f"{connections:,} connections that stand",
        (SERVER_BYTES, CLIENT_BYTES, ECHOED), mode="hold", port=cases.ECHO.port,
        connections=connections, tcp={"connections_max": connections},
        client_addresses=-(-connections // _PORTS_OF_AN_ADDRESS))


@dataclasses.dataclass(frozen=True)
class Hold:
    """One run says it all."""

    case: cases.Case

    once = True
    system = servers.Millraced
    link = links.VirtioUser
    client = loads.MillraceLoad

    @property
    def key(self):
        return (self.case.name, self.system.name, self.link.name, self.client.name)

    def measure(self, rig, rate=None):
        run = rig.run(self.case, rate)
        patience_s = 30 + self.case.connections / _PER_SECOND_MIN
        with self.link() as link, self.client(link, run) as client, \
                self.system(link, run) as server:
            before = server.resident_bytes()
            client.wait_until_it_says("holding", patience_s)
            grown = server.resident_bytes() - before
            told = client.told(patience_s)
        return Sample(
            metrics={SERVER_BYTES: grown / self.case.connections,
                     CLIENT_BYTES: told["bytes_per_connection"],
                     ECHOED: told["operations"] / self.case.connections},
            described={**server.described(), "client": client.described()}, packets=0.0,
            errors=told["errors"], connections=self.case.connections)
