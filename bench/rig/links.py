"""Links with a core at each side, either of which may be a port of DPDK's or the kernel's stack.

The tests' links (harness.links) ask whether a port works, and so end in a kernel. Here two processes
may also meet with no kernel between them, and each side has a core of its own.
"""

import dataclasses

from harness import links, workplace
from harness.namespaces import Namespace

SERVER_CORE = 0
CLIENT_CORE = 1

# What a side may be.
PORT = "port"
KERNEL = "kernel"

_CLIENT_MAC = "02:00:00:00:00:01"
_BRIDGED_MACS = {"server": "02:00:00:00:01:02", "client": "02:00:00:00:01:01"}


@dataclasses.dataclass
class Side:
    """One side of a link: what runs there does so in `namespace`, and on `core` alone. A port has a
    `device`, a kernel an `interface` with the addresses."""

    role: str
    namespace: Namespace
    core: int
    addresses: list
    mac: str
    device: str = None
    interface: str = None

    def command(self, command):
        """`command` as it must be called to run here."""
        return self.namespace.command(["taskset", "--cpu-list", self.core, *command])

    def run(self, command, **options):
        return self.namespace.run(command, **options)

    @property
    def address(self):
        return self.addresses[0].partition("/")[0]


class Link(links.Link):
    """A server's side and a client's. What the tests' daemons ask of a link is there too: `device` and
    `mac` are the server's."""

    name = None
    # Which side makes what the other then opens.
    first = "server"

    def __init__(self, server=PORT, client=PORT):
        super().__init__()
        self._kinds = {"server": server, "client": client}

    def _build(self, undo):
        self.server = Side("server", undo.enter_context(Namespace("server")), SERVER_CORE,
                           links.SERVER_ADDRESSES, links.SERVER_MAC)
        self.client = Side("client", undo.enter_context(Namespace("client")), CLIENT_CORE,
                           links.PEER_ADDRESSES, _CLIENT_MAC)
        self._ports = [side for side in (self.server, self.client)
                       if self._kinds[side.role] == PORT]
        self._join(undo)

    def in_order(self):
        """The sides, that which must be there before the other first."""
        return [self.server, self.client] if self.first == "server" else [self.client, self.server]

    @property
    def device(self):
        return self.server.device

    @property
    def mac(self):
        return self.server.mac

    def second_may_open(self):
        """Whether the side that is there first has made what the other opens."""
        return True

    def opened_as_it_is(self, side):
        """To be called when a program has opened the port of that side that answers to the device's own
        address, in place of `mac`."""

    def _join(self, undo):
        """Gives each side its device or its interface."""
        raise NotImplementedError


class VhostUser(Link):
    """The server is the host's side, which copies every packet."""

    name = "vhost-user"

    def _join(self, _):
        socket = workplace.file("link.sock")
        self.server.device = links.vhost(socket)
        self.client.device = links.virtio_user(socket)


class VirtioUser(Link):
    """The server is the guest's side; the client, as its host, copies every packet."""

    name = "virtio-user"
    first = "client"

    def _join(self, _):
        self._socket = workplace.file("link.sock")
        self.client.device = links.vhost(self._socket)
        self.server.device = links.virtio_user(self._socket)

    def second_may_open(self):
        # There as soon as it has a name, and open to others later.
        return bool(self.client.run(["ss", "-Hxl", "src", self._socket]).stdout)


class Memif(Link):
    name = "memif"

    def _join(self, _):
        socket = workplace.file("link.sock")
        self.server.device = links.memif("server", socket)
        self.client.device = links.memif("client", socket)


class _Veth(Link):
    """A veth pair. Each core does the receiving of its own side."""

    _device = None

    def _join(self, _):
        links.join(self.server.namespace, "server0", self.client.namespace, "client0")
        for side in (self.server, self.client):
            interface = f"{side.role}0"
            if side in self._ports:
                links.silent_end(side.namespace, interface, steer=side.core)
                side.device = self._device(interface)
            else:
                links.kernel_end(side.namespace, interface, side.addresses, steer=side.core)
                side.interface = interface


class AfPacket(_Veth):
    name = "af_packet"
    _device = staticmethod(links.af_packet)


class AfXdp(_Veth):
    name = "af_xdp"
    _device = staticmethod(links.af_xdp)


class Veth(_Veth):
    """Two kernels with nothing of ours between them, and so with every offload that a veth has."""

    name = "veth"

    def _join(self, undo):
        super()._join(undo)
        for side in (self.server, self.client):
            side.run(["ethtool", "-K", side.interface, "tx", "on", "rx", "on", "tso", "on",
                      "gso", "on", "gro", "on"])


class Tap(Link):
    """A TAP for each port. Two of them are joined by a bridge; of one alone the other end is the
    kernel's side."""

    name = "tap"

    def _join(self, _):
        # The interface is where the port is.
        namespace = self.server.namespace = self.client.namespace
        for side in self._ports:
            interface = _tap_of(side)
            namespace.run(["ip", "tuntap", "add", "dev", interface, "mode", "tap", "multi_queue"])
            side.device = links.tap(interface)
        if self._ports == [self.server, self.client]:
            self._bridge(namespace)
        else:
            kernel = self.server if self._ports == [self.client] else self.client
            kernel.interface = _tap_of(self._ports[0])
            links.kernel_end(namespace, kernel.interface, kernel.addresses, steer=kernel.core)

    def _bridge(self, namespace):
        namespace.run(["ip", "link", "add", "hub", "type", "bridge", "mcast_snooping", "0"])
        for side in self._ports:
            links.silent_end(namespace, _tap_of(side))
            namespace.run(["ip", "link", "set", "dev", _tap_of(side), "master", "hub"])
        namespace.run(["ip", "link", "set", "dev", "hub", "up"])

    def opened_as_it_is(self, side):
        # The driver has given the interface the port's own address, and a bridge keeps what is for the
        # address of an interface of its own.
        side.run(["ip", "link", "set", "dev", _tap_of(side), "address", _BRIDGED_MACS[side.role]])


def _tap_of(side):
    return f"{side.role}0"


# Those that join two ports, and those of them that a kernel may be at an end of.
PORT_LINKS = (VirtioUser, VhostUser, Memif, AfXdp, AfPacket, Tap)
KERNEL_LINKS = (AfXdp, AfPacket, Tap)
