"""Builds of what is measured, with the options of a release."""

import os
import shutil

from harness import commands, workplace
from rig import micro

_RIG_TARGETS = ("apps/millraced", "apps/millrace-ctl", "apps/millrace-load", "bench/rig/epoll_echo",
                *micro.PROGRAMS)
_PEER_TARGETS = ("tests/net/tcp_peer", "tests/net/impairment/link_impairment")
# As quickstart.sh.
_RELEASE = ("--buildtype=release", "-Doptimization=2")
_LIMIT_S = 3600


def directory(name):
    return workplace.repository / "build" / name


def built():
    """The directory with what the rig runs."""
    return make(directory("rig"), ("-Dtests=false", "-Dbench=true"), _RIG_TARGETS)


def built_peers():
    """The directory with the tests' own programs that kernel_side_by_side.py runs."""
    return make(directory("peers"), ("-Dtests=true",), _PEER_TARGETS)


def make(build, options, targets):
    """Builds there what is out of date, and gives the directory back; a new one gets these options."""
    if not (build / "build.ninja").exists():
        commands.run(["meson", "setup", build, workplace.repository, *_RELEASE, *options],
                     timeout_s=_LIMIT_S, env=environment())
    commands.run(["ninja", "-C", build, *targets], timeout_s=_LIMIT_S)
    return build


def environment():
    """The caller's CC and CXX, and where there are none, GNU's, by ccache if that is installed."""
    ccache = "ccache " if shutil.which("ccache") else ""
    return {"CC": f"{ccache}gcc", "CXX": f"{ccache}g++", **os.environ}
