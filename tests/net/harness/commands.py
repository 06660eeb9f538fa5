"""Running programs: one place for time limits, for what a failure shows, and for how children die."""

import ctypes
import pathlib
import shlex
import shutil
import signal
import subprocess
import time

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class CommandError(AssertionError):
    """A program that should have succeeded did not; says what it printed."""


def die_with_parent():
    """In a child, before exec: be killed when the run is, however it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run(command, timeout_s=60, check=True, input=None, text=True, cwd=None, env=None):
    """Runs a program to its end; with `check`, anything but exit code 0 raises CommandError."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, input=input, stdin=None if input is not None else
                              subprocess.DEVNULL, capture_output=True, text=text,
                              timeout=timeout_s, cwd=cwd, env=env, preexec_fn=die_with_parent)
    except subprocess.TimeoutExpired as late:
        raise CommandError(f"{shlex.join(command)}: no end after {timeout_s} s\n"
                           f"{_tail(late.stdout)}{_tail(late.stderr)}") from None
    if check and done.returncode != 0:
        raise CommandError(f"{shlex.join(command)}: exit code {done.returncode}\n"
                           f"{_tail(done.stdout)}{_tail(done.stderr)}")
    return done


def start(command, log_path, stdin=subprocess.DEVNULL, cwd=None):
    """Starts a program in the background, its output going to the file at `log_path`."""
    with open(log_path, "wb") as log:
        started_s = time.time()
        process = subprocess.Popen([str(word) for word in command], stdin=stdin, stdout=log,
                                   stderr=subprocess.STDOUT, cwd=cwd, start_new_session=True,
                                   preexec_fn=die_with_parent)
        process.started_s = started_s
        return process


def kill(process):
    """Ends one from start() at once if it still runs, and removes what DPDK then leaves of it."""
    if process.poll() is None:
        process.kill()
        process.wait()
        for left in eal_leftovers(process):
            shutil.rmtree(left, ignore_errors=True)


def eal_leftovers(process):
    """Files of DPDK's environment that a program from start() has made and not removed. Process ids come
    again: what is older was another's."""
    made_since_s = process.started_s - 1  # The clock of files ticks coarsely.
    return [str(path) for folder, name in (("/run/dpdk", ""), ("/dev/hugepages", "map_*"))
            for path in pathlib.Path(folder).glob(f"millrace{process.pid}{name}")
            if path.stat().st_mtime > made_since_s]


def wait_until(condition, what, timeout_s=20, interval_s=0.02):
    """Polls until `condition()` is true and returns what it gave; `what` is for the failure."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise CommandError(f"waited {timeout_s} s in vain until {what}")
        time.sleep(interval_s)


def _tail(output, characters=4000):
    if not output:
        return ""
    if isinstance(output, bytes):
        output = output.decode(errors="replace")
    return output[-characters:]
