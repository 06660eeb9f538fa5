"""Links: how the daemon's port and the kernel that talks to it are joined.

Every link ends in a kernel: TAP, AF_PACKET, AF_XDP and pcap by themselves; memif and vhost-user,
which have no kernel end, through a dpdk-testpmd that carries frames between them and a TAP.
"""

import contextlib
import json
import subprocess

from harness import commands, workplace
from harness.namespaces import Namespace

PEER4 = "198.18.0.1"
PEER6 = "2001:db8::1"
SERVER4 = "198.18.0.2"
SERVER6 = "2001:db8::2"
SERVERS = (SERVER4, SERVER6)
RIVAL4 = "198.18.0.3"
RIVAL6 = "2001:db8::3"

PEER_ADDRESSES = [f"{PEER4}/24", f"{PEER6}/64"]
SERVER_ADDRESSES = [f"{SERVER4}/24", f"{SERVER6}/64"]
SERVER_MAC = "02:00:00:00:00:02"

_KERNEL_END = workplace.repository / "drivers-cfg" / "kernel-end.sh"


def kernel_end(namespace, interface, addresses=PEER_ADDRESSES, steer=None):
    """Makes an interface fit to talk to us, as soon as it is there. `steer`: the core on which the kernel
    does the receiver's work, in place of the sender's."""
    commands.wait_until(lambda: namespace.has_interface(interface),
                        f"{interface} appears in {namespace.name}")
    command = [_KERNEL_END, interface]
    for address in addresses:
        command += ["--address", address]
    if steer is not None:
        command += ["--steer", steer]
    namespace.run(command)


def join(one, interface, other, other_interface):
    """A veth pair between two namespaces."""
    one.run(["ip", "link", "add", interface, "type", "veth", "peer", "name", other_interface,
             "netns", other.name])


def silent_end(namespace, interface, steer=None):
    """An end on which the kernel must not speak: no IPv6 of its own, no address."""
    namespace.run(["sh", "-c", f"echo 1 >/proc/sys/net/ipv6/conf/{interface}/disable_ipv6"])
    kernel_end(namespace, interface, addresses=(), steer=steer)
    namespace.run(["ip", "link", "set", "dev", interface, "up"])


def tap(interface):
    return f"net_tap0,iface={interface}"


def af_packet(interface):
    return (f"net_af_packet0,iface={interface},qpairs=1,framesz=2048,blocksz=4096,framecnt=4096,"
            "qdisc_bypass=1")


def af_xdp(interface):
    return f"net_af_xdp0,iface={interface}"


def memif(role, socket):
    return f"net_memif0,role={role},socket={socket},socket-abstract=no,id=0"


def vhost(socket, queues=1):
    return f"net_vhost0,iface={socket},queues={queues}"


def virtio_user(socket, queues=1):
    return f"net_virtio_user0,path={socket},queues={queues},queue_size=1024"


class Link:
    """A way to a kernel. `device` is what the daemon's configuration names, `server` the namespace it
    runs in, `client` the one its peers run in, `queues` how many the port is to have (None: its own
    choice)."""

    queues = None
    mac = None

    def __init__(self):
        self._undo = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            self._build(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_):
        self._undo.close()

    def _build(self, undo):
        """Makes what must be there before the daemon starts."""
        raise NotImplementedError

    def after_start(self):
        """Makes what can only be made when the daemon runs."""


class Tap(Link):
    """The port is a TAP: its kernel end appears in the daemon's own namespace."""

    def __init__(self, queues=None):
        super().__init__()
        self.queues = queues
        self.mac = SERVER_MAC

    def _build(self, undo):
        self.server = self.client = undo.enter_context(Namespace("tap"))
        self.device = tap("mrtap0")

    def after_start(self):
        kernel_end(self.client, "mrtap0")


class _Veth(Link):
    """A veth pair, one end in the daemon's namespace without an address, one with the peers."""

    def _build(self, undo):
        self.server = undo.enter_context(Namespace("server"))
        self.client = undo.enter_context(Namespace("client"))
        join(self.server, "port0", self.client, "peer0")
        silent_end(self.server, "port0")
        kernel_end(self.client, "peer0")


class AfPacket(_Veth):
    device = af_packet("port0")


class AfXdp(_Veth):
    device = af_xdp("port0")


