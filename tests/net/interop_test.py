"""The kernel's TCP as client and as server, with each of its options off and on."""

import itertools
import re
import socket
import threading

from harness import clients, commands, daemons, links, streams
from harness.cases import Case, on_each_link
from harness.tcp_peer import TcpPeer

_OPTIONS = ("tcp_timestamps", "tcp_sack", "tcp_window_scaling", "tcp_ecn")
_PORT = 5001
_BYTES = 300_000
_TWO_LINKS = {"tap": links.Tap, "af_packet": links.AfPacket}


def _every_combination():
    for values in itertools.product((0, 1), repeat=len(_OPTIONS)):
        yield dict(zip(_OPTIONS, values))


def _options_in_effect(namespace, port):
    """What `ss -io` says of the one connection with this port on the peer's side."""
    shown = namespace.run(["ss", "-tinoH", "state", "established",
                           f"( sport = :{port} or dport = :{port} )"]).stdout
    words = set(re.findall(r"\b(ts|sack|wscale|ecn)\b", shown))
    return {"tcp_timestamps": int("ts" in words), "tcp_sack": int("sack" in words),
            "tcp_window_scaling": int("wscale" in words), "tcp_ecn": int("ecn" in words)}


@on_each_link(_TWO_LINKS)
class Options:
    """B2.passive, B2.active, D6.agreed: what both ends offer is in effect, whoever opens."""

    def test_the_kernel_connects_with_every_combination(self):
        with self.serving(daemons.echo()) as (link, _):
            for wanted, address in itertools.product(_every_combination(), links.SERVERS):
                with self.subTest(address=address, **wanted):
                    link.client.sysctl(**wanted)
                    self._echo(link, address, wanted)

    def test_we_connect_with_every_combination(self):
        seen = []

        def serve(connection):
            seen.append(_options_in_effect(link.client, _PORT))
            streams.receive(connection, _BYTES)
            streams.send(connection, _BYTES)

        with self.make_link() as link, _opener(link, "--ecn", count=2) as peer, \
                streams.KernelServer(link.client, socket.AF_INET6, _PORT, serve):
            for round, wanted in enumerate(_every_combination(), 1):
                with self.subTest(**wanted):
                    link.client.sysctl(**wanted)
                    peer.open()
                    _assert_exact(self, peer, 2 * round)
                    for shown in seen[-2:]:
                        self.assertEqual(shown, wanted)

    def _echo(self, link, address, wanted):
        with link.client.connect(address, daemons.ECHO_PORT) as connection:
            connection.sendall(b"hello")
            clients.receive_exactly(connection, 5)
            self.assertEqual(_options_in_effect(link.client, daemons.ECHO_PORT), wanted)
        with link.client.connect(address, daemons.ECHO_PORT) as connection:
            sender = threading.Thread(target=_send_and_half_close, args=(connection, _BYTES))
            sender.start()
            streams.receive(connection, _BYTES)
            sender.join()


def _send_and_half_close(connection, count):
    streams.send(connection, count)
    connection.shutdown(socket.SHUT_WR)


@on_each_link(_TWO_LINKS)
class HalfClose:
    """B4.half_close: data flows on in one direction after the FIN in the other."""

    def test_the_kernel_half_closes_and_reads_on(self):
        for address in links.SERVERS:
            with self.make_link() as link, \
                    TcpPeer(link, "--listen", _PORT, "--bytes", _BYTES, "--after-the-peer") as peer:
                with link.client.connect(address, _PORT) as connection:
                    _send_and_half_close(connection, _BYTES)
                    streams.receive(connection, _BYTES)
                _assert_exact(self, peer, 1)

    def test_we_half_close_and_read_on(self):
        for address in links.SERVERS:
            with self.make_link() as link, \
                    TcpPeer(link, "--listen", _PORT, "--bytes", _BYTES) as peer:
                with link.client.connect(address, _PORT) as connection:
                    streams.receive(connection, _BYTES)
                    _send_and_half_close(connection, _BYTES)
                _assert_exact(self, peer, 1)


class SimultaneousOpen(Case):
    """B2.simultaneous: both ends are bound and connect, and the SYNs cross (RFC 9293 figure 8)."""

    def test_the_kernel_and_we_connect_to_each_other(self):
        for kernel, ours in ((links.PEER4, links.SERVER4), (links.PEER6, links.SERVER6)):
            with self.subTest(kernel=kernel):
                self._cross(kernel, ours)

    def _cross(self, kernel, ours):
        few = 1000
        slow = "delay_ms=1000"
        with links.Impaired(slow, slow) as link, \
                _opener(link, count=1, connect=(kernel,), source_port=7001, bytes=few) as peer:
            # Each must know the other's MAC, or one of the SYNs would have to wait.
            clients.ping(link.client, ours, count=1)
            with link.client.socket(_family(kernel)) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                connection.bind((kernel, _PORT))
                connection.setblocking(False)
                connection.connect_ex((ours, 7001))
                peer.open()
                # A kernel's socket that has called connect() only comes there by a SYN.
                commands.wait_until(lambda: _kernel_state(link.client, _PORT) == "SYN-RECV",
                                    "the kernel's SYN and ours have crossed", interval_s=0)
                connection.settimeout(20)
                _send_and_half_close(connection, few)
                streams.receive(connection, few)
            _assert_exact(self, peer, 1, few)
            counters = peer.finish()
            self.assertEqual(counters.get("resets_sent", 0) + counters.get("resets_received", 0), 0)


