"""A build of what the rig runs, with the options of a release."""

import os
import shutil

from harness import commands, workplace
from rig import micro

_BUILD = workplace.repository / "build" / "rig"
_TARGETS = ("apps/millraced", "apps/millrace-ctl", "apps/millrace-load", "bench/rig/epoll_echo",
            *micro.PROGRAMS)
_OPTIONS = ("--buildtype=release", "-Doptimization=2", "-Dtests=false", "-Dbench=true")
_LIMIT_S = 3600


def built():
    """The directory, after building what is out of date."""
    if not (_BUILD / "build.ninja").exists():
        ccache = "ccache " if shutil.which("ccache") else ""
        environment = {**os.environ, "CC": f"{ccache}gcc", "CXX": f"{ccache}g++"}
        commands.run(["meson", "setup", _BUILD, workplace.repository, *_OPTIONS],
                     timeout_s=_LIMIT_S, env=environment)
    commands.run(["ninja", "-C", _BUILD, *_TARGETS], timeout_s=_LIMIT_S)
    return _BUILD
