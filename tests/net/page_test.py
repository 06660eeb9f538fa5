"""What a person tries first: ping, a page, a page that is not there."""

from harness import cases, clients, commands, daemons, links
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

    # F3.counters
    def test_the_counters_agree_with_curl_to_the_byte(self):
        requests = 20
        with self.serving(daemons.http(self.site(), echo_path="/echo"),
                          workers={"count": 2}) as (link, daemon):
            sent = received = content = posted = 0
            for number in range(requests):
                address = links.SERVERS[number % 2]
                options, path = (([], "/"), (["--head"], "/"), ([], "/absent"),
                                 (["--data-binary", "x" * 3000], "/echo"))[number % 4]
                # Two requests on each connection.
                target = clients.url(address, path)
                command = ["curl", "-sS", "--globoff", "--max-time", "20", "-o", "/dev/null", "-o",
                           "/dev/null", "-w", "%{size_request} %{size_upload} %{size_header} "
                           "%{size_download}\n", *options, target, target]
                for line in link.client.run(command).stdout.splitlines():
                    # A body that left together with its head is in both of curl's numbers.
                    request, body, answer_head, answer_body = map(int, line.split())
                    sent += request
                    received += answer_head + answer_body
                    posted += body
                    content += answer_body
            commands.wait_until(lambda: not daemon.connections_alive(), "all is said and done")
            counted = {name: daemon.total(f"http.{name}")
                       for name in ("connections", "requests", "responses_1xx", "responses_2xx",
                                    "responses_3xx", "responses_4xx", "responses_5xx",
                                    "request_body_bytes", "response_body_bytes")}
            self.assertEqual(counted, {"connections": requests, "requests": 2 * requests,
                                       "responses_1xx": 0, "responses_2xx": 30, "responses_3xx": 0,
                                       "responses_4xx": 10, "responses_5xx": 0,
                                       "request_body_bytes": posted,
                                       "response_body_bytes": content})
            self.assertEqual(daemon.total("tcp.bytes_received"), sent)
            self.assertEqual(daemon.total("tcp.bytes_acked"), received)

    def test_a_body_posted_to_the_echo_comes_back(self):
        with self.serving(daemons.http(self.site(), echo_path="/echo")) as (link, _):
            body = b"x" * 100_000
            command = ["curl", "-sS", "--fail", "--max-time", "20", "--data-binary", "@-",
                       clients.url(links.SERVER4, "/echo")]
            self.assertEqual(link.client.run(command, input=body, text=False).stdout, body)
