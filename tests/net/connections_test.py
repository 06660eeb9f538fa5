"""Connections as such: many at once, again from the same port, and with a plain kernel."""

import errno
import http.client
import resource
import selectors
import socket
import time

from harness import cases, clients, commands, daemons, links
from harness.cases import Case, on_each_link

_REQUEST = b"GET / HTTP/1.1\r\nHost: millrace\r\nConnection: close\r\n\r\n"


def get_page(connection):
    """GET / with "Connection: close", so that the server closes first; the body."""
    connection.sendall(_REQUEST)
    response = http.client.HTTPResponse(connection)
    response.begin()
    if response.status != 200:
        raise commands.CommandError(f"status {response.status}")
    body = response.read()
    # The server's FIN: only then is it the server that closed first.
    if connection.recv(1) != b"":
        raise commands.CommandError("bytes after the response")
    return body


@on_each_link({"tap": links.Tap, "af_packet": links.AfPacket})
class Many:
    COUNT = 1000

    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = min(hard, 4 * self.COUNT)
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    def test_a_thousand_connections_stand_at_once(self):
        with self.serving(daemons.echo()) as (link, daemon):
            opened = []
            try:
                for number in range(self.COUNT):
                    address = links.SERVERS[number % 2]
                    opened.append(link.client.connect(address, daemons.ECHO_PORT))
                self.assertEqual(len(daemon.connections_alive()), self.COUNT)
                self._echo_on_each(opened)
            finally:
                for connection in opened:
                    connection.close()
            commands.wait_until(lambda: not daemon.connections_alive(), "all are closed")

    def _echo_on_each(self, opened):
        """Every connection sends its own text before any is read."""
        for number, connection in enumerate(opened):
            connection.sendall(b"connection %d" % number)
        for number, connection in enumerate(opened):
            expected = b"connection %d" % number
            self.assertEqual(clients.receive_exactly(connection, len(expected)), expected)

    def test_a_thousand_connections_open_in_the_same_moment(self):
        with self.serving(daemons.echo()) as (link, _):
            selector = selectors.DefaultSelector()
            opened = []
            try:
                for _ in range(self.COUNT):
                    connection = link.client.socket(socket.AF_INET)
                    opened.append(connection)
                    connection.setblocking(False)
                    connection.connect_ex((links.SERVER4, daemons.ECHO_PORT))
                    selector.register(connection, selectors.EVENT_WRITE)
                self._wait_for_all(selector)
                for connection in opened:
                    connection.settimeout(20)
                self._echo_on_each(opened)
            finally:
                selector.close()
                for connection in opened:
                    connection.close()

    def _wait_for_all(self, selector):
        deadline = time.monotonic() + 60
        while selector.get_map():
            self.assertLess(time.monotonic(), deadline, f"{len(selector.get_map())} never opened")
            for key, _ in selector.select(timeout=1):
                error = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                self.assertEqual(error, 0, "a connection was refused")
                selector.unregister(key.fileobj)


class TimeWait(Case):
    """C1, C2: the server closes first and waits; the client comes back from the same port."""

    def _come_back(self, address, source_port, **sysctl):
        with self.serving(daemons.http(self.site())) as (link, daemon):
            if sysctl:
                link.client.sysctl(**sysctl)
            for _ in range(10):
                with self._connect_when_free(link, address, source_port) as connection:
                    self.assertEqual(get_page(connection), cases.PAGE)
            # The last FIN is on its way when its client has what it wanted.
            waiting = commands.wait_until(
                lambda: [c for c in daemon.connections() if c["state"] == "TIME-WAIT"],
                "the last connection waits")
            self.assertEqual(len(waiting), 1)
            # Who comes back within the same millisecond has the same timestamp, and a later sequence.
            by_timestamp = daemon.total("tcp.time_wait_reused_by_timestamp")
            by_sequence = daemon.total("tcp.time_wait_reused_by_sequence")
            self.assertEqual(by_timestamp + by_sequence, 9)
            if sysctl.get("tcp_timestamps", 1) == 0:
                self.assertEqual(by_timestamp, 0)

    def _connect_when_free(self, link, address, source_port):
        """The client's own kernel keeps the port until its last FIN has been acknowledged."""
        made = []

        def connected():
            try:
                made.append(link.client.connect(address, 80, source_port=source_port))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
            return made

        commands.wait_until(connected, "the client's port was never free again", timeout_s=20)
        return made[0]

    def test_the_same_port_gets_in_again_with_timestamps_ipv4(self):
        self._come_back(links.SERVER4, 23456)

    def test_the_same_port_gets_in_again_with_timestamps_ipv6(self):
        self._come_back(links.SERVER6, 23457)

    def test_the_same_port_gets_in_again_without_timestamps(self):
        self._come_back(links.SERVER4, 23458, tcp_timestamps=0)
