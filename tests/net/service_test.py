"""The services as their clients meet them: echo, discard and source, and how each of them ends."""

import socket

from harness import clients, commands, daemons, links
from harness.cases import Case, on_each_link


@on_each_link(links.KERNEL_LINKS)
class Services:
    def test_nc_half_closes_and_gets_all_of_it_back(self):
        text = "".join(f"line {n}\n" for n in range(20000))
        with self.serving(daemons.echo()) as (link, _):
            for address in links.SERVERS:
                # -N: nc sends FIN at the end of its input, and then still receives.
                back = link.client.run(["nc", "-N", "-w", "20", address, daemons.ECHO_PORT],
                                       input=text).stdout
                self.assertEqual(back, text)

    # A4.echo, F1.echo
    def test_udp_echo(self):
        with self.serving(daemons.echo(protocol="udp")) as (link, _):
            for address in links.SERVERS:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                for size in (0, 1, 512, 1500 - 40 - 8):
                    with self.subTest(address=address, size=size):
                        self._echo_datagram(link, family, address, bytes(range(256)) * 6, size)

    def _echo_datagram(self, link, family, address, pattern, size):
        with link.client.socket(family, socket.SOCK_DGRAM) as udp:
            udp.settimeout(2)
            udp.connect((address, daemons.ECHO_PORT))
            # A datagram may be lost while the neighbour is resolved: three attempts.
            for attempt in range(3):
                udp.send(pattern[:size])
                try:
                    self.assertEqual(udp.recv(2000), pattern[:size])
                    return
                except TimeoutError:
                    if attempt == 2:
                        raise


class Ends(Case):
    def test_discard_takes_all_and_closes_after_us(self):
        with self.serving(daemons.discard()) as (link, _):
            with link.client.connect(links.SERVER4, daemons.DISCARD_PORT) as connection:
                connection.sendall(b"x" * 2_000_000)
                connection.shutdown(socket.SHUT_WR)
                self.assertEqual(connection.recv(1), b"")

    # F1.source
    def test_source_sends_what_was_configured_and_closes(self):
        with self.serving(daemons.source(1_234_567)) as (link, _):
            with link.client.connect(links.SERVER6, daemons.SOURCE_PORT) as connection:
                self.assertEqual(len(clients.receive_all(connection)), 1_234_567)

    def test_source_that_holds_stays_until_we_close(self):
        with self.serving(daemons.source(1000, then="hold")) as (link, daemon):
            with link.client.connect(links.SERVER4, daemons.SOURCE_PORT) as connection:
                clients.receive_exactly(connection, 1000)
                connection.settimeout(1)
                with self.assertRaises(TimeoutError):
                    connection.recv(1)
            commands.wait_until(lambda: not daemon.connections_alive(), "the connection is gone")

    # F3.counters
    def test_each_service_counts_what_it_has_carried(self):
        listeners = (daemons.echo(), daemons.discard(), daemons.source(1_234_567))
        with self.serving(*listeners, workers={"count": 2}) as (link, daemon):
            for address in links.SERVERS * 2:
                with link.client.connect(address, daemons.ECHO_PORT) as connection:
                    connection.sendall(b"e" * 100_000)
                    clients.receive_exactly(connection, 100_000)
                with link.client.connect(address, daemons.DISCARD_PORT) as connection:
                    connection.sendall(b"d" * 200_000)
                with link.client.connect(address, daemons.SOURCE_PORT) as connection:
                    clients.receive_all(connection)
            commands.wait_until(lambda: not daemon.connections_alive(), "all is said and done")
            counted = {group: [daemon.total(f"{group}.{name}")
                               for name in ("connections", "received_bytes", "sent_bytes")]
                       for group in ("echo", "discard", "source")}
            self.assertEqual(counted, {"echo": [4, 400_000, 400_000],
                                       "discard": [4, 800_000, 0],
                                       "source": [4, 0, 4 * 1_234_567]})
            self.assertEqual(daemon.total("tcp.bytes_received"), 400_000 + 800_000)
            self.assertEqual(daemon.total("tcp.bytes_acked"), 400_000 + 4 * 1_234_567)
            self.assertEqual(sum(daemon.by_worker("echo.connections")), 4)

    # A1.many_addresses
    def test_every_address_of_a_range_is_served(self):
        ranges = ["198.18.0.100-198.18.0.199/24", "2001:db8::100-2001:db8::163/64"]
        with self.serving(daemons.echo(), more_addresses=ranges) as (link, daemon):
            for number in range(100):
                for address in (f"198.18.0.{100 + number}", f"2001:db8::{0x100 + number:x}"):
                    with link.client.connect(address, daemons.ECHO_PORT) as connection:
                        connection.sendall(address.encode())
                        self.assertEqual(clients.receive_exactly(connection, len(address)),
                                         address.encode())
            self.assertEqual(daemon.total("echo.connections"), 200)
            self.assertEqual(daemon.total("drop.tx_ring_full"), 0)

    def test_a_port_without_a_listener_refuses(self):
        with self.serving(daemons.discard()) as (link, _):
            for address in links.SERVERS:
                with self.assertRaises(ConnectionRefusedError):
                    link.client.connect(address, 4711)