class States(Case):
    """B1.states: `millrace-ctl conns` shows each state in the words of `ss`, and the ends fit together."""

    # Long enough in each state to be seen there from both ends.
    _SLOW = "delay_ms=1000"
    _CLOSER_PORT = 20

    def _wait_for(self, link, daemon, connection, ours, kernels):
        port = connection.getsockname()[1]

        def states():
            mine = [c["state"] for c in daemon.connections()
                    if c["remote_port"] == port]
            return (*mine, None)[0], _kernel_state(link.client, port)

        seen = []

        def reached():
            seen.append(states())
            return seen[-1] == (ours, kernels)

        try:
            commands.wait_until(reached, f"{ours} here and {kernels} there", interval_s=0)
        except commands.CommandError as error:
            error.add_note(f"seen: {list(dict.fromkeys(seen))}")
            raise

    def _slow(self):
        return self.serving(daemons.echo(), daemons.source(0, port=self._CLOSER_PORT),
                            make_link=lambda: links.Impaired(self._SLOW, self._SLOW))

    def test_a_connection_from_its_syn_to_last_ack(self):
        with self._slow() as (link, daemon), link.client.socket(socket.AF_INET) as connection:
            connection.setblocking(False)
            connection.connect_ex((links.SERVER4, daemons.ECHO_PORT))
            for ours, kernels in (("SYN-RECV", "SYN-SENT"), ("ESTAB", "ESTAB")):
                self._wait_for(link, daemon, connection, ours, kernels)
            connection.shutdown(socket.SHUT_WR)
            for ours, kernels in (("ESTAB", "FIN-WAIT-1"), ("LAST-ACK", "FIN-WAIT-1"),
                                  ("LAST-ACK", "TIME-WAIT"), (None, "TIME-WAIT")):
                self._wait_for(link, daemon, connection, ours, kernels)

    def test_a_connection_that_we_close_first(self):
        with self._slow() as (link, daemon):
            with link.client.connect(links.SERVER6, self._CLOSER_PORT) as connection:
                for ours, kernels in (("FIN-WAIT-1", "ESTAB"), ("FIN-WAIT-1", "CLOSE-WAIT"),
                                      ("FIN-WAIT-2", "CLOSE-WAIT")):
                    self._wait_for(link, daemon, connection, ours, kernels)
                connection.shutdown(socket.SHUT_WR)
                for ours, kernels in (("FIN-WAIT-2", "LAST-ACK"), ("TIME-WAIT", "LAST-ACK"),
                                      ("TIME-WAIT", None)):
                    self._wait_for(link, daemon, connection, ours, kernels)

    def test_a_connection_that_both_close(self):
        with self._slow() as (link, daemon):
            with link.client.connect(links.SERVER4, self._CLOSER_PORT) as connection:
                self._wait_for(link, daemon, connection, "FIN-WAIT-1", "ESTAB")
                connection.shutdown(socket.SHUT_WR)
                for ours, kernels in (("CLOSING", "CLOSING"), ("TIME-WAIT", "TIME-WAIT")):
                    self._wait_for(link, daemon, connection, ours, kernels)

    def test_a_service_that_goes_on_sending(self):
        with self.serving(daemons.source(100_000_000)) as (link, daemon):
            with link.client.connect(links.SERVER4, daemons.SOURCE_PORT) as connection:
                connection.shutdown(socket.SHUT_WR)
                self._wait_for(link, daemon, connection, "CLOSE-WAIT", "FIN-WAIT-2")


@on_each_link(_TWO_LINKS)
class ManyOpened:
    """B2.active: a thousand connections to the kernel stand at once."""

    COUNT = 1000

    def test_we_open_a_thousand_at_once(self):
        with self.make_link() as link, \
                _opener(link, count=self.COUNT, bytes=1000) as peer, \
                link.client.socket(socket.AF_INET6) as listener:
            listener.bind(("", _PORT))
            listener.listen(2 * self.COUNT)
            listener.settimeout(30)
            peer.open()
            accepted = [listener.accept()[0] for _ in range(self.COUNT)]
            for connection in accepted:
                with connection:
                    connection.settimeout(20)
                    streams.receive(connection, 1000)
                    streams.send(connection, 1000)
            _assert_exact(self, peer, self.COUNT, 1000)


def _opener(link, *arguments, count, connect=(links.PEER4, links.PEER6), source_port=0, bytes=_BYTES):
    """A tcp_peer that opens `count` connections when told to, and sends first. Without a source port
    the stack chooses."""
    return TcpPeer(link, *(f"--connect={address}" for address in connect),
                   "--connect-port", _PORT, "--source-port", source_port, "--count", count,
                   "--bytes", bytes, *arguments)


def _assert_exact(case, peer, count, bytes=_BYTES):
    """`count` connections of `peer` have ended, and each sent and received all of its stream."""
    for told in peer.ended(count):
        case.assertTrue(told["opened"] and told["exact"], told)
        case.assertEqual((told["sent"], told["received"]), (bytes, bytes), told)


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _kernel_state(namespace, port):
    """What `ss` calls the state of the kernel's connection from this port, or None."""
    words = namespace.run(["ss", "-tanH", f"sport = :{port}"]).stdout.split()
    return words[0] if words else None
