"""millrace-load: what it counts is what the server counts, and what is wrong is an error."""

import contextlib
import signal
import socket

from harness import cases, commands, daemons, links, streams, workplace
from harness.load_generator import KernelServed, PortToPort, at

_NGINX = """
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    log_format counted '$request_length $bytes_sent';
    access_log {directory}/access.log counted;
    keepalive_requests 1000000;
    server {{
        listen 80 backlog=4096;
        listen [::]:80 backlog=4096;
        root {site};
        location = /status {{ stub_status; access_log off; }}
    }}
}}
"""


class Nginx:
    """nginx on the kernel's stack in a namespace, which writes down what each request has cost."""

    def __init__(self, namespace, site):
        self._namespace = namespace
        self._directory = workplace.file("nginx")
        self._site = site

    def __enter__(self):
        self._directory.mkdir()
        configuration = self._directory / "nginx.conf"
        configuration.write_text(_NGINX.format(directory=self._directory, site=self._site))
        self._process = commands.start(
            self._namespace.command(["nginx", "-p", self._directory, "-c", configuration,
                                     "-e", "stderr"]), workplace.file("nginx.log"))
        try:
            commands.wait_until(lambda: self._namespace.run(["curl", "--silent", self._status()],
                                                            check=False).returncode == 0,
                                "nginx serves")
        except BaseException:
            commands.kill(self._process)
            raise
        self._accepted_before = self._accepted()
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """In order, so that its log is whole."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=20)

    def connections(self):
        """Those that it has accepted for others than this question."""
        return self._accepted() - self._accepted_before - 1

    def requests(self):
        """(request bytes, response bytes) of each, when it has ended."""
        lines = (self._directory / "access.log").read_text().splitlines()
        return [tuple(int(word) for word in line.split()) for line in lines]

    def _status(self):
        return "http://127.0.0.1/status"

    def _accepted(self):
        text = self._namespace.run(["curl", "--silent", self._status()]).stdout
        return int(text.splitlines()[2].split()[0])


class AgainstKernels(cases.Case):
    """nginx, and echo servers of the kernel's sockets."""

    def test_requests_agree_with_nginx(self):
        count = 2000 if cases.quick else 20000
        for address, mode, per_connection in (
                (links.PEER4, "keep-alive", None), (links.PEER6, "keep-alive", None),
                (links.PEER4, "connect-request-close", 1),
                (links.PEER6, "connect-request-close", 1)):
            with self.subTest(address=address, mode=mode), KernelServed() as link, \
                    Nginx(link.client, self._page()) as nginx:
                report = link.generator().run(
                    mode, at(address, 80), "--requests", count, "--connections", 16,
                    "--expect-bytes", len(cases.PAGE))
                self.assertEqual(report.code, 0, report.text)
                self.assertEqual(report.total("operations_begun"), count)
                self.assertEqual(report.total("operations_completed"), count)
                self.assertEqual(report.result["latency_ns"]["count"], count)
                connections = count if per_connection else 16
                self.assertEqual(report.total("connections_opened"), connections)
                self.assertEqual(nginx.connections(), connections)
                nginx.end()
                requests = nginx.requests()
                self.assertEqual(len(requests), count)
                self.assertEqual(report.total("bytes_sent"), sum(sent for sent, _ in requests))
                self.assertEqual(report.total("bytes_received"), sum(got for _, got in requests))

    def test_what_is_not_right_is_an_error(self):
        for arguments, error in ((["--path", "/nothing"], "wrong_status"),
                                 (["--expect-bytes", 7], "wrong_length")):
            with self.subTest(error), KernelServed() as link, \
                    Nginx(link.client, self._page()):
                report = link.generator().run("keep-alive", at(links.PEER4, 80), "--requests", 10,
                                              "--connections", 2, *arguments)
                self.assertEqual(report.code, 1)
                self.assertEqual(report.result["errors"], {error: 10})
                self.assertEqual(report.total("operations_completed"), 0)

    def test_nobody_listens(self):
        with KernelServed() as link:
            report = link.generator().run("handshake", at(links.PEER4, 80), "--duration", 0.2,
                                          "--warm-up", 0, "--connections", 1)
            self.assertEqual(report.code, 1)
            self.assertEqual(list(report.result["errors"]), ["refused"])
            self.assertEqual(report.total("connections_opened"), 0)

    def test_nobody_is_there(self):
        """A search must end, and say why."""
        with KernelServed() as link:
            report = link.generator().run("echo", at("198.18.0.77", 7), "--timeout", 8,
                                          "--connections", 4)
            self.assertEqual(report.code, 1)
            self.assertIn("0 of 4 connections could be opened", report.text)
            self.assertGreater(report.result["errors"]["unreachable"], 0)

    def test_a_stream_of_the_kernels(self):
        count = 100 * 65536

        def serve(connection):
            # The generator has what it wants, and ends the connection.
            with contextlib.suppress(ConnectionError, BrokenPipeError):
                streams.send(connection, 1 << 40)

        with KernelServed() as link, \
                streams.KernelServer(link.client, socket.AF_INET, 5001, serve):
            report = link.generator().run("stream", at(links.PEER4, 5001), "--requests", 100,
                                          "--connections", 2, "--close", "rst")
            self.assertEqual(report.code, 0, report.text)
            self.assertEqual(report.total("bytes_received"), count)

    def _page(self):
        root = workplace.file("site")
        root.mkdir()
        root.chmod(0o755)
        (root / "index.html").write_bytes(cases.PAGE)
        root.parent.chmod(0o755)  # nginx's worker is nobody.
        return root


_REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n%s\r\nok"


class AgainstBadServers(cases.Case):
    """What is not right is an error by its name, whatever the server does, and every run ends."""

    def _load(self, serve, mode, *arguments):
        def quietly(connection):
            with contextlib.suppress(OSError):
                serve(connection)

        with KernelServed() as link, \
                streams.KernelServer(link.client, socket.AF_INET, 5001, quietly):
            report = link.generator().run(mode, at(links.PEER4, 5001), *arguments)
        self.assertEqual(report.code, 1, report.text)
        return report

    def test_a_rate_that_is_missed(self):
        report = self._load(lambda connection: connection.recv(1), "handshake", "--rate", 200_000,
                            "--connections", 1, "--duration", 0.5, "--warm-up", 0)
        self.assertEqual(report.result["errors"], {})
        self.assertEqual(report.result["unstarted"] + report.total("operations_begun"), 100_000)

    def test_a_server_that_closes_what_is_to_be_held(self):
        def serve(connection):
            connection.settimeout(0.3)
            while data := connection.recv(4096):
                connection.sendall(data)

        report = self._load(serve, "hold", "--connections", 8, "--duration", 1)
        self.assertGreater(report.result["errors"]["not_held"], 0)

    def test_a_server_that_resets_each_connection(self):
        def serve(connection):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        report = self._load(serve, "echo", "--connections", 300, "--timeout", 2)
        self.assertGreater(report.result["errors"]["reset"], 0)

    def test_bytes_beyond_the_reply(self):
        def serve(connection):
            connection.recv(4096)
            connection.sendall(_REPLY % b"" + b"garbage")

        for close in "server", "fin":
            with self.subTest(close):
                report = self._load(serve, "connect-request-close", "--requests", 5,
                                    "--connections", 1, "--close", close)
                self.assertEqual(report.result["errors"], {"unasked": 5})

    def test_two_replies_to_one_request(self):
        def serve(connection):
            while connection.recv(4096):
                connection.sendall(2 * (_REPLY % b""))

        report = self._load(serve, "keep-alive", "--requests", 5, "--connections", 1)
        self.assertGreater(report.result["errors"]["unasked"], 0)

    def test_a_server_that_says_that_it_closes_and_does_not(self):
        def serve(connection):
            connection.recv(4096)
            connection.sendall(_REPLY % b"Connection: close\r\n")
            while connection.recv(4096):
                pass

        report = self._load(serve, "keep-alive", "--connections", 2, "--duration", 3,
                            "--warm-up", 0, "--timeout", 1)
        self.assertGreater(report.result["errors"]["not_closed"], 0)