class Impaired(AfPacket):
    """A veth behind a bad link, which a kernel shares with the daemon:

        client: peer0 ── link: left ─ link_impairment ─ right ── hub ─┬─ server: port0
                                                         (bridge)     └─ rival: rival0

    `up` impairs what the client sends, `down` what comes to it, both in link_impairment's words;
    `report()` ends the link and says what it did."""

    def __init__(self, up, down, seed=1):
        super().__init__()
        self._up = up
        self._down = down
        self._seed = seed

    def _build(self, undo):
        self.server = undo.enter_context(Namespace("server"))
        self.client = undo.enter_context(Namespace("client"))
        self.rival = undo.enter_context(Namespace("rival"))
        self._middle = undo.enter_context(Namespace("link"))
        self._middle.run(["ip", "link", "add", "hub", "type", "bridge", "mcast_snooping", "0"])
        join(self._middle, "left", self.client, "peer0")
        join(self._middle, "right", self._middle, "hub-right")
        join(self._middle, "hub-port", self.server, "port0")
        join(self._middle, "hub-rival", self.rival, "rival0")
        for interface in ("hub-right", "hub-port", "hub-rival"):
            self._middle.run(["ip", "link", "set", "dev", interface, "master", "hub"])
        for interface in ("left", "right", "hub-right", "hub-port", "hub-rival"):
            silent_end(self._middle, interface)
        self._middle.run(["ip", "link", "set", "dev", "hub", "up"])
        silent_end(self.server, "port0")
        kernel_end(self.client, "peer0")
        kernel_end(self.rival, "rival0", [f"{RIVAL4}/24", f"{RIVAL6}/64"])
        for kernel in (self.client, self.rival):
            # As Linux comes, whatever this machine is set to; and no connection learns of another.
            kernel.sysctl(tcp_rmem="4096 131072 6291456", tcp_wmem="4096 16384 4194304",
                          tcp_no_metrics_save=1)
        self._start_impairment(undo)

    def _start_impairment(self, undo):
        self._log_path = workplace.file("link_impairment.log")
        self._impairment = commands.start(
            self._middle.command([workplace.test_program("impairment/link_impairment"),
                                  "left", "right", "--seed", self._seed,
                                  "--a-to-b", self._up, "--b-to-a", self._down]), self._log_path)
        undo.callback(self._end_impairment)
        commands.wait_until(
            lambda: "ready" in self._log_path.read_text() or self._impairment.poll() is not None,
            "link_impairment is ready")
        if self._impairment.poll() is not None:
            raise commands.CommandError(f"link_impairment: {self._log_path.read_text()}")

    def _end_impairment(self):
        if self._impairment.poll() is None:
            self._impairment.terminate()
            self._impairment.wait(timeout=10)

    def report(self):
        """What has happened to the frames: a dictionary of counters for "up", one for "down". Frames
        that link_impairment itself was too slow for are a failure: the link was another one then."""
        self._end_impairment()
        directions = {}
        for line in self._log_path.read_text().splitlines():
            if line.startswith("{"):
                counters = json.loads(line)
                directions[{"a_to_b": "up", "b_to_a": "down"}[counters.pop("direction")]] = counters
            elif line.startswith(("missed", "refused")) and not line.endswith(" 0"):
                raise commands.CommandError(f"link_impairment was too slow: {line}")
        return directions


class Pcap(_Veth):
    device = "net_pcap0,rx_iface_in=port0,tx_iface=port0"
    mac = SERVER_MAC


class _Bridged(Link):
    """A link without a kernel end: dpdk-testpmd, started when the daemon runs (or before it, where the
    daemon is the one to connect), carries frames between it and a TAP."""

    testpmd_first = False
    queue_count = 1

    def _build(self, undo):
        self.server = undo.enter_context(Namespace("server"))
        self.client = undo.enter_context(Namespace("client"))
        self._socket = workplace.file("link.sock")
        self._testpmd = None
        undo.callback(self._stop_testpmd)
        self.queues = self.queue_count
        self.mac = SERVER_MAC
        self.device = self._daemon_device()
        if self.testpmd_first:
            self._start_testpmd()

    def after_start(self):
        if not self.testpmd_first:
            self._start_testpmd()
        kernel_end(self.client, "mrtap0")

    def _start_testpmd(self):
        log_path = workplace.file("testpmd.log")
        self._testpmd = commands.start(
            self.client.command([
                "dpdk-testpmd", "--no-pci", "--no-huge", "-m", "192", "--no-telemetry",
                "--single-file-segments" if self._shares_memory() else "--iova-mode=va",
                "--lcores", "(0,1)@(0-1)", "--file-prefix", workplace.file_prefix(),
                "--vdev", self._testpmd_device(), "--vdev", "net_tap0,iface=mrtap0",
                "--", "--forward-mode=io", "--auto-start", "--total-num-mbufs=16384",
                "--no-lsc-interrupt", f"--rxq={self.queue_count}", f"--txq={self.queue_count}",
                "--stats-period=3600"]),
            log_path, stdin=subprocess.PIPE)
        try:
            commands.wait_until(
                lambda: "packet forwarding" in log_path.read_text(errors="replace") or
                self._testpmd.poll() is not None, "dpdk-testpmd forwards")
            if self._testpmd.poll() is not None:
                raise commands.CommandError("dpdk-testpmd ended early")
        except commands.CommandError as error:
            error.add_note(log_path.read_text(errors="replace")[-3000:])
            raise

    def _shares_memory(self):
        return False

    def _stop_testpmd(self):
        if self._testpmd is None:
            return
        self._testpmd.terminate()
        try:
            self._testpmd.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._testpmd.kill()
            self._testpmd.wait()
        self._testpmd.stdin.close()

    def _daemon_device(self):
        raise NotImplementedError

    def _testpmd_device(self):
        raise NotImplementedError


class Memif(_Bridged):
    def _daemon_device(self):
        return memif("server", self._socket)

    def _testpmd_device(self):
        return memif("client", self._socket)


class VhostUser(_Bridged):
    """The daemon is the vhost side, the peer a virtio_user."""

    def _daemon_device(self):
        return vhost(self._socket, self.queue_count)

    def _testpmd_device(self):
        return virtio_user(self._socket, self.queue_count)

    def _shares_memory(self):
        return True


class VirtioUser(_Bridged):
    """The daemon is the virtio_user side, as in a guest; the peer is the vhost side."""

    testpmd_first = True

    def _daemon_device(self):
        return virtio_user(self._socket, self.queue_count)

    def _testpmd_device(self):
        return vhost(self._socket, self.queue_count)


class VirtioUserTwoQueues(VirtioUser):
    queue_count = 2


# Links that end in the kernel by themselves.
KERNEL_LINKS = {"tap": Tap, "af_packet": AfPacket, "af_xdp": AfXdp}
# Every link that reaches another process.
ALL_LINKS = {**KERNEL_LINKS, "pcap": Pcap, "memif": Memif, "vhost_user": VhostUser,
             "virtio_user": VirtioUser}
