"""What targets take from bench/micro: time in memory, and instructions."""

import json
import statistics
import sys
import tempfile

from harness import commands, workplace
from rig import asked

_STACK = "bench/micro/stack/bench_stack_"
PROGRAMS = (f"{_STACK}pairs_bench", f"{_STACK}crowd_bench")
_LIMIT_S = 3600


def benchmarks(build, repetitions):
    """Of each benchmark by its name, the medians of its counters. Those that are compared take turns."""
    found = {}
    crowds = f"server_echo_all/({asked.FEW}|{asked.VERY_MANY})/"
    for program, wanted in zip(PROGRAMS, ("pairs", crowds)):
        with tempfile.NamedTemporaryFile(suffix=".json") as out:
            commands.run([build / program, f"--benchmark_filter={wanted}",
                          f"--benchmark_repetitions={repetitions}",
                          "--benchmark_enable_random_interleaving=true",
                          f"--benchmark_out={out.name}"], timeout_s=_LIMIT_S)
            found.update(medians(json.load(out)))
    return found


def medians(report):
    """Of Google Benchmark's report in JSON."""
    runs = {}
    for run in report["benchmarks"]:
        if run["run_type"] == "iteration":
            if "error_occurred" in run:
                raise commands.CommandError(f"{run['name']}: {run['error_message']}")
            for counter, value in run.items():
                if isinstance(value, float):
                    runs.setdefault(run["run_name"], {}).setdefault(counter, []).append(value)
    return {name: {counter: statistics.median(values) for counter, values in counters.items()}
            for name, counters in runs.items()}


def instructions(others):
    """The figures of bench/instructions, with so many connections beside."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        commands.run([sys.executable, workplace.repository / "bench" / "instructions", "--others",
                      ",".join(map(str, others)), "--json", out.name, "server"], timeout_s=_LIMIT_S)
        return json.load(out)["figures"]