class AgainstMillraced(cases.Case):
    make_link = staticmethod(PortToPort)

    def test_every_mode_agrees_with_the_daemon(self):
        count = 1000 if cases.quick else 10000
        modes = (
            ("handshake", 7, ["--close", "fin"], count),
            ("handshake", 7, ["--close", "rst"], count),
            ("connect-request-close", 80, [], count),
            ("connect-request-close", 80, ["--close", "fin"], count),
            ("connect-request-close", 80, ["--close", "rst"], count),
            ("keep-alive", 80, ["--depth", 4], 16),
            ("echo", 7, ["--size", 3000], 16),
            ("stream", 9, ["--direction", "send", "--size", 10000], 16),
        )
        with self.serving(daemons.echo(), daemons.http(self.site()), daemons.discard()) as \
                (link, daemon):
            for mode, port, arguments, connections in modes:
                for address in links.SERVERS:
                    with self.subTest(mode=mode, arguments=arguments, address=address):
                        before = self._counters(daemon)
                        report = link.generator().run(mode, at(address, port), "--requests", count,
                                                      "--connections", 16, *arguments)
                        self.assertEqual(report.code, 0, report.text)
                        self.assertEqual(report.total("operations_completed"), count)
                        self.assertEqual(report.total("connections_opened"), connections)
                        now = self._counters(daemon)
                        news = {name: now[name] - before[name] for name in now}
                        self.assertEqual(news["tcp.passive_opens"], connections)
                        self.assertEqual(news["tcp.bytes_received"], report.total("bytes_sent"))
                        self.assertEqual(news["http.requests"], count if port == 80 else 0)
                        if "rst" not in arguments:  # Else the last bytes are not acknowledged.
                            self.assertEqual(news["tcp.bytes_acked"],
                                             report.total("bytes_received"))

    @staticmethod
    def _counters(daemon):
        values = {f"{line['group']}.{line['name']}": line["value"] for line in daemon.stats()}
        return {name: values[name] for name in ("tcp.passive_opens", "tcp.bytes_received",
                                                "tcp.bytes_acked", "http.requests")}

    def test_an_open_loop_is_what_it_was_asked_to_be(self):
        with self.serving(daemons.echo()) as (link, _):
            report = link.generator().run("echo", at(links.SERVER4, 7), "--rate", 500,
                                          "--duration", 2, "--warm-up", 0.5, "--connections", 8)
            self.assertEqual(report.code, 0, report.text)
            self.assertEqual(report.result["loop"], "open")
            self.assertEqual(report.total("operations_completed"), 1250)
            self.assertEqual(report.result["latency_ns"]["count"], 1000)

    def test_a_closed_loop_says_that_it_is_closed(self):
        with self.serving(daemons.echo()) as (link, _):
            report = link.generator().run("echo", at(links.SERVER4, 7), "--duration", 0.3,
                                          "--warm-up", 0)
            self.assertEqual(report.result["loop"], "closed")
            self.assertIn("a closed loop", report.text)

    def test_hold_proves_each_connection(self):
        with self.serving(daemons.echo(), tcp={"connections_max": 4096}) as (link, daemon):
            generator = link.generator().start("hold", at(links.SERVER4, 7), "--connections", 3000,
                                               "--duration", 2)
            commands.wait_until(lambda: len(daemon.connections_alive()) == 3000,
                                "3000 connections stand")
            report = generator.finish()
            self.assertEqual(report.code, 0, report.text)
            self.assertEqual(report.total("operations_completed"), 3000)
            self.assertEqual(report.total("connections_opened"), 3000)
            self.assertGreater(report.result["bytes_per_connection"], 0)

    def test_several_source_addresses(self):
        addresses = ["198.18.0.100-198.18.0.106/24", "198.18.0.107/24"]
        with self.serving(daemons.echo()) as (link, daemon):
            report = link.generator(addresses).run(
                "handshake", at(links.SERVER4, 7), "--requests", 160, "--connections", 4,
                "--ephemeral-ports", "40000-40019")
            self.assertEqual(report.code, 0, report.text)
            self.assertEqual(report.total("connections_opened"), 160)

    def test_ports_that_run_out_are_an_error(self):
        with self.serving(daemons.echo()) as (link, _):
            report = link.generator().run(
                "handshake", at(links.SERVER4, 7), "--duration", 0.5, "--warm-up", 0,
                "--connections", 4, "--ephemeral-ports", "40000-40019", "--time-wait", "strict")
            self.assertEqual(report.code, 1)
            self.assertEqual(report.total("connections_opened"), 20)
            self.assertEqual(list(report.result["errors"]), ["ports_exhausted"])

    def test_a_mix(self):
        mix = workplace.file("mix.toml")
        mix.write_text('[[job]]\nmode = "keep-alive"\nweight = 3\nport = 80\n'
                       '[[job]]\nmode = "echo"\nsize = 100\n')
        with self.serving(daemons.echo(), daemons.http(self.site())) as (link, _):
            report = link.generator().run("mix", at(links.SERVER4, 7), "--file", mix,
                                          "--requests", 400, "--connections", 8)
            self.assertEqual(report.code, 0, report.text)
            self.assertEqual([(job["mode"], job["totals"]["operations_completed"],
                               job["totals"]["connections_opened"])
                              for job in report.result["jobs"]],
                             [("keep-alive", 300, 6), ("echo", 100, 2)])

    def test_a_mix_that_is_wrong_names_its_line(self):
        mix = workplace.file("mix.toml")
        mix.write_text('[[job]]\nmode = "echo"\nsise = 100\n')
        done = commands.run([workplace.program("millrace-load"), "mix", "--target",
                             "198.18.0.2:7", "--device", "net_null0", "--address",
                             "198.18.0.1/24", "--file", mix], check=False)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr, f"millrace-load: {mix}:3: there is no key 'sise' in a job\n")

    def test_search(self):
        with self.serving(daemons.echo()) as (link, _):
            report = link.generator().run("echo", at(links.SERVER4, 7), "--search-p99", 1000,
                                          "--rate", 100, "--search-rate-max", 200,
                                          "--duration", 0.3, "--warm-up", 0.1)
            self.assertEqual(report.code, 0, report.text)
            self.assertEqual(report.result["search"]["best_rate"], 200)
            self.assertEqual([trial["rate"] for trial in report.result["search"]["trials"]],
                             [100, 200])
            # The result is the best trial's; the totals are the whole run's.
            self.assertAlmostEqual(report.result["per_second"], 200, delta=10)
            self.assertEqual(report.result["latency_ns"]["count"], report.result["operations"])
            self.assertGreater(report.total("operations_completed"), report.result["operations"])
            self.assertFalse(report.result["client_limited"])

    def test_a_signal_ends_it_in_order(self):
        with self.serving(daemons.echo()) as (link, daemon):
            generator = link.generator().start("echo", at(links.SERVER4, 7), "--duration", 60)
            generator.wait_for("measuring")
            generator.signal(signal.SIGINT)
            report = generator.finish(timeout_s=15)
            self.assertEqual(report.code, 0, report.text)
            self.assertGreater(report.total("operations_completed"), 0)
            commands.wait_until(lambda: not daemon.connections_alive(), "no connection is left")

    def test_a_signal_at_the_start_ends_it_too(self):
        with self.serving(daemons.echo()) as (link, _):
            generator = link.generator().start("echo", at(links.SERVER4, 7), "--duration", 60)
            generator.wait_for("driver net_af_packet")
            generator.signal(signal.SIGINT)
            self.assertEqual(generator.finish(timeout_s=15).code, 1)

    def test_the_histogram_is_hdr_histograms(self):
        path = workplace.file("percentiles.txt")
        with self.serving(daemons.echo()) as (link, _):
            report = link.generator().run("echo", at(links.SERVER4, 7), "--requests", 1000,
                                          "--histogram", path)
            self.assertEqual(report.code, 0, report.text)
        lines = path.read_text().splitlines()
        self.assertEqual(lines[0].split(),
                         ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"])
        self.assertEqual(lines[-4].split()[1:], ["1.000000000000", "1000"])


class CommandLine(cases.Case):
    def test_what_is_wrong_is_said(self):
        good = ["echo", "--target", "198.18.0.2:7", "--device", "net_null0", "--address",
                "198.18.0.1/24"]
        for change, words in (
                (["--target", "198.18.0.2"], "is no address with a port"),
                (["--address", "198.18.0.1"], "has no prefix length"),
                (["--close", "server"], "cannot ask the server to close"),
                (["--ephemeral-ports", "5-4"], "is no range of ports"),
                (["--idle", "never"], "is none of poll, adaptive"),
                (["--cores", "0,1"], "2 are named for 1 workers"),
                (["--file", "x"], "belongs to mix"),
                (["--duration", "nan"], "is no number from"),
                (["--path", "/x"], "echo has no use for it; it belongs to connect-request-close"),
                (["--json", "/no/such/folder/x"], "cannot be written"),
                (["--search-p99", "1", "--requests", "9"], "goes neither with --requests")):
            with self.subTest(change):
                arguments = list(good)
                if change[0] in arguments:
                    place = arguments.index(change[0])
                    arguments[place:place + 2] = change
                else:
                    arguments += change
                done = commands.run([workplace.program("millrace-load"), *arguments], check=False)
                self.assertEqual(done.returncode, 2)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_help_and_version(self):
        for option in ("--help", "--version"):
            done = commands.run([workplace.program("millrace-load"), option])
            self.assertIn("millrace-load" if option == "--help" else ".", done.stdout)
