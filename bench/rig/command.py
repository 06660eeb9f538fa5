"""What bench's commands have in common: their help, the build that they take, and how they end."""

import argparse
import pathlib
import sys

from harness import commands


def parser(doc):
    """For arguments; `doc` is what --help says before them."""
    return argparse.ArgumentParser(description=doc,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)


def add_build(to, made="build/rig"):
    to.add_argument("--build", type=_build_directory,
                    help=f"a build directory; without it, {made} is made as millrace is released")


def _build_directory(text):
    path = pathlib.Path(text).resolve()
    if not (path / "meson-info" / "meson-info.json").exists():
        raise argparse.ArgumentTypeError(f"{text} is no build directory; meson setup makes one")
    return path


def positive(text):
    """A type for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def run(name, work):
    """The exit code that `work()` gives; or 2 when it cannot go on, 130 when it was interrupted."""
    try:
        return work()
    except commands.CommandError as error:
        print(f"{name}: {error}", *getattr(error, "__notes__", []), sep="\n", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
