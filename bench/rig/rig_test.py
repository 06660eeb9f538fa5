"""What the rig makes of what it reads, without running anything."""

import argparse
import json
import os
import pathlib
import signal
import sys
import tempfile
import unittest
from unittest import mock
from xml.etree import ElementTree

sys.dont_write_bytecode = True
sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

# rig first: it says where harness is.
from rig import (cases, charts, cores, loads, machine, memory, micro, programs,  # noqa: E402
                 results, runner, session, table, targets, testpmd, written)

from harness import commands  # noqa: E402

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


class Verdicts(unittest.TestCase):
    HOLDS, FALLS_SHORT = (targets.Verdict(None, holds, "") for holds in (True, False))
    LACKS, UNMEASURABLE = (
        targets.Target("1", "subject", value, at_most=1).judge(targets.Found([]))
        for value in (lambda found: found.median(case="a"), targets.unmeasurable("a tool")))

    def test_they_are_counted(self):
        self.assertEqual(
            targets.summary([self.HOLDS, self.LACKS, self.FALLS_SHORT, self.HOLDS, self.UNMEASURABLE]),
            "2 hold, 1 fall short, 2 not measured")

    def test_exit_codes(self):
        self.assertEqual(targets.exit_code([self.HOLDS, self.UNMEASURABLE], []), 0)
        self.assertEqual(targets.exit_code([self.HOLDS, self.LACKS], []), 3)
        self.assertEqual(targets.exit_code([self.HOLDS, self.LACKS], ["a run"]), 2)
        self.assertEqual(targets.exit_code([self.LACKS, self.FALLS_SHORT], ["a run"]), 1)

    def test_what_not_every_result_has(self):
        found = targets.Found([{"case": "a", "share": None}, {"case": "b", "share": 0.0}])
        self.assertEqual(found.field("share", case="b"), 0)
        for absent in ({"name": "share", "case": "a"}, {"name": "other", "case": "b"}):
            with self.assertRaises(targets.Missing):
                found.field(**absent)

    def test_a_small_crowd_is_not_the_one_that_is_asked_for(self):
        one = {"case": "hold", "metric": "echoed", "median": 1.0}
        (target,) = (target for target in targets.TARGETS if target.number == "5b")
        for connections, holds in ((100_000, None), (10_000_000, True)):
            found = targets.Found([{**one, "connections": connections}])
            self.assertIs(target.judge(found).holds, holds)


class Files(unittest.TestCase):
    RESULT = {"case": "a", "system": "b", "metric": "c", "median": 1}

    def read(self, kind, text):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            return kind(file.name)

    def test_what_is_whole_is_read(self):
        self.assertEqual(self.read(written.results, json.dumps([self.RESULT])), [self.RESULT])
        figures = {"how": {}, "figures": {"pure ACK": {"instructions": 1}}}
        self.assertEqual(self.read(written.instructions, json.dumps(figures)), figures)

    def test_what_is_broken_is_refused_by_name(self):
        for kind, text in ((written.results, "{"), (written.results, "{}"), (written.results, "[1]"),
                           (written.results, "[{}]"), (written.instructions, "[]"),
                           (written.instructions, '{"how": {}}'),
                           (written.instructions, '{"how": {}, "figures": {"a": 1}}')):
            with self.assertRaisesRegex(argparse.ArgumentTypeError, f"{tempfile.gettempdir()}.* bench/"):
                self.read(kind, text)

    def test_what_is_missing_is_refused_by_name(self):
        with self.assertRaisesRegex(argparse.ArgumentTypeError, "nosuch.json: .*run.py writes it"):
            written.results("/nosuch.json")


class Cells(unittest.TestCase):
    def chosen(self, *words):
        return [cell.case.name for cell in table.chosen(table.full(), words)]

    def test_every_word_counts(self):
        self.assertEqual(self.chosen("requests", "memif"), ["requests"])
        self.assertEqual(len(self.chosen()), len(table.full()))

    def test_the_load_that_another_cell_decides_comes_with_that(self):
        self.assertEqual(self.chosen("half"), ["requests", "half"])
        self.assertEqual(self.chosen("overload"), ["connections", "overload"])

    def test_words_that_no_cell_has(self):
        for words in (("nosuch",), ("half", "memif")):
            with self.assertRaisesRegex(commands.CommandError, "'ceiling'"):
                self.chosen(*words)

    def test_a_load_that_nothing_came_of(self):
        (cell,) = (cell for cell in table.full() if cell.case is cases.HALF)
        with self.assertRaisesRegex(commands.CommandError, "requests, millraced"):
            runner.Table().rate_for(cell)


class Machine(unittest.TestCase):
    def test_the_commit_is_of_the_builds_sources(self):
        with tempfile.TemporaryDirectory() as folder:
            build = pathlib.Path(folder)
            (build / "meson-info").mkdir()
            (build / "meson-info" / "meson-info.json").write_text(
                json.dumps({"directories": {"source": "/no/sources"}}))
            with mock.patch.object(machine.shutil, "which", lambda _: "git"), \
                    mock.patch.object(machine.commands, "run") as run:
                run.return_value.stdout = "abc-dirty\n"
                self.assertEqual(machine.commit(build), "abc-dirty")
                self.assertIn("/no/sources", run.call_args.args[0])
                run.return_value.stdout = ""
                self.assertEqual(machine.commit(build), "an unknown commit")

    def test_the_callers_compiler_comes_first(self):
        with mock.patch.dict(os.environ, {"CC": "clang"}), \
                mock.patch.object(programs.shutil, "which", lambda _: "/usr/bin/ccache"):
            os.environ.pop("CXX", None)
            environment = programs.environment()
        self.assertEqual((environment["CC"], environment["CXX"]), ("clang", "ccache g++"))

    def test_a_larger_reservation_stays(self):
        self.assertEqual(memory.reservation_mb(pages_before=100, pages_free=100, megabytes=50), 200)

    def test_what_others_use_is_not_ours(self):
        self.assertEqual(memory.reservation_mb(pages_before=100, pages_free=100, megabytes=300), 300)
        self.assertEqual(memory.reservation_mb(pages_before=100, pages_free=20, megabytes=50), 210)

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_one_rig_at_a_time(self):
        with tempfile.NamedTemporaryFile() as file, mock.patch.object(session, "_LOCK", file.name), \
                mock.patch.object(signal, "signal"):
            with session.alone():
                with self.assertRaisesRegex(commands.CommandError, "another rig"):
                    with session.alone():
                        pass
            with session.alone():
                pass


class Lines(unittest.TestCase):
    def test_a_single_value_needs_no_name(self):
        self.assertEqual(runner.values_of(_samples([20])[0]), "20 connections/s")

    def test_several_have_theirs(self):
        p50, p99 = cases.PING_PONG.metrics
        sample = runner.Sample(metrics={p50: 1987, p99: 9789}, described={}, packets=0)
        self.assertEqual(runner.values_of(sample), "latency p50 1987 µs, latency p99 9789 µs")

    def test_addresses_beyond_the_first_are_a_range(self):
        side = mock.Mock(addresses=["198.18.0.1/24", "2001:db8::1/64"])
        self.assertEqual(loads.addresses_of(side, 1), side.addresses)
        self.assertEqual(loads.addresses_of(side, 200)[2:], ["198.18.0.11-198.18.0.209/24"])
        self.assertEqual(loads.addresses_of(side, 2)[2:], ["198.18.0.11-198.18.0.11/24"])


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
