"""Load: not one failed request, and afterwards everything is back where it came from."""

from harness import cases, clients, daemons, links
from harness.cases import on_each_link


@on_each_link({"tap": links.Tap, "af_packet": links.AfPacket})
class Load:
    # The server closes first: its TIME_WAIT entries must be gone before the pools are counted.
    TIME_WAIT = {"duration_s": 1}

    def test_wrk_with_64_connections(self):
        seconds = 2 if cases.quick else 10
        with self.serving(daemons.http(self.site()), time_wait=self.TIME_WAIT) as (link, daemon):
            requests = 0
            with daemon.leak_check():
                for address in links.SERVERS:
                    requests += clients.wrk(link.client, clients.url(address), seconds=seconds)
            self.note = f"{requests / (2 * seconds):.0f} requests/s"

    def test_ab_without_keep_alive(self):
        requests = 2000 if cases.quick else 20000
        with self.serving(daemons.http(self.site()), time_wait=self.TIME_WAIT) as (link, daemon):
            link.client.sysctl(ip_local_port_range="1024 65535")
            with daemon.leak_check():
                rates = [clients.ab(link.client, clients.url(address), requests)
                         for address in links.SERVERS]
            self.note = f"{sum(rates) / len(rates):.0f} connections/s"

    def test_abandoned_connections_leave_nothing(self):
        """Clients that reset in the middle of a document."""
        root = self.site(big_bytes=cases.BIG_BYTES // 5)
        with self.serving(daemons.http(root), time_wait=self.TIME_WAIT) as (link, daemon):
            with daemon.leak_check():
                for number in range(50):
                    connection = link.client.connect(links.SERVERS[number % 2], 80)
                    connection.sendall(b"GET /big.bin HTTP/1.1\r\nHost: millrace\r\n\r\n")
                    connection.recv(1000 * (number + 1))
                    # Unread data at close: the kernel sends RST.
                    connection.close()
