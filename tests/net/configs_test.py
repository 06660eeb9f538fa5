"""The configurations in configs/ run as they are."""

import contextlib

from harness import clients, commands, daemons, links, workplace
from harness.cases import Case
from harness.namespaces import Namespace

_FOLDER = workplace.repository / "configs"


class _Example:
    """One of the files, with its sockets moved to this run's directory; starts in `namespace`."""

    def __init__(self, name, namespace):
        self.server = namespace
        self._text = (_FOLDER / name).read_text().replace("/run/millrace/",
                                                          f"{workplace.directory()}/")
        self._text = self._text.replace('root = "www"', f'root = "{_FOLDER / "www"}"')

    def after_start(self):
        """Nothing: what a Daemon asks of its link."""

    def start(self):
        return daemons.Daemon(self, self._text)


class Examples(Case):
    def setUp(self):
        self.namespace = self.enterContext(Namespace("configs"))
        self.page = (_FOLDER / "www" / "index.html").read_bytes()

    def test_each_is_accepted_by_check(self):
        files = sorted(_FOLDER.glob("*.toml"))
        self.assertTrue(files)
        for path in files:
            with self.subTest(config=path.name):
                commands.run([workplace.program("millraced"), "--config", path, "--check"])

    def _kernel_end(self, interface):
        commands.wait_until(lambda: self.namespace.has_interface(interface), f"{interface} is there")
        self.namespace.run([workplace.repository / "drivers-cfg" / "kernel-end.sh", interface,
                            "--address", f"{links.PEER4}/24", "--address", f"{links.PEER6}/64"])

    def _serves(self):
        for address in links.SERVERS:
            self.assertEqual(clients.curl(self.namespace, clients.url(address)), self.page)

    def test_quickstart(self):
        with _Example("quickstart.toml", self.namespace).start() as daemon:
            self._kernel_end("tap0")
            self._serves()
            daemon.drain()

    def _over_veth(self, name):
        self.namespace.run(["ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"])
        self.namespace.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/v0/disable_ipv6"])
        self.namespace.run(["ip", "link", "set", "v0", "up"])
        self._kernel_end("v1")
        with _Example(name, self.namespace).start() as daemon:
            self._serves()
            daemon.drain()

    def test_veth_af_packet(self):
        self._over_veth("veth-af-packet.toml")

    def test_veth_af_xdp(self):
        self._over_veth("veth-af-xdp.toml")

    def test_memif_and_vhost_user_with_its_peer_become_ready_and_drain(self):
        for names in (["memif.toml"], ["vhost-user.toml", "virtio-user.toml"]):
            with self.subTest(names=names), contextlib.ExitStack() as running:
                started = [running.enter_context(_Example(name, self.namespace).start())
                           for name in names]
                for daemon in reversed(started):
                    daemon.drain()
