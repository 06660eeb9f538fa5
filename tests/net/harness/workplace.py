"""One run's own directory and names, and where the programs under test are."""

import os
import pathlib
import re
import shutil
import tempfile

from harness import commands

repository = pathlib.Path(__file__).resolve().parents[3]

_NAMESPACE_PREFIX = "mrtest"
_counter = 0
_directory = None
_build = None


def use_build(path):
    """Which build directory the programs come from."""
    global _build
    _build = pathlib.Path(path).resolve()


def program(name):
    """The path of one of our programs, such as "millraced"."""
    return _built(f"apps/{name}")


def test_program(name):
    """The path of a program that only these tests use, such as "nic_echo"."""
    return _built(f"tests/net/{name}")


def bench_program(name):
    """The path of a program that only bench/rig uses, such as "epoll_echo"."""
    return _built(f"bench/rig/{name}")


def _built(target):
    path = _build / target
    if not path.exists():
        raise commands.CommandError(f"{path} is not there; build it: ninja -C {_build} {target}")
    return path


def directory():
    """The run's directory, outside the repository; gone when the run ends."""
    global _directory
    if _directory is None:
        _directory = pathlib.Path(tempfile.mkdtemp(prefix="millrace-net-"))
    return _directory


def file(name):
    """A path in the run's directory that no one else in this run uses."""
    return directory() / f"{unique()}-{name}"


def unique():
    global _counter
    _counter += 1
    return _counter


def namespace_name(role):
    return f"{_NAMESPACE_PREFIX}{os.getpid()}-{unique()}-{role}"


def file_prefix():
    """For the EAL: what keeps its files apart from those of other processes."""
    return f"{_NAMESPACE_PREFIX}{os.getpid()}-{unique()}"


def remove():
    global _directory
    # DPDK's own programs leave their prefix's directory behind.
    for runtime in pathlib.Path("/run/dpdk").glob(f"{_NAMESPACE_PREFIX}{os.getpid()}-*"):
        shutil.rmtree(runtime, ignore_errors=True)
    if _directory is not None:
        shutil.rmtree(_directory, ignore_errors=True)
        _directory = None


def remove_leftovers():
    """Removes namespaces of runs that were killed before they could."""
    listed = commands.run(["ip", "-o", "netns", "list"], check=False).stdout
    for line in listed.splitlines():
        match = re.match(rf"({_NAMESPACE_PREFIX}(\d+)-\S+)", line)
        if match and not pathlib.Path(f"/proc/{match[2]}").exists():
            commands.run(["ip", "netns", "delete", match[1]], check=False)
