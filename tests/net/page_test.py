"""What a person tries first: ping, a page, a page that is not there."""

from harness import cases, clients, daemons, links
from harness.cases import Case, on_each_link


@on_each_link(links.ALL_LINKS)
class Page:
    # F1.http
    def test_curl_gets_it_over_both_families(self):
        with self.serving(daemons.http(self.site())) as (link, _):
            for address in links.SERVERS:
                self.assertEqual(clients.curl(link.client, clients.url(address)), cases.PAGE)

    # A3.echo
    def test_ping_is_answered_by_both_families(self):
        with self.serving(daemons.http(self.site())) as (link, _):
            for address in links.SERVERS:
                clients.ping(link.client, address)
                # The largest that is not fragmented with either header.
                clients.ping(link.client, address, size_bytes=1500 - 40 - 8)


class Http(Case):
    def test_status_and_head(self):
        with self.serving(daemons.http(self.site())) as (link, _):
            for address in links.SERVERS:
                for path, options, status in (("/", [], "200"), ("/", ["--head"], "200"),
                                              ("/absent", [], "404"),
                                              ("/", ["-X", "DELETE"], "405")):
                    command = ["curl", "-sS", "--globoff", "--max-time", "20", "-o", "/dev/null",
                               "-w", "%{http_code}", *options, clients.url(address, path)]
                    with self.subTest(address=address, path=path, options=options):
                        self.assertEqual(link.client.run(command).stdout, status)

    def test_one_connection_serves_many_requests(self):
        with self.serving(daemons.http(self.site())) as (link, _):
            target = clients.url(links.SERVER4)
            output = link.client.run(
                ["curl", "-sS", "--max-time", "20", "-o", "/dev/null", "-w", "%{num_connects}\n",
                 target, "--next", "-sS", "--max-time", "20", "-o", "/dev/null", "-w",
                 "%{num_connects}\n", target]).stdout
            self.assertEqual(output.split(), ["1", "0"])

    def test_a_body_posted_to_the_echo_comes_back(self):
        with self.serving(daemons.http(self.site(), echo_path="/echo")) as (link, _):
            body = b"x" * 100_000
            command = ["curl", "-sS", "--fail", "--max-time", "20", "--data-binary", "@-",
                       clients.url(links.SERVER4, "/echo")]
            self.assertEqual(link.client.run(command, input=body, text=False).stdout, body)
