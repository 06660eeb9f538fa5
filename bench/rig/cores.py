"""What the cores have done, by the kernel's account."""

import dataclasses
import pathlib
import time


@dataclasses.dataclass(frozen=True)
class Times:
    """Of one core, in the kernel's ticks."""

    total: int
    idle: int
    stolen: int

    def __sub__(self, other):
        return Times(self.total - other.total, self.idle - other.idle, self.stolen - other.stolen)

    @property
    def busy_share(self):
        return 1 - self.idle / self.total

    @property
    def stolen_share(self):
        """What the hypervisor gave to somebody else."""
        return self.stolen / self.total


def parse(text):
    """By core, of what /proc/stat says."""
    found = {}
    for line in text.splitlines():
        name, *values = line.split()
        if name.startswith("cpu") and name != "cpu":
            user, nice, system, idle, io_wait, irq, softirq, steal = map(int, values[:8])
            found[int(name[3:])] = Times(
                user + nice + system + idle + io_wait + irq + softirq + steal, idle + io_wait, steal)
    return found


def spent(seconds):
    """Waits so long; what each core has done meanwhile."""
    before = _now()
    time.sleep(seconds)
    return {core: times - before[core] for core, times in _now().items()}


def _now():
    return parse(pathlib.Path("/proc/stat").read_text())
