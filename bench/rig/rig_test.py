"""What the rig makes of what it reads, without running anything."""

import pathlib
import sys
import unittest
from xml.etree import ElementTree

sys.dont_write_bytecode = True
_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_REPOSITORY / "bench"), str(_REPOSITORY / "tests" / "net")]

from harness import commands  # noqa: E402
from rig import cases, charts, cores, micro, results, runner, targets, testpmd  # noqa: E402

_RATE = cases.CONNECTIONS.metrics[0]


def _samples(values, **fields):
    return [runner.Sample(metrics={_RATE: value}, described={}, packets=10 * value, **fields)
            for value in values]


class Results(unittest.TestCase):
    def setUp(self):
        self.found = results.objects({
            ("ceiling", "testpmd", "tap", "testpmd"):
                [runner.Sample(metrics={cases.MACSWAP: 4000, cases.ONE_WAY: 9000}, described={},
                               packets=9000)],
            ("connections", "nginx", "tap", "millrace-load"):
                _samples([30, 10, 20], client_busy=0.96, drops={"lost": 3}),
            ("connections", "nginx", "veth", "wrk"): _samples([40], client_busy=0.9),
            ("connections", "millraced", "tap", "millrace-load"): _samples([100, 200]),
            ("connections", "millraced", "memif", "millrace-load"): _samples([400])})

    def one(self, system, link):
        return targets.Found(self.found).one(case="connections", system=system, link=link)

    def test_median_and_range(self):
        nginx = self.one("nginx", "tap")
        self.assertEqual([nginx[key] for key in ("median", "min", "max", "runs")], [20, 10, 30, 3])

    def test_share_of_the_link_is_by_packets(self):
        self.assertEqual(self.one("nginx", "tap")["share_of_link"], 0.05)
        self.assertNotIn("share_of_link", self.one("nginx", "veth"))
        one_way = targets.Found(self.found).one(case="ceiling", metric="one way")
        self.assertEqual(one_way["share_of_link"], 2.25)

    def test_ours_stands_beside_what_is_alike_or_the_best(self):
        self.assertEqual(self.one("millraced", "tap")["ratio_to"], "nginx over tap by millrace-load")
        self.assertEqual(self.one("millraced", "tap")["ratio"], 7.5)
        self.assertEqual(self.one("millraced", "memif")["ratio_to"], "nginx over veth by wrk")
        self.assertEqual(self.one("millraced", "memif")["ratio"], 10)
        self.assertNotIn("ratio", self.one("nginx", "tap"))

    def test_a_busy_client_is_marked(self):
        self.assertTrue(self.one("nginx", "tap")["client_limited"])
        self.assertFalse(self.one("nginx", "veth")["client_limited"])

    def test_most_of_each_loss(self):
        self.assertEqual(self.one("nginx", "tap")["drops"], {"lost": 3})

    def test_a_chart_has_a_bar_for_each(self):
        shown = [one for one in self.found if one["case"] == "connections"]
        root = ElementTree.fromstring(charts.bars("A < B", shown))
        texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("A < B", texts)
        self.assertIn("millraced, memif, millrace-load", texts)
        paths = list(root.iter("{http://www.w3.org/2000/svg}path"))
        self.assertEqual(len(paths), len(shown))

    def test_quantities(self):
        self.assertEqual([results.quantity(value) for value in (6863000, 12340, 999, 0.5, 0)],
                         ["6.86 M", "12.3 k", "999", "0.5", "0"])


class Targets(unittest.TestCase):
    FOUND = targets.Found([{"case": "a", "system": "x", "median": 2.0},
                           {"case": "a", "system": "y", "median": 3.0}])

    def judge(self, **target):
        return targets.Target("1", "subject", **target).judge(self.FOUND)

    def test_at_least(self):
        verdict = self.judge(value=lambda found: found.median(case="a", system="x"), at_least=2)
        self.assertTrue(verdict.holds)
        self.assertEqual(verdict.line(), "1   subject: 2 measured, at least 2 asked: holds")

    def test_falls_short(self):
        verdict = self.judge(value=lambda found: found.best(case="a")["median"], at_least=4)
        self.assertFalse(verdict.holds)
        self.assertIn("falls short by 25 %", verdict.line())

    def test_at_most(self):
        self.assertTrue(self.judge(value=lambda _: 5, at_most=lambda _: 5).holds)
        self.assertIn("falls short by 10 %", self.judge(value=lambda _: 5.5, at_most=5).line())

    def test_what_must_be_nothing(self):
        self.assertTrue(self.judge(value=lambda _: 0, at_most=0).holds)
        self.assertIn("falls short by 30 %", self.judge(value=lambda _: 0.3, at_most=0).line())

    def test_what_is_missing_is_said(self):
        verdict = self.judge(value=lambda found: found.median(case="b", system="x"), at_least=1)
        self.assertIsNone(verdict.holds)
        self.assertIn("not measured: no result of b, x", verdict.line())
        ambiguous = self.judge(value=lambda found: found.median(case="a"), at_least=1)
        self.assertIsNone(ambiguous.holds)

    def test_instructions(self):
        found = targets.Found([], {"server, 1,000 others: pure ACK": {"instructions": 240.5}})
        self.assertEqual(found.instructions("pure ACK", 1000), 240.5)
        with self.assertRaises(targets.Missing):
            found.instructions("pure ACK", 1_000_000)

    def test_benchmarks(self):
        run = {"name": "pairs/1", "run_name": "pairs/1", "run_type": "iteration"}
        medians = micro.medians({"benchmarks": [
            {**run, "done": 1.0}, {**run, "done": 5.0}, {**run, "done": 2.0},
            {**run, "run_type": "aggregate", "done": 100.0}]})
        self.assertEqual(medians, {"pairs/1": {"done": 2}})
        self.assertEqual(targets.Found([], {}, medians).counter("pairs/1", "done"), 2)
        with self.assertRaises(commands.CommandError):
            micro.medians({"benchmarks": [{**run, "error_occurred": True, "error_message": "no"}]})


class Readings(unittest.TestCase):
    def test_cores(self):
        before = cores.parse("cpu 9 9\ncpu0 10 0 10 80 0 0 0 0 0 0\nintr 5")
        after = cores.parse("cpu 9 9\ncpu0 38 0 20 130 10 5 5 12 0 0\nintr 5")
        spent = after[0] - before[0]
        self.assertEqual(list(after), [0])
        self.assertEqual((spent.busy_share, spent.stolen_share), (0.5, 0.1))

    def test_testpmd(self):
        counters = testpmd.parse("""
  ######################## NIC statistics for port 0  ########################
  RX-packets: 41         RX-missed: 1          RX-bytes:  2624
  RX-errors: 0
  RX-nombuf:  0
  TX-packets: 42         TX-errors: 2          TX-bytes:  2688

  Throughput (since last show)
  Rx-pps:      6860775          Rx-bps:   3512716800
  Tx-pps:      6859799          Tx-bps:   3512217088
  ############################################################################
""")
        self.assertEqual(counters, {"rx_packets": 41, "rx_missed": 1, "tx_packets": 42, "tx_errors": 2,
                                    "rx_per_second": 6860775, "tx_per_second": 6859799})
        self.assertIsNone(testpmd.parse("  RX-packets: 41         RX-missed: 1"))

    def test_packets_that_did_not_arrive(self):
        before = {"client": {"tx_packets": 5}, "server": {"rx_packets": 2}}
        after = {"client": {"tx_packets": 105}, "server": {"rx_packets": 92}}
        self.assertEqual(testpmd.ONE_WAY.lost(before, after), 10)


if __name__ == "__main__":
    unittest.main()
