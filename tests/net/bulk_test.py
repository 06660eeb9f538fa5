"""Much data: every byte arrives once and in order, on every link that reaches another process."""

from harness import clients, daemons, links
from harness.cases import BIG_BYTES, on_each_link


@on_each_link(links.ALL_LINKS)
# D1.exact
class Download:
    def _download(self, address):
        root = self.site(big_bytes=BIG_BYTES)
        with self.serving(daemons.http(root)) as (link, _):
            got = clients.curl_sha256(link.client, clients.url(address, "/big.bin"))
            self.assertEqual(got, self.big_sha256)
            self.note = f"{BIG_BYTES // 1_000_000} MB"

    def test_sha256_of_a_big_file_agrees_over_ipv4(self):
        self._download(links.SERVER4)

    def test_sha256_of_a_big_file_agrees_over_ipv6(self):
        self._download(links.SERVER6)


@on_each_link(links.ALL_LINKS)
class Echo:
    def test_what_is_sent_comes_back_while_it_is_sent(self):
        path = self.site(big_bytes=BIG_BYTES) / "big.bin"
        with self.serving(daemons.echo()) as (link, _):
            with link.client.connect(links.SERVER4, daemons.ECHO_PORT, timeout_s=60) as connection:
                self.assertEqual(clients.echo_sha256(connection, path), self.big_sha256)
