"""Runs the cells of the table by turns. A run makes a link, a server and a client of its own."""

import dataclasses
import statistics
import time

from harness import commands
from rig import cases, cores, testpmd

# The part of the clock's time for which both sides are observed.
_OBSERVED_FROM = 0.1
_OBSERVED_FOR = 0.8

# A run that lost more of a core to the hypervisor is made again, so many times.
STOLEN_MAX = 0.02
_AGAIN_MAX = 2


@dataclasses.dataclass
class Sample:
    """What one run has shown."""

    # Values by cases.Metric.
    metrics: dict
    # Command lines and configurations, by what they are of.
    described: dict
    # Packets a second, in the direction that has more of them.
    packets: float
    # Shares of each side's time; None for what always polls.
    server_busy: float = None
    client_busy: float = None
    # By name, those of either side that happened.
    drops: dict = dataclasses.field(default_factory=dict)
    errors: dict = dataclasses.field(default_factory=dict)
    # The server's policy, and how many there were when the clock had started.
    time_wait: str = None
    time_waits: int = 0
    # Of the payload that was sent; None where nobody says it.
    payload_copied: float = None
    # How many stood; None where that is the case's own business.
    connections: int = None
    # The larger share of a core.
    stolen: float = 0.0


@dataclasses.dataclass(frozen=True)
class Rig:
    """What all runs share."""

    # The directory of the programs.
    build: object
    memory: object
    site: object
    # Whole seconds; `filling_s` are the warm-up's where TIME_WAIT has to fill.
    warm_up_s: int
    filling_s: int
    seconds: int
    # What a server may take to start, to whom a client that is there first shall not speak in vain.
    start_s: int
    # Of testpmd's flows, which are there at once.
    flow_warm_up_s: float
    flow_s: float

    def run(self, case, rate):
        return cases.Run(case=case, site=self.site, memory=self.memory, rate=rate,
                         warm_up_s=max(case.filling_s,
                                       self.filling_s if case.closes else self.warm_up_s),
                         seconds=self.seconds, start_s=self.start_s)


@dataclasses.dataclass(frozen=True)
class Cell:
    """A case by a system over a link. Which ends of the link are ports follows from the programs."""

    case: cases.Case
    system: type
    link: type
    client: type

    once = False

    @property
    def key(self):
        return (self.case.name, self.system.name, self.link.name, self.client.name)

    @property
    def key_of_load(self):
        """Of the cell that says how much is offered to this one."""
        return (self.case.load_of, *self.key[1:])

    def measure(self, rig, rate=None):
        run = rig.run(self.case, rate)
        with self.link(server=self.system.end, client=self.client.end) as link, \
                self.client(link, run) as client, self.system(link, run) as server:
            client.begin()
            time.sleep(_OBSERVED_FROM * run.seconds)
            first = server.counters()
            spent = cores.spent(_OBSERVED_FOR * run.seconds)
            last = server.counters()
            done = client.finish()
        seconds = last.seconds - first.seconds
        drops = {name: count - first.drops[name] for name, count in last.drops.items()}
        return Sample(
            metrics={metric: metric.value(done) for metric in self.case.metrics},
            described={**server.described(), "client": client.described()},
            packets=max(last.packets_in - first.packets_in,
                        last.packets_out - first.packets_out) / seconds,
            server_busy=(spent[link.server.core].busy_share if last.busy_s is None else
                         (last.busy_s - first.busy_s) / seconds),
            client_busy=(spent[link.client.core].busy_share if done.busy_share is None else
                         done.busy_share),
            drops={name: count for name, count in {**drops, **done.drops}.items() if count},
            errors=done.errors,
            time_wait=server.time_wait, time_waits=first.time_waits,
            payload_copied=_payload_copied(first, last), stolen=_stolen(spent))


@dataclasses.dataclass(frozen=True)
class Ceiling:
    """What a link itself carries, by dpdk-testpmd at both sides."""

    link: type
    case: cases.Case = cases.CEILING

    once = False

    @property
    def key(self):
        return (self.case.name, testpmd.NAME, self.link.name, testpmd.NAME)

    def measure(self, rig, rate=None):
        assert rate is None
        sample = Sample(metrics={}, described={}, packets=0.0)
        with self.link() as link, testpmd.pair(link, rig.memory) as running:
            for role, program in running.items():
                sample.described[role] = program.command_line
            for metric in self.case.metrics:
                self._add_flow(sample, metric, running, rig)
        sample.packets = max(sample.metrics.values())
        return sample

    @staticmethod
    def _add_flow(sample, metric, running, rig):
        flow = metric.value
        with testpmd.flowing(running, flow):
            time.sleep(rig.flow_warm_up_s)
            before = {role: program.statistics() for role, program in running.items()}
            spent = cores.spent(rig.flow_s)
            after = {role: program.statistics() for role, program in running.items()}
        sample.metrics[metric] = flow.result(after)
        sample.drops[f"{metric.name}, not arrived"] = flow.lost(before, after)
        sample.stolen = max(sample.stolen, _stolen(spent))
        for role in running:
            sample.described[f"{metric.name}, {role}"] = "; ".join(flow.commands(role))


def _payload_copied(first, last):
    if last.payload_copied is None:
        return None
    copied = last.payload_copied - first.payload_copied
    return copied / max(1, copied + last.payload_attached - first.payload_attached)


def _stolen(spent):
    return max(times.stolen_share for times in spent.values())


class Table:
    """The samples of every cell, as they come."""

    def __init__(self):
        self.samples = {}
        self.failures = []

    def add(self, cell, sample):
        self.samples.setdefault(cell.key, []).append(sample)

    def rate_for(self, cell):
        """What is offered to a cell that depends on what another has achieved."""
        if cell.case.load_of is None:
            return None
        achieved = self.samples.get(cell.key_of_load)
        if achieved is None:
            raise commands.CommandError(f"nothing came of {', '.join(cell.key_of_load)}")
        return round(cell.case.load_factor *
                     statistics.median(next(iter(sample.metrics.values())) for sample in achieved))


def measure(cells, rounds, rig, say):
    """Every cell once a round, so that whatever else the machine does meets them all; one that is to be
    measured `once`, in the first."""
    table = Table()
    for number in range(1, rounds + 1):
        for cell in cells:
            if cell.once and number > 1:
                continue
            began = time.monotonic()
            try:
                sample = _measured(cell, rig, table.rate_for(cell), say)
            except (commands.CommandError, KeyError) as error:
                # The other cells are worth having all the same.
                notes = "\n".join(getattr(error, "__notes__", []))
                table.failures.append(f"{', '.join(cell.key)}: {error}")
                say(f"{number}/{rounds} {', '.join(cell.key)}: FAILED: {error!r}\n{notes}")
                continue
            table.add(cell, sample)
            say(f"{number}/{rounds} {', '.join(cell.key)}: {values_of(sample)} "
                f"({time.monotonic() - began:.1f} s)")
    return table


def values_of(sample):
    """In a line; with their names where there are several."""
    several = len(sample.metrics) > 1
    return ", ".join(f"{metric.name + ' ' if several else ''}{value:.4g} {metric.unit}"
                     for metric, value in sample.metrics.items())


def _measured(cell, rig, rate, say):
    for _ in range(1 + _AGAIN_MAX):
        sample = cell.measure(rig, rate)
        if sample.stolen <= STOLEN_MAX:
            return sample
        say(f"{', '.join(cell.key)}: the hypervisor took {100 * sample.stolen:.1f} % of a core; again")
    raise commands.CommandError("the hypervisor took too much of a core each time")
