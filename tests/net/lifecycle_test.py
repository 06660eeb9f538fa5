"""Start, look inside, drain: what an operator does."""

import os
import re
import socket

from harness import clients, commands, daemons, links
from harness.cases import BIG_BYTES, Case


class Drain(Case):
    # F3.exit_codes, F3.drain
    def test_an_idle_server_ends_at_once_with_exit_code_0(self):
        with self.serving(daemons.http(self.site())) as (_, daemon):
            daemon.drain(timeout_s=10)

    def test_a_signal_during_the_start_leaves_nothing_behind(self):
        with links.Tap() as link:
            daemon = daemons.Daemon(link, daemons.configuration(link, [daemons.echo()]))
            daemon.start()
            commands.wait_until(lambda: os.path.exists(daemon.socket), "the start has begun")
            daemon.drain()

    def test_a_transfer_in_progress_is_finished(self):
        root = self.site(big_bytes=BIG_BYTES)
        with self.serving(daemons.http(root)) as (link, daemon):
            with link.client.connect(links.SERVER4, 80, timeout_s=60) as connection:
                connection.sendall(b"GET /big.bin HTTP/1.1\r\nHost: millrace\r\n"
                                   b"Connection: close\r\n\r\n")
                head = clients.receive_exactly(connection, 1000)
                daemon.terminate()
                rest = clients.receive_all(connection)
                body_at = head.index(b"\r\n\r\n") + 4
                self.assertEqual(len(head) - body_at + len(rest), BIG_BYTES)
            self.assertEqual(daemon.wait(), 0)


class Inside(Case):
    # B1.states
    def test_conns_prints_as_ss_does(self):
        with self.serving(daemons.echo()) as (link, daemon):
            with link.client.connect(links.SERVER4, daemons.ECHO_PORT) as connection:
                connection.sendall(b"x")
                connection.recv(1)
                port = connection.getsockname()[1]
                output = daemon.ctl("conns")
            header, *lines = output.splitlines()
            self.assertRegex(header, r"^State\s+Recv-Q\s+Send-Q\s+Local Address:Port\s+"
                                     r"Peer Address:Port")
            wanted = re.compile(rf"^ESTAB\s+0\s+0\s+{re.escape(links.SERVER4)}:7\s+"
                                rf"{re.escape(links.PEER4)}:{port}\b")
            self.assertEqual(sum(bool(wanted.match(line)) for line in lines), 1, output)
            for any_address in ("0.0.0.0", "[::]"):
                listening = re.compile(rf"^LISTEN\s+0\s+0\s+{re.escape(any_address)}:7\s+"
                                       rf"{re.escape(any_address)}:\*")
                self.assertEqual(sum(bool(listening.match(line)) for line in lines), 1, output)

    def test_a_host_that_claims_our_address_is_logged(self):
        with self.serving(daemons.echo()) as (link, daemon):
            listed = link.client.run(["ip", "-o", "-4", "route", "show", links.SERVER4 + "/24"])
            interface = re.search(r"dev (\S+)", listed.stdout)[1]
            rival, ours = bytes.fromhex("02005e100001"), socket.inet_aton(links.SERVER4)
            announcement = (b"\xff" * 6 + rival + b"\x08\x06" + bytes.fromhex("0001080006040001") +
                            rival + ours + bytes(6) + ours)
            with link.client.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
                raw.bind((interface, 0))
                raw.send(announcement)
            commands.wait_until(lambda: f"{links.SERVER4} is also used by 02:00:5e:10:00:01: we go on"
                                in daemon.log(), "the conflict is in the log")
            self._echoes(link)

    def test_a_second_daemon_on_the_same_socket_is_refused(self):
        with self.serving(daemons.echo()) as (link, first):
            text = first.config_path.read_text().replace("iface=mrtap0", "iface=mrtap1")
            self._refused(link, text, "management.socket")
            self._echoes(link)
            self.assertTrue(os.path.exists(first.socket))

    def _refused(self, link, text, key):
        second = daemons.Daemon(link, text)
        with self.assertRaises(commands.CommandError):
            with second:
                pass
        self.assertEqual(second.wait(), 2)
        self.assertIn(key, second.log())

    def _echoes(self, link):
        """The first daemon has not noticed."""
        with link.client.connect(links.SERVER4, daemons.ECHO_PORT) as connection:
            connection.sendall(b"still here")
            self.assertEqual(clients.receive_exactly(connection, 10), b"still here")
