"""Bad links between the daemon and a kernel: every byte arrives, once and in order."""

import contextlib

from harness import clients, daemons, links
from harness.cases import Case, quick

_BYTES = 1_000_000 if quick else 5_000_000
_SEED = 11


class BadLink(Case):
    """D1.exact: what an impairment does to frames, the stream does not show."""

    @contextlib.contextmanager
    def _bad_link(self, impairment):
        """The same both ways; at the end the link's counters are in `self.link_did`."""
        made = []

        def make_link():
            made.append(links.Impaired(impairment, impairment, _SEED))
            return made[0]

        root = self.site(big_bytes=_BYTES)
        with self.serving(daemons.http(root), daemons.echo(), make_link=make_link) as served:
            yield *served, root / "big.bin"
        self.link_did = made[0].report()

    def _transfer(self, impairment, **sysctl):
        with self._bad_link(impairment) as (link, daemon, path):
            link.client.sysctl(**sysctl)
            with daemon.leak_check():
                for address in links.SERVERS:
                    got = clients.curl_sha256(link.client, clients.url(address, "/big.bin"))
                    self.assertEqual(got, self.big_sha256)
                    with link.client.connect(address, daemons.ECHO_PORT, timeout_s=60) as echo:
                        self.assertEqual(clients.echo_sha256(echo, path), self.big_sha256)
            self.retransmitted = daemon.total("tcp.retransmitted_segments")
            self.damaged = daemon.total("drop.tcp_bad_checksum")
            self.marks = daemon.total("tcp.congestion_marks_received")
            self.reductions = daemon.total("tcp.ecn_reductions")

    def _assert_link_did(self, what):
        for direction, counters in self.link_did.items():
            self.assertGreater(counters[what], 0, f"{what} {direction}")

    def test_losses_are_repaired(self):
        self._transfer("loss=0.02,delay_ms=2")
        self._assert_link_did("lost")
        self.assertGreater(self.retransmitted, 0)

    def test_reordering_is_undone(self):
        self._transfer("reordering=0.02,reordering_delay_ms=1,delay_ms=2,jitter_ms=1")
        self._assert_link_did("reordered")

    def test_duplicates_count_once(self):
        self._transfer("duplication=0.05,delay_ms=2")
        self._assert_link_did("duplicated")

    def test_damage_is_noticed(self):
        self._transfer("corruption=0.02,delay_ms=2")
        self._assert_link_did("corrupted")
        self.assertGreater(self.damaged, 0)

    def test_a_full_queue_slows_and_spoils_nothing(self):
        self._transfer("rate_mbit=50,queue_bytes=30000,delay_ms=5")
        self.assertGreater(self.link_did["down"]["queue_dropped"], 0)

    # D6.sender, D6.receiver: both ends mark what they send, and heed what the other has seen.
    def test_marks_slow_both_ends_and_lose_nothing(self):
        self._transfer("marking=0.02,delay_ms=2", tcp_ecn=1)
        self._assert_link_did("marked")
        self.assertGreater(self.marks, 0)
        self.assertGreater(self.reductions, 0)

    def test_all_of_it_at_once(self):
        self._transfer("loss=0.01,duplication=0.01,reordering=0.01,corruption=0.01,delay_ms=2,"
                       "jitter_ms=1,rate_mbit=100,queue_bytes=60000")
        for what in ("lost", "duplicated", "reordered", "corrupted"):
            self._assert_link_did(what)
