"""Memory for DPDK's processes: hugepages where the machine gives some, for as long as the rig runs."""

import contextlib
import dataclasses
import os
import pathlib

from harness import commands, workplace

_PAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
_FREE_PAGES = _PAGES.with_name("free_hugepages")
_PAGE_MB = 2
_RESERVE = workplace.repository / "drivers-cfg" / "hugepages.sh"


@dataclasses.dataclass
class Memory:
    """How the processes of a run get theirs."""

    hugepages: bool

    def eal_arguments(self, megabytes):
        """For DPDK's own programs."""
        return [f"-m{megabytes}", "--iova-mode=va", "--single-file-segments",
                "--in-memory" if self.hugepages else "--no-huge"]

    def load_arguments(self, megabytes):
        """For millrace-load, at the end of its command line."""
        arguments = ["--memory-mb", megabytes, "--hugepages", "on" if self.hugepages else "off"]
        return arguments if self.hugepages else [*arguments, "--", "--single-file-segments"]

    def configuration(self, megabytes):
        """For millraced: its section [eal]."""
        keys = {"hugepages": "on" if self.hugepages else "off", "memory_mb": megabytes}
        # What millraced itself asks for where it has hugepages.
        return keys if self.hugepages else {**keys, "arguments": ["--single-file-segments"]}


@contextlib.contextmanager
def reserved(megabytes):
    """Hugepages of so much memory where the machine has that; given back afterwards."""
    if not os.access(_PAGES, os.W_OK):
        yield Memory(hugepages=False)
        return
    before = _PAGES.read_text()
    in_all_mb = reservation_mb(int(before), int(_FREE_PAGES.read_text()), megabytes)
    done = commands.run([_RESERVE, "--reserve", in_all_mb], check=False)
    try:
        yield Memory(hugepages=done.returncode == 0)
    finally:
        _PAGES.write_text(before)


def reservation_mb(pages_before, pages_free, megabytes):
    """What is to be reserved in all: so much beside what others use, and no less than there was."""
    used_mb = (pages_before - pages_free) * _PAGE_MB
    return max(pages_before * _PAGE_MB, used_mb + megabytes)
