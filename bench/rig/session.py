"""What the machine is made for a measurement, and made again afterwards."""

import contextlib
import os
import pathlib
import signal

from harness import commands, workplace
from rig import cases, links, memory, runner

_AUTOGROUP = pathlib.Path("/proc/sys/kernel/sched_autogroup_enabled")

# Of hugepages, beside what two of our processes take.
_SPARE_MB = 256

_FULL_S = {"warm_up_s": 1, "filling_s": 3, "seconds": 3, "flow_warm_up_s": 0.5, "flow_s": 1.5}
_SHORT_S = {"warm_up_s": 1, "filling_s": 1, "seconds": 1, "flow_warm_up_s": 0.2, "flow_s": 0.5}


@contextlib.contextmanager
def prepared(build, cells, short=False):
    """The rig, for runs of these cells with the programs in `build`."""
    if os.geteuid() != 0:
        raise commands.CommandError("making network namespaces needs root")
    if not {links.SERVER_CORE, links.CLIENT_CORE} <= os.sched_getaffinity(0):
        raise commands.CommandError("a server and its client need a core each: 0 and 1")
    workplace.use_build(build)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    may_run_on = os.sched_getaffinity(0)
    # What observes takes its time from the client, which says so when it has none left.
    os.sched_setaffinity(0, {links.CLIENT_CORE})
    try:
        workplace.remove_leftovers()
        with _one_group(), memory.reserved(_memory_mb(cells)) as reserved:
            yield runner.Rig(reserved, _site(), **(_SHORT_S if short else _FULL_S))
    finally:
        os.sched_setaffinity(0, may_run_on)
        workplace.remove()


def _interrupted(*_):
    raise KeyboardInterrupt


@contextlib.contextmanager
def _one_group():
    """Linux may share a core out by session before it looks at priorities; a server, its kernel threads and
    whatever runs in the background are to have what theirs say."""
    if not _AUTOGROUP.exists():
        yield
        return
    before = _AUTOGROUP.read_text()
    _AUTOGROUP.write_text("0")
    try:
        yield
    finally:
        _AUTOGROUP.write_text(before)


def _memory_mb(cells):
    return _SPARE_MB + max(cell.case.memory_mb + cell.case.client_memory_mb for cell in cells)


def _site():
    root = workplace.file("site")
    root.mkdir()
    (root / "index.html").write_bytes(b"m" * cases.PAGE_BYTES)
    (root / cases.DOCUMENT.strip("/")).write_bytes(os.urandom(cases.DOCUMENT_BYTES))
    return root
