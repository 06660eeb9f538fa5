"""What the machine is made for a measurement, and made again afterwards."""

import contextlib
import fcntl
import os
import pathlib
import signal

from harness import commands, workplace
from rig import cases, links, memory, programs, runner

_LOCK = pathlib.Path("/run/millrace-rig.lock")
_AUTOGROUP = pathlib.Path("/proc/sys/kernel/sched_autogroup_enabled")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Of hugepages, beside what two of our processes take.
_SPARE_MB = 256

_FULL_S = {"warm_up_s": 1, "filling_s": 3, "seconds": 3, "start_s": 1, "flow_warm_up_s": 0.5, "flow_s": 1.5}
_SHORT_S = {"warm_up_s": 1, "filling_s": 1, "seconds": 1, "start_s": 4, "flow_warm_up_s": 0.2, "flow_s": 0.5}


@contextlib.contextmanager
def alone():
    """For as long as this machine's cores are measured with. A signal to end is then a
    KeyboardInterrupt, so that all that was made is undone."""
    if os.geteuid() != 0:
        raise commands.CommandError("making network namespaces needs root")
    # The file stays: if it went, two others could hold locks on two files of its name.
    with open(_LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise commands.CommandError("another rig is running on this machine; wait for its end, or "
                                        "stop it first (Ctrl-C there)") from None
        for number in _SIGNALS:
            signal.signal(number, _interrupted)
        yield


def _interrupted(*_):
    # What is being undone is not to be interrupted again.
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextlib.contextmanager
def prepared(build, cells, short=False):
    """The rig, for runs of these cells with the programs in `build`, or in one that is made."""
    may_run_on = os.sched_getaffinity(0)
    if not {links.SERVER_CORE, links.CLIENT_CORE} <= may_run_on:
        raise commands.CommandError("a server and its client need a core each: 0 and 1")
    with alone():
        build = build or programs.built()
        workplace.use_build(build)
        # What observes takes its time from the client, which says so when it has none left.
        os.sched_setaffinity(0, {links.CLIENT_CORE})
        try:
            workplace.remove_leftovers()
            with _one_group(), memory.reserved(_memory_mb(cells)) as reserved:
                yield runner.Rig(build, reserved, _site(), **(_SHORT_S if short else _FULL_S))
        finally:
            os.sched_setaffinity(0, may_run_on)
            workplace.remove()


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
